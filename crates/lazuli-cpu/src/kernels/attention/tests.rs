//! Attention against a naive `f64` oracle, and row independence by bits, on every path.

use super::*;
use crate::kernels::test_random::{Random, paths};
use half::{bf16, f16};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    F32,
    Bf16,
    F16,
    Affine(u32, usize),
}

#[derive(Clone)]
enum Buffer {
    F32(Vec<f32>),
    Bf16(Vec<bf16>),
    F16(Vec<f16>),
}

impl Buffer {
    fn new(kind: Kind, x: Vec<f32>) -> Buffer {
        match kind {
            Kind::F32 => Buffer::F32(x),
            Kind::F16 => Buffer::F16(x.into_iter().map(f16::from_f32).collect()),
            _ => Buffer::Bf16(x.into_iter().map(bf16::from_f32).collect()),
        }
    }
    fn floats(&self) -> Floats<'_> {
        match self {
            Buffer::F32(x) => Floats::F32(x),
            Buffer::Bf16(x) => Floats::Bf16(x),
            Buffer::F16(x) => Floats::F16(x),
        }
    }
    fn floats_mut(&mut self) -> FloatsMut<'_> {
        match self {
            Buffer::F32(x) => FloatsMut::F32(x),
            Buffer::Bf16(x) => FloatsMut::Bf16(x),
            Buffer::F16(x) => FloatsMut::F16(x),
        }
    }
    fn set(&mut self, i: usize, v: f32) {
        match self {
            Buffer::F32(x) => x[i] = v,
            Buffer::Bf16(x) => x[i] = bf16::from_f32(v),
            Buffer::F16(x) => x[i] = f16::from_f32(v),
        }
    }
    fn get(&self, i: usize) -> f32 {
        self.floats().get(i)
    }
    fn copy(&mut self, to: usize, from: &Buffer, at: usize, len: usize) {
        for i in 0..len {
            match (&mut *self, from) {
                (Buffer::F32(a), Buffer::F32(b)) => a[to + i] = b[at + i],
                (Buffer::Bf16(a), Buffer::Bf16(b)) => a[to + i] = b[at + i],
                (Buffer::F16(a), Buffer::F16(b)) => a[to + i] = b[at + i],
                _ => unreachable!(),
            }
        }
    }
}

/// An owned cache `[slots, heads, capacity, width]`.
#[derive(Clone)]
struct Store {
    kind: Kind,
    heads: usize,
    capacity: usize,
    width: usize,
    /// Elements, or scales of groups.
    floats: Buffer,
    biases: Buffer,
    packed: Vec<u32>,
}

impl Store {
    fn new(
        r: &mut Random,
        kind: Kind,
        slots: usize,
        heads: usize,
        capacity: usize,
        width: usize,
    ) -> Store {
        let rows = slots * heads * capacity;
        let floats =
            |r: &mut Random, n: usize| Buffer::new(kind, (0..n).map(|_| r.float()).collect());
        match kind {
            Kind::Affine(bits, group) => Store {
                kind,
                heads,
                capacity,
                width,
                floats: Buffer::new(
                    Kind::Bf16,
                    (0..rows * width / group)
                        .map(|_| r.float() / (1 << bits) as f32)
                        .collect(),
                ),
                biases: floats(r, rows * width / group),
                packed: (0..rows * width * bits as usize / 32)
                    .map(|_| r.word() << 1 ^ r.word())
                    .collect(),
            },
            _ => Store {
                kind,
                heads,
                capacity,
                width,
                floats: floats(r, rows * width),
                biases: Buffer::F32(vec![]),
                packed: vec![],
            },
        }
    }

