//! From a kernel written once to one function pointer per dispatch path.
//!
//! The pointer is chosen when a table is built; after that a call is one indirect call per part of
//! a parallel region, and no code inside asks what the machine can do.

use super::lanes::Lanes;
use super::portable::Portable;
use crate::{Isa, Pool};

/// A kernel: what one part of a parallel region does.
pub trait Kernel {
    /// What the parts share.
    type Args<'a>: Sync;

    /// Runs part `part`. Implementations are `#[inline(always)]`, so that the body is compiled for
    /// the instruction set of the entry point around it.
    fn run<L: Lanes>(lanes: L, args: &Self::Args<'_>, part: usize);
}

type Pointer<K> = for<'a> unsafe fn(&'a <K as Kernel>::Args<'a>, usize);

/// A kernel compiled for one dispatch path that this machine has.
pub struct Entry<K: Kernel>(Pointer<K>);

impl<K: Kernel> Entry<K> {
    /// The kernel for `isa`.
    ///
    /// # Panics
    /// When this machine lacks `isa`.
    pub fn new(isa: Isa) -> Entry<K> {
        assert!(isa.available(), "this machine has no {isa}");
        Entry(match isa {
            Isa::Portable => portable::<K>,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::<K>,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Amx => avx512::<K>,
            #[cfg(not(target_arch = "x86_64"))]
            _ => portable::<K>,
        })
    }

    /// Runs one part on this thread.
    #[inline]
    pub fn part<'a>(&self, args: &'a K::Args<'a>, part: usize) {
        // SAFETY: `new` saw that the machine has the features the pointer was compiled for.
        unsafe { (self.0)(args, part) }
    }

    /// Runs `parts` parts on the threads of `pool`.
    pub fn run<'a>(&self, pool: &Pool, args: &'a K::Args<'a>, parts: usize) {
        pool.run(parts, &|part| self.part(args, part));
    }
}

/// # Safety
/// None needed; `unsafe` for the common pointer type.
unsafe fn portable<'a, K: Kernel>(args: &'a K::Args<'a>, part: usize) {
    K::run(Portable, args, part);
}

/// # Safety
/// The machine has [`Isa::Avx2`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn avx2<'a, K: Kernel>(args: &'a K::Args<'a>, part: usize) {
    // SAFETY: the caller's promise.
    K::run(unsafe { super::avx2::Avx2::assume() }, args, part);
}

/// # Safety
/// The machine has [`Isa::Avx512`].
#[cfg(target_arch = "x86_64")]
#[target_feature(
    enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16,avx512vnni"
)]
unsafe fn avx512<'a, K: Kernel>(args: &'a K::Args<'a>, part: usize) {
    // SAFETY: the caller's promise.
    K::run(unsafe { super::avx512::Avx512::assume() }, args, part);
}
