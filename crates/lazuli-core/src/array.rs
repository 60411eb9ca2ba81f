//! The array handle.
//!
//! Cheap to clone, `Send + Sync`: a node of a graph and which of its outputs. Building never computes.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use smallvec::smallvec;

use crate::buffer::Buffer;
use crate::dtype::Dtype;
use crate::element::Element;
use crate::error::{Error, Result};
use crate::host::Bytes;
use crate::layout::Layout;
use crate::node::{Data, Inputs, Node};
use crate::op::{Op, Outs};
use crate::shape::Shape;
use crate::stream::Stream;

/// An n-dimensional array: lazy, functional, shared.
#[derive(Clone)]
pub struct Array {
    node: Arc<Node>,
    index: u32,
}

impl Array {
    /// The single output of `op` over `inputs`.
    ///
    /// # Errors
    /// The first error of a poisoned input; else what the operation says of its operands.
    pub fn from_op(op: impl Into<Op>, inputs: &[&Array]) -> Result<Array> {
        let node = Array::node_of(op.into(), inputs)?;
        Ok(Array { node, index: 0 })
    }

    /// All outputs of `op` over `inputs`.
    ///
    /// # Errors
    /// The first error of a poisoned input; else what the operation says of its operands.
    pub fn outputs_of(op: impl Into<Op>, inputs: &[&Array]) -> Result<Vec<Array>> {
        let node = Array::node_of(op.into(), inputs)?;
        Ok((0..node.outs.len() as u32)
            .map(|index| Array {
                node: node.clone(),
                index,
            })
            .collect())
    }

    fn node_of(op: Op, inputs: &[&Array]) -> Result<Arc<Node>> {
        let mut operands = Inputs::new();
        for &input in inputs {
            input.check()?;
            operands.push(input.clone());
        }
        let inputs = operands;
        let outs = match op.family() {
            Some(family) => family.infer(&inputs)?,
            None => return Err(Error::value("leaf", "a leaf is given, not computed")),
        };
        let fits = |(shape, dtype): &(Shape, Dtype)| shape.checked_bytes(dtype.size()).is_some();
        if let Some((shape, dtype)) = outs.iter().find(|out| !fits(out)) {
            let what = format!("a result of shape {shape} and {dtype} does not fit in memory");
            return Err(Error::shape(op.name(), what));
        }
        let stream = Stream::current();
        Ok(Arc::new(Node::new(op, inputs, outs, stream, false)))
    }

    fn leaf(shape: Shape, dtype: Dtype, data: Result<Data>) -> Array {
        let outs: Outs = smallvec![(shape, dtype)];
        Array {
            node: Arc::new(Node::with_results(outs, data.map(|d| smallvec![d]))),
            index: 0,
        }
    }

    /// An array that stands for an operand of a trace; it has no value.
    pub(crate) fn placeholder(shape: Shape, dtype: Dtype) -> Array {
        let outs = smallvec![(shape, dtype)];
        let node = Node::new(Op::Leaf, Inputs::new(), outs, Stream::current(), true);
        Array {
            node: Arc::new(node),
            index: 0,
        }
    }

    /// The same values as a new node that transforms can stop at; its inputs are kept.
    pub(crate) fn tracer(&self) -> Array {
        let op = Op::from(Box::new(crate::ops::view::View::Identity));
        let outs = smallvec![(self.shape().clone(), self.dtype())];
        let node = Node::new(op, smallvec![self.clone()], outs, self.node.stream(), true);
        Array {
            node: Arc::new(node),
            index: 0,
        }
    }

    pub(crate) fn from_data(shape: Shape, dtype: Dtype, data: Data) -> Array {
        Array::leaf(shape, dtype, Ok(data))
    }

    /// An array that carries `error` to everything built from it.
    #[track_caller]
    pub fn poisoned(error: Error) -> Array {
        let error = error.at(Location::caller());
        Array::leaf(Shape::from([0]), Dtype::F32, Err(error))
    }

    /// A copy of `values` with the given shape.
    ///
    /// # Errors
    /// [`Error::Shape`] when the count differs; [`Error::Memory`] when there is not enough.
    pub fn from_slice<T: Element>(values: &[T], shape: impl Into<Shape>) -> Result<Array> {
        Array::from_bytes(bytemuck::cast_slice(values), T::DTYPE, shape)
    }