    fn view(&self) -> Cache<'_> {
        match self.kind {
            Kind::Affine(bits, group) => Cache::Affine(Affine {
                packed: &self.packed,
                strides: Strides::contiguous(
                    self.heads,
                    self.capacity,
                    self.width * bits as usize / 32,
                ),
                scales: self.floats.floats(),
                biases: self.biases.floats(),
                group_strides: Strides::contiguous(self.heads, self.capacity, self.width / group),
                bits,
                group,
            }),
            _ => Cache::Dense {
                values: self.floats.floats(),
                strides: Strides::contiguous(self.heads, self.capacity, self.width),
            },
        }
    }

    fn row(&self, slot: usize, head: usize, index: usize) -> usize {
        (slot * self.heads + head) * self.capacity + index
    }

    fn get(&self, slot: usize, head: usize, index: usize, i: usize) -> f64 {
        let row = self.row(slot, head, index);
        match self.kind {
            Kind::Affine(bits, group) => {
                let words = &self.packed[row * self.width * bits as usize / 32..];
                let bit = i * bits as usize;
                let pair = u64::from(words[bit / 32])
                    | u64::from(words.get(bit / 32 + 1).copied().unwrap_or(0)) << 32;
                let code = pair >> (bit % 32) & ((1 << bits) - 1);
                let g = row * (self.width / group) + i / group;
                code as f64 * f64::from(self.floats.get(g)) + f64::from(self.biases.get(g))
            }
            _ => f64::from(self.floats.get(row * self.width + i)),
        }
    }

    /// Everything NaN (or codes that decode to NaN), to be filled row by row.
    fn poisoned(&self) -> Store {
        let mut other = self.clone();
        let n = other.floats.floats().len();
        for i in 0..n {
            other.floats.set(i, f32::NAN);
        }
        other
    }

    fn copy_row(&mut self, to: usize, from: &Store, at: usize) {
        match self.kind {
            Kind::Affine(bits, group) => {
                let (w, g) = (self.width * bits as usize / 32, self.width / group);
                self.packed[to * w..][..w].copy_from_slice(&from.packed[at * w..][..w]);
                self.floats.copy(to * g, &from.floats, at * g, g);
                self.biases.copy(to * g, &from.biases, at * g, g);
            }
            _ => self
                .floats
                .copy(to * self.width, &from.floats, at * self.width, self.width),
        }
    }
}

struct Case {
    q: Kind,
    cache: Kind,
    heads: usize,
    kv_heads: usize,
    key_dim: usize,
    value_dim: usize,
    window: Option<u32>,
    sink_tokens: u32,
    ring: Option<Ring>,
    sinks: bool,
    seqs: Vec<Seq>,
}

struct World {
    q: Buffer,
    keys: Store,
    values: Store,
    sinks: Vec<f32>,
}

impl Case {
    fn new(q: Kind, cache: Kind, heads: usize, kv_heads: usize, dim: usize) -> Case {
        Case {
            q,
            cache,
            heads,
            kv_heads,
            key_dim: dim,
            value_dim: dim,
            window: None,
            sink_tokens: 0,
            ring: None,
            sinks: false,
            seqs: vec![
                seq(2, 0, 37),
                seq(0, 600, 3),
                seq(3, 511, 70),
                seq(1, 40, 1),
            ],
        }
    }

    fn world(&self, seed: u64) -> World {
        let mut r = Random(seed);
        let slots = self.seqs.iter().map(|s| s.slot as usize + 1).max().unwrap();
        let end = self.seqs.iter().map(Seq::end).max().unwrap();
        let capacity = self
            .ring
            .map_or(end + 5, |ring| (ring.keep + ring.len) as usize);
        let n = Seq::rows(&self.seqs) * self.heads * self.key_dim;
        World {
            q: Buffer::new(self.q, (0..n).map(|_| 3.0 * r.float()).collect()),
            keys: Store::new(
                &mut r,
                self.cache,
                slots,
                self.kv_heads,
                capacity,
                self.key_dim,
            ),
            values: Store::new(
                &mut r,
                self.cache,
                slots,
                self.kv_heads,
                capacity,
                self.value_dim,
            ),
            sinks: (0..self.heads).map(|_| r.float()).collect(),
        }
    }

    fn run(&self, isa: Isa, threads: usize, w: &World, seqs: &[Seq]) -> Buffer {
        let mut out = Buffer::new(
            self.q,
            vec![7.0; Seq::rows(seqs) * self.heads * self.value_dim],
        );
        let call = Call {
            causal: true,
            q: w.q.floats(),
            keys: w.keys.view(),
            values: w.values.view(),
            seqs,
            heads: self.heads,
            kv_heads: self.kv_heads,
            key_dim: self.key_dim,
            value_dim: self.value_dim,
            scale: 1.0 / (self.key_dim as f32).sqrt(),
            window: self.window,
            sink_tokens: self.sink_tokens,
            ring: self.ring,
            sinks: self.sinks.then_some(&w.sinks[..]),
        };
        Attention::new(isa).run(&Pool::new(threads), &call, out.floats_mut());
        out
    }

    fn sees(&self, p: usize, other: usize) -> bool {
        other <= p
            && (self.window.is_none_or(|w| other + w as usize > p)
                || other < self.sink_tokens as usize)
    }

