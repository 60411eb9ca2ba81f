//! The operations that are measured, with the bytes and the multiplications that they need.

use lazuli::core::compile::compile;
use lazuli::core::ops::scaled_dot_product::Mask;
use lazuli::core::ops::scatter::Mode;
use lazuli::core::random;
use lazuli::cpu::Isa;
use lazuli::{Array, Dtype, Result};

use crate::commands::bench::limits::{Unit, Work};

/// What all operations are measured on.
#[derive(Clone)]
pub(in super::super) struct Operands {
    /// `[batch, 1024, 1024]`, normal.
    pub(super) x: Array,
    /// The same shape, uniform in 0 to 1.
    pub(super) y: Array,
    /// `[1024, 1024]`, normal.
    pub(super) matrix: Array,
    /// `[1024]`, normal.
    pub(super) row: Array,
    /// `[batch * 1024]` row numbers of `x` as a matrix, `uint32`.
    pub(super) rows: Array,
    /// `[batch, 256, 128]`, normal.
    pub(super) signal: Array,
    /// `[32, 3, 128]`, normal.
    pub(super) kernel: Array,
}

/// Length of the last two axes.
pub(in super::super) const N: usize = 1024;

impl Operands {
    /// Drawn from a seed, in this dtype.
    pub(in super::super) fn new(batch: usize, dtype: Dtype, seed: u64) -> Result<Operands> {
        let keys = random::split(&random::key(seed), 6)?;
        let key = |i: usize| keys.narrow(0, i, i + 1)?.reshape([2]);
        let normal = |shape: &[usize], i| random::normal(shape, dtype, None, None, Some(&key(i)?));
        let [low, high] = [0.0f32, 1.0].map(Array::scalar);
        let last = Array::scalar((batch * N) as f32);
        let shape = [batch, N, N];
        let rows = random::uniform(&low, &last, [batch * N], Dtype::F32, Some(&key(4)?))?;
        let operands = Operands {
            x: normal(&shape, 0)?,
            y: random::uniform(&low, &high, shape, Dtype::F32, Some(&key(1)?))?.astype(dtype)?,
            matrix: normal(&[N, N], 2)?,
            row: normal(&[N], 3)?,
            rows: rows.floor()?.astype(Dtype::U32)?,
            signal: normal(&[batch, 256, 128], 5)?,
            kernel: normal(&[32, 3, 128], 0)?,
        };
        lazuli::core::eval(&operands.named().map(|(_, array)| array))?;
        Ok(operands)
    }

