//! State of compiled functions: updated in place where it was given up, never where somebody sees it.

use lazuli_core::{
    Array, Dtype, Result, Role, Rows, Sequence, async_eval, compile, compile_with_state, eval,
    with_device,
};

use super::common::*;

fn bits(x: &Array) -> Vec<u8> {
    x.bits()
}

/// Rows of a cache, a decaying sum and a count, and a result that reads them before and after.
type State = (Array, (Array, Array));

fn step(x: &(Array, [Array; 3]), state: &mut State) -> Result<Array> {
    let (new, [table, positions, generated]) = x;
    let rows = Rows::from_arrays(table, positions, generated)?;
    let before = state.0.sum([-1], true)?;
    state.0 = state.0.cache_append(new, &rows, None)?;
    let (sum, momentum) = &mut state.1;
    *momentum = momentum
        .multiply(&Array::scalar(0.9f32))?
        .add(&sum.sin()?)?;
    *sum = sum.subtract(&momentum.multiply(&Array::scalar(0.1f32))?)?;
    before
        .subtract(&state.0.sum([-1], true)?)?
        .add(&new.max([0, 1, 2], false)?)
}

fn start(rng: &mut Rng) -> State {
    let cache = sample(rng, &[2, 3, 20, 8], Dtype::F32, 1.0).0;
    let of = |rng: &mut Rng| sample(rng, &[37, 1000], Dtype::F32, 1.0).0;
    (cache, (of(rng), of(rng)))
}

fn operands(rng: &mut Rng, first: usize) -> (Array, [Array; 3]) {
    let of = |slot, first| Sequence {
        slot,
        first,
        len: 1,
        role: Role::Generated,
    };
    let rows = Rows::new(&[of(1, first), of(0, first + 2)]).unwrap();
    let arrays = [rows.table(), rows.positions(), rows.generated()].map(Array::clone);
    (sample(rng, &[2, 3, 8], Dtype::F32, 1.0).0, arrays)
}

fn all(state: &State) -> [&Array; 3] {
    [&state.0, &state.1.0, &state.1.1]
}

#[test]
fn state_in_place_has_the_bits_of_state_that_is_copied() {
    on_each(|device| {
        let compiled = compile_with_state(step);
        let (mut plain, mut given, mut kept) =
            (start(&mut Rng(5)), start(&mut Rng(5)), start(&mut Rng(5)));
        let mut history = Vec::new();
        for round in 0..6 {
            let x = operands(&mut Rng(round as u64), round);
            let want = step(&x, &mut plain).unwrap();
            let got = compiled(&x, &mut given).unwrap();
            eval(&[&got]).unwrap();
            eval(&all(&given)).unwrap();
            history.push((kept.clone(), all(&kept).map(bits)));
            let also = compiled(&x, &mut kept).unwrap();
            assert_eq!(bits(&got), bits(&want), "round {round} on {device:?}");
            assert_eq!(bits(&also), bits(&want));
            assert_eq!(all(&given).map(bits), all(&plain).map(bits));
            assert_eq!(all(&kept).map(bits), all(&plain).map(bits));
        }
        for (state, bytes) in &history {
            assert_eq!(&all(state).map(bits), bytes, "what was kept has changed");
        }
    });
}

#[test]
fn an_operand_that_is_read_later_or_twice_is_not_overwritten() {
    on_each(|_| {
        let numbers: Vec<f32> = (0..3000).map(|i| i as f32 / 1000.0).collect();
        let fresh = || {
            let x = Array::from_slice(&numbers, [3, 1000]).unwrap();
            x.multiply(&Array::scalar(1.5f32)).unwrap()
        };
        type Form = fn(&Array) -> Result<Vec<Array>>;
        let forms: [Form; 6] = [
            // Read again by a later member of the group.
            |x| Ok(vec![x.exp()?, x.add(&Array::scalar(1.0f32))?.multiply(x)?]),
            // Read by a later step.
            |x| Ok(vec![x.exp()?, x.matmul(&x.matrix_transpose()?)?]),
            // Read from elsewhere by the step itself.
            |x| Ok(vec![x.add(&x.narrow(0, 0, 1)?)?]),
            |x| Ok(vec![x.add(&x.flip([1])?)?]),
            // A slice written with its own memory's first elements.
            |x| Ok(vec![x.set((1, ..), &x.get((0, ..))?)?]),
            // Twice over.
            |x| Ok(vec![x.multiply(x)?, x.negative()?.tanh()?]),
        ];
        for f in forms {
            let want: Vec<_> = f(&fresh()).unwrap().iter().map(bits).collect();
            let outs = compile(move |x: &Array| f(x))(&fresh()).unwrap();
            eval(&outs.iter().collect::<Vec<_>>()).unwrap();
            assert_eq!(outs.iter().map(bits).collect::<Vec<_>>(), want);
        }
    });
}

#[test]
fn a_captured_step_moves_its_state_on_at_each_replay() {
    let fake = new_fake();
    with_device(fake.device(), || {
        let backend = fake.device().backend().unwrap();
        let compiled = compile_with_state(step);
        let mut plain = start(&mut Rng(9));
        let mut state = start(&mut Rng(9));
        let x = operands(&mut Rng(1), 4);
        let on_device = |x: &Array| x.copy().unwrap();
        let here = (on_device(&x.0), x.1.clone().map(|a| on_device(&a)));
        eval(&[&here.0, &here.1[0], &here.1[1], &here.1[2]]).unwrap();
        // Traced, lowered, constants and state moved to the device.
        step(&x, &mut plain).unwrap();
        let y = compiled(&here, &mut state).unwrap();
        eval(&[&y]).unwrap();
        eval(&all(&state)).unwrap();
        let (y, capture) = fake
            .capture(|| {
                let y = compiled(&here, &mut state).unwrap();
                async_eval(&[&y, &state.0, &state.1.0, &state.1.1]);
                y
            })
            .unwrap();
        assert_eq!(capture.len(), 1, "one piece of work");
        capture.replay();
        capture.replay();
        backend.synchronize().unwrap();
        let mut want = step(&x, &mut plain).unwrap();
        for _ in 0..2 {
            want = step(&x, &mut plain).unwrap();
        }
        assert_eq!(bits(&y), bits(&want));
        assert_eq!(all(&state).map(bits), all(&plain).map(bits));
    });
}

#[test]
fn a_step_that_fails_leaves_what_somebody_keeps() {
    with_device(cpus()[0], || {
        let compiled = compile_with_state(step);
        let mut state = start(&mut Rng(2));
        eval(&all(&state)).unwrap();
        let kept = state.clone();
        let before = all(&kept).map(bits);
        // Position 20 is beyond the capacity.
        let y = compiled(&operands(&mut Rng(1), 18), &mut state).unwrap();
        let error = y.eval().unwrap_err().to_string();
        assert!(error.contains("position"), "{error}");
        assert!(state.0.eval().is_err());
        assert_eq!(all(&kept).map(bits), before);
    });
}
