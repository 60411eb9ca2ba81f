//! Operations as data, and the contract that every family of them meets.
//!
//! An [`Op`] can be compared, hashed, fused, printed and exported (names and payloads are what exported files
//! hold: changing one changes `export::VERSION`); backends match on it. Not chosen: a
//! trait object per operation, which would hide from `compile` what an operation is.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::ops;
use crate::shape::Shape;

/// Shape and dtype of each output of an operation.
pub type Outs = SmallVec<[(Shape, Dtype); 1]>;

/// A float that is compared and hashed by its bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct F32(u32);

impl F32 {
    /// The value.
    pub fn get(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl From<f32> for F32 {
    fn from(value: f32) -> F32 {
        F32(value.to_bits())
    }
}

impl fmt::Debug for F32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), f)
    }
}

macro_rules! families {
    ($($(#[$doc:meta])* $variant:ident($payload:ty)),* $(,)?) => {
        /// An operation: its family and parameters, never its operands.
        #[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
        pub enum Op {
            /// An array that was given, not computed.
            #[serde(skip)]
            Leaf,
            $($(#[$doc])* $variant($payload),)*
        }

        impl Op {
            /// The rules of the operation's family; none for a leaf.
            pub fn family(&self) -> Option<&dyn Family> {
                match self {
                    Op::Leaf => None,
                    $(Op::$variant(payload) => Some(payload as &dyn Family),)*
                }
            }
        }

        $(impl From<$payload> for Op {
            fn from(payload: $payload) -> Op {
                Op::$variant(payload)
            }
        })*
    };
}

families! {
    /// Another layout of the same elements.
    View(Box<ops::view::View>),
    /// Operands as results, seen differently by transforms or the scheduler.
    PassThrough(Box<ops::pass_through::PassThrough>),
    /// The same elements in row-major order.
    Copy(ops::copy::Copy),
    /// Elementwise, one operand.
    Unary(ops::unary::Unary),
    /// Elementwise, two operands of one shape and dtype.
    Binary(ops::binary::Binary),
    /// Elementwise choice between two operands.
    Select(ops::select::Select),
    /// Conversion to another dtype.
    Cast(ops::cast::Cast),
    /// Reduction over axes.
    Reduce(ops::reduce::Reduce),
    /// Position of an extreme along an axis.
    ArgReduce(ops::arg_reduce::ArgReduce),
    /// Every prefix of an axis reduced.
    Scan(ops::scan::Scan),
    /// `h[k] = a[k] h[k - 1] + b[k]` along an axis.
    Recurrence(ops::recurrence::Recurrence),
    /// Order along the last axis.
    Sort(ops::sort::Sort),
    /// Places of values in a sorted sequence.
    SearchSorted(ops::search::SearchSorted),
    /// Matrix product over the last two axes.
    Matmul(ops::matmul::Matmul),
    /// Convolution over spatial axes.
    Conv(Box<ops::conv::Conv>),
    /// Joining along an axis.
    Concat(ops::concat::Concat),
    /// Slices picked by index along an axis.
    Take(ops::take::Take),
    /// Windows picked by index along several axes.
    Gather(Box<ops::gather::Gather>),
    /// Elements picked by index along an axis, one for each.
    TakeAlong(ops::gather::TakeAlong),
    /// Windows written by index.
    Scatter(Box<ops::scatter::Scatter>),
    /// Elements written by index along an axis, one for each.
    ScatterAlong(ops::scatter::ScatterAlong),
    /// A slice written.
    SliceUpdate(Box<ops::slice_update::SliceUpdate>),
    /// Rows written where a mask is true.
    MaskedScatter(ops::mask::MaskedScatter),
    /// Rows read where a mask is true.
    MaskedGather(ops::mask::MaskedGather),
    /// Evenly spaced numbers.
    Arange(ops::arange::Arange),
    /// Softmax over the last axis.
    Softmax(ops::softmax::Softmax),
    /// Logarithm of the sum of exponentials over the last axis.
    LogSumExp(ops::softmax::LogSumExp),
    /// Root-mean-square norm over the last axis.
    RmsNorm(ops::norm::RmsNorm),
    /// Layer norm over the last axis.
    LayerNorm(ops::norm::LayerNorm),
    /// `silu(gate) * up`.
    Swiglu(ops::swiglu::Swiglu),
    /// Rotary position embedding.
    Rope(ops::rope::Rope),
    /// Quantization.
    Quantize(ops::quantized::Quantize),
    /// Expansion of quantized values.
    Dequantize(ops::quantized::Dequantize),
    /// Product with a quantized matrix.
    QuantizedMatmul(ops::quantized::QuantizedMatmul),
    /// Rounding to what a quantized format holds.
    FakeQuantize(ops::quantized::FakeQuantize),
    /// Conversion to and from 8-bit floats.
    Fp8(ops::fp8::Fp8),
    /// Writing of new rows into a cache.
    CacheAppend(ops::cache::CacheAppend),
    /// Attention of ragged rows over caches.
    Attention(ops::attention::Attention),
    /// Attention of a batch of queries over keys and values of one length.
    ScaledDotProduct(ops::scaled_dot_product::ScaledDotProduct),
    /// Depthwise causal convolution of ragged rows.
    CausalConv(ops::recurrent::CausalConv),
    /// Gated delta rule of ragged rows.
    GatedDelta(ops::recurrent::GatedDelta),
    /// Choice of experts.
    Route(ops::experts::Route),
    /// Product of each row with the matrices of its experts.
    GatherMatmul(ops::experts::GatherMatmul),
    /// Products with quantized matrices in the arithmetic of each row's role.
    RoleMatmul(ops::role_matmul::RoleMatmul),
    /// Outer products added to the matrices that ids name.
    ScatterOuter(ops::gather_mm::ScatterOuter),
    /// Matrix products over segments of the inner axis.
    SegmentedMatmul(ops::gather_mm::SegmentedMatmul),
    /// Weighted sum of expert outputs.
    Combine(ops::experts::Combine),
    /// Fourier transforms.
    Fft(Box<ops::fft::Fft>),
    /// Decompositions and solutions of matrices.
    Linalg(ops::linalg::Linalg),
    /// Random bits of keys.
    RandomBits(Box<ops::random::RandomBits>),
    /// A traced function.
    #[serde(skip)]
    Compiled(crate::compile::Compiled),
    /// An operation of somebody else's.
    #[serde(skip)]
    Custom(Custom),
}

impl Op {
    /// Name, as errors print it.
    pub fn name(&self) -> &'static str {
        self.family().map_or("leaf", Family::name)
    }
}

/// What an operation must say of itself. Rules that are not given come from [`Family::decompose`].
pub trait Family {
    /// Name, as errors print it.
    fn name(&self) -> &'static str;

    /// Shapes and dtypes of the outputs.
    ///
    /// # Errors
    /// When the operands do not fit.
    fn infer(&self, inputs: &[Array]) -> Result<Outs>;

    /// The same computation in base operations: test oracle, fallback and source of derivatives.
    fn decompose(&self, _inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        None
    }

    /// Cotangents of the inputs, none where an input is not differentiable.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when there is neither a rule nor a decomposition.
    fn vjp(
        &self,
        inputs: &[Array],
        _outputs: &[Array],
        cotangents: &[Array],
    ) -> Result<Vec<Option<Array>>> {
        match self.decompose(inputs) {
            Some(_) => crate::transforms::vjp_of_decomposition(
                &|inputs| {
                    self.decompose(inputs)
                        .unwrap_or_else(|| Err(no_rule(self.name(), "gradient")))
                },
                inputs,
                cotangents,
            ),
            None => Err(no_rule(self.name(), "gradient")),
        }
    }

    /// Tangents of the outputs; a missing tangent is zero.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when there is neither a rule nor a decomposition.
    fn jvp(&self, inputs: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        match self.decompose(inputs) {
            Some(_) => crate::transforms::jvp_of_decomposition(
                &|inputs| {
                    self.decompose(inputs)
                        .unwrap_or_else(|| Err(no_rule(self.name(), "jvp")))
                },
                inputs,
                tangents,
            ),
            None => Err(no_rule(self.name(), "jvp")),
        }
    }

    /// The operation over operands that have an extra axis where `axes` names one; the outputs and
    /// their batch axes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when there is neither a rule nor a decomposition.
    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        crate::transforms::vmap_of_decomposition(self.name(), &|i| self.decompose(i), inputs, axes)
    }

    /// Pairs (output, input) of operands that may share memory: the kernel reads each element of the
    /// input before it writes that element of the output.
    fn in_place(&self) -> &'static [(usize, usize)] {
        &[]
    }

    /// Whether each element of the one result depends on the elements at its place in the operands,
    /// which have the result's shape, and on nothing else.
    fn is_elementwise(&self) -> bool {
        false
    }
}

impl<F: Family + ?Sized> Family for Box<F> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        (**self).infer(inputs)
    }
    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        (**self).decompose(inputs)
    }
    fn vjp(&self, i: &[Array], o: &[Array], c: &[Array]) -> Result<Vec<Option<Array>>> {
        (**self).vjp(i, o, c)
    }
    fn jvp(&self, inputs: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        (**self).jvp(inputs, tangents)
    }
    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        (**self).vmap(inputs, axes)
    }
    fn in_place(&self) -> &'static [(usize, usize)] {
        (**self).in_place()
    }
    fn is_elementwise(&self) -> bool {
        (**self).is_elementwise()
    }
}

