//! Results of other programs, written down by the scripts in tests/fixtures.

use std::collections::HashMap;

use lazuli_core::dtype::ALL;
use lazuli_core::{Array, Dtype};

use super::common::{Read, numbers_of, step};

/// An array of a fixture.
pub(crate) struct Golden {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Bytes,
}

enum Bytes {
    All(Vec<u8>),
    /// Their FNV-1a hash.
    Hash(u64),
}

/// The arrays of a fixture by name. A line is a name, a dtype, a shape and bytes in hexadecimal.
pub(crate) struct Goldens(HashMap<String, Golden>);

impl Goldens {
    pub(crate) fn read(text: &str) -> Goldens {
        Goldens(text.lines().map(parse).collect())
    }

    pub(crate) fn get(&self, name: &str) -> &Golden {
        self.0.get(name).unwrap_or_else(|| panic!("no {name}"))
    }
}

fn parse(line: &str) -> (String, Golden) {
    let fields: Vec<&str> = line.split(' ').collect();
    let [name, dtype, shape, bytes] = fields[..] else {
        panic!("{line}");
    };
    let dtype = ALL.into_iter().find(|d| d.name() == dtype).unwrap();
    let numbers = shape.split(',').filter(|&n| n != "-");
    let byte = |at: usize| u8::from_str_radix(&bytes[at..at + 2], 16).unwrap();
    let bytes = match bytes.strip_prefix('#') {
        Some(hash) => Bytes::Hash(u64::from_str_radix(hash, 16).unwrap()),
        None if bytes == "-" => Bytes::All(Vec::new()),
        None => Bytes::All((0..bytes.len()).step_by(2).map(byte).collect()),
    };
    let golden = Golden {
        name: name.into(),
        dtype,
        shape: numbers.map(|n| n.parse().unwrap()).collect(),
        bytes,
    };
    (name.into(), golden)
}

impl Golden {
    /// The array.
    pub(crate) fn array(&self) -> Array {
        let Bytes::All(bytes) = &self.bytes else {
            panic!("{}: only the hash is known", self.name);
        };
        Array::from_bytes(bytes, self.dtype, self.shape.as_slice()).unwrap()
    }

    /// Asserts the same shape, dtype and bits.
    pub(crate) fn same(&self, got: &Array) {
        self.fits(got);
        let bytes = got.bits();
        match &self.bytes {
            Bytes::Hash(hash) => assert_eq!(fnv(&bytes), *hash, "{}", self.name),
            Bytes::All(want) if *want == bytes => {}
            Bytes::All(_) => panic!(
                "{}: {:?} is not {:?}",
                self.name,
                numbers_of(got),
                numbers_of(&self.array())
            ),
        }
    }

    /// Asserts the same shape and dtype, and each part of each element within `ulps` of the
    /// largest in the array, or within one in a thousand of it, whichever of its own is closer.
    pub(crate) fn near(&self, got: &Array, ulps: f64) {
        self.fits(got);
        let want = parts(&self.array());
        for (k, (g, w)) in parts(got).into_iter().zip(&want).enumerate() {
            let tolerance = ulps * step(self.dtype) * w.abs().max(1e-3);
            assert!(
                g == *w || (g - w).abs() <= tolerance,
                "{}: element {k} is {g}, not {w}",
                self.name
            );
        }
    }

    /// Asserts the same shape and dtype, and each part of each element within `tolerance`.
    pub(crate) fn near_absolute(&self, got: &Array, tolerance: f64) {
        self.fits(got);
        for (k, (g, w)) in parts(got).into_iter().zip(parts(&self.array())).enumerate() {
            let off = (g - w).abs();
            assert!(
                off <= tolerance,
                "{}: element {k} is {g}, not {w}",
                self.name
            );
        }
    }

    fn fits(&self, got: &Array) {
        assert_eq!(**got.shape(), self.shape[..], "{}", self.name);
        assert_eq!(got.dtype(), self.dtype, "{}", self.name);
    }
}

/// The elements; of complex ones both parts.
fn parts(x: &Array) -> Vec<f64> {
    match x.dtype() {
        Dtype::C64 => {
            let pairs = x.to_vec::<[f32; 2]>().unwrap();
            pairs.into_iter().flatten().map(f64::from).collect()
        }
        _ => numbers_of(x),
    }
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}