    fn oracle(&self, w: &World) -> Vec<f64> {
        let mut out = vec![];
        let mut row = 0;
        for s in &self.seqs {
            for p in s.first as usize..s.end() {
                for h in 0..self.heads {
                    let kv = h / (self.heads / self.kv_heads);
                    let q = (row * self.heads + h) * self.key_dim;
                    let seen: Vec<usize> = (0..=p).filter(|&o| self.sees(p, o)).collect();
                    let index = |o: usize| Ring::index(self.ring, o);
                    let scores: Vec<f64> = seen
                        .iter()
                        .map(|&o| {
                            (0..self.key_dim)
                                .map(|i| {
                                    f64::from(w.q.get(q + i))
                                        * w.keys.get(s.slot as usize, kv, index(o), i)
                                })
                                .sum::<f64>()
                                / (self.key_dim as f64).sqrt()
                        })
                        .collect();
                    let mut l = if self.sinks {
                        f64::from(w.sinks[h]).exp()
                    } else {
                        0.0
                    };
                    let mut o = vec![0.0; self.value_dim];
                    for (score, &at) in scores.iter().zip(&seen) {
                        let e = score.exp();
                        l += e;
                        for (i, o) in o.iter_mut().enumerate() {
                            *o += e * w.values.get(s.slot as usize, kv, index(at), i);
                        }
                    }
                    out.extend(o.iter().map(|x| x / l));
                }
                row += 1;
            }
        }
        out
    }

    fn check(&self, seed: u64, what: &str) {
        let w = self.world(seed);
        let want = self.oracle(&w);
        let pairs = self.q == Kind::Bf16 && !matches!(self.cache, Kind::F32 | Kind::F16);
        let tolerance = match (self.q, pairs) {
            (_, true) => 1.5e-2,
            (Kind::F32, _) => 2e-5,
            (Kind::F16, _) => 1e-3,
            _ => 6e-3,
        };
        for isa in paths() {
            for threads in [1, 2] {
                let got = self.run(isa, threads, &w, &self.seqs);
                for (i, &want) in want.iter().enumerate() {
                    let got = f64::from(got.get(i));
                    assert!(
                        (got - want).abs() <= tolerance * (1.0 + want.abs()),
                        "{what} {isa} {threads} threads: element {i}: {got}, not {want}"
                    );
                }
            }
        }
    }

    /// Each row alone in its role, in another slot of caches that hold NaN wherever the row may not look, gives
    /// the bits of the ragged call.
    fn rows_stand_alone(&self, seed: u64, what: &str) {
        let w = self.world(seed);
        let mut r = Random(seed + 1);
        for isa in paths() {
            let whole = self.run(isa, 1, &w, &self.seqs);
            let width = self.heads * self.value_dim;
            let mut row = 0;
            for s in &self.seqs {
                let p_step = if s.len > 40 { 13 } else { 1 };
                for i in (0..s.len as usize).step_by(p_step) {
                    let p = s.first as usize + i;
                    let slot = r.below(2);
                    let mut other = World {
                        q: Buffer::new(self.q, vec![f32::NAN; self.heads * self.key_dim]),
                        keys: w.keys.poisoned(),
                        values: w.values.poisoned(),
                        sinks: w.sinks.clone(),
                    };
                    for o in (0..=p).filter(|&o| self.sees(p, o)) {
                        for h in 0..self.kv_heads {
                            let index = Ring::index(self.ring, o);
                            let from = w.keys.row(s.slot as usize, h, index);
                            let to = w.keys.row(slot, h, index);
                            other.keys.copy_row(to, &w.keys, from);
                            other.values.copy_row(to, &w.values, from);
                        }
                    }
                    let len = self.heads * self.key_dim;
                    other.q.copy(0, &w.q, (row + i) * len, len);
                    let alone = [Seq {
                        slot: slot as u32,
                        first: p as u32,
                        len: 1,
                        generated: s.generated,
                    }];
                    for threads in [1, 2, 3, 7] {
                        let got = self.run(isa, threads, &other, &alone);
                        for j in 0..width {
                            let (a, b) = (got.get(j), whole.get((row + i) * width + j));
                            assert!(
                                a.to_bits() == b.to_bits(),
                                "{what} {isa} {threads} threads: position {p}, element {j}: {a} alone, {b} in the call"
                            );
                        }
                    }
                }
                row += s.len as usize;
            }
        }
    }
}

fn seq(slot: u32, first: u32, len: u32) -> Seq {
    Seq {
        slot,
        first,
        len,
        generated: false,
    }
}