    /// A copy of the little-endian elements in `bytes`. Of truth values every byte but zero is true.
    ///
    /// # Errors
    /// [`Error::Shape`] when the length differs; [`Error::Memory`] when there is not enough.
    pub fn from_bytes(bytes: &[u8], dtype: Dtype, shape: impl Into<Shape>) -> Result<Array> {
        let shape = shape.into();
        check_length(bytes.len(), dtype, &shape)?;
        let buffer = match odd_truths(bytes, dtype) {
            false => Buffer::from_slice(bytes)?,
            true => {
                Buffer::from_slice(&bytes.iter().map(|&b| u8::from(b != 0)).collect::<Vec<_>>())?
            }
        };
        let buffer = Arc::new(buffer);
        Ok(Array::shown(buffer, dtype, shape))
    }

    /// Zeros that take memory where they are written, for what is filled by and by, such as a cache.
    ///
    /// Unlike [`Array::zeros`] it is made at once, in host memory; a device with memory of its own takes it
    /// all when it computes with it.
    ///
    /// # Errors
    /// [`Error::Memory`] when there is not enough.
    pub fn zeroed(shape: impl Into<Shape>, dtype: Dtype) -> Result<Array> {
        let shape = shape.into();
        let bytes = shape.checked_bytes(dtype.size()).ok_or_else(|| {
            let what = format!("{shape} of {dtype} does not fit in memory");
            Error::shape("zeroed", what)
        })?;
        Ok(Array::shown(Arc::new(Buffer::zeroed(bytes)?), dtype, shape))
    }

    /// Bytes that belong to somebody else (a mapped file, a static), shown without a copy. Only truth
    /// values some of whose bytes are neither 0 nor 1 are copied, as [`Array::from_bytes`] does.
    ///
    /// # Errors
    /// [`Error::Shape`] when the length differs from what shape and dtype need; [`Error::Memory`].
    pub fn from_foreign(
        owner: Arc<dyn Bytes>,
        dtype: Dtype,
        shape: impl Into<Shape>,
    ) -> Result<Array> {
        let shape = shape.into();
        check_length(owner.bytes().len(), dtype, &shape)?;
        if odd_truths(owner.bytes(), dtype) {
            return Array::from_bytes(owner.bytes(), dtype, shape);
        }
        Ok(Array::shown(Arc::new(Buffer::foreign(owner)), dtype, shape))
    }

    fn shown(buffer: Arc<Buffer>, dtype: Dtype, shape: Shape) -> Array {
        let layout = Layout::default();
        Array::from_data(shape, dtype, Data { buffer, layout })
    }

    /// A scalar.
    pub fn scalar<T: Element>(value: T) -> Array {
        match Array::from_slice(&[value], Shape::default()) {
            Ok(a) => a,
            Err(e) => Array::poisoned(e),
        }
    }

    /// `value` as a scalar of `dtype`.
    pub fn scalar_of(value: f64, dtype: Dtype) -> Array {
        use half::{bf16, f16};
        match dtype {
            Dtype::Bool => Array::scalar(value != 0.0),
            Dtype::U8 => Array::scalar(value as u8),
            Dtype::U16 => Array::scalar(value as u16),
            Dtype::U32 => Array::scalar(value as u32),
            Dtype::U64 => Array::scalar(value as u64),
            Dtype::I8 => Array::scalar(value as i8),
            Dtype::I16 => Array::scalar(value as i16),
            Dtype::I32 => Array::scalar(value as i32),
            Dtype::I64 => Array::scalar(value as i64),
            Dtype::F16 => Array::scalar(f16::from_f64(value)),
            Dtype::BF16 => Array::scalar(bf16::from_f64(value)),
            Dtype::F32 => Array::scalar(value as f32),
            Dtype::F64 => Array::scalar(value),
            Dtype::C64 => Array::scalar([value as f32, 0.0]),
        }
    }

    /// `value` everywhere.
    ///
    /// # Errors
    /// [`Error::Shape`] when the shape has too many elements.
    pub fn full(shape: impl Into<Shape>, value: f64, dtype: Dtype) -> Result<Array> {
        Array::scalar_of(value, dtype).broadcast_to(shape)
    }

    /// Zeros of our own, written: a cache to append to.
    ///
    /// # Errors
    /// [`Error::Memory`] when there is not enough.
    pub fn zeros(shape: impl Into<Shape>, dtype: Dtype) -> Result<Array> {
        Array::full(shape, 0.0, dtype)?.copy()
    }

    /// The dimensions.
    pub fn shape(&self) -> &Shape {
        &self.node.outs[self.index as usize].0
    }

