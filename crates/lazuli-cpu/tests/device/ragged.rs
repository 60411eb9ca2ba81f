//! Ragged operations against their definitions in base operations: the definitions are written for
//! clarity from the papers, the kernels for speed.

use lazuli_core::ops::attention::{Cached, Reach};
use lazuli_core::ops::cache::Ring;
use lazuli_core::ops::quantized::Affine;
use lazuli_core::ops::recurrent::GatedDelta;
use lazuli_core::transforms::grad;
use lazuli_core::{Array, Dtype, Role, Rows, Sequence};

use super::common::*;

const SLOTS: usize = 4;

/// One to three sequences in shuffled slots, some fresh, one perhaps without tokens.
fn sequences(rng: &mut Rng, most: usize, end: usize) -> Vec<Sequence> {
    let turn = rng.below(SLOTS);
    (0..1 + rng.below(3))
        .map(|i| {
            let len = rng.below(most + 1);
            let first = match rng.below(3) {
                0 => 0,
                _ => rng.below(end - len),
            };
            let role = [Role::Prompt, Role::Generated][rng.below(2)];
            let slot = (i + turn) % SLOTS;
            Sequence {
                slot,
                first,
                len,
                role,
            }
        })
        .collect()
}

/// Asserts that an operation's results are those of its definition on the same operands.
fn agree(results: &[&Array], operands: &[&Array], ulps: f64, what: &str) {
    let operands: Vec<Array> = operands.iter().map(|&x| x.clone()).collect();
    let family = results[0].op().clone();
    let wanted = family.family().unwrap().decompose(&operands).unwrap();
    let wanted = wanted.unwrap();
    assert_eq!(results.len(), wanted.len());
    for (&got, want) in results.iter().zip(wanted) {
        assert_eq!(got.dtype(), want.dtype(), "{what}");
        let shape = want.shape().to_vec();
        let values = numbers_of(&want);
        assert_near(got, &Host { shape, values }, ulps, what);
    }
}

fn parts(x: &Cached) -> Vec<&Array> {
    match x {
        Cached::Float(x) => vec![x],
        Cached::Quantized(x) => x.parts(),
    }
}

fn cache(rng: &mut Rng, shape: [usize; 4], dtype: Dtype) -> Array {
    sample(rng, &shape, dtype, 2.0).0
}

#[test]
fn appending_is_its_definition_by_bits() {
    on_each(|device| {
        let mut rng = Rng(11);
        for round in 0..12 {
            let ring = (round % 2 == 1).then_some(Ring { keep: 2, len: 9 });
            let rows = Rows::new(&sequences(
                &mut rng,
                6,
                if ring.is_some() { 40 } else { 13 },
            ))
            .unwrap();
            for dtype in [Dtype::F32, Dtype::BF16, Dtype::U32] {
                let old = cache(&mut rng, [SLOTS, 2, 13, 3], dtype);
                let (new, _) = sample(&mut rng, &[rows.tokens(), 2, 3], dtype, 9.0);
                let y = old.cache_append(&new, &rows, ring).unwrap();
                agree(
                    &[&y],
                    &[&old, &new, rows.table()],
                    0.0,
                    &format!("{dtype} {:?} {ring:?} {device:?}", rows.sequences()),
                );
            }
        }
    });
}

#[test]
fn attention_is_its_definition() {
    on_each(|device| {
        let mut rng = Rng(12);
        for round in 0..24 {
            let ring = (round % 3 == 1).then_some(Ring { keep: 3, len: 30 });
            let window = (ring.is_some() || round % 4 == 2).then_some(12);
            let rows = Rows::new(&sequences(
                &mut rng,
                7,
                if ring.is_some() { 90 } else { 40 },
            ))
            .unwrap();
            let d = 32;
            let (q, _) = sample(&mut rng, &[rows.tokens(), 4, d], Dtype::F32, 1.5);
            let mut kv = || {
                let x = cache(&mut rng, [SLOTS, 2, 40, d], Dtype::F32);
                match round % 2 {
                    0 => Cached::Float(x),
                    _ => Cached::Quantized(x.quantize(Affine::new(4, 32).unwrap()).unwrap()),
                }
            };
            let (k, v) = (kv(), kv());
            let sinks = (round % 5 == 0).then(|| sample(&mut rng, &[4], Dtype::F32, 2.0).0);
            let reach = Reach { window, ring };
            let y = q
                .attention(&k, &v, &rows, 0.3, reach, sinks.as_ref())
                .unwrap();
            let mut operands = vec![&q];
            operands.extend(parts(&k));
            operands.extend(parts(&v));
            operands.push(rows.table());
            operands.extend(&sinks);
            agree(
                &[&y],
                &operands,
                8000.0,
                &format!("{:?} {reach:?} {device:?}", rows.sequences()),
            );
        }
    });
}

