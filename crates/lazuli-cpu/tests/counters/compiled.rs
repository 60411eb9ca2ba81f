//! What a plan allocates.

use lazuli_core::{Array, Dtype, Result, Role, Rows, compile, compile_with_state, eval, memory};

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

/// Two caches, a sum that a group of operations updates, and a matrix for the workspace.
type State = (Array, Array, Array);

fn state() -> State {
    let zeros = |shape: [usize; 4]| Array::zeros(shape, Dtype::F32).unwrap();
    let (keys, values) = (zeros([1, 4, 512, 64]), zeros([1, 4, 512, 64]));
    (keys, values, zeros([1, 1, 300, 400]))
}

fn at(position: usize) -> (Array, Rows) {
    let row = Array::full([1, 4, 64], position as f64, Dtype::F32).unwrap();
    let rows = Rows::single(position, 1, Role::Generated).unwrap();
    (row.copy().unwrap(), rows)
}

fn address(x: &Array) -> usize {
    x.data().unwrap().buffer.host().unwrap().as_ptr() as usize
}

pub(crate) fn state_is_updated_where_it_lies_and_workspace_is_kept() {
    let step = compile_with_state(|x: &(Array, [Array; 3]), state: &mut State| {
        let (new, [table, positions, generated]) = x;
        let rows = Rows::from_arrays(table, positions, generated)?;
        state.0 = state.0.cache_append(new, &rows, None)?;
        state.1 = state.1.cache_append(&new.square()?, &rows, None)?;
        let half = state.2.multiply(&Array::scalar(0.5f32))?;
        state.2 = half.add(&positions.astype(Dtype::F32)?)?;
        let products = state.0.matmul(&state.1.matrix_transpose()?)?;
        products.sum([0, 1, 2, 3], false)
    });
    let run = |state: &mut State, position: usize| {
        let (new, rows) = at(position);
        let arrays = [rows.table(), rows.positions(), rows.generated()].map(Array::clone);
        let y = step(&(new, arrays), state).unwrap();
        eval(&[&y, &state.0, &state.1, &state.2]).unwrap();
        y.item::<f32>().unwrap()
    };
    let mut carried = state();
    assert_eq!(run(&mut carried, 0), 0.0);
    run(&mut carried, 1);
    let addresses = |s: &State| [&s.0, &s.1, &s.2].map(address);
    let (places, active) = (addresses(&carried), memory::active());
    for position in 2..6 {
        memory::reset_peak();
        let allocations = memory::allocations();
        run(&mut carried, position);
        // Besides what makes up the operands, which is as small as the result.
        assert!(memory::peak() - active < 16 << 10, "bytes for a step");
        assert!(memory::allocations() - allocations < 12);
        assert_eq!(addresses(&carried), places);
    }
    // What somebody keeps stays as it is.
    let kept = carried.clone();
    let before = kept.2.to_vec::<f32>().unwrap();
    run(&mut carried, 6);
    assert_eq!(addresses(&kept), places);
    assert!(addresses(&carried).iter().all(|a| !places.contains(a)));
    assert_eq!(kept.2.to_vec::<f32>().unwrap(), before);
    assert_eq!(carried.2.to_vec::<f32>().unwrap()[9], before[9] / 2.0 + 6.0);
    let row = |s: &State| s.0.narrow(2, 6, 7).unwrap().to_vec::<f32>().unwrap()[0];
    assert_eq!((row(&kept), row(&carried)), (0.0, 6.0));
}
