//! Any bytes as a safetensors file: a one-line error, or tensors that are as large as they say.
//!
//! Half of the inputs are taken as the JSON alone and given the right length and some bytes of
//! tensors, because a mutation that changes the JSON's length rarely changes the length field with it.
#![no_main]

use lazuli_io::safetensors::Checkpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let file = match input.split_first() {
        Some((&tensor_bytes, json)) if tensor_bytes % 2 == 0 => {
            let mut file = (json.len() as u64).to_le_bytes().to_vec();
            file.extend_from_slice(json);
            file.resize(file.len() + usize::from(tensor_bytes), 0);
            file
        }
        Some((_, file)) => file.to_vec(),
        None => return,
    };
    let len = file.len();
    match Checkpoint::from_bytes(file) {
        Err(error) => assert_eq!(error.to_string().lines().count(), 1),
        Ok(checkpoint) => {
            let mut total = 0;
            for (_, tensor) in checkpoint.iter() {
                let elements: usize = tensor.shape.iter().product();
                assert_eq!(tensor.bytes.len(), elements * tensor.dtype.size());
                total += tensor.bytes.len();
            }
            // Tensors never share bytes, with each other or with the header.
            assert!(total + 8 <= len);
        }
    }
});
