//! Random numbers against the reference's: words and uniforms by bits, the rest to the last place or
//! the one beside it.

use lazuli_core::random::{self, *};
use lazuli_core::transforms::vmap;
use lazuli_core::{Array, Dtype, Shape};

use super::common::*;
use super::golden::Goldens;

const FLOATS: [Dtype; 3] = [Dtype::F16, Dtype::BF16, Dtype::F32];

fn goldens() -> Goldens {
    Goldens::read(include_str!("../fixtures/random.txt"))
}

fn the_key() -> Array {
    random::key(0x0123_4567_89ab_cdef)
}

fn number(x: f64) -> Array {
    Array::scalar(x as f32)
}

fn floats(values: &[f32]) -> Array {
    Array::from_slice(values, [values.len()]).unwrap()
}

fn column(values: &[f32]) -> Array {
    Array::from_slice(values, [values.len(), 1]).unwrap()
}

#[test]
fn words_and_uniforms_are_the_references_bits() {
    let (golden, key) = (goldens(), the_key());
    on_each(|_| {
        for n in [0, 1, 2, 3, 5, 8, 1023, 1024, 1025, 2050, 70001] {
            golden
                .get(&format!("split.{n}"))
                .same(&split(&key, n).unwrap());
            let u = uniform(&number(0.0), &number(1.0), [n], Dtype::F32, Some(&key));
            golden.get(&format!("uniform.{n}")).same(&u.unwrap());
        }
        let (low, high) = (floats(&[-1.5, 2.0, 100.0]), column(&[3.0, 2.5]));
        for dtype in FLOATS {
            let u = uniform(&low, &high, [2, 3], dtype, Some(&key)).unwrap();
            golden.get(&format!("uniform.{dtype}")).same(&u);
            let u = uniform(&number(0.0), &number(1.0), [5001], dtype, Some(&key)).unwrap();
            golden.get(&format!("uniform.{dtype}.many")).same(&u);
        }
    });
}

#[test]
fn narrow_bits_are_the_bytes_of_words() {
    on_each(|_| {
        for bytes in [0usize, 1, 2, 3, 4, 5, 7, 8, 4099, 131_077] {
            let words = bits([bytes.div_ceil(4)], 4, Some(&the_key())).unwrap();
            let words = words.bits();
            let narrow = bits([bytes], 1, Some(&the_key())).unwrap();
            assert_eq!(narrow.values::<u8>(), words[..bytes]);
            let pairs = bits([bytes / 2], 2, Some(&the_key())).unwrap();
            let words = bits([(bytes / 2).div_ceil(2)], 4, Some(&the_key())).unwrap();
            assert_eq!(pairs.dtype(), Dtype::U16);
            assert_eq!(pairs.bits(), words.bits()[..bytes / 2 * 2]);
        }
    });
}

#[test]
fn distributions_are_the_references() {
    let (golden, key) = (goldens(), the_key());
    let key = Some(&key);
    on_each(|_| {
        let near =
            |name: &str, x: lazuli_core::Result<Array>| golden.get(name).near(&x.unwrap(), 1.0);
        let roughly = |name: &str, x: lazuli_core::Result<Array>| {
            golden.get(name).near(&x.unwrap(), 2.0);
        };
        for dtype in FLOATS {
            let name = |of: &str, more: &str| format!("{of}.{dtype}{more}");
            near(&name("normal", ""), normal([16], dtype, None, None, key));
            let (loc, scale) = (floats(&[1.0, 2.0, 3.0]), column(&[0.5, 4.0]));
            let x = normal([2, 3], dtype, Some(&loc), Some(&scale), key);
            near(&name("normal", ".scaled"), x);
            near(&name("gumbel", ""), gumbel([16], dtype, key));
            roughly(&name("laplace", ""), laplace([16], dtype, 0.0, 1.0, key));
            let x = laplace([16], dtype, 0.3, 2.5, key);
            roughly(&name("laplace", ".scaled"), x);
            let (low, high) = (floats(&[-1.5, 2.0, 100.0]), column(&[3.0, 2.5]));
            let x = truncated_normal(&low, &high, Some(&[2, 3].into()), dtype, key).unwrap();
            // Far out, the inverse multiplies the last bit of the error function.
            golden.get(&name("truncated", "")).near(&x, 16.0);
        }
        // Widened from single precision, as in the reference.
        let x = normal([9], Dtype::F64, None, None, key).unwrap();
        let want = golden.get("normal.float64").array();
        for (g, w) in numbers_of(&x).iter().zip(numbers_of(&want)) {
            assert!((g - w).abs() <= 4.0 * step(Dtype::F32) * w.abs(), "{g} {w}");
        }
        near("normal.complex64", normal([9], Dtype::C64, None, None, key));
        let (loc, scale) = (Array::scalar([1.0f32, 2.0]), number(0.5));
        let x = normal([9], Dtype::C64, Some(&loc), Some(&scale), key);
        roughly("normal.complex64.scaled", x);
    });
}

