//! Devices, random operands, and an oracle that moves and computes `f64` one element at a time.

use std::sync::{Arc, OnceLock};

use half::{bf16, f16};
use lazuli_core::fake::Fake;
use lazuli_core::{Array, Device, Dtype, Element, with_device};
use lazuli_cpu::{Cpu, CpuBackend, Isa, Options, register};

use super::forms;

/// Every dispatch path of this machine on one and on two threads.
pub(crate) fn cpus() -> &'static [Device] {
    static DEVICES: OnceLock<Vec<Device>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        let paths = Isa::ALL.into_iter().filter(|isa| isa.available());
        paths
            .flat_map(|isa| [1, 2].map(|threads| register(Options { isa, threads }).unwrap()))
            .collect()
    })
}

/// A fake device over the best path.
pub(crate) fn new_fake() -> Fake {
    // The first device registered is the default: let it be one that computes at once.
    cpus();
    let options = Options {
        isa: Isa::best(),
        threads: 1,
    };
    Fake::register(Arc::new(CpuBackend(Arc::new(Cpu::new(options).unwrap())))).unwrap()
}

/// The CPU's devices and a fake one.
pub(crate) fn devices() -> &'static [Device] {
    static DEVICES: OnceLock<Vec<Device>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        let fake = new_fake().device();
        cpus().iter().copied().chain([fake]).collect()
    })
}

/// Runs `f` with each device in turn as the device of what it builds.
pub(crate) fn on_each(f: impl Fn(Device)) {
    for &device in devices() {
        with_device(device, || f(device));
    }
}

/// Splitmix64: the same operands for the same seed.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// From -1 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.next() as i64 as f64 / i64::MAX as f64
    }

    pub(crate) fn shape(&mut self, rank: usize, most: usize) -> Vec<usize> {
        let rank = self.below(rank + 1);
        // Lengths of 0 and 1 now and then.
        let len = |r: &mut Rng| match r.below(16) {
            0 => 0,
            1 | 2 => 1,
            _ => 1 + r.below(most),
        };
        (0..rank).map(|_| len(self)).collect()
    }
}

/// Row-major numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Host {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

impl Host {
    /// A new array whose element at each index is that of `self` at `source(index)`.
    pub(crate) fn gather(&self, shape: &[usize], source: impl Fn(&[usize]) -> Vec<usize>) -> Host {
        let values = indices(shape).map(|i| self.at(&source(&i))).collect();
        Host {
            shape: shape.to_vec(),
            values,
        }
    }

    pub(crate) fn at(&self, index: &[usize]) -> f64 {
        let flat = index.iter().zip(&self.shape).fold(0, |f, (i, d)| f * d + i);
        self.values[flat]
    }

    pub(crate) fn map(&self, f: impl Fn(f64) -> f64) -> Host {
        Host {
            shape: self.shape.clone(),
            values: self.values.iter().map(|&x| f(x)).collect(),
        }
    }
}

/// Every index of a shape, in row-major order.
pub(crate) fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let shape = shape.to_vec();
    let count: usize = shape.iter().product();
    (0..count).map(move |mut flat| {
        let mut index = vec![0; shape.len()];
        for axis in (0..shape.len()).rev() {
            index[axis] = flat % shape[axis];
            flat /= shape[axis];
        }
        index
    })
}

/// An array of numbers that the dtype holds: floats within `scale`, integers within it and, for
/// unsigned types, not negative.
pub(crate) fn sample(rng: &mut Rng, shape: &[usize], dtype: Dtype, scale: f64) -> (Array, Host) {
    let count = shape.iter().product();
    let numbers: Vec<f64> = (0..count).map(|_| rng.unit() * scale).collect();
    let array = of_numbers(&numbers, shape, dtype);
    let values = numbers_of(&array);
    let shape = shape.to_vec();
    (array, Host { shape, values })
}