#[test]
fn convolution_is_its_definition() {
    on_each(|device| {
        let mut rng = Rng(13);
        for round in 0..12 {
            let rows = Rows::new(&sequences(&mut rng, 6, 20)).unwrap();
            let taps = 1 + round % 4;
            let (x, _) = sample(&mut rng, &[rows.tokens(), 5], Dtype::F32, 2.0);
            let (w, _) = sample(&mut rng, &[5, taps], Dtype::F32, 1.0);
            let (state, _) = sample(&mut rng, &[SLOTS, taps - 1, 5], Dtype::F32, 2.0);
            let (y, next) = x.causal_conv(&w, &state, &rows, round % 2 == 0).unwrap();
            agree(
                &[&y, &next],
                &[&x, &w, &state, rows.table()],
                600.0,
                &format!("{taps} taps {:?} {device:?}", rows.sequences()),
            );
        }
    });
}

/// Operands of the gated delta rule: `qkv`, `a`, `b`, `a_log`, `dt_bias`, the state.
fn delta_operands(rng: &mut Rng, t: usize) -> [Array; 6] {
    let mut of = |shape: &[usize]| sample(rng, shape, Dtype::F32, 1.0).0;
    [
        of(&[t, 2 * 2 * 8 + 4 * 6]),
        of(&[t, 4]),
        of(&[t, 4]),
        of(&[4]),
        of(&[4]),
        of(&[SLOTS, 4, 6, 8]),
    ]
}

const DELTA: GatedDelta = GatedDelta {
    key_heads: 2,
    key_dim: 8,
};

#[test]
fn the_gated_delta_rule_is_its_definition() {
    on_each(|device| {
        let mut rng = Rng(14);
        for _ in 0..8 {
            let rows = Rows::new(&sequences(&mut rng, 9, 30)).unwrap();
            let [qkv, a, b, a_log, dt_bias, state] = delta_operands(&mut rng, rows.tokens());
            let (y, next) = qkv
                .gated_delta(&a, &b, &a_log, &dt_bias, &state, &rows, DELTA)
                .unwrap();
            let operands = [&qkv, &a, &b, &a_log, &dt_bias, &state, rows.table()];
            agree(
                &[&y, &next],
                &operands,
                4000.0,
                &format!("{:?} {device:?}", rows.sequences()),
            );
        }
    });
}

#[test]
fn routing_is_its_definition() {
    on_each(|device| {
        let mut rng = Rng(15);
        for (t, e, k) in [(1, 4, 1), (5, 16, 4), (3, 60, 8), (0, 4, 2)] {
            let (logits, _) = sample(&mut rng, &[t, e], Dtype::F32, 3.0);
            for normalize in [false, true] {
                let (ids, weights) = logits.route(k, normalize).unwrap();
                agree(
                    &[&ids, &weights],
                    &[&logits],
                    40.0,
                    &format!("{k} of {e} {device:?}"),
                );
            }
        }
    });
}

/// Gradients come from the definitions: attention and the recurrence can be trained through.
#[test]
fn ragged_operations_have_gradients() {
    let mut rng = Rng(16);
    let rows = Rows::new(&[
        Sequence {
            slot: 1,
            first: 0,
            len: 3,
            role: Role::Prompt,
        },
        Sequence {
            slot: 0,
            first: 2,
            len: 2,
            role: Role::Generated,
        },
    ])
    .unwrap();
    let (q, _) = sample(&mut rng, &[5, 2, 8], Dtype::F32, 1.0);
    let (new, _) = sample(&mut rng, &[5, 1, 8], Dtype::F32, 1.0);
    let (old, _) = sample(&mut rng, &[2, 1, 6, 8], Dtype::F32, 1.0);
    let attended = |x: &[Array]| {
        let k = Cached::Float(old.cache_append(&x[1], &rows, None)?);
        let y = x[0].attention(&k, &k, &rows, 0.4, Reach::default(), None)?;
        y.square()?.sum(.., false)
    };
    let [qkv, a, b, a_log, dt_bias, state] = delta_operands(&mut rng, 5);
    let recurrent = |x: &[Array]| {
        let (y, next) = x[0].gated_delta(&x[1], &b, &a_log, &dt_bias, &state, &rows, DELTA)?;
        y.square()?
            .sum(.., false)?
            .add(&next.square()?.sum(.., false)?)
    };
    for (f, x) in [
        (
            &attended as &dyn Fn(&[Array]) -> lazuli_core::Result<Array>,
            vec![q, new],
        ),
        (&recurrent, vec![qkv, a]),
    ] {
        let gradients = grad(f, &x).unwrap();
        for (i, gradient) in gradients.iter().enumerate() {
            let (direction, _) = sample(&mut rng, x[i].shape(), Dtype::F32, 1.0);
            let along = |t: f64| {
                let mut x = x.clone();
                x[i] = &x[i] + &(&direction * t);
                numbers_of(&f(&x).unwrap())[0]
            };
            let slope = (along(1e-2) - along(-1e-2)) / 2e-2;
            let product = gradient
                .multiply(&direction)
                .unwrap()
                .sum(.., false)
                .unwrap();
            let got = numbers_of(&product)[0];
            assert!(
                (got - slope).abs() <= 1e-2 * (1.0 + slope.abs()),
                "operand {i}: {got}, difference {slope}"
            );
        }
    }
}
