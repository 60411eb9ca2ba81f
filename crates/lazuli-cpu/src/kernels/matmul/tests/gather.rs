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
    fn check(&self, table: Path, pool: &Pool) {
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
            roles: Roles::All(table.role),
        };
        gather_linear(table.table, pool, args);

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
fn roles_meet_in_a_call_without_touching_each_other() {
    let kind = Kind::Affine {
        bits: 4,
        group: 64,
        scales: Dtype::BF16,
    };
    let pool = Pool::new(2);
    let [tokens, slots, experts, n, k] = [23, 3, 4, 30, 320];
    let mut random = Random(31);
    let weights = Weights::random(&mut random, kind, experts * n, k);
    let x = bytes_of(Dtype::BF16, &random.floats(tokens * k));
    let ids: Vec<u32> = (0..tokens * slots)
        .map(|_| random.below(experts) as u32)
        .collect();
    let each: Vec<u8> = (0..tokens).map(|_| random.below(2) as u8).collect();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
        let rows = || Rows {
            bytes: &x,
            dtype: Dtype::BF16,
            stride: k,
        };
        let gather = |roles: Roles<'_>| {
            let mut out = vec![0; ids.len() * n * 4];
            let args = GatherLinear {
                x: rows(),
                x_per_slot: false,
                weight: weights.weight(),
                ids: &ids,
                slots,
                experts,
                n,
                k,
                out: &mut out,
                out_dtype: Dtype::F32,
                roles,
            };
            gather_linear(Table::new(isa), &pool, args);
            out
        };
        let plain = |roles: Roles<'_>| {
            let mut out = vec![0; tokens * experts * n * 4];
            let args = Linear {
                x: rows(),
                weight: weights.weight(),
                m: tokens,
                n: experts * n,
                k,
                out: &mut out,
                out_dtype: Dtype::F32,
                roles,
            };
            linear(Table::new(isa), &pool, args);
            out
        };
        for run in [&gather as &dyn Fn(Roles<'_>) -> Vec<u8>, &plain] {
            let mixed = run(Roles::Each(&each));
            let alone = [Role::Prompt, Role::Generated].map(|role| run(Roles::All(role)));
            let row_bytes = mixed.len() / tokens;
            for (row, mixed) in mixed.chunks(row_bytes).enumerate() {
                let alone = &alone[usize::from(each[row])];
                assert!(
                    mixed == &alone[row * row_bytes..][..row_bytes],
                    "{isa} row {row}"
                );
            }
            if isa == Isa::Avx512 {
                assert!(alone[0] != alone[1], "the roles have two arithmetics");
            }
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
        roles: Roles::PROMPT,
    };
    gather_linear(table, &Pool::new(1), args);
}