    /// Length of one axis, or 1 beyond the rank.
    pub fn dim(&self, axis: usize) -> usize {
        self.shape().get(axis).copied().unwrap_or(1)
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// The element type.
    pub fn dtype(&self) -> Dtype {
        self.node.outs[self.index as usize].1
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape().elements()
    }

    /// Bytes of the elements.
    pub fn bytes(&self) -> usize {
        self.elements() * self.dtype().size()
    }

    /// The error that the array carries, if it is poisoned or its evaluation failed.
    ///
    /// # Errors
    /// That error.
    pub fn check(&self) -> Result<()> {
        match self.node.results() {
            Some(Err(e)) => Err(e.clone()),
            _ => Ok(()),
        }
    }

    /// Whether the value has been computed.
    pub fn is_evaluated(&self) -> bool {
        matches!(self.node.results(), Some(Ok(_)))
    }

    /// Computes the value, on the calling thread.
    ///
    /// # Errors
    /// The first error of the graph.
    pub fn eval(&self) -> Result<()> {
        crate::eval::eval(&[self])
    }

    /// Computes the value if need be and shows its bytes and layout.
    ///
    /// # Errors
    /// The first error of the graph.
    pub fn data(&self) -> Result<Data> {
        if self.node.results().is_none() {
            self.eval()?;
        }
        self.known_data()
    }

    /// As [`Array::known_data`], borrowed.
    pub(crate) fn shown_data(&self) -> Result<&Data> {
        match self.node.wait() {
            Ok(data) => Ok(&data[self.index as usize]),
            Err(e) => Err(e.clone()),
        }
    }

    /// The data of an evaluated array, waiting for a thread that is computing it.
    pub(crate) fn known_data(&self) -> Result<Data> {
        match self.node.wait() {
            Ok(data) => Ok(data[self.index as usize].clone()),
            Err(e) => Err(e.clone()),
        }
    }

    /// The value of an array of one element.
    ///
    /// # Errors
    /// [`Error::Dtype`] when `T` is not the dtype, [`Error::Shape`] when there is not one element,
    /// else the first error of the graph.
    pub fn item<T: Element>(&self) -> Result<T> {
        self.check()?;
        if self.elements() != 1 {
            return Err(Error::shape(
                "item",
                format!("needs one element, the shape is {}", self.shape()),
            ));
        }
        Ok(self.to_vec::<T>()?[0])
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// [`Error::Dtype`] when `T` is not the dtype; else the first error of the graph.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.check()?;
        if T::DTYPE != self.dtype() {
            return Err(Error::dtype(
                "to_vec",
                format!(
                    "the array is {}, not {}: convert it with `astype` first",
                    self.dtype(),
                    T::DTYPE
                ),
            ));
        }
        self.read(T::from_bytes)
    }

    /// The elements as little-endian bytes, in row-major order.
    ///
    /// # Errors
    /// The first error of the graph.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.read(<[u8]>::to_vec)
    }

    fn read<R>(&self, f: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let data = self.data()?;
        let data = if data.layout.is_contiguous() {
            data
        } else {
            self.copy()?.data()?
        };
        let host = data.buffer.host()?;
        let start = data.layout.offset * self.dtype().size();
        Ok(f(&host[start..start + self.bytes()]))
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    pub(crate) fn into_node(self) -> Arc<Node> {
        self.node
    }

    /// All outputs of the node that this array is one of.
    pub(crate) fn siblings(&self) -> Vec<Array> {
        (0..self.node.outs.len() as u32)
            .map(|index| Array {
                node: self.node.clone(),
                index,
            })
            .collect()
    }

    /// The operation that computes this array.
    pub fn op(&self) -> &Op {
        &self.node.op
    }

    /// Whether both are the same array: the same result of the same node.
    pub fn is_same(&self, other: &Array) -> bool {
        self.key() == other.key()
    }

    /// Identity of the node, for maps over a graph.
    pub(crate) fn key(&self) -> (usize, u32) {
        (Arc::as_ptr(&self.node) as usize, self.index)
    }
}

/// Whether these are truth values of which some are not the bytes 0 and 1, which every kernel expects.
fn odd_truths(bytes: &[u8], dtype: Dtype) -> bool {
    dtype == Dtype::Bool && bytes.iter().any(|&byte| byte > 1)
}

fn check_length(bytes: usize, dtype: Dtype, shape: &Shape) -> Result<()> {
    match shape.checked_bytes(dtype.size()) {
        Some(need) if need == bytes => Ok(()),
        Some(need) => Err(Error::shape(
            "array",
            format!("shape {shape} of {dtype} needs {need} bytes, {bytes} were given"),
        )),
        None => Err(Error::shape(
            "array",
            format!("shape {shape} of {dtype} does not fit in memory"),
        )),
    }
}

/// Shape and dtype; not the values, which printing must not compute.
impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node.results() {
            Some(Err(e)) => write!(f, "Array(poisoned: {e})"),
            _ => write!(f, "Array({}, {})", self.shape(), self.dtype()),
        }
    }
}
