//! Linear algebra of batches: threads share the matrices, `lazuli-numeric` does one.

use std::sync::{Mutex, PoisonError};

use bytemuck::Pod;
use lazuli_core::error::{Error, Result};
use lazuli_core::ops::linalg::Linalg;
use lazuli_core::plan::Spec;
use lazuli_core::{Dtype, Element, Op};
use lazuli_numeric::dense::{self, Complex64, Failure, Scalar};

use crate::call::{Call, Run};
use crate::kernels::math::Shared;
use crate::operand::{Operand, Output};

/// Threads share matrices from this many elements on.
const SHARED: usize = 1 << 10;

pub(crate) fn kernel(inputs: &[Spec]) -> Option<Run> {
    match inputs[0].dtype {
        Dtype::F32 => Some(run_real::<f32>),
        Dtype::F64 => Some(run_real::<f64>),
        Dtype::C64 => Some(run_complex),
        _ => None,
    }
}

/// An element as it is stored, and as it is computed with.
trait Stored: Element + Pod {
    type Wide: Scalar;
    fn widen(self) -> Self::Wide;
    fn narrow(x: Self::Wide) -> Self;
}

impl Stored for f32 {
    type Wide = f64;
    fn widen(self) -> f64 {
        self.into()
    }
    fn narrow(x: f64) -> f32 {
        x as f32
    }
}

impl Stored for f64 {
    type Wide = f64;
    fn widen(self) -> f64 {
        self
    }
    fn narrow(x: f64) -> f64 {
        x
    }
}

impl Stored for [f32; 2] {
    type Wide = Complex64;
    fn widen(self) -> Complex64 {
        Complex64::new(self[0].into(), self[1].into())
    }
    fn narrow(x: Complex64) -> [f32; 2] {
        [x.re as f32, x.im as f32]
    }
}

/// The matrices of an operand, one by one.
struct Matrices<'a, T: Element + Pod> {
    elements: std::borrow::Cow<'a, [T]>,
    each: usize,
}

impl<'a, T: Stored> Matrices<'a, T> {
    fn new(x: &Operand<'a>, batch: usize) -> Matrices<'a, T> {
        let elements = x.slice::<T>();
        let each = elements.len() / batch;
        Matrices { elements, each }
    }

    fn widened(&self, at: usize) -> Vec<T::Wide> {
        let one = &self.elements[at * self.each..][..self.each];
        one.iter().map(|&x| x.widen()).collect()
    }
}

/// The same parts of an output, one for each matrix.
struct Parts<'a, T> {
    out: Shared<'a, T>,
    each: usize,
}

impl<'a, T: Element + Pod> Parts<'a, T> {
    fn new(out: &'a mut Output<'_>, batch: usize) -> Parts<'a, T> {
        let out = out.slice::<T>();
        let each = out.len() / batch;
        Parts {
            out: Shared::new(out),
            each,
        }
    }

    fn write(&self, at: usize, values: impl IntoIterator<Item = T>) {
        // SAFETY: each matrix is one part's, and has a range of its own.
        let part = unsafe { self.out.slice(at * self.each, self.each) };
        for (to, from) in part.iter_mut().zip(values) {
            *to = from;
        }
    }
}

/// A batch of matrices of one shape.
struct Batch<'a> {
    op: Linalg,
    count: usize,
    m: usize,
    n: usize,
    pool: &'a crate::Pool,
}

impl<'a> Batch<'a> {
    fn new(op: &Op, call: &Call<'a, '_>) -> Option<Batch<'a>> {
        let (Op::Linalg(op), Some(x)) = (op, call.inputs.first()) else {
            return None;
        };
        let (lead, matrix) = x.shape().split_at(x.shape().len() - 2);
        Some(Batch {
            op: *op,
            count: lead.iter().product(),
            m: matrix[0],
            n: matrix[1],
            pool: &call.cpu.pool,
        })
    }

    /// Runs `one` for each matrix; the error is that of the first that fails.
    fn each(&self, one: &(dyn Fn(usize) -> Result<(), Failure> + Sync)) -> Result<()> {
        let failed: Mutex<Option<(usize, Failure)>> = Mutex::new(None);
        let part = |at: usize| {
            if let Err(failure) = one(at) {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.is_none_or(|(first, _)| at < first) {
                    *failed = Some((at, failure));
                }
            }
        };
        if self.count * self.m * self.n < SHARED {
            (0..self.count).for_each(part);
        } else {
            self.pool.run(self.count, &part);
        }
        let Some((at, failure)) = failed.into_inner().unwrap_or_else(PoisonError::into_inner)
        else {
            return Ok(());
        };
        use lazuli_core::Family;
        let which = match self.count {
            1 => "the matrix".to_string(),
            _ => format!("matrix {at} of the batch"),
        };
        Err(Error::value(self.op.name(), format!("{which} {failure}")))
    }
}