#[test]
fn integers_and_truth_values_are_the_references() {
    use Dtype::*;
    let (golden, key) = (goldens(), the_key());
    let key = Some(&key);
    let int = |x: i32| Array::scalar(x);
    on_each(|_| {
        for dtype in [Bool, U8, I8, I16, U32, I32, I64, U64] {
            let x = randint(&int(0), &int(100), [16], dtype, key).unwrap();
            golden.get(&format!("randint.{dtype}")).same(&x);
        }
        let low = Array::from_slice(&[0i32, -7], [2]).unwrap();
        let high = Array::from_slice(&[5i32, -9], [2, 1]).unwrap();
        let x = randint(&low, &high, [2, 2], I32, key).unwrap();
        golden.get("randint.bounds").same(&x);
        let x = randint(&int(-(1 << 24)), &int(1 << 24), [32], I32, key).unwrap();
        golden.get("randint.exact").same(&x);
        let x = randint(&number(-1.5), &number(2.5), [16], I32, key).unwrap();
        golden.get("randint.floats").same(&x);

        let p = floats(&[0.0, 0.3, 0.5, 1.0]);
        let x = bernoulli(&p, Some(&[8, 4].into()), key).unwrap();
        golden.get("bernoulli").same(&x);
        let p = floats(&[0.25, 0.75]).astype(F16).unwrap();
        golden
            .get("bernoulli.half")
            .same(&bernoulli(&p, None, key).unwrap());
    });
}

#[test]
fn wide_ranges_of_integers_have_no_gaps() {
    on_each(|_| {
        let most = Array::scalar(i32::MAX);
        let x = randint(
            &Array::scalar(0i32),
            &most,
            [4096],
            Dtype::I32,
            Some(&the_key()),
        );
        let x = x.unwrap().values::<i32>();
        // In single precision nearly all would be multiples of 64.
        let even = x.iter().filter(|&x| x % 2 == 0).count();
        assert!((1850..2250).contains(&even), "{even}");
        assert!(x.iter().all(|&x| (0..i32::MAX).contains(&x)));
        let (low, high) = (Array::scalar(u32::MAX - 9), Array::scalar(u32::MAX));
        let x = randint(&low, &high, [4096], Dtype::U32, Some(&the_key())).unwrap();
        let mut seen = x.values::<u32>();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (u32::MAX - 9..u32::MAX).collect::<Vec<_>>());
    });
}

