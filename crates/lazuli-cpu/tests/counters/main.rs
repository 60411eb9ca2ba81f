//! Claims about the process's counters, in a process of their own: one test, so that nothing else
//! counts meanwhile.
#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod checkpoint;
mod compiled;

use lazuli_core::ops::arg_reduce::ArgReduce;
use lazuli_core::{Array, Dtype, memory, plan, with_device};
use lazuli_cpu::{Isa, Options, register};

#[test]
fn memory_is_donated_and_kernels_are_used() {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
        for threads in [1, 2] {
            let device = register(Options { isa, threads }).unwrap();
            with_device(device, || {
                a_chain_of_additions_allocates_at_most_two_buffers();
                operators_in_place_reuse_memory();
                what_somebody_can_see_is_not_written();
                writes_to_an_array_that_was_given_up_take_no_memory();
                base_operations_have_kernels();
                compiled::a_fused_chain_writes_only_its_results();
                compiled::a_plan_uses_the_memory_of_what_has_died();
                compiled::state_is_updated_where_it_lies_and_workspace_is_kept();
            });
        }
    }
    checkpoint::keeps_little_and_changes_no_bit();
    a_million_additions_need_two_buffers();
}

fn a_chain_of_additions_allocates_at_most_two_buffers() {
    let one = Array::scalar(1.0f32).broadcast_to([1000]).unwrap();
    let mut x = Array::from_slice(&[0.0f32; 1000], [1000]).unwrap();
    for _ in 0..1000 {
        x = x.add(&one).unwrap();
    }
    let before = memory::allocations();
    x.eval().unwrap();
    let taken = memory::allocations() - before;
    assert!(taken <= 2, "{taken} buffers for a chain of additions");
    assert_eq!(x.to_vec::<f32>().unwrap(), [1000.0; 1000]);
}

fn operators_in_place_reuse_memory() {
    let mut x = Array::from_slice(&[1.0f32; 3000], [3000]).unwrap();
    // Scalars have memory of their own.
    let (one, half) = (Array::scalar(1.0f32), Array::scalar(0.5f32));
    let before = memory::allocations();
    for _ in 0..50 {
        x += &one;
        x *= half.clone();
    }
    x.eval().unwrap();
    let taken = memory::allocations() - before;
    assert!(taken <= 2, "{taken} buffers for operators in place");
    assert_eq!(x.to_vec::<f32>().unwrap(), [1.0; 3000]);
}

fn a_million_additions_need_two_buffers() {
    let one = Array::scalar(1.0f32).broadcast_to([100]).unwrap();
    let mut x = Array::from_slice(&[0.0f32; 100], [100]).unwrap();
    let (before, allocations) = (memory::active(), memory::allocations());
    memory::reset_peak();
    for _ in 0..1_000_000 {
        x = x.add(&one).unwrap();
    }
    x.eval().unwrap();
    assert!(memory::allocations() - allocations <= 2);
    // Beside the buffer that the chain starts from.
    let more = memory::peak() - before;
    assert!(more <= 512, "{more} bytes");
    assert_eq!(x.to_vec::<f32>().unwrap(), [1e6; 100]);
}

fn what_somebody_can_see_is_not_written() {
    let x = Array::from_slice(&[1.0f32; 100], [100]).unwrap();
    let view = x.narrow(0, 0, 50).unwrap();
    view.eval().unwrap();
    let y = x.negative().unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [-1.0; 100]);
    assert_eq!(view.to_vec::<f32>().unwrap(), [1.0; 50]);
    // Given up, but a view of it lives.
    let z = x.exp().unwrap();
    drop(x);
    z.eval().unwrap();
    assert_eq!(view.to_vec::<f32>().unwrap(), [1.0; 50]);
}

fn writes_to_an_array_that_was_given_up_take_no_memory() {
    let row = Array::from(vec![1.0f32; 64]);
    let at = Array::from([3i64, 5]);
    let along = Array::full([1, 64], 2.0, Dtype::I32)
        .unwrap()
        .copy()
        .unwrap();
    let updates = Array::full([2, 64], 1.0, Dtype::F32)
        .unwrap()
        .copy()
        .unwrap();
    let mut x = Array::zeros([64, 64], Dtype::F32).unwrap();
    for array in [&x, &along, &updates] {
        array.eval().unwrap();
    }
    let before = memory::allocations();
    for _ in 0..3 {
        x = x.set((1, ..), &row).unwrap();
        x = x.at(&at).add(&updates).unwrap();
        x = x
            .put_along_axis(&along, &row.reshape([1, 64]).unwrap(), 0)
            .unwrap();
        x.eval().unwrap();
    }
    let taken = memory::allocations() - before;
    assert_eq!(taken, 0, "buffers for writes in place");
    let sum = x.sum([0, 1], false).unwrap().item::<f32>().unwrap();
    assert_eq!(sum, 64.0 * (1.0 + 2.0 * 3.0 + 1.0));
}

fn base_operations_have_kernels() {
    let before = plan::decomposed();
    for dtype in [Dtype::F32, Dtype::BF16, Dtype::F16] {
        let x = Array::full([4, 33], 0.5, dtype).unwrap();
        let t = x.matrix_transpose().unwrap();
        let i = Array::from_slice(&[1i32, -1], [2]).unwrap();
        let ids = Array::from_slice(&[1u32, 0, 0, 1, 1, 0, 1, 1], [4, 2]).unwrap();
        let least = ArgReduce {
            max: false,
            axis: 0,
        };
        let all = [
            x.exp(),
            t.tanh(),
            x.add(&x),
            x.less(&x),
            Array::select(&x.less(&x).unwrap(), &x, &x),
            x.astype(Dtype::I64),
            t.sum(0, false),
            t.max(1, false),
            t.argmax(0, false),
            Array::from_op(least, &[&x]),
            Array::concatenate(&[x.clone(), x.clone()], 1),
            t.take(&i, 1),
            t.at((.., &i)).add(1.0),
            t.get((&i, &i)),
            t.set((.., 1..3), 0.5),
            t.softmax(-1),
            t.copy(),
            t.matmul(&x),
            x.gather_matmul(&ids, &x.reshape([2, 2, 33]).unwrap()),
            t.segmented_mm(&x, &ids),
        ];
        for y in all {
            y.unwrap().eval().unwrap();
        }
    }
    for dtype in [Dtype::F64, Dtype::C64] {
        let x = Array::full([4, 33], 0.5, dtype).unwrap();
        x.matmul(&x.matrix_transpose().unwrap())
            .unwrap()
            .eval()
            .unwrap();
    }
    assert_eq!(plan::decomposed(), before, "an operation lost its kernel");
}