/// Numbers as elements of a dtype.
pub(crate) fn of_numbers(numbers: &[f64], shape: &[usize], dtype: Dtype) -> Array {
    macro_rules! bytes {
        ($of:expr) => {
            numbers.iter().flat_map(|&x| $of(x).to_le_bytes()).collect()
        };
    }
    let bytes: Vec<u8> = match dtype {
        Dtype::Bool => numbers.iter().map(|&x| (x > 0.0) as u8).collect(),
        Dtype::U8 => bytes!(|x: f64| x.abs() as u8),
        Dtype::U16 => bytes!(|x: f64| x.abs() as u16),
        Dtype::U32 => bytes!(|x: f64| x.abs() as u32),
        Dtype::U64 => bytes!(|x: f64| x.abs() as u64),
        Dtype::I8 => bytes!(|x: f64| x as i8),
        Dtype::I16 => bytes!(|x: f64| x as i16),
        Dtype::I32 => bytes!(|x: f64| x as i32),
        Dtype::I64 => bytes!(|x: f64| x as i64),
        Dtype::F16 => bytes!(f16::from_f64),
        Dtype::BF16 => bytes!(bf16::from_f64),
        Dtype::F32 => bytes!(|x: f64| x as f32),
        Dtype::F64 => bytes!(|x: f64| x),
        Dtype::C64 => (numbers.iter())
            .flat_map(|&x| [x as f32, -2.0 * x as f32])
            .flat_map(f32::to_le_bytes)
            .collect(),
    };
    Array::from_bytes(&bytes, dtype, shape).unwrap()
}

/// Reads an array that must have a value, in every form ([`forms::check`]).
pub(crate) trait Read {
    /// The elements.
    fn values<T: Element>(&self) -> Vec<T>;
    /// Their bytes.
    fn bits(&self) -> Vec<u8>;
}

impl Read for Array {
    fn values<T: Element>(&self) -> Vec<T> {
        forms::check(self);
        self.to_vec().unwrap()
    }

    fn bits(&self) -> Vec<u8> {
        forms::check(self);
        self.to_bytes().unwrap()
    }
}

/// The elements as numbers; of a complex one its real part.
pub(crate) fn numbers_of(x: &Array) -> Vec<f64> {
    macro_rules! read {
        ($ty:ty, $of:expr) => {
            x.values::<$ty>().into_iter().map($of).collect()
        };
    }
    match x.dtype() {
        Dtype::Bool => x.bits().into_iter().map(f64::from).collect(),
        Dtype::U8 => read!(u8, f64::from),
        Dtype::U16 => read!(u16, f64::from),
        Dtype::U32 => read!(u32, f64::from),
        Dtype::U64 => read!(u64, |x| x as f64),
        Dtype::I8 => read!(i8, f64::from),
        Dtype::I16 => read!(i16, f64::from),
        Dtype::I32 => read!(i32, f64::from),
        Dtype::I64 => read!(i64, |x| x as f64),
        Dtype::F16 => read!(f16, f16::to_f64),
        Dtype::BF16 => read!(bf16, bf16::to_f64),
        Dtype::F32 => read!(f32, f64::from),
        Dtype::F64 => read!(f64, |x| x),
        Dtype::C64 => read!([f32; 2], |x| x[0].into()),
    }
}

/// Distance between neighbouring numbers of a dtype, relative to them.
pub(crate) fn step(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F16 => 2f64.powi(-10),
        Dtype::BF16 => 2f64.powi(-7),
        Dtype::F32 | Dtype::C64 => 2f64.powi(-23),
        Dtype::F64 => 2f64.powi(-52),
        _ => 0.0,
    }
}

/// Whether a result that is near `w` but not within a dtype's range may be infinite.
fn overflows(dtype: Dtype, g: f64, w: f64, slack: f64) -> bool {
    let largest = match dtype {
        Dtype::F16 => f64::from(f16::MAX),
        Dtype::BF16 => f64::from(bf16::MAX),
        Dtype::F32 => f64::from(f32::MAX),
        _ => f64::MAX,
    };
    g.is_infinite() && g.signum() == w.signum() && w.abs() * (1.0 + slack) > largest
}

/// Asserts that each element is within `ulps` of the oracle's, NaN where that is NaN, infinite where
/// that is beyond the dtype's range.
pub(crate) fn assert_near(got: &Array, want: &Host, ulps: f64, what: &str) {
    assert_eq!(**got.shape(), want.shape[..], "{what}");
    let step = step(got.dtype());
    for (k, (g, &w)) in numbers_of(got).into_iter().zip(&want.values).enumerate() {
        let tolerance = ulps * step * w.abs().max(1e-3);
        assert!(
            g == w
                || (g.is_nan() && w.is_nan())
                || (g - w).abs() <= tolerance
                || overflows(got.dtype(), g, w, ulps * step),
            "{what}: element {k} of {:?} is {g}, not {w}",
            want.shape
        );
    }
}