fn no_rule(op: &'static str, what: &str) -> Error {
    Error::unsupported(op, format!("no {what} rule"))
}

/// An operation defined outside this crate. It must decompose or have a CPU definition in a backend.
pub trait CustomOp: Family + Any + Send + Sync {
    /// Identity: two operations with the same key compute the same thing. None: never merged or exported.
    fn key(&self) -> Option<u64>;
    /// Whether equal operands always give equal results.
    fn is_pure(&self) -> bool {
        true
    }
}

/// A shared [`CustomOp`], compared by its key.
#[derive(Clone)]
pub struct Custom(pub Arc<dyn CustomOp>);

impl Custom {
    fn identity(&self) -> (bool, u64) {
        match self.0.key() {
            Some(key) => (true, key),
            None => (false, Arc::as_ptr(&self.0) as *const () as u64),
        }
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Custom) -> bool {
        self.0.name() == other.0.name() && self.identity() == other.identity()
    }
}

impl Eq for Custom {}

impl Hash for Custom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name().hash(state);
        self.identity().hash(state);
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Custom({})", self.0.name())
    }
}

impl Family for Custom {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        self.0.infer(inputs)
    }
    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        self.0.decompose(inputs)
    }
    fn vjp(&self, i: &[Array], o: &[Array], c: &[Array]) -> Result<Vec<Option<Array>>> {
        self.0.vjp(i, o, c)
    }
    fn jvp(&self, inputs: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        self.0.jvp(inputs, tangents)
    }
    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        self.0.vmap(inputs, axes)
    }
    fn in_place(&self) -> &'static [(usize, usize)] {
        self.0.in_place()
    }
}
