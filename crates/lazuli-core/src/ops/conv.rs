//! Convolutions over one to three spatial axes, channels last.
//!
//! One operation serves all: a transposed convolution is one with a dilated input and a flipped kernel,
//! and so are both gradients, so the family is closed under differentiation. A stretch of padding may
//! be negative: it cuts.

use smallvec::{SmallVec, smallvec};

use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::{Family, Op, Outs};
use crate::shape::Shape;
use crate::transforms::batch::to_front;

/// How the kernel moves along one spatial axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Slide {
    /// Distance from one place of the kernel to the next.
    pub stride: usize,
    /// Zeros before the input; negative: elements cut off.
    pub low: isize,
    /// Zeros after the input; negative: elements cut off.
    pub high: isize,
    /// Distance of the kernel's elements.
    pub kernel_dilation: usize,
    /// Distance of the input's elements, with zeros between them.
    pub input_dilation: usize,
}

impl Default for Slide {
    fn default() -> Slide {
        Slide {
            stride: 1,
            low: 0,
            high: 0,
            kernel_dilation: 1,
            input_dilation: 1,
        }
    }
}

/// Length of an axis whose elements are `by` apart.
fn dilated(len: usize, by: usize) -> i128 {
    (len as i128 - 1).max(0) * by as i128 + (len > 0) as i128
}

impl Slide {
    /// Places of a kernel of `kernel` elements over an axis of `input`; none if there are none.
    pub fn places(&self, input: usize, kernel: usize) -> Option<usize> {
        let padded = dilated(input, self.input_dilation) + self.low as i128 + self.high as i128;
        let room = padded - dilated(kernel, self.kernel_dilation);
        // The kernels count positions in `isize`.
        if room < 0 || kernel == 0 || self.stride == 0 || padded > isize::MAX as i128 {
            return None;
        }
        usize::try_from(room / self.stride as i128 + 1).ok()
    }

    /// The slide of the gradient of an input of `input` elements: the kernel, flipped, over `places`
    /// cotangents.
    fn to_input(self, input: usize, kernel: usize, places: usize) -> Option<Slide> {
        let reach = dilated(kernel, self.kernel_dilation);
        let low = reach - 1 - self.low as i128;
        let span = dilated(input, self.input_dilation) - 1;
        let high = span + reach - dilated(places, self.stride) - low;
        Some(Slide {
            stride: self.input_dilation,
            low: low.try_into().ok()?,
            high: high.try_into().ok()?,
            kernel_dilation: self.kernel_dilation,
            input_dilation: self.stride,
        })
    }

    /// The slide of the gradient of the kernel: the cotangents over the input.
    fn to_kernel(self, input: usize, kernel: usize, places: usize) -> Option<Slide> {
        let span = dilated(kernel, self.kernel_dilation) - 1;
        let high = span + dilated(places, self.stride)
            - dilated(input, self.input_dilation)
            - self.low as i128;
        Some(Slide {
            stride: self.kernel_dilation,
            low: self.low,
            high: high.try_into().ok()?,
            kernel_dilation: self.stride,
            input_dilation: self.input_dilation,
        })
    }
}

/// `x [n, spatial.., c]` and `w [o, kernel.., c / groups]` to `[n, places.., o]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Conv {
    /// How the kernel moves along each spatial axis.
    pub slides: SmallVec<[Slide; 3]>,
    /// Groups of input channels, each seen by as many of the output channels.
    pub groups: usize,
    /// Whether the kernel is walked backwards: a convolution rather than a correlation.
    pub flip: bool,
}

impl Conv {
    fn of(&self, x: &Array, w: &Array) -> Result<Array> {
        Array::from_op(Op::from(Box::new(self.clone())), &[x, w])
    }

    fn with(&self, slide: impl Fn(usize, Slide) -> Option<Slide>, flip: bool) -> Result<Conv> {
        let slides: Option<SmallVec<[Slide; 3]>> = (self.slides.iter().enumerate())
            .map(|(axis, &s)| slide(axis, s))
            .collect();
        Ok(Conv {
            slides: slides.ok_or_else(|| Error::value("conv", "the padding is too large"))?,
            groups: self.groups,
            flip,
        })
    }