fn run_real<T: Stored<Wide = f64>>(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Some(batch) = Batch::new(op, call).filter(|b| b.count > 0) else {
        return Ok(());
    };
    let (op, count, m, n) = (batch.op, batch.count, batch.m, batch.n);
    let k = m.min(n);
    let a = Matrices::<T>::new(&call.inputs[0], count);
    match (op, call.inputs, &mut call.outputs[..]) {
        (Linalg::Qr, _, [q, r]) => {
            let (q, r) = (Parts::<T>::new(q, count), Parts::<T>::new(r, count));
            batch.each(&|at| {
                let (mut wide_q, mut wide_r) = (vec![0.0; m * k], vec![0.0; k * n]);
                dense::qr(&a.widened(at), m, n, &mut wide_q, &mut wide_r);
                q.write(at, wide_q.into_iter().map(T::narrow));
                r.write(at, wide_r.into_iter().map(T::narrow));
                Ok(())
            })
        }
        (Linalg::Cholesky, _, [out]) => {
            let out = Parts::<T>::new(out, count);
            batch.each(&|at| {
                let mut lower = vec![0.0; n * n];
                dense::cholesky(&a.widened(at), n, &mut lower)?;
                out.write(at, lower.into_iter().map(T::narrow));
                Ok(())
            })
        }
        (Linalg::Lu, _, [factors, pivots, rows]) => {
            let factors = Parts::<T>::new(factors, count);
            let (pivots, rows) = (Parts::new(pivots, count), Parts::new(rows, count));
            batch.each(&|at| {
                let (mut f, mut p, mut r) = (vec![0.0; m * n], vec![0; k], vec![0; m]);
                let out = dense::Lu {
                    factors: &mut f,
                    pivots: &mut p,
                    rows: &mut r,
                };
                dense::lu(&a.widened(at), m, n, out);
                factors.write(at, f.into_iter().map(T::narrow));
                pivots.write(at, p);
                rows.write(at, r);
                Ok(())
            })
        }
        (Linalg::Solve, [_, b], [x]) => solutions(&batch, &a, b, x, dense::solve),
        (Linalg::SolveTriangular { upper }, [_, b], [x]) => {
            let one = |a: &[f64], n, b: &mut [f64], columns| {
                dense::solve_triangular(a, n, upper, b, columns)
            };
            solutions(&batch, &a, b, x, one)
        }
        (Linalg::Determinant, _, [out]) => {
            let out = Parts::<T>::new(out, count);
            batch.each(&|at| {
                let (_, _, determinant) = dense::determinant(&a.widened(at), n);
                out.write(at, [T::narrow(determinant)]);
                Ok(())
            })
        }
        (Linalg::LogDeterminant, _, [sign, log]) => {
            let (signs, logs) = (Parts::<T>::new(sign, count), Parts::<T>::new(log, count));
            batch.each(&|at| {
                let (sign, log, _) = dense::determinant(&a.widened(at), n);
                signs.write(at, [T::narrow(sign)]);
                logs.write(at, [T::narrow(log)]);
                Ok(())
            })
        }
        (_, _, outputs) => spectrum::<T, T>(&batch, &a, outputs),
    }
}

fn run_complex(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let Some(batch) = Batch::new(op, call).filter(|b| b.count > 0) else {
        return Ok(());
    };
    let a = Matrices::<[f32; 2]>::new(&call.inputs[0], batch.count);
    match (batch.op, call.inputs, &mut call.outputs[..]) {
        (Linalg::Solve, [_, b], [x]) => solutions(&batch, &a, b, x, dense::solve),
        (_, _, outputs) => spectrum::<[f32; 2], f32>(&batch, &a, outputs),
    }
}

