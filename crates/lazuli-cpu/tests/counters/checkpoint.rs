//! What recomputation saves.

use lazuli_core::{Array, Dtype, Result, checkpoint, eval, memory, value_and_grad};

const BLOCKS: usize = 24;
const ROWS: usize = 64;
const WIDTH: usize = 32;

/// A block that keeps several arrays of its own for the gradient.
fn block(x: &Array, up: &Array, down: &Array) -> Result<Array> {
    let mean = x
        .square()?
        .sum([-1], true)?
        .multiply(&Array::scalar(1.0 / WIDTH as f32))?;
    let h = x.multiply(&mean.add(&Array::scalar(1e-5f32))?.rsqrt()?)?;
    let h = h.matmul(up)?;
    let h = h.multiply(&h.sigmoid()?)?.tanh()?;
    x.add(&h.matmul(down)?)
}

fn weights() -> Result<Vec<(Array, Array)>> {
    let of = |k: usize, shape: [usize; 2]| {
        let numbers: Vec<f32> = (0..shape[0] * shape[1])
            .map(|i| ((i * 37 + k * 11) % 101) as f32 / 500.0 - 0.1)
            .collect();
        Array::from_slice(&numbers, shape)
    };
    (0..BLOCKS)
        .map(|k| Ok((of(k, [WIDTH, 4 * WIDTH])?, of(k + 50, [4 * WIDTH, WIDTH])?)))
        .collect()
}

/// Peak bytes above the start, and the bits of the loss and the gradients.
fn run(recompute: bool) -> Result<(usize, Vec<Vec<f32>>)> {
    let x = Array::full([ROWS, WIDTH], 0.5, Dtype::F32)?.copy()?;
    let weights = weights()?;
    x.eval()?;
    let loss = |weights: &Vec<(Array, Array)>| {
        let mut x = x.clone();
        for (up, down) in weights {
            let operands = (x, up.clone(), down.clone());
            let one = |(x, up, down): &(Array, Array, Array)| block(x, up, down);
            x = if recompute {
                checkpoint(one)(&operands)?
            } else {
                one(&operands)?
            };
        }
        x.square()?.sum([0, 1], false)
    };
    let before = memory::active();
    memory::reset_peak();
    let (value, grads) = value_and_grad(loss)(&weights)?;
    let mut all = vec![&value];
    all.extend(grads.iter().flat_map(|(up, down)| [up, down]));
    eval(&all)?;
    // The results themselves are no activations.
    let results: usize = grads
        .iter()
        .map(|(up, down)| up.bytes() + down.bytes())
        .sum();
    let peak = memory::peak() - before - results;
    let bits = all
        .iter()
        .map(|a| a.to_vec::<f32>())
        .collect::<Result<_>>()?;
    Ok((peak, bits))
}

pub(crate) fn keeps_little_and_changes_no_bit() {
    let (plain, want) = run(false).unwrap();
    let (little, got) = run(true).unwrap();
    assert_eq!(got, want, "bits of the loss or a gradient");
    assert!(
        little as f64 <= 0.3 * plain as f64,
        "peak {little} of {plain} bytes: {}",
        little as f64 / plain as f64
    );
}