    /// The cotangent of `x`: the flipped kernel over `g`, groups kept.
    fn to_input(&self, x: &Array, w: &Array, g: &Array) -> Result<Array> {
        if x.elements() == 0 {
            return Array::full(x.shape(), 0.0, x.dtype());
        }
        let axes = self.slides.len();
        let conv = self.with(
            |i, s| s.to_input(x.dim(i + 1), w.dim(i + 1), g.dim(i + 1)),
            !self.flip,
        )?;
        let (outer, inner) = (w.dim(0) / self.groups, w.dim(axes + 1));
        let turned = swap_channels(w, self.groups, outer, inner)?;
        conv.of(g, &turned)
    }

    /// The cotangent of `w`: `g` over `x`, the examples as channels.
    fn to_kernel(&self, x: &Array, w: &Array, g: &Array) -> Result<Array> {
        if w.elements() == 0 || g.elements() == 0 {
            return Array::full(w.shape(), 0.0, w.dtype());
        }
        let axes = self.slides.len();
        let conv = self.with(
            |i, s| s.to_kernel(x.dim(i + 1), w.dim(i + 1), g.dim(i + 1)),
            false,
        )?;
        let (n, inner) = (x.dim(0), w.dim(axes + 1));
        // [n, .., groups * inner] to [inner, .., groups * n], and [n, .., o] to [o, .., n].
        let spread = |last: [usize; 2], x: &Array| -> Shape {
            x.shape()[..axes + 1].iter().copied().chain(last).collect()
        };
        let split = x.reshape(spread([self.groups, inner], x))?;
        let mut order: SmallVec<[usize; 6]> = (0..axes + 3).collect();
        (order[0], order[axes + 2]) = (axes + 2, 0);
        let turned = split.permute(&order)?;
        let turned = turned.reshape(spread_to(&turned, axes, self.groups * n))?;
        let by = g.moveaxis(0, -1)?.moveaxis(-2, 0)?;
        let back = conv.of(&turned, &by)?;
        // [inner, kernel.., o] to [o, kernel.., inner].
        let back = back.moveaxis(-1, 0)?.moveaxis(1, -1)?;
        match self.flip {
            true => reversed(&back, axes),
            false => Ok(back),
        }
    }
}

/// The shape of `x` with what follows its first and spatial axes as one axis of `last`.
fn spread_to(x: &Array, axes: usize, last: usize) -> Shape {
    x.shape()[..axes + 1]
        .iter()
        .copied()
        .chain([last])
        .collect()
}

/// `w [groups * outer, .., inner]` to `[groups * inner, .., outer]`.
fn swap_channels(w: &Array, groups: usize, outer: usize, inner: usize) -> Result<Array> {
    let rank = w.rank();
    let lead: Shape = [groups, outer]
        .into_iter()
        .chain(w.shape()[1..].iter().copied())
        .collect();
    let mut order: SmallVec<[usize; 6]> = (0..rank + 1).collect();
    (order[1], order[rank]) = (rank, 1);
    let turned = w.reshape(lead)?.permute(&order)?;
    turned.reshape(w.shape().with(0, groups * inner).with(rank - 1, outer))
}

/// `w` with its spatial axes backwards.
fn reversed(w: &Array, axes: usize) -> Result<Array> {
    let (mut start, mut step) = (vec![0; w.rank()], vec![1; w.rank()]);
    for axis in 1..=axes {
        (start[axis], step[axis]) = (w.dim(axis) - 1, -1);
    }
    w.slice(&start, &step, w.shape())
}