/// A random view of an array, taken of the oracle too.
pub(crate) fn view(rng: &mut Rng, x: &Array, host: &Host) -> (Array, Host) {
    let rank = host.shape.len();
    match rng.below(4) {
        0 => {
            let mut perm: Vec<usize> = (0..rank).collect();
            for i in (1..rank).rev() {
                perm.swap(i, rng.below(i + 1));
            }
            let shape: Vec<usize> = perm.iter().map(|&p| host.shape[p]).collect();
            let moved = host.gather(&shape, |i| {
                let mut at = vec![0; rank];
                for (axis, &p) in perm.iter().enumerate() {
                    at[p] = i[axis];
                }
                at
            });
            (x.permute(&perm).unwrap(), moved)
        }
        1 => {
            let (mut start, mut step, mut len) = (vec![], vec![], vec![]);
            for &d in &host.shape {
                let stride = 1 + rng.below(2);
                let count = rng.below(d.div_ceil(stride) + 1);
                let span = if count == 0 { 0 } else { (count - 1) * stride };
                let first = rng.below((d - span).max(1));
                let backwards = rng.below(3) == 0 && d > 0;
                start.push(if backwards { first + span } else { first }.min(d.max(1) - 1));
                step.push(if backwards {
                    -(stride as isize)
                } else {
                    stride as isize
                });
                len.push(count);
            }
            let cut = host.gather(&len, |i| {
                (0..rank)
                    .map(|a| (start[a] as isize + i[a] as isize * step[a]) as usize)
                    .collect()
            });
            (x.slice(&start, &step, len.as_slice()).unwrap(), cut)
        }
        2 => {
            let mut shape: Vec<usize> = host.shape.clone();
            for d in &mut shape {
                if *d == 1 && rng.below(2) == 0 {
                    *d = rng.below(4);
                }
            }
            let lead = if shape.len() < 5 { rng.below(2) } else { 0 };
            for _ in 0..lead {
                shape.insert(0, 1 + rng.below(3));
            }
            let stretched = host.gather(&shape, |i| {
                (0..rank)
                    .map(|a| if host.shape[a] == 1 { 0 } else { i[a + lead] })
                    .collect()
            });
            (x.broadcast_to(shape.as_slice()).unwrap(), stretched)
        }
        _ => {
            let count: usize = host.shape.iter().product();
            let divisor = (1..=6)
                .rev()
                .find(|d| count.is_multiple_of(*d) && rng.below(2) == 0);
            let shape = match divisor {
                Some(d) => vec![count / d, d],
                None => vec![count],
            };
            let same = Host {
                shape: shape.clone(),
                values: host.values.clone(),
            };
            (x.reshape(shape.as_slice()).unwrap(), same)
        }
    }
}

/// A random array under up to three views.
pub(crate) fn viewed(rng: &mut Rng, dtype: Dtype, scale: f64) -> (Array, Host) {
    let shape = rng.shape(4, 6);
    let (mut x, mut host) = sample(rng, &shape, dtype, scale);
    for _ in 0..rng.below(4) {
        (x, host) = view(rng, &x, &host);
    }
    (x, host)
}

/// As [`viewed`], but of this shape: a view with the axes in another order, cut out of more.
pub(crate) fn viewed_as(rng: &mut Rng, shape: &[usize], dtype: Dtype, scale: f64) -> (Array, Host) {
    let rank = shape.len();
    let plain = rng.below(3) == 0;
    if plain || rank == 0 {
        return sample(rng, shape, dtype, scale);
    }
    // Axes of the memory in another order, two more elements each, every one backwards or not.
    let turn = rng.below(rank);
    let from = |axis: usize| (axis + turn) % rank;
    let big: Vec<usize> = (0..rank).map(|a| shape[from(a)] + 2).collect();
    let (x, host) = sample(rng, &big, dtype, scale);
    let mut perm = vec![0; rank];
    (0..rank).for_each(|a| perm[from(a)] = a);
    let x = x.permute(&perm).unwrap();
    let back: Vec<bool> = (0..rank).map(|_| rng.below(3) == 0).collect();
    let start: Vec<usize> = (0..rank)
        .map(|a| if back[a] { shape[a] } else { 1 })
        .collect();
    let step: Vec<isize> = back.iter().map(|&b| if b { -1 } else { 1 }).collect();
    let cut = host.gather(shape, |i| {
        let mut at = vec![0; rank];
        for a in 0..rank {
            at[perm[a]] = (start[a] as isize + i[a] as isize * step[a]) as usize;
        }
        at
    });
    (x.slice(&start, &step, shape).unwrap(), cut)
}
