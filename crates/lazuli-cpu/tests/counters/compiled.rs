//! What a plan allocates.

use lazuli_core::{Array, Dtype, Result, compile, memory};

const ROWS: usize = 40;
const COLUMNS: usize = 1000;

fn operand() -> Array {
    let x = Array::full([ROWS, COLUMNS], 0.5, Dtype::F32).unwrap();
    let x = x.copy().unwrap();
    x.eval().unwrap();
    x
}

/// Buffers taken by the second run of `f`, and their bytes at the peak.
fn taken(f: impl Fn(&Array) -> Result<Vec<Array>>) -> (usize, usize) {
    let (f, x) = (compile(|x: &Array| f(x)), operand());
    let run = || {
        let outs = f(&x).unwrap();
        lazuli_core::eval(&outs.iter().collect::<Vec<_>>()).unwrap();
    };
    run();
    let (before, active) = (memory::allocations(), memory::active());
    memory::reset_peak();
    run();
    (memory::allocations() - before, memory::peak() - active)
}

pub(crate) fn a_fused_chain_writes_only_its_results() {
    let gelu = |x: &Array| {
        let c = |v: f32| Array::scalar(v);
        let inner = x
            .multiply(&c(0.79))?
            .multiply(&x.square()?.multiply(&c(0.044))?.add(&c(1.0))?)?;
        x.multiply(&c(0.5))?.multiply(&inner.tanh()?.add(&c(1.0))?)
    };
    let (buffers, bytes) = taken(|x| Ok(vec![gelu(x)?]));
    assert_eq!(buffers, 1, "{bytes} bytes");
    // A reduction of the last axis is part of it.
    let (buffers, bytes) = taken(|x| Ok(vec![gelu(x)?.sum([-1], true)?]));
    assert_eq!(buffers, 1);
    assert!(bytes <= 4 * ROWS * 2, "{bytes} bytes");
    let (buffers, _) = taken(|x| {
        let y = gelu(x)?;
        Ok(vec![y.exp()?, y.max([-1], true)?])
    });
    assert_eq!(buffers, 2);
}

pub(crate) fn a_plan_uses_the_memory_of_what_has_died() {
    let (_, bytes) = taken(|x| {
        let mut x = x.clone();
        for _ in 0..10 {
            // A reduction of the first axis is no member of a group.
            x = x
                .add(&x.sum([0], true)?)?
                .multiply(&Array::scalar(0.01f32))?;
        }
        Ok(vec![x])
    });
    let one = 4 * ROWS * COLUMNS;
    assert!(bytes < 4 * one, "{bytes} bytes, {one} each");
}
