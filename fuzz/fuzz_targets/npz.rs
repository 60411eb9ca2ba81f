//! Any bytes as a npz archive: a one-line error, or arrays that fit into what the archive can hold.
//!
//! Half of the inputs are taken as a directory alone, with one member before it and the end put right,
//! because a mutation that moves a record rarely moves what points at it.
#![no_main]

use lazuli_io::arrays::{Format, read};
use libfuzzer_sys::fuzz_target;

/// The most bytes that a byte of deflated input becomes.
const MOST_EXPANSION: usize = 1032;

/// A stored member `a.npy` of no bytes, of which a directory may say more.
const MEMBER: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.npy";

fuzz_target!(|input: &[u8]| {
    let file = match input.split_first() {
        Some((&first, rest)) if first % 2 == 0 => {
            let (content, directory) = rest.split_at(rest.len().min(first.into()));
            let mut file = [MEMBER, content, directory].concat();
            let (count, length) = (1 + directory.len() / 64, directory.len() as u32);
            file.extend(b"PK\x05\x06\0\0\0\0");
            file.extend([count as u16; 2].map(u16::to_le_bytes).concat());
            file.extend(length.to_le_bytes());
            file.extend(((MEMBER.len() + content.len()) as u32).to_le_bytes());
            file.extend([0; 2]);
            file
        }
        Some((_, file)) => file.to_vec(),
        None => return,
    };
    let most = file.len() * MOST_EXPANSION;
    let arrays = read(file, Format::Npz, "x.npz").and_then(|loaded| loaded.arrays());
    match arrays {
        Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
        Ok(arrays) => assert!(arrays.values().map(|array| array.bytes()).sum::<usize>() <= most),
    }
});