/// `one` of each matrix and its right-hand sides, which it overwrites; it is told their lengths.
fn solutions<T: Stored>(
    batch: &Batch<'_>,
    a: &Matrices<'_, T>,
    b: &Operand<'_>,
    x: &mut Output<'_>,
    one: impl Fn(&[T::Wide], usize, &mut [T::Wide], usize) -> Result<(), Failure> + Sync,
) -> Result<()> {
    let b = Matrices::<T>::new(b, batch.count);
    let columns = b.each.checked_div(batch.n).unwrap_or(0);
    let x = Parts::<T>::new(x, batch.count);
    batch.each(&|at| {
        let mut b = b.widened(at);
        one(&a.widened(at), batch.n, &mut b, columns)?;
        x.write(at, b.into_iter().map(T::narrow));
        Ok(())
    })
}

/// Singular values and eigenvalues of `T`, real ones of `R`.
fn spectrum<T: Stored, R: Stored<Wide = f64>>(
    batch: &Batch<'_>,
    a: &Matrices<'_, T>,
    outputs: &mut [Output<'_>],
) -> Result<()> {
    let (count, m, n) = (batch.count, batch.m, batch.n);
    let k = m.min(n);
    match (batch.op, outputs) {
        (Linalg::SingularValues, [values]) => {
            let values = Parts::<R>::new(values, count);
            batch.each(&|at| {
                let mut s = vec![0.0; k];
                dense::svd(&a.widened(at), m, n, &mut s, None)?;
                values.write(at, s.into_iter().map(R::narrow));
                Ok(())
            })
        }
        (Linalg::Svd { .. }, [u, values, v]) => {
            let (left, right) = (Parts::<T>::new(u, count), Parts::<T>::new(v, count));
            let values = Parts::<R>::new(values, count);
            batch.each(&|at| {
                let mut s = vec![0.0; k];
                let (mut u, mut v) = (
                    vec![T::Wide::zero(); left.each],
                    vec![T::Wide::zero(); right.each],
                );
                dense::svd(&a.widened(at), m, n, &mut s, Some((&mut u, &mut v)))?;
                left.write(at, u.into_iter().map(T::narrow));
                values.write(at, s.into_iter().map(R::narrow));
                right.write(at, v.into_iter().map(T::narrow));
                Ok(())
            })
        }
        (Linalg::SelfAdjointEigenvalues, [values]) => {
            let values = Parts::<R>::new(values, count);
            batch.each(&|at| {
                let mut w = vec![0.0; n];
                dense::eigh(&a.widened(at), n, &mut w, None)?;
                values.write(at, w.into_iter().map(R::narrow));
                Ok(())
            })
        }
        (Linalg::SelfAdjointEigen, [values, vectors]) => {
            let (values, vectors) = (
                Parts::<R>::new(values, count),
                Parts::<T>::new(vectors, count),
            );
            batch.each(&|at| {
                let (mut w, mut v) = (vec![0.0; n], vec![T::Wide::zero(); n * n]);
                dense::eigh(&a.widened(at), n, &mut w, Some(&mut v))?;
                values.write(at, w.into_iter().map(R::narrow));
                vectors.write(at, v.into_iter().map(T::narrow));
                Ok(())
            })
        }
        (Linalg::Eigenvalues, [values]) => {
            let values = Parts::<[f32; 2]>::new(values, count);
            batch.each(&|at| {
                let mut w = vec![Complex64::default(); n];
                dense::eig(&a.widened(at), n, &mut w, None)?;
                values.write(at, w.into_iter().map(Stored::narrow));
                Ok(())
            })
        }
        (Linalg::Eigen, [values, vectors]) => {
            let values = Parts::<[f32; 2]>::new(values, count);
            let vectors = Parts::<[f32; 2]>::new(vectors, count);
            batch.each(&|at| {
                let mut w = vec![Complex64::default(); n];
                let mut v = vec![Complex64::default(); n * n];
                dense::eig(&a.widened(at), n, &mut w, Some(&mut v))?;
                values.write(at, w.into_iter().map(Stored::narrow));
                vectors.write(at, v.into_iter().map(Stored::narrow));
                Ok(())
            })
        }
        // Core takes complex numbers for these only, and `run_real` has the others.
        _ => Ok(()),
    }
}
