//! npy files that are wrong, and round trips.

use lazuli_core::Dtype;
use lazuli_io::npy;
use proptest::prelude::*;

use crate::counted;

const SHORT: &str = "the file is cut short";

fn file(version: [u8; 2], header: &str, elements: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY".to_vec();
    file.extend_from_slice(&version);
    let length = (header.len() as u32).to_le_bytes();
    file.extend_from_slice(&length[..if version[0] == 1 { 2 } else { 4 }]);
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(elements);
    file
}

fn message(file: Vec<u8>) -> String {
    npy::read(file, "x.npy").unwrap_err().to_string()
}

const BYTES: &str = "{'descr':'|u1','fortran_order':False,'shape':(4,)}";

#[test]
fn each_malformed_file_has_its_message() {
    assert_eq!(
        message(b"PK\x03\x04".to_vec()),
        "x.npy: this is not a npy file"
    );
    assert_eq!(
        message(file([4, 0], BYTES, &[])),
        "x.npy: npy version 4.0; supported: 1.0, 2.0, 3.0"
    );
    let whole = file([1, 0], BYTES, &[]);
    for cut in [6, 7, 8, 9, 10, whole.len() - 1] {
        assert_eq!(
            message(whole[..cut].to_vec()),
            format!("x.npy: the file ends within its header: {SHORT}")
        );
    }
    assert_eq!(
        message(file([2, 0], BYTES, &[1, 2, 3])),
        format!("x.npy: header says 4 bytes of elements, the file has 3 bytes: {SHORT}")
    );
    assert_eq!(
        message(file([3, 0], "{'descr': 1}", &[])),
        "x.npy: the header is not valid: expected a string, found `1}`"
    );
    let shape = format!(
        "{{'descr':'<f4','fortran_order':False,'shape':({}, 2)}}",
        usize::MAX
    );
    assert_eq!(
        message(file([1, 0], &shape, &[])),
        format!(
            "x.npy: shape [{}, 2] of float32 is larger than memory can be",
            usize::MAX
        )
    );
    let mut latin = file([1, 0], BYTES, &[]);
    latin[10] = 0xe9;
    assert_eq!(
        message(latin),
        "x.npy: the header is not valid: it is not text"
    );
}

#[test]
fn what_follows_the_elements_is_left_alone() {
    let array = npy::read(file([1, 0], BYTES, &[1, 2, 3, 4, 5]), "x.npy").unwrap();
    assert_eq!(array.bytes[..], [1, 2, 3, 4]);
}

#[test]
fn a_header_too_long_for_version_1_is_version_2() {
    // No array has so many dimensions; the writer does not depend on that.
    let shape = vec![1; 30_000];
    let mut out = Vec::new();
    npy::write(&mut out, Dtype::U8, &shape, &[9]).unwrap();
    assert_eq!(out[6..8], [2, 0]);
    let length = u32::from_le_bytes(out[8..12].try_into().unwrap()) as usize;
    assert_eq!(((12 + length) % 64, out.len()), (0, 12 + length + 1));
    assert_eq!(out[out.len() - 2..], [b'\n', 9]);
}

#[test]
fn bytes_that_do_not_fit_the_shape_are_not_written() {
    let mut out = Vec::new();
    let error = npy::write(&mut out, Dtype::F32, &[2], &[0; 7]).unwrap_err();
    assert_eq!(error.to_string(), "7 bytes given for [2] of float32");
    assert!(out.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    npy::save(&path, Dtype::F32, &[2], &[0; 7]).unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_saved_is_opened_and_aligned(
        dtype in prop::sample::select(&lazuli_core::dtype::ALL[..]),
        shape in prop::collection::vec(0..9usize, 0..5),
    ) {
        let elements = counted(dtype, shape.iter().product());
        let mut out = Vec::new();
        npy::write(&mut out, dtype, &shape, &elements).unwrap();
        prop_assert_eq!((out.len() - elements.len()) % 64, 0);
        let array = npy::read(out, "x.npy").unwrap();
        prop_assert_eq!((array.dtype, &array.shape, array.fortran_order), (dtype, &shape, false));
        prop_assert_eq!(&array.bytes[..], &elements[..]);
    }
}