#[test]
fn matches_the_oracle_for_every_pair_of_types() {
    for q in [Kind::F32, Kind::Bf16, Kind::F16] {
        for cache in [
            Kind::F32,
            Kind::Bf16,
            Kind::F16,
            Kind::Affine(4, 64),
            Kind::Affine(8, 32),
            Kind::Affine(1, 32),
            Kind::Affine(2, 32),
            Kind::Affine(3, 64),
            Kind::Affine(5, 32),
            Kind::Affine(6, 64),
        ] {
            Case::new(q, cache, 4, 2, 64).check(1, &format!("{q:?} over {cache:?}"));
        }
    }
}

#[test]
fn matches_the_oracle_for_every_head_size_and_group() {
    for (heads, kv_heads, key_dim, value_dim) in [
        (2, 2, 80, 80),
        (6, 2, 96, 96),
        (8, 1, 128, 128),
        (5, 1, 192, 128),
        (2, 1, 256, 256),
        (3, 3, 33, 17),
        (130, 1, 32, 32),
    ] {
        for kind in [Kind::F32, Kind::Bf16] {
            let mut case = Case::new(kind, kind, heads, kv_heads, key_dim);
            case.value_dim = value_dim;
            case.seqs = vec![seq(1, 30, 5), seq(0, 0, 66)];
            case.check(
                2,
                &format!("{kind:?} {heads}/{kv_heads} {key_dim} {value_dim}"),
            );
        }
    }
    Case::new(Kind::Bf16, Kind::Affine(4, 128), 8, 1, 256).check(3, "4 bit, group 128");
}

#[test]
fn windows_kept_tokens_rings_and_sinks_match_the_oracle() {
    for kind in [Kind::F32, Kind::Bf16, Kind::Affine(4, 32)] {
        let q = if kind == Kind::F32 {
            Kind::F32
        } else {
            Kind::Bf16
        };
        for (window, sink_tokens, ring, sinks) in [
            (Some(1), 0, None, false),
            (Some(100), 0, None, true),
            (Some(100), 4, None, false),
            (None, 0, None, true),
            (Some(128), 0, Some(Ring { keep: 0, len: 200 }), false),
            (Some(61), 4, Some(Ring { keep: 4, len: 131 }), true),
            (
                Some(448),
                5,
                Some(Ring {
                    keep: 7,
                    len: 512 + 64,
                }),
                false,
            ),
        ] {
            let mut case = Case::new(q, kind, 4, 2, 64);
            (case.window, case.sink_tokens, case.ring, case.sinks) =
                (window, sink_tokens, ring, sinks);
            case.check(
                4,
                &format!("{kind:?} {window:?} {sink_tokens} {ring:?} {sinks}"),
            );
        }
    }
}

#[test]
fn a_row_has_the_bits_that_it_has_alone() {
    for kind in [Kind::F32, Kind::Bf16, Kind::F16, Kind::Affine(4, 64)] {
        let q = if matches!(kind, Kind::Affine(..)) {
            Kind::Bf16
        } else {
            kind
        };
        for (window, sink_tokens, ring) in [
            (None, 0, None),
            (Some(100), 3, None),
            (Some(61), 4, Some(Ring { keep: 4, len: 131 })),
        ] {
            let mut case = Case::new(q, kind, 4, 2, 64);
            (case.window, case.sink_tokens, case.ring) = (window, sink_tokens, ring);
            case.sinks = true;
            let what = format!("{kind:?} {window:?} {sink_tokens} {ring:?}");
            case.rows_stand_alone(5, &what);
            // Both roles in one call.
            case.seqs[1].generated = true;
            case.seqs[2].generated = true;
            case.rows_stand_alone(5, &what);
        }
    }
    let mut case = Case::new(Kind::Bf16, Kind::Bf16, 1, 1, 80);
    case.seqs = vec![seq(0, 1530, 9), seq(1, 0, 131)];
    case.rows_stand_alone(6, "one head");
    // So many lanes that a unit has several blocks, which see different tiles.
    let mut case = Case::new(Kind::Bf16, Kind::Bf16, 2, 2, 48);
    case.seqs = vec![seq(0, 70, 600), seq(1, 9, 2)];
    case.rows_stand_alone(7, "long");
}

