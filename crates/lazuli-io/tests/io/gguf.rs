//! GGUF files of the `gguf` package, files that lie, and round trips.

use std::path::PathBuf;

use half::f16;
use lazuli_core::Dtype;
use lazuli_io::gguf::{self, Kind, Spec};
use lazuli_io::metadata::{Metadata, Numbers, Value};
use proptest::prelude::*;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/gguf")
        .join(name)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect()
}

fn halves(bytes: &[u8]) -> Vec<f16> {
    bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|b| f16::from_le_bytes(*b))
        .collect()
}

fn number(dtype: Dtype, bytes: &[u8]) -> Value {
    Value::Numbers(Numbers {
        dtype,
        len: None,
        bytes: bytes.to_vec(),
    })
}

#[test]
fn plain_types_and_notes_are_what_the_package_wrote() {
    let content = gguf::open(fixture("plain.gguf")).unwrap();
    assert_eq!(content.tensors.len(), 8);
    for (name, tensor) in &content.tensors {
        let dtype = tensor.kind.dtype().unwrap();
        assert_eq!(
            (dtype.name(), &tensor.shape[..]),
            (name.as_str(), &[2, 3][..])
        );
        assert_eq!(tensor.bytes[..], crate::counted(dtype, 6), "{name}");
    }
    let wanted = [
        ("n.u8", number(Dtype::U8, &[250])),
        ("n.i8", number(Dtype::I8, &(-3i8).to_le_bytes())),
        ("n.u16", number(Dtype::U16, &65000u16.to_le_bytes())),
        ("n.i16", number(Dtype::I16, &(-300i16).to_le_bytes())),
        ("n.u32", Value::from(4_000_000_000)),
        ("n.i32", number(Dtype::I32, &(-70000i32).to_le_bytes())),
        ("n.f32", number(Dtype::F32, &0.5f32.to_le_bytes())),
        ("n.bool", number(Dtype::Bool, &[1])),
        ("n.text", "größer".into()),
        (
            "n.texts",
            Value::Texts(vec!["a".into(), String::new(), "ü".into()]),
        ),
        ("n.u64", number(Dtype::U64, &(1u64 << 63).to_le_bytes())),
        ("n.i64", number(Dtype::I64, &(-(1i64 << 62)).to_le_bytes())),
        ("n.f64", number(Dtype::F64, &1e300f64.to_le_bytes())),
    ];
    for (key, value) in wanted {
        assert_eq!(content.metadata.get(key), Some(&value), "{key}");
    }
    let Some(Value::Numbers(list)) = content.metadata.get("n.numbers") else {
        panic!("n.numbers is a list");
    };
    assert_eq!((list.dtype, list.len), (Dtype::I32, Some(3)));
    assert_eq!(
        content.metadata["general.architecture"].text(),
        Some("fixture")
    );
}

#[test]
fn every_kind_of_block_expands_as_the_package_expands_it() {
    let content = gguf::open(fixture("blocks.gguf")).unwrap();
    let blocks = Kind::all().filter(|kind| kind.dtype().is_none());
    for kind in blocks {
        let tensor = &content.tensors[&kind.to_string()];
        assert_eq!((tensor.kind, &tensor.shape[..]), (kind, &[2, 256][..]));
        let wanted = floats(&content.tensors[&format!("{kind}.values")].bytes);
        let mut got = Vec::new();
        tensor
            .expand(|values| got.extend_from_slice(values))
            .unwrap();
        assert_eq!(got.len(), wanted.len());
        for (i, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
            // The package may multiply in another order.
            let close = (got - wanted).abs() <= 1e-6 * wanted.abs().max(1.0) * 8.0;
            assert!(close, "{kind} at {i}: {got} against {wanted}");
        }
        let rounded = halves(&tensor.halves().unwrap());
        assert!(
            rounded
                .iter()
                .zip(&got)
                .all(|(h, &v)| *h == f16::from_f32(v))
        );
    }
}

#[test]
fn blocks_that_are_affine_are_repacked_without_loss() {
    let content = gguf::open(fixture("blocks.gguf")).unwrap();
    for kind in Kind::all().filter(|kind| kind.dtype().is_none()) {
        let tensor = &content.tensors[&kind.to_string()];
        let Some(affine) = tensor.affine() else {
            assert!(!matches!(kind, Kind::Q4_0 | Kind::Q4_1 | Kind::Q8_0));
            continue;
        };
        assert_eq!(affine.shape, [2, 256 * affine.bits / 32]);
        assert_eq!(affine.groups, [2, 8]);
        let (scales, biases) = (halves(&affine.scales), halves(&affine.biases));
        let wanted = floats(&content.tensors[&format!("{kind}.values")].bytes);
        for (i, wanted) in wanted.iter().enumerate() {
            let bit = i * affine.bits;
            let q = (affine.words[bit / 8] >> (bit % 8)) & ((1u16 << affine.bits) - 1) as u8;
            let (scale, bias) = (scales[i / 32].to_f32(), biases[i / 32].to_f32());
            let got = f32::from(q) * scale + bias;
            assert!(
                (got - wanted).abs() <= 1e-4,
                "{kind} at {i}: {got} against {wanted}"
            );
        }
    }
}

#[test]
fn floats_are_quantized_to_the_packages_bytes() {
    let content = gguf::open(fixture("blocks.gguf")).unwrap();
    let floats = &content.tensors["floats"];
    for kind in [Kind::Q8_0, Kind::Q4_0] {
        let mut out = Vec::new();
        gguf::write_tensor(&mut out, kind, &floats.bytes).unwrap();
        let wanted = &content.tensors[&format!("floats.{kind}")].bytes;
        assert_eq!(out[..wanted.len()], wanted[..], "{kind}");
    }
}

