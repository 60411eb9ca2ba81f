//! Operands of a kernel at run time: raw memory with a layout, turned into slices after checks.

use std::borrow::Cow;
use std::marker::PhantomData;

use bytemuck::Pod;
use half::{bf16, f16};
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Element, Shape};

/// An input.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a> {
    start: *const u8,
    spec: &'a Spec,
    memory: PhantomData<&'a [u8]>,
}

/// An output: row-major, aligned memory of our own.
pub(crate) struct Output<'a> {
    start: *mut u8,
    spec: &'a Spec,
    memory: PhantomData<&'a mut [u8]>,
}

impl<'a> Operand<'a> {
    /// # Safety
    /// `start` is the first element of an operand with the layout of `spec`, all of whose elements are
    /// readable during `'a` and written by nobody but the kernel that receives it.
    pub(crate) unsafe fn new(start: *const u8, spec: &'a Spec) -> Operand<'a> {
        Operand {
            start,
            spec,
            memory: PhantomData,
        }
    }

    pub(crate) fn shape(&self) -> &'a Shape {
        &self.spec.shape
    }

    pub(crate) fn dtype(&self) -> Dtype {
        self.spec.dtype
    }

    pub(crate) fn spec(&self) -> &'a Spec {
        self.spec
    }

    /// First element. The elements lie at the strides of [`Self::spec`].
    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.start
    }

    /// Whether an output uses the same memory: then the input must not be turned into a slice.
    pub(crate) fn is_shared_with(&self, out: &Output<'_>) -> bool {
        std::ptr::eq(self.start, out.start)
    }

    /// The bytes of a row-major operand.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        assert!(
            self.spec.strides.is_none(),
            "a strided operand has no byte range"
        );
        // SAFETY: `new` promised that the elements are readable, and row-major ones have no gaps.
        unsafe { std::slice::from_raw_parts(self.start, self.spec.bytes()) }
    }

    /// The elements of a row-major operand; copied if a mapped file left them misaligned.
    pub(crate) fn slice<T: Element + Pod>(&self) -> Cow<'a, [T]> {
        assert_eq!(T::DTYPE, self.spec.dtype, "operand read as another dtype");
        aligned(self.bytes())
    }

    /// The bits of the elements of a row-major operand, `T` of their size; copied as in
    /// [`Self::slice`].
    pub(crate) fn bits<T: Pod>(&self) -> Cow<'a, [T]> {
        assert_eq!(size_of::<T>(), self.spec.dtype.size(), "another size");
        aligned(self.bytes())
    }

    /// The floats of a row-major operand, converted to `f32` if they are narrower.
    pub(crate) fn as_f32(&self) -> Cow<'a, [f32]> {
        match self.floats() {
            FloatSlice::F32(x) => x,
            FloatSlice::Bf16(x) => x.iter().map(|v| v.to_f32()).collect(),
            FloatSlice::F16(x) => x.iter().map(|v| v.to_f32()).collect(),
        }
    }

    /// The floats of a row-major operand.
    pub(crate) fn floats(&self) -> FloatSlice<'a> {
        FloatSlice::of(self.spec.dtype, self.bytes())
    }

    /// The floats of an operand from the first to the last, and what lies between them. No stride is
    /// negative.
    pub(crate) fn floats_between(&self) -> FloatSlice<'a> {
        let Some(strides) = &self.spec.strides else {
            return self.floats();
        };
        assert!(
            strides.iter().all(|&stride| stride >= 0),
            "elements before the first"
        );
        let steps = self.spec.shape.iter().zip(strides.iter());
        let last: usize = steps
            .map(|(&len, &stride)| len.saturating_sub(1) * stride as usize)
            .sum();
        let elements = if self.spec.shape.elements() == 0 {
            0
        } else {
            last + 1
        };
        let size = self.spec.dtype.size();
        // SAFETY: `new` promised that the first and the last element are readable, and they lie in one
        // buffer, which is written by nobody while it has readers.
        let bytes = unsafe { std::slice::from_raw_parts(self.start, elements * size) };
        FloatSlice::of(self.spec.dtype, bytes)
    }
}

impl<'a> Output<'a> {
    /// # Safety
    /// `start` is the first of the elements of `spec`, writable and exclusive to the kernel that
    /// receives it during `'a`; an input may share the memory only if the operation declares it.
    pub(crate) unsafe fn new(start: *mut u8, spec: &'a Spec) -> Output<'a> {
        Output {
            start,
            spec,
            memory: PhantomData,
        }
    }

    pub(crate) fn shape(&self) -> &'a Shape {
        &self.spec.shape
    }

    pub(crate) fn dtype(&self) -> Dtype {
        self.spec.dtype
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.start
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: `new` promised exclusive, writable memory of this length.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.spec.bytes()) }
    }

    pub(crate) fn slice<T: Element + Pod>(&mut self) -> &mut [T] {
        assert_eq!(T::DTYPE, self.spec.dtype, "output written as another dtype");
        // Our own blocks start on a cache line, and a plan places values at multiples of one.
        bytemuck::cast_slice_mut(self.bytes())
    }

    /// Fills the output with `input` unless they share memory: what an in-place kernel starts from.
    pub(crate) fn start_from(&mut self, input: &Operand<'_>) {
        if !input.is_shared_with(self) {
            self.bytes().copy_from_slice(input.bytes());
        }
    }
}

/// Floats that may have been copied to be aligned.
pub(crate) enum FloatSlice<'a> {
    F32(Cow<'a, [f32]>),
    Bf16(Cow<'a, [bf16]>),
    F16(Cow<'a, [f16]>),
}

impl<'a> FloatSlice<'a> {
    fn of(dtype: Dtype, bytes: &'a [u8]) -> FloatSlice<'a> {
        match dtype {
            Dtype::BF16 => FloatSlice::Bf16(aligned(bytes)),
            Dtype::F16 => FloatSlice::F16(aligned(bytes)),
            _ => FloatSlice::F32(aligned(bytes)),
        }
    }
}

/// Elements where they lie, or copied if they are misaligned.
fn aligned<T: Pod>(bytes: &[u8]) -> Cow<'_, [T]> {
    match bytemuck::try_cast_slice(bytes) {
        Ok(slice) => Cow::Borrowed(slice),
        Err(_) => Cow::Owned(bytemuck::pod_collect_to_vec(bytes)),
    }
}
