//! Files as others write them, files as nobody should, and what comes back from our own.

// `clippy.toml` allows it in tests; what they share is not inside one.
#![allow(clippy::unwrap_used)]

mod arrays;
mod exported;
mod folders;
mod gguf;
mod malformed;
mod mutation;
mod npy;
mod python;
mod writing;

/// A safetensors file with this header and `tensor_bytes` bytes behind it.
fn safetensors(header: &str, tensor_bytes: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend((0..tensor_bytes).map(|i| i as u8));
    file
}

/// Registers the CPU, once for all tests of the process.
fn with_cpu() {
    static CPU: std::sync::Once = std::sync::Once::new();
    CPU.call_once(|| {
        let options = lazuli_cpu::Options::from_environment().unwrap();
        lazuli_cpu::register(options).unwrap();
    });
}

/// The elements that the fixtures hold: each its own index modulo 100, for bool modulo 2.
fn counted(dtype: lazuli_core::Dtype, elements: usize) -> Vec<u8> {
    use lazuli_core::Dtype::*;
    (0..elements)
        .flat_map(|i| {
            let n = (i % if dtype == Bool { 2 } else { 100 }) as u8;
            let float = f32::from(n);
            match dtype {
                Bool | U8 | I8 => vec![n],
                U16 | I16 => u16::from(n).to_le_bytes().to_vec(),
                U32 | I32 => u32::from(n).to_le_bytes().to_vec(),
                U64 | I64 => u64::from(n).to_le_bytes().to_vec(),
                // Integers up to 100 have at most 7 significant bits: bf16 is the top of the f32.
                BF16 => float.to_le_bytes()[2..].to_vec(),
                F16 => half_of(n).to_le_bytes().to_vec(),
                F32 => float.to_le_bytes().to_vec(),
                F64 => f64::from(n).to_le_bytes().to_vec(),
                C64 => [float.to_le_bytes(), [0; 4]].concat(),
            }
        })
        .collect()
}

/// An integer below 128 as IEEE half precision, from the format's definition.
fn half_of(n: u8) -> u16 {
    if n == 0 {
        return 0;
    }
    let exponent = n.ilog2();
    let fraction = (u16::from(n) << (10 - exponent)) & 0x3ff;
    ((exponent as u16 + 15) << 10) | fraction
}