#[test]
fn choices_are_the_references() {
    let (golden, key) = (goldens(), the_key());
    let key = Some(&key);
    on_each(|_| {
        let logits = golden.get("logits").array();
        let same = |name: &str, x: lazuli_core::Result<Array>| golden.get(name).same(&x.unwrap());
        same("categorical", categorical(&logits, 1, None, key));
        same("categorical.last", categorical(&logits, -1, None, key));
        let shape = Some(&Shape::from([5, 4, 2]));
        same("categorical.shape", categorical(&logits, 1, shape, key));
        same(
            "categorical.samples",
            categorical_samples(&logits, 0, 6, key),
        );
        let one = golden.get("one").array();
        same("categorical.one", categorical_samples(&one, 0, 48, key));
        let half = one.astype(Dtype::F16).unwrap();
        same(
            "categorical.one.half",
            categorical_samples(&half, 0, 48, key),
        );
        same("categorical.one.scalar", categorical(&one, 0, None, key));
        let column = one.reshape([40, 1]).unwrap();
        let shape = Some(&Shape::from([3, 2]));
        same(
            "categorical.one.column",
            categorical(&column, 0, shape, key),
        );
        let odd = floats(&[0.0, f32::INFINITY, 1.0, f32::INFINITY]);
        same(
            "categorical.one.infinite",
            categorical_samples(&odd, 0, 24, key),
        );
        for n in [0, 1, 7, 40, 5000] {
            same(&format!("permutation.{n}"), permutation(n, key));
        }
        let array: Vec<i32> = (0..24).collect();
        let array = Array::from_slice(&array, [2, 4, 3]).unwrap();
        same("permutation.array", permuted(&array, 1, key));
    });
}

#[test]
fn joint_distributions_are_the_references() {
    let (golden, key) = (goldens(), the_key());
    let key = Some(&key);
    on_each(|_| {
        let near = |name: &str, x: lazuli_core::Result<Array>| {
            golden.get(name).near_absolute(&x.unwrap(), 1e-5);
        };
        let covariance = golden.get("covariance").array();
        let mean = floats(&[1.0, -2.0, 0.5]);
        let x = multivariate_normal(&mean, &covariance, None, Dtype::F32, key);
        near("joint", x);
        let shape = Shape::from([5, 2]);
        let means = golden.get("means").array();
        let x = multivariate_normal(&means, &covariance, Some(&shape), Dtype::F32, key);
        near("joint.shape", x);
        let half = multivariate_normal(&mean, &covariance, None, Dtype::F16, key);
        assert!(half.is_err());
        let wide = multivariate_normal(&floats(&[1.0]), &covariance, None, Dtype::F32, key);
        let says = "multivariate_normal: a mean of shape [1] and a covariance of [3, 3] are not [.., n] and [.., n, n]";
        assert_eq!(wide.unwrap_err().to_string(), says);
        let none = Shape::from([3]);
        assert!(multivariate_normal(&means, &covariance, Some(&none), Dtype::F32, key).is_err());
    });
}

#[test]
fn a_batch_of_keys_gives_the_bits_of_each() {
    on_each(|_| {
        let keys = split(&the_key(), 6).unwrap();
        let rows = keys.reshape([2, 3, 2]).unwrap();
        for n in [1, 4, 7] {
            let draw =
                |k: &[Array]| normal([n], Dtype::F32, None, None, Some(&k[0])).map(|x| vec![x]);
            let each = |k: &[Array]| vmap(draw, k, &[Some(0)]);
            let nested = vmap(each, std::slice::from_ref(&rows), &[Some(1)]).unwrap();
            let nested = nested[0].values::<f32>();
            for i in 0..2 {
                for j in 0..3 {
                    let at = i * 3 + j;
                    let key = keys.narrow(0, at, at + 1).unwrap().reshape([2]).unwrap();
                    let alone = draw(&[key]).unwrap()[0].values::<f32>();
                    assert_eq!(nested[(j * 2 + i) * n..][..n], alone, "{n}");
                }
            }
        }
        // A draw that does not depend on the example is the same for each.
        let fixed = |x: &[Array]| {
            let draw = normal([2], Dtype::F32, None, None, Some(&the_key()))?;
            Ok(vec![x[0].add(&draw)?])
        };
        let x = Array::zeros([3, 2], Dtype::F32).unwrap();
        let all = vmap(fixed, &[x], &[Some(0)]).unwrap()[0].values::<f32>();
        assert_eq!(all[..2], all[2..4]);
    });
}