impl Family for Conv {
    fn name(&self) -> &'static str {
        "conv"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let (x, w) = (&inputs[0], &inputs[1]);
        let axes = self.slides.len();
        if !(1..=3).contains(&axes) || x.rank() != axes + 2 || w.rank() != axes + 2 {
            return Err(Error::shape(
                "conv",
                format!(
                    "needs [n, spatial.., c] and [o, kernel.., c] with {axes} of 1 to 3 spatial axes, not {} and {}",
                    x.shape(),
                    w.shape()
                ),
            ));
        }
        if !x.dtype().is_float() || x.dtype() != w.dtype() {
            return Err(Error::dtype(
                "conv",
                format!("needs floats, not {} and {}", x.dtype(), w.dtype()),
            ));
        }
        let (c, o) = (x.dim(axes + 1), w.dim(0));
        if self.groups == 0 || c != w.dim(axes + 1) * self.groups || o % self.groups != 0 {
            return Err(Error::shape(
                "conv",
                format!(
                    "channels do not fit: input {} and weight {} in {} groups",
                    x.shape(),
                    w.shape(),
                    self.groups
                ),
            ));
        }
        let mut shape = x.shape().with(axes + 1, o);
        for (axis, slide) in self.slides.iter().enumerate() {
            if slide.stride == 0 || slide.kernel_dilation == 0 || slide.input_dilation == 0 {
                return Err(Error::value(
                    "conv",
                    format!("stride and dilations must be positive: {slide:?}"),
                ));
            }
            let (input, kernel) = (x.dim(axis + 1), w.dim(axis + 1));
            shape.dims_mut()[axis + 1] = slide.places(input, kernel).ok_or_else(|| {
                Error::shape(
                    "conv",
                    format!(
                        "a kernel of {kernel} does not fit axis {} of {}: {slide:?}",
                        axis + 1,
                        x.shape()
                    ),
                )
            })?;
        }
        if shape.checked_bytes(x.dtype().size()).is_none() {
            return Err(Error::shape(
                "conv",
                format!("a result of shape {shape} does not fit in memory"),
            ));
        }
        Ok(smallvec![(shape, x.dtype())])
    }

    fn vjp(&self, i: &[Array], _: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        Ok(vec![
            Some(self.to_input(&i[0], &i[1], &g[0])?),
            Some(self.to_kernel(&i[0], &i[1], &g[0])?),
        ])
    }

    fn jvp(&self, i: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let left = tangents[0].as_ref().map(|t| self.of(t, &i[1]));
        let right = tangents[1].as_ref().map(|t| self.of(&i[0], t));
        Ok(vec![match (left.transpose()?, right.transpose()?) {
            (Some(l), Some(r)) => Some(l.add(&r)?),
            (l, r) => l.or(r),
        }])
    }

    /// A batch of inputs is more examples; a batch of kernels is more groups.
    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let fronted = |i: usize| axes[i].map(|axis| to_front(&inputs[i], axis)).transpose();
        let (x, w) = (fronted(0)?, fronted(1)?);
        let size = x.as_ref().or(w.as_ref()).map_or(1, |a| a.dim(0));
        let merged = |a: &Array| -> Result<Array> {
            let shape: Shape = std::iter::once(a.dim(0) * a.dim(1))
                .chain(a.shape()[2..].iter().copied())
                .collect();
            a.reshape(shape)
        };
        let Some(w) = w else {
            let x = x.unwrap_or_else(|| inputs[0].clone());
            if axes[0].is_none() {
                return Ok(vec![(self.of(&x, &inputs[1])?, None)]);
            }
            let y = self.of(&merged(&x)?, &inputs[1])?;
            let shape = y.shape().with(0, x.dim(1)).insert(0, size);
            return Ok(vec![(y.reshape(shape)?, Some(0))]);
        };
        let x = match x {
            Some(x) => x,
            None => inputs[0]
                .expand_dims(0)?
                .broadcast_to(inputs[0].shape().insert(0, size))?,
        };
        // [size, n, .., c] to [n, .., size * c].
        let last = x.rank() - 1;
        let side = x.moveaxis(0, last as isize - 1)?;
        let mut shape = side.shape().without(last);
        shape.dims_mut()[last - 1] = size * x.dim(last);
        let conv = Conv {
            groups: self.groups * size,
            ..self.clone()
        };
        let y = conv.of(&side.reshape(shape)?, &merged(&w)?)?;
        let o = w.dim(1);
        let shape = y.shape().with(last - 1, size).insert(last, o);
        Ok(vec![(y.reshape(shape)?, Some(last - 1))])
    }
}

