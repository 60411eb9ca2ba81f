//! Any bytes as a npy file: a one-line error, or an array that survives being written and read.
//!
//! Half of the inputs are taken as the header's text alone, with the magic and the length put right.
#![no_main]

use lazuli_io::npy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let file = match input.split_first() {
        Some((&element_bytes, text)) if element_bytes % 2 == 0 => {
            let mut file = b"\x93NUMPY\x03\x00".to_vec();
            file.extend_from_slice(&(text.len() as u32).to_le_bytes());
            file.extend_from_slice(text);
            file.extend((0..element_bytes).rev());
            file
        }
        Some((_, file)) => file.to_vec(),
        None => return,
    };
    match npy::read(file, "x.npy") {
        Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
        Ok(array) => {
            let mut out = Vec::new();
            npy::write(&mut out, array.dtype, &array.shape, &array.bytes).expect("sizes agree");
            let again = npy::read(out, "x.npy").expect("what is written can be read");
            assert_eq!((again.dtype, &again.shape), (array.dtype, &array.shape));
            assert_eq!(again.bytes[..], array.bytes[..]);
        }
    }
});
