//! A mixture of experts gives each row the bits of its expert alone.

use super::*;

#[test]
fn each_slot_has_the_bits_of_linear_with_its_expert() {
    for table in tables() {
        for pool in [Pool::new(1), Pool::new(2)] {
            for kind in [
                Kind::Dense(Dtype::BF16),
                Kind::Dense(Dtype::F32),
                Kind::Affine {
                    bits: 4,
                    group: 64,
                    scales: Dtype::BF16,
                },
                Kind::Affine {
                    bits: 8,
                    group: 32,
                    scales: Dtype::F16,
                },
                Kind::Affine {
                    bits: 3,
                    group: 64,
                    scales: Dtype::F32,
                },
            ] {
                for (tokens, slots, experts) in [(1, 4, 8), (5, 2, 3), (40, 3, 6), (0, 2, 2)] {
                    for x_per_slot in [false, true] {
                        for dtype in [Dtype::BF16, Dtype::F32] {
                            let case = Case {
                                tokens,
                                slots,
                                experts,
                                x_per_slot,
                                kind,
                                dtype,
                            };
                            case.check(table, &pool);
                        }
                    }
                }
            }
        }
    }
}

#[derive(Debug)]
struct Case {
    tokens: usize,
    slots: usize,
    experts: usize,
    x_per_slot: bool,
    kind: Kind,
    dtype: Dtype,
}

impl Case {
    fn check(&self, table: &Table, pool: &Pool) {
        let Case {
            tokens,
            slots,
            experts,
            x_per_slot,
            kind,
            dtype,
        } = *self;
        let (n, k) = (27, 192);
        let mut random = Random(21);
        let weights = Weights::random(&mut random, kind, experts * n, k);
        let x_rows = if x_per_slot { tokens * slots } else { tokens };
        let x = random.floats(x_rows * k);
        let ids: Vec<u32> = (0..tokens * slots)
            .map(|_| random.below(experts) as u32)
            .collect();
        let bytes = bytes_of(dtype, &x);
        let mut out = vec![0; ids.len() * n * dtype.size()];
        let args = GatherLinear {
            x: Rows {
                bytes: &bytes,
                dtype,
                stride: k,
            },
            x_per_slot,
            weight: weights.weight(),
            ids: &ids,
            slots,
            experts,
            n,
            k,
            out: &mut out,
            out_dtype: dtype,
        };
        gather_linear(table, pool, args);

        // All experts for all rows, by `linear`.
        let all = product(
            table,
            pool,
            &x,
            dtype,
            &weights,
            [x_rows, experts * n, k],
            dtype,
        );
        let row_bytes = n * dtype.size();
        for (slot, out) in out.chunks(row_bytes).enumerate() {
            let row = if x_per_slot { slot } else { slot / slots };
            let place = (row * experts + ids[slot] as usize) * row_bytes;
            assert!(
                out == &all[place..][..row_bytes],
                "{} {self:?} slot {slot}",
                table.isa()
            );
        }
    }
}

#[test]
#[should_panic(expected = "expert 3 of 3")]
fn an_id_beyond_the_experts_is_refused() {
    let table = Table::new(Isa::Portable);
    let args = GatherLinear {
        x: Rows {
            bytes: &[0; 4],
            dtype: Dtype::F32,
            stride: 1,
        },
        x_per_slot: false,
        weight: Weight::F32(&[0; 12]),
        ids: &[3],
        slots: 1,
        experts: 3,
        n: 1,
        k: 1,
        out: &mut [0; 4],
        out_dtype: Dtype::F32,
    };
    gather_linear(table, &Pool::new(1), args);
}