macro_rules! along {
    ($($axes:literal $conv:ident $transpose:ident;)*) => {
        impl Array {$(
            /// Correlation of `self [n, spatial.., c]` with `w [o, kernel.., c / groups]`: at each place
            /// of the kernel the sum of products, `[n, places.., o]`. `padding` zeros stand on both sides.
            ///
            /// # Errors
            /// [`Error::Shape`] when shapes, groups or the kernel's length do not fit, [`Error::Dtype`]
            /// when the operands are not floats, [`Error::Value`] for a stride or dilation of zero.
            pub fn $conv(
                &self,
                w: &Array,
                stride: [usize; $axes],
                padding: [isize; $axes],
                dilation: [usize; $axes],
                groups: usize,
            ) -> Result<Array> {
                let slides: [Slide; $axes] = std::array::from_fn(|i| Slide {
                    stride: stride[i],
                    low: padding[i],
                    high: padding[i],
                    kernel_dilation: dilation[i],
                    input_dilation: 1,
                });
                self.conv_general(w, &slides, groups, false)
            }

            /// The transposed correlation: what the gradient of a correlation of this stride, padding
            /// and dilation does, with `w [o, kernel.., c / groups]`. `output_padding` lengthens the result.
            ///
            /// # Errors
            #[doc = concat!("As [`Array::", stringify!($conv), "`].")]
            pub fn $transpose(
                &self,
                w: &Array,
                stride: [usize; $axes],
                padding: [isize; $axes],
                dilation: [usize; $axes],
                output_padding: [isize; $axes],
                groups: usize,
            ) -> Result<Array> {
                self.check()?;
                w.check()?;
                let mut slides = [Slide::default(); $axes];
                for (i, slide) in slides.iter_mut().enumerate() {
                    let reach = dilated(w.dim(i + 1), dilation[i]) - 1 - padding[i] as i128;
                    let low = isize::try_from(reach).ok();
                    let high = low.and_then(|low| low.checked_add(output_padding[i]));
                    let (Some(low), Some(high)) = (low, high) else {
                        return Err(Error::value("conv", "the padding is too large"));
                    };
                    *slide = Slide {
                        stride: 1,
                        low,
                        high,
                        kernel_dilation: dilation[i],
                        input_dilation: stride[i],
                    };
                }
                self.conv_general(w, &slides, groups, true)
            }
        )*}
    };
}

along! {
    1 conv1d conv_transpose1d;
    2 conv2d conv_transpose2d;
    3 conv3d conv_transpose3d;
}

/// Which part of a discrete convolution is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overlap {
    /// Every place where the operands meet: `n + k - 1` elements.
    Full,
    /// As many elements as the longer operand has, from the middle.
    Same,
    /// The places where the shorter operand lies within the longer.
    Valid,
}

impl Array {
    /// Correlation, or with `flip` convolution, of `self [n, spatial.., c]` with
    /// `w [o, kernel.., c / groups]`, the kernel moved as `slides` says for each spatial axis:
    /// `[n, places.., o]`. Half types are summed in `f32`.
    ///
    /// # Errors
    /// [`Error::Shape`] when shapes, groups or the kernel's length do not fit, [`Error::Dtype`] when
    /// the operands are not floats, [`Error::Value`] for a stride or dilation of zero.
    pub fn conv_general(
        &self,
        w: &Array,
        slides: &[Slide],
        groups: usize,
        flip: bool,
    ) -> Result<Array> {
        self.check()?;
        w.check()?;
        let dtype = self.dtype().promote(w.dtype());
        let conv = Conv {
            slides: slides.into(),
            groups,
            flip,
        };
        conv.of(&self.astype(dtype)?, &w.astype(dtype)?)
    }

    /// The discrete convolution of two vectors, the shorter one moved over the longer.
    ///
    /// # Errors
    /// [`Error::Shape`] when an operand is no vector or empty, [`Error::Dtype`] for integers.
    pub fn convolve(&self, other: &Array, overlap: Overlap) -> Result<Array> {
        self.check()?;
        other.check()?;
        if self.rank() != 1 || other.rank() != 1 || self.elements() * other.elements() == 0 {
            return Err(Error::shape(
                "convolve",
                format!("needs two vectors with elements, not {self:?} and {other:?}"),
            ));
        }
        let (long, short) = match self.elements() >= other.elements() {
            true => (self, other),
            false => (other, self),
        };
        let (n, k) = (long.elements(), short.elements());
        let reach = k as isize - 1;
        let (low, high) = match overlap {
            Overlap::Full => (reach, reach),
            Overlap::Same => (reach - reach / 2, reach / 2),
            Overlap::Valid => (0, 0),
        };
        let slide = Slide {
            low,
            high,
            ..Slide::default()
        };
        let y =
            long.reshape([1, n, 1])?
                .conv_general(&short.reshape([1, k, 1])?, &[slide], 1, true)?;
        y.reshape([y.elements()])
    }
}
