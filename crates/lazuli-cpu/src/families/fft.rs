//! Fourier transforms, line by line: lines along an axis are gathered into rows, transformed by
//! `lazuli-numeric`, and put back, axis after axis.

use lazuli_core::error::Result;
use lazuli_core::ops::fft::{Fft, Kind};
use lazuli_core::{Op, Shape};
use lazuli_numeric::fft::{self, Complex32, Plan};

use crate::Pool;
use crate::call::{Call, Run};
use crate::kernels::math::Shared;

/// Elements that a part transforms at a time.
const PART: usize = 8 << 10;

pub(crate) fn kernel() -> Option<Run> {
    Some(run)
}

/// As a plain element of an array.
type Pair = [f32; 2];

fn run(op: &Op, call: &mut Call<'_, '_>) -> Result<()> {
    let (Op::Fft(op), [x], out) = (op, call.inputs, &mut call.outputs[0]) else {
        return Ok(());
    };
    let pool = &call.cpu.pool;
    let Some((&last, others)) = op.axes.split_last() else {
        return Ok(());
    };
    let (last, scale) = (last as usize, op.scale.get());
    // The last pass scales.
    let scale_of = |pass: usize| if pass == others.len() { scale } else { 1.0 };
    let others = || others.iter().map(|&axis| axis as usize).enumerate();
    match op.kind {
        Kind::Complex { inverse } => {
            let (x, shape) = (x.slice::<Pair>(), x.shape());
            let out = Shared::new(out.slice::<Pair>());
            let lines = Lines::new(shape, last, shape[last], pool);
            lines.complex(inverse, scale_of(0), &|at| x[at], &out);
            along(op, shape, pool, others(), &scale_of, &out);
        }
        Kind::FromReal => {
            let (x, shape) = (x.slice::<f32>(), x.shape());
            let half = out.shape().clone();
            let out = Shared::new(out.slice::<Pair>());
            let lines = Lines::new(shape, last, half[last], pool);
            lines.real_to_complex(scale_of(0), &x, &out);
            along(op, &half, pool, others(), &scale_of, &out);
        }
        Kind::ToReal(n) => {
            let (x, shape) = (x.slice::<Pair>(), x.shape());
            let mut x = x;
            if op.axes.len() > 1 {
                let inner = Shared::new(x.to_mut());
                along(op, shape, pool, others(), &|_| 1.0, &inner);
            }
            let lines = Lines::new(shape, last, n, pool);
            lines.complex_to_real(scale, &x, &Shared::new(out.slice::<f32>()));
        }
    }
    Ok(())
}

/// Complex transforms in place along the axes before the last.
fn along(
    op: &Fft,
    shape: &Shape,
    pool: &Pool,
    axes: impl Iterator<Item = (usize, usize)>,
    scale: &dyn Fn(usize) -> f32,
    x: &Shared<'_, Pair>,
) {
    let inverse = !matches!(op.kind, Kind::FromReal | Kind::Complex { inverse: false });
    for (pass, axis) in axes {
        let lines = Lines::new(shape, axis, shape[axis], pool);
        // SAFETY: a part reads and writes the elements of its own lines.
        let read = |at: usize| unsafe { x.slice(at, 1)[0] };
        lines.complex(inverse, scale(pass + 1), &read, x);
    }
}

/// The lines of an array along an axis, each of which becomes a line of `to` elements.
struct Lines<'a> {
    count: usize,
    from: usize,
    to: usize,
    inner: usize,
    pool: &'a Pool,
}

impl<'a> Lines<'a> {
    fn new(shape: &Shape, axis: usize, to: usize, pool: &'a Pool) -> Lines<'a> {
        let inner = shape[axis + 1..].iter().product();
        Lines {
            count: shape[..axis].iter().product::<usize>() * inner,
            from: shape[axis],
            to,
            inner,
            pool,
        }
    }

    /// Calls `part` with ranges of lines.
    fn parts(&self, part: &(dyn Fn(std::ops::Range<usize>) + Sync)) {
        // Neighbouring lines share cache lines.
        let each = (PART / self.from.max(self.to)).max(8);
        let parts = self.count.div_ceil(each);
        let part = |p: usize| part(p * each..((p + 1) * each).min(self.count));
        if self.count * self.from < 4 * PART {
            (0..parts).for_each(part);
        } else {
            self.pool.run(parts, &part);
        }
    }

    /// Where element `k` of a line lies among lines of `len` elements.
    fn at(&self, line: usize, len: usize, k: usize) -> usize {
        (line / self.inner * len + k) * self.inner + line % self.inner
    }

    /// The lines as rows.
    fn gather<T>(&self, lines: std::ops::Range<usize>, read: &dyn Fn(usize) -> T) -> Vec<T> {
        let mut rows = Vec::with_capacity(lines.len() * self.from);
        for line in lines {
            rows.extend((0..self.from).map(|k| read(self.at(line, self.from, k))));
        }
        rows
    }

    /// Rows to the lines of the output.
    fn scatter<S, T>(
        &self,
        lines: std::ops::Range<usize>,
        rows: &[S],
        out: &Shared<'_, T>,
        convert: impl Fn(&S) -> T,
    ) {
        for (line, row) in lines.zip(rows.chunks_exact(self.to)) {
            for (k, x) in row.iter().enumerate() {
                // SAFETY: each line belongs to one part.
                unsafe { out.slice(self.at(line, self.to, k), 1)[0] = convert(x) };
            }
        }
    }

    fn complex(
        &self,
        inverse: bool,
        scale: f32,
        read: &(dyn Fn(usize) -> Pair + Sync),
        out: &Shared<'_, Pair>,
    ) {
        let Plan::Complex(plan) = fft::plan(fft::Kind::Complex { inverse }, self.from) else {
            return;
        };
        self.parts(&|lines| {
            let mut rows = self.gather(lines.clone(), &|at| number(read(at)));
            fft::complex(&*plan, &mut rows);
            self.scatter(lines, &rows, out, |x| [x.re * scale, x.im * scale]);
        });
    }

    fn real_to_complex(&self, scale: f32, x: &[f32], out: &Shared<'_, Pair>) {
        let Plan::FromReal(plan) = fft::plan(fft::Kind::FromReal, self.from) else {
            return;
        };
        self.parts(&|lines| {
            let mut rows = self.gather(lines.clone(), &|at| x[at]);
            let mut half = vec![Complex32::default(); lines.len() * self.to];
            fft::from_real(&*plan, &mut rows, &mut half);
            self.scatter(lines, &half, out, |x| [x.re * scale, x.im * scale]);
        });
    }

    fn complex_to_real(&self, scale: f32, x: &[Pair], out: &Shared<'_, f32>) {
        let Plan::ToReal(plan) = fft::plan(fft::Kind::ToReal, self.to) else {
            return;
        };
        self.parts(&|lines| {
            let mut half = self.gather(lines.clone(), &|at| number(x[at]));
            let mut rows = vec![0.0; lines.len() * self.to];
            fft::to_real(&*plan, &mut half, &mut rows);
            self.scatter(lines, &rows, out, |x| x * scale);
        });
    }
}

fn number(x: Pair) -> Complex32 {
    Complex32::new(x[0], x[1])
}
