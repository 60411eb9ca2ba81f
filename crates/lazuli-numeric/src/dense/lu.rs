//! Elimination with row exchanges, and what it solves.

use faer::linalg::solvers::PartialPivLu;
use faer::{MatMut, Par};

use super::{Failure, Scalar, matrix};

/// Where [`lu`] writes.
pub struct Lu<'a> {
    /// `[m, n]`: the multipliers below the diagonal, whose own diagonal is one, and the upper factor.
    pub factors: &'a mut [f64],
    /// `[min(m, n)]`: the row that each row was exchanged with, in order.
    pub pivots: &'a mut [u32],
    /// `[m]`: where each row of the matrix went.
    pub rows: &'a mut [u32],
}

/// Factors of an `[m, n]` matrix with its rows exchanged.
pub fn lu(a: &[f64], m: usize, n: usize, out: Lu<'_>) {
    let lu = PartialPivLu::new(matrix(a, m, n));
    let (lower, upper) = (lu.L(), lu.U());
    for i in 0..m {
        for j in 0..n {
            out.factors[i * n + j] = if j < i { lower[(i, j)] } else { upper[(i, j)] };
        }
    }
    let (from, to) = lu.P().arrays();
    for (row, &to) in out.rows.iter_mut().zip(to) {
        *row = to as u32;
    }
    exchanges(from, out.pivots);
}

/// The exchanges that bring row `from[i]` to place `i`, in order.
fn exchanges(from: &[usize], pivots: &mut [u32]) {
    // The row in each place, and the place of each row.
    let mut rows: Vec<usize> = (0..from.len()).collect();
    let mut places = rows.clone();
    for (i, (pivot, &row)) in pivots.iter_mut().zip(from).enumerate() {
        let place = places[row];
        *pivot = place as u32;
        rows.swap(i, place);
        (places[rows[i]], places[rows[place]]) = (i, place);
    }
}

/// The sign of the determinant of an `[n, n]` matrix and the logarithm of its magnitude, and the
/// determinant itself.
pub fn determinant(a: &[f64], n: usize) -> (f64, f64, f64) {
    let (mut factors, mut pivots, mut rows) = (vec![0.0; n * n], vec![0; n], vec![0; n]);
    let out = Lu {
        factors: &mut factors,
        pivots: &mut pivots,
        rows: &mut rows,
    };
    lu(a, n, n, out);
    let swaps = (pivots.iter().enumerate()).filter(|&(i, &p)| p as usize != i);
    let parity = if swaps.count() % 2 == 0 { 1.0 } else { -1.0 };
    let diagonal = (0..n).map(|i| factors[i * n + i]);
    let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
    (
        diagonal.clone().map(sign).product::<f64>() * parity,
        diagonal.clone().map(|x| x.abs().ln()).sum(),
        diagonal.product::<f64>() * parity,
    )
}

/// `b`, `[n, k]`, becomes the `x` of `a x = b`.
///
/// # Errors
/// [`Failure::Singular`].
pub fn solve<T: Scalar>(a: &[T], n: usize, b: &mut [T], k: usize) -> Result<(), Failure> {
    let lu = PartialPivLu::new(matrix(a, n, n));
    let (lower, upper) = (lu.L(), lu.U());
    if (0..n).any(|i| upper[(i, i)] == T::zero()) {
        return Err(Failure::Singular);
    }
    let (from, _) = lu.P().arrays();
    let exchanged: Vec<T> = (from.iter())
        .flat_map(|&row| b[row * k..][..k].iter().copied())
        .collect();
    b.copy_from_slice(&exchanged);
    let mut x = MatMut::from_row_major_slice_mut(b, n, k);
    use faer::linalg::triangular_solve as triangular;
    triangular::solve_unit_lower_triangular_in_place(lower, x.as_mut(), Par::Seq);
    triangular::solve_upper_triangular_in_place(upper, x, Par::Seq);
    Ok(())
}

/// As [`solve`], of the triangle of `a` at and above the diagonal, or at and below it.
///
/// # Errors
/// [`Failure::Singular`].
pub fn solve_triangular(
    a: &[f64],
    n: usize,
    upper: bool,
    b: &mut [f64],
    k: usize,
) -> Result<(), Failure> {
    let a = matrix(a, n, n);
    if (0..n).any(|i| a[(i, i)] == 0.0) {
        return Err(Failure::Singular);
    }
    let x = MatMut::from_row_major_slice_mut(b, n, k);
    use faer::linalg::triangular_solve as triangular;
    if upper {
        triangular::solve_upper_triangular_in_place(a, x, Par::Seq);
    } else {
        triangular::solve_lower_triangular_in_place(a, x, Par::Seq);
    }
    Ok(())
}
