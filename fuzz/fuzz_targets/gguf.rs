//! Any bytes as a GGUF file: a one-line error, or tensors and notes that survive being written and read.
#![no_main]

use lazuli_io::gguf::{self, Spec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let content = match gguf::read(input.to_vec(), "x.gguf") {
        Err(error) => return assert_eq!(error.to_string().lines().count(), 1, "{error}"),
        Ok(content) => content,
    };
    for tensor in content.tensors.values() {
        // A shape with a zero may have other lengths that nothing is made of.
        if tensor.kind.dtype().is_none() && input.len() < 1 << 16 {
            let halves = tensor.halves().expect("there is memory for so few");
            let blocks = tensor.bytes.len() / tensor.kind.block_bytes();
            assert_eq!(halves.len(), blocks * tensor.kind.block() * 2);
            if let Some(affine) = tensor.affine() {
                assert_eq!(affine.words.len(), blocks * affine.bits * 4);
            }
        }
    }
    let plain = content
        .tensors
        .iter()
        .filter(|(_, t)| t.kind.dtype().is_some());
    let plain = plain.map(|(name, tensor)| {
        let (kind, shape) = (tensor.kind, tensor.shape.clone());
        (
            Spec {
                name: name.clone(),
                kind,
                shape,
            },
            &tensor.bytes[..],
        )
    });
    let plain: Vec<(Spec, &[u8])> = plain.collect();
    // Longer names, and another alignment, are read and not written.
    let Ok(file) = gguf::write(&plain, &content.metadata, "x.gguf") else {
        return;
    };
    let again = gguf::read(file, "x.gguf").expect("what is written can be read");
    assert_eq!(again.metadata, content.metadata);
    for (spec, bytes) in plain {
        let tensor = &again.tensors[&spec.name];
        assert_eq!((tensor.kind, &tensor.shape), (spec.kind, &spec.shape));
        assert_eq!(tensor.bytes[..], *bytes);
    }
});