fn message(file: &[u8]) -> String {
    let error = gguf::read(file.to_vec(), "x.gguf").unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn each_lie_has_its_message() {
    let u32s = |n: u32| n.to_le_bytes().to_vec();
    let u64s = |n: u64| n.to_le_bytes().to_vec();
    let head =
        |tensors: u64, notes: u64| [b"GGUF".to_vec(), u32s(3), u64s(tensors), u64s(notes)].concat();
    let name = |name: &str| [u64s(name.len() as u64), name.as_bytes().to_vec()].concat();
    let tensor = |dims: &[u64], kind: u32, offset: u64| {
        let dims_bytes: Vec<u8> = dims.iter().flat_map(|&n| n.to_le_bytes()).collect();
        let rank = dims.len() as u32;
        [
            head(1, 0),
            name("w"),
            u32s(rank),
            dims_bytes,
            u32s(kind),
            u64s(offset),
        ]
        .concat()
    };
    let cases: [(Vec<u8>, &str); 16] = [
        (b"GGML".to_vec(), "x.gguf: this is not a GGUF file"),
        (
            [b"GGUF".to_vec(), u32s(1)].concat(),
            "x.gguf: GGUF version 1; supported: 2, 3",
        ),
        (
            [b"GGUF".to_vec(), 3u32.to_be_bytes().to_vec()].concat(),
            "x.gguf: the file is big-endian, which is not supported",
        ),
        (
            b"GGUF\x03".to_vec(),
            "4 bytes at 4 lie outside the file's 5: the file is cut short",
        ),
        (
            head(1 << 60, 0),
            "do not fit the 8 bytes that follow: the file is cut short",
        ),
        (
            head(0, u64::MAX),
            "18446744073709551615 notes at 16 do not fit the 0 bytes",
        ),
        (
            [head(0, 1), u64s(u64::MAX), u64s(0)].concat(),
            "18446744073709551615 bytes at 32 lie outside",
        ),
        (
            [head(0, 1), name("k"), u32s(13), u64s(0)].concat(),
            "metadata `k`: unknown type of value 13; known: 0 to 12",
        ),
        (
            [head(0, 1), name("k"), u32s(9), u32s(12), u64s(1 << 61)].concat(),
            "metadata `k`: 2305843009213693952 numbers at 41 do not fit",
        ),
        (
            [head(0, 1), name("k"), u32s(7), u32s(2)].concat(),
            "metadata `k`: a truth value at 37 is neither 0 nor 1",
        ),
        (
            tensor(&[1; 9], 0, 0),
            "tensor `w`: 9 dimensions, at most 8 are supported",
        ),
        (
            tensor(&[32], 23, 0),
            "x.gguf: tensor `w`: type IQ4_XS is not supported; supported: F32",
        ),
        (
            tensor(&[33], 8, 0),
            "shape [33]: Q8_0 needs a last axis of a multiple of 32",
        ),
        (tensor(&[u64::MAX, 8], 0, 0), "is larger than memory can be"),
        (tensor(&[4], 0, 8), "offset 8 is not a multiple of 32"),
        (tensor(&[1 << 20], 0, 1 << 40), "lie outside the file's"),
    ];
    for (file, wanted) in cases {
        let got = message(&file);
        assert!(got.contains(wanted), "{got}\nwanted: {wanted}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let file = std::fs::read(fixture("plain.gguf")).unwrap();
    // The last tensor's elements are padded; without padding the file is still whole.
    for cut in 0..file.len() - 32 {
        message(&file[..cut]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        shapes in prop::collection::vec(prop::collection::vec(0..5usize, 0..5), 0..6),
        text in ".{0,20}",
        numbers in prop::collection::vec(any::<i64>(), 0..9),
    ) {
        let kinds = [Kind::F32, Kind::BF16, Kind::F16, Kind::I8, Kind::F64, Kind::I64];
        let tensors: Vec<(Spec, Vec<u8>)> = shapes.into_iter().zip(kinds).map(|(shape, kind)| {
            let elements = crate::counted(kind.dtype().unwrap(), shape.iter().product());
            (Spec { name: format!("t.{kind}"), kind, shape }, elements)
        }).collect();
        let bytes = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let list = Numbers { dtype: Dtype::I64, len: Some(numbers.len()), bytes };
        let lists = vec![Value::Texts(vec![text.clone()]), Value::Numbers(list.clone())];
        let metadata = Metadata::from([
            (text.clone(), Value::Text(text)),
            ("numbers".into(), Value::Numbers(list)),
            ("lists".into(), Value::Lists(lists)),
        ]);
        let refs: Vec<(Spec, &[u8])> = tensors.iter().map(|(s, e)| (s.clone(), &e[..])).collect();
        let file = gguf::write(&refs, &metadata, "x.gguf").unwrap();
        let read = gguf::read(file, "x.gguf").unwrap();
        prop_assert_eq!(read.metadata, metadata);
        prop_assert_eq!(read.tensors.len(), tensors.len());
        for (spec, elements) in &tensors {
            let tensor = &read.tensors[&spec.name];
            prop_assert_eq!((tensor.kind, &tensor.shape), (spec.kind, &spec.shape));
            prop_assert_eq!(&tensor.bytes[..], &elements[..]);
        }
    }

    #[test]
    fn a_changed_file_is_read_or_refused_in_one_line(at in 0..1152usize, to in any::<u8>()) {
        let mut file = std::fs::read(fixture("plain.gguf")).unwrap();
        file[at] = to;
        if let Err(error) = gguf::read(file, "x.gguf") {
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