    /// With the names that the peers know them by.
    pub(super) fn named(&self) -> [(&'static str, &Array); 7] {
        [
            ("x", &self.x),
            ("y", &self.y),
            ("matrix", &self.matrix),
            ("row", &self.row),
            ("rows", &self.rows),
            ("signal", &self.signal),
            ("kernel", &self.kernel),
        ]
    }

    fn flat(&self) -> Result<Array> {
        self.x.reshape([self.x.dim(0) * N, N])
    }

    /// `x` as 16 heads of 64.
    fn heads(&self) -> Result<Array> {
        self.x
            .reshape([self.x.dim(0), N, 16, 64])?
            .transpose([0, 2, 1, 3])
    }
}

/// One operation.
pub(in super::super) struct Case {
    /// Its name, also in the peers' program.
    pub(in super::super) name: &'static str,
    /// Passes over an array of the size of `x` that it reads.
    reads: f64,
    /// Passes that it writes.
    writes: f64,
    /// Multiplications with an addition for each element of `x`.
    products: f64,
    /// The operation as a function that is traced once, as a user would write it.
    pub(super) run: fn(&Operands) -> Result<Array>,
}

const fn case(
    name: &'static str,
    reads: f64,
    writes: f64,
    products: f64,
    run: fn(&Operands) -> Result<Array>,
) -> Case {
    Case {
        name,
        reads,
        writes,
        products,
        run,
    }
}

fn of(x: f32, like: &Array) -> Array {
    Array::scalar_of(f64::from(x), like.dtype())
}

/// In the order of the table.
pub(in super::super) static CASES: [Case; 30] = [
    case("copy", 1.0, 1.0, 0.0, |o| o.x.copy()),
    case("add", 2.0, 1.0, 0.0, |o| o.x.add(&o.y)),
    case("exp", 1.0, 1.0, 0.0, |o| o.x.exp()),
    case("sigmoid", 1.0, 1.0, 0.0, |o| o.x.sigmoid()),
    case("relu", 1.0, 1.0, 0.0, |o| o.x.maximum(&of(0.0, &o.x))),
    case("leaky_relu", 1.0, 1.0, 0.0, |o| {
        o.x.maximum(&o.x.multiply(&of(0.01, &o.x))?)
    }),
    case("prelu", 1.0, 1.0, 0.0, |o| {
        let zero = of(0.0, &o.x);
        let negative = o.x.minimum(&zero)?.multiply(&o.row)?;
        o.x.maximum(&zero)?.add(&negative)
    }),
    case("selu", 1.0, 1.0, 0.0, |o| {
        let negative = o.x.expm1()?.multiply(&of(1.673_263_2, &o.x))?;
        let positive = o.x.greater(&of(0.0, &o.x))?;
        Array::select(&positive, &o.x, &negative)?.multiply(&of(1.050_701, &o.x))
    }),
    case("softplus", 1.0, 1.0, 0.0, |o| o.x.logaddexp(&of(0.0, &o.x))),
    case("bce", 2.0, 0.0, 0.0, |o| {
        let loss = o.x.logaddexp(&of(0.0, &o.x))?;
        loss.subtract(&o.x.multiply(&o.y)?)?.mean(.., false)
    }),
    case("swiglu", 2.0, 1.0, 0.0, |o| o.x.swiglu(&o.y)),
    case("dropout", 2.0, 1.0, 0.0, |o| {
        let kept = o.y.less(&of(0.9, &o.y))?;
        Array::select(&kept, &o.x.multiply(&of(1.0 / 0.9, &o.x))?, &of(0.0, &o.x))
    }),
    case("softmax", 1.0, 1.0, 0.0, |o| o.x.softmax(-1)),
    case("rms_norm", 1.0, 1.0, 0.0, |o| o.x.rms_norm(&o.row, 1e-5)),
    case("layer_norm", 1.0, 1.0, 0.0, |o| {
        o.x.layer_norm(&o.row, &o.row, 1e-5)
    }),
    case("argmax", 1.0, 0.0, 0.0, |o| o.x.argmax(-1, false)),
    case("sort", 1.0, 1.0, 0.0, |o| o.x.sort(-1)),
    case("cumsum", 1.0, 1.0, 0.0, |o| o.x.cumsum(-1, false, true)),
    case("sum_0", 1.0, 0.0, 0.0, |o| o.x.sum(0, false)),
    case("sum_1", 1.0, 0.0, 0.0, |o| o.x.sum(1, false)),
    case("sum_2", 1.0, 0.0, 0.0, |o| o.x.sum(2, false)),
    case("sum_all", 1.0, 0.0, 0.0, |o| o.x.sum(.., false)),
    case("concat", 2.0, 2.0, 0.0, |o| {
        Array::concatenate(&[o.x.clone(), o.y.clone()], -1)
    }),
    case("gather", 1.0, 1.0, 0.0, |o| o.flat()?.take(&o.rows, 0)),
    case("scatter_add", 3.0, 1.0, 0.0, |o| {
        let to = o.flat()?;
        let updates = to.expand_dims(1)?;
        to.scatter(std::slice::from_ref(&o.rows), &updates, &[0], Mode::Add)
    }),
    case("matmul", 1.0, 1.0, N as f64, |o| o.x.matmul(&o.matrix)),
    case("linear", 1.0, 1.0, N as f64, |o| {
        o.x.matmul(&o.matrix.matrix_transpose()?)?.add(&o.row)
    }),
    // Two products of every query with all keys, causal: half of them.
    case("attention", 1.0, 1.0, N as f64, |o| {
        let x = o.heads()?;
        x.scaled_dot_product_attention(&x, &x, 0.125, Mask::Causal, None)
    }),
    // 32 outputs of 3 x 128 products for 256 places, over 1024 x 1024 elements.
    case("conv1d", 0.03, 0.01, 3.0, |o| {
        o.signal.conv1d(&o.kernel, [1], [1], [1], 1)
    }),
    case("transpose", 1.0, 1.0, 0.0, |o| {
        o.x.transpose([0, 2, 1])?.contiguous()
    }),
];

impl Case {
    /// What it must do for `elements` elements of this dtype, on this path.
    pub(in super::super) fn work(&self, elements: usize, dtype: Dtype, isa: Isa) -> Work {
        let pass = elements as f64 * dtype.size() as f64;
        Work {
            read: self.reads * pass,
            written: self.writes * pass,
            products: self.products * elements as f64,
            unit: Unit::dense(isa, dtype),
        }
    }

    /// The operation, compiled for repeated calls. What it is measured on are its operands, so that
    /// nothing is computed ahead.
    pub(in super::super) fn compiled(&self) -> impl Fn(&Operands) -> Result<Array> + use<> {
        let run = self.run;
        let compiled = compile(move |arrays: &Vec<Array>| {
            let operands = Operands::from_arrays(arrays)?;
            run(&operands)
        });
        move |operands| compiled(&operands.named().map(|(_, array)| array.clone()).to_vec())
    }
}

impl Operands {
    fn from_arrays(arrays: &[Array]) -> Result<Operands> {
        match <[Array; 7]>::try_from(arrays.to_vec()) {
            Ok([x, y, matrix, row, rows, signal, kernel]) => Ok(Operands {
                x,
                y,
                matrix,
                row,
                rows,
                signal,
                kernel,
            }),
            Err(_) => Err(lazuli::Error::value("bench ops", "seven operands")),
        }
    }
}