#[test]
fn a_draw_without_a_key_continues_the_sequence() {
    let golden = goldens();
    // The sequence is the process's: what draws from it in this program of tests is this test.
    on_each(|_| {
        seed(5);
        let (zero, one) = (number(0.0), number(1.0));
        let u = uniform(&zero, &one, [3], Dtype::F32, None).unwrap();
        golden.get("seeded.0").same(&u);
        let x = normal([3], Dtype::F32, None, None, None).unwrap();
        golden.get("seeded.1").near(&x, 4.0);
        let (low, high) = (Array::scalar(0i32), Array::scalar(100i32));
        let x = randint(&low, &high, [3], Dtype::I32, None).unwrap();
        golden.get("seeded.2").same(&x);

        // The same draws in a scope, from a key that is computed.
        let start = random::key(5).add(&Array::scalar(0u32)).unwrap();
        let before = state().values::<u32>();
        let (drawn, last) = with_state(&start, || {
            normal([3], Dtype::F32, None, None, None).unwrap();
            normal([3], Dtype::F32, None, None, None).unwrap()
        });
        golden.get("seeded.1").near(&drawn, 4.0);
        assert_eq!(state().values::<u32>(), before);
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| bits([2], 4, None).unwrap().values::<u32>()))
            .collect();
        let mut words: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 4, "two threads drew the same");

        // A function that is traced may go on from another key: the process does not notice.
        let (scoped, _) = with_state(&start, || {
            set_state(&last).unwrap();
            randint(&low, &high, [3], Dtype::I32, None).unwrap()
        });
        golden.get("seeded.2").same(&scoped);

        set_state(&last).unwrap();
        let x = randint(&low, &high, [3], Dtype::I32, None).unwrap();
        golden.get("seeded.2").same(&x);
    });
}

#[test]
fn misuse_is_an_error_that_says_why() {
    on_each(|_| {
        let says = |x: lazuli_core::Result<Array>, what: &str| {
            assert_eq!(x.unwrap_err().to_string(), what);
        };
        let (zero, one, key) = (number(0.0), number(1.0), the_key());
        let three = Array::from_slice(&[1u32, 2, 3], [3]).unwrap();
        says(split(&three, 2), "bits: a key has the shape [2], not [3]");
        says(
            bits([1], 4, Some(&split(&key, 2).unwrap())),
            "bits: a key has the shape [2], not [2, 2]",
        );
        let signed = Array::from_slice(&[1i32, 2], [2]).unwrap();
        says(split(&signed, 2), "bits: a key is uint32, not int32");
        says(
            bits([1], 3, Some(&key)),
            "bits: the width is 1, 2 or 4 bytes, not 3",
        );
        says(
            bits([usize::MAX, 2], 4, Some(&key)),
            "bits: shape [18446744073709551615, 2] of uint32 does not fit in memory",
        );
        says(
            uniform(&zero, &one, [1], Dtype::F64, Some(&key)),
            "uniform: draws float16, bfloat16 or float32, not float64",
        );
        says(
            uniform(&floats(&[0.0, 1.0]), &one, [1], Dtype::F32, Some(&key)),
            "uniform: the bounds have the shape [2], which does not broadcast to [1]",
        );
        says(
            normal([1], Dtype::I32, None, None, Some(&key)),
            "normal: draws floats or complex64, not int32",
        );
        says(
            randint(&zero, &one, [1], Dtype::F32, Some(&key)),
            "randint: draws integers or bool, not float32",
        );
        says(
            bernoulli(&Array::scalar(1i32), None, Some(&key)),
            "bernoulli: a probability is a float, not int32",
        );
        says(
            categorical(&floats(&[1.0, 2.0]), 1, None, Some(&key)),
            "categorical: axis 1 is out of range for shape [2]",
        );
        assert!(
            categorical(
                &Array::zeros([2, 0], Dtype::F32).unwrap(),
                1,
                None,
                Some(&key)
            )
            .is_err()
        );
    });
}