#[test]
fn what_a_row_does_not_see_may_be_anything() {
    for (window, seqs) in [
        (None, vec![seq(0, 0, 200)]),
        (Some(40), vec![seq(0, 100, 150), seq(1, 3, 20)]),
    ] {
        let mut case = Case::new(Kind::Bf16, Kind::Bf16, 4, 2, 64);
        (case.window, case.seqs) = (window, seqs);
        let clean = case.world(9);
        let mut dirty = case.world(9);
        // Keys and values of one position, which every row from there on sees.
        let (slot, position) = (0, case.seqs[0].first as usize + 77);
        for head in 0..case.kv_heads {
            let at = clean.keys.row(slot, head, position) * 64;
            for (i, x) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38]
                .into_iter()
                .enumerate()
            {
                dirty.keys.floats.set(at + 3 + i, x);
                dirty.values.floats.set(at + 7 + i, x);
            }
        }
        for isa in paths() {
            let [clean, dirty] = [&clean, &dirty].map(|w| case.run(isa, 2, w, &case.seqs));
            let mut row = 0;
            for s in &case.seqs {
                for p in s.first as usize..s.end() {
                    let sees = s.slot == 0 && case.sees(p, position);
                    let width = case.heads * case.value_dim;
                    let same = (row * width..(row + 1) * width)
                        .all(|i| clean.get(i).to_bits() == dirty.get(i).to_bits());
                    assert!(
                        same != sees,
                        "{isa} {window:?}: slot {} position {p}",
                        s.slot
                    );
                    row += 1;
                }
            }
        }
    }
}

#[test]
fn cutting_a_prompt_changes_no_bit() {
    for kind in [Kind::F32, Kind::Bf16, Kind::Affine(8, 64)] {
        let q = if kind == Kind::F32 {
            Kind::F32
        } else {
            Kind::Bf16
        };
        let mut case = Case::new(q, kind, 6, 2, 64);
        case.seqs = vec![seq(0, 0, 300)];
        let w = case.world(7);
        let mut other = case.world(7);
        for isa in paths() {
            let whole = case.run(isa, 1, &w, &case.seqs);
            for step in [8, 64, 128] {
                for first in (0..300).step_by(step) {
                    let len = step.min(300 - first);
                    let (qs, vs) = (case.heads * case.key_dim, case.heads * case.value_dim);
                    other.q = Buffer::new(case.q, vec![0.0; len * qs]);
                    other.q.copy(0, &w.q, first * qs, len * qs);
                    let part = [seq(0, first as u32, len as u32)];
                    let got = case.run(isa, 2, &other, &part);
                    for i in 0..len * vs {
                        assert_eq!(
                            got.get(i).to_bits(),
                            whole.get(first * vs + i).to_bits(),
                            "{kind:?} {isa} {step}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn scores_of_minus_infinity_give_zeros_and_nan_stays_in_its_row() {
    let mut case = Case::new(Kind::F32, Kind::F32, 1, 1, 32);
    case.seqs = vec![seq(0, 0, 40)];
    let mut w = case.world(8);
    for isa in paths() {
        for i in 0..32 {
            w.q.set(5 * 32 + i, f32::NAN);
            w.q.set(6 * 32 + i, 0.0);
        }
        w.q.set(6 * 32, f32::NEG_INFINITY);
        for p in 0..7 {
            w.keys.floats.set(p * 32, 1.0);
        }
        let out = case.run(isa, 1, &w, &case.seqs);
        for i in 0..40 * 32 {
            match i / 32 {
                5 => assert!(out.get(i).is_nan(), "{isa}"),
                6 => assert_eq!(out.get(i), 0.0, "{isa}"),
                _ => assert!(out.get(i).is_finite(), "{isa} {i}"),
            }
        }
    }
}

#[test]
fn append_puts_rows_where_attention_looks() {
    let (heads, width, capacity) = (3, 5, 11);
    let seqs = [seq(1, 2, 4), seq(0, 8, 9)];
    let ring = Some(Ring { keep: 2, len: 9 });
    let rows: Vec<u16> = (0..13 * heads * width).map(|i| i as u16 + 1).collect();
    let mut cache = vec![0u16; 2 * heads * capacity * width];
    let place = Append {
        seqs: &seqs,
        heads,
        width,
        strides: Strides::contiguous(heads, capacity, width),
        ring,
    };
    append(&Pool::new(2), &place, &rows, &mut cache);
    let mut row = 0;
    for s in seqs {
        for p in s.first as usize..s.end() {
            for h in 0..heads {
                for i in 0..width {
                    let index = Ring::index(ring, p);
                    let at = ((s.slot as usize * heads + h) * capacity + index) * width + i;
                    assert_eq!(cache[at], rows[(row * heads + h) * width + i]);
                }
            }
            row += 1;
        }
    }
    assert_eq!(
        cache.iter().filter(|&&x| x != 0).count(),
        13 * heads * width
    );
}
