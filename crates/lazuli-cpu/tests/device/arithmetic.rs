//! Operators, numbers without a dtype, and functions made of others.

use half::f16;
use lazuli_core::dtype::ALL;
use lazuli_core::ops::binary::Binary;
use lazuli_core::ops::unary::Unary;
use lazuli_core::transforms::{grad, jvp, vjp};
use lazuli_core::{Array, Dtype, Error, Family, Scalar};

use super::common::*;

fn floats(x: &[f32]) -> Array {
    Array::from_slice(x, [x.len()]).unwrap()
}

fn values(x: &Array) -> Vec<f32> {
    x.values::<f32>()
}

fn truths(x: &Array) -> Vec<u8> {
    assert_eq!(x.dtype(), Dtype::Bool);
    x.bits()
}

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

#[test]
fn numbers_take_the_dtype_of_the_array_beside_them() {
    let of = |dtype| of_numbers(&[3.0, 1.0], &[2], dtype);
    for dtype in ALL {
        let x = of(dtype);
        let whole = if dtype == Dtype::Bool {
            Dtype::I32
        } else {
            dtype
        };
        assert_eq!((&x + 2).dtype(), whole, "{dtype}");
        assert_eq!((&x * 2i64).dtype(), whole, "{dtype}");
        assert_eq!((&x + 2.0).dtype(), dtype.at_least_float(), "{dtype}");
        assert_eq!((2.0 - &x).dtype(), dtype.at_least_float(), "{dtype}");
        assert_eq!(Scalar::Bool(true).beside(dtype).unwrap().dtype(), dtype);
    }
    let error = (of(Dtype::U8) + 300).check().unwrap_err();
    assert!(matches!(error, Error::Value(_)), "{error}");
    assert!((of(Dtype::I8) * 128).check().is_err() && (of(Dtype::I8) * -128).check().is_ok());
    let large = Array::scalar(1i64) + i64::MAX;
    assert_eq!(large.item::<i64>().unwrap(), i64::MIN);
}

#[test]
fn operators_are_the_functions_they_are_named_after() {
    let a = Array::from_slice(&[7i32, -7, 12], [3]).unwrap();
    let b = Array::from_slice(&[2i32, 2, -5], [3]).unwrap();
    on_each(|_| {
        let ints = |x: Array| x.values::<i32>();
        assert_eq!(ints(&a + &b), [9, -5, 7]);
        assert_eq!(ints(2 * &a - 1), [13, -15, 23]);
        assert_eq!(values(&(&a / 2)), [3.5, -3.5, 6.0]);
        assert_eq!(ints(&a % &b), [1, 1, -3]);
        assert_eq!(ints(10 % &b), [0, 0, 0]);
        assert_eq!(ints(&a & 3), [3, 1, 0]);
        assert_eq!(ints(&a | &b), [7, -5, -1]);
        assert_eq!(ints(&a ^ -1), ints(!&a));
        assert_eq!(ints(&a << 2), [28, -28, 48]);
        assert_eq!(ints(&a >> 1), [3, -4, 6]);
        assert_eq!(ints(-&a), [-7, 7, -12]);
        let mut c = a.clone();
        c += &b;
        c *= 3;
        c -= b.clone();
        c %= 7;
        c <<= 1;
        c |= 1;
        assert_eq!(ints(c), [9, 9, 11]);
        let truth = a.greater(&b).unwrap();
        assert_eq!(truths(&(&truth & true)), [1, 0, 1]);
        assert_eq!(truths(&(!&truth ^ true)), [1, 0, 1]);
        assert!(matches!((floats(&[1.0]) & 1).check(), Err(Error::Dtype(_))));
    });
}

#[test]
fn nan_and_infinity_are_told_apart() {
    let x = floats(&[NAN, INF, -INF, 0.0, -1.5]);
    let z = Array::from_slice(
        &[[NAN, 0.0], [0.0, INF], [INF, 0.0], [-INF, 0.0], [INF, NAN]],
        [5],
    )
    .unwrap();
    let n = Array::from_slice(&[1i32, 0], [2]).unwrap();
    on_each(|_| {
        assert_eq!(truths(&x.isnan().unwrap()), [1, 0, 0, 0, 0]);
        assert_eq!(truths(&x.isinf().unwrap()), [0, 1, 1, 0, 0]);
        assert_eq!(truths(&x.isfinite().unwrap()), [0, 0, 0, 1, 1]);
        assert_eq!(truths(&x.isposinf().unwrap()), [0, 1, 0, 0, 0]);
        assert_eq!(truths(&x.isneginf().unwrap()), [0, 0, 1, 0, 0]);
        assert_eq!(truths(&z.isnan().unwrap()), [1, 0, 0, 0, 1]);
        assert_eq!(truths(&z.isinf().unwrap()), [0, 1, 1, 1, 1]);
        assert_eq!(truths(&z.isfinite().unwrap()), [0; 5]);
        assert_eq!(truths(&z.isposinf().unwrap()), [0, 0, 1, 0, 0]);
        assert_eq!(truths(&z.isneginf().unwrap()), [0, 0, 0, 1, 0]);
        assert_eq!(truths(&n.isnan().unwrap()), [0, 0]);
        assert_eq!(truths(&n.isinf().unwrap()), [0, 0]);
        assert_eq!(truths(&n.isfinite().unwrap()), [1, 1]);
        let y = x.nan_to_num(0.0, None, None).unwrap();
        assert_eq!(values(&y), [0.0, f32::MAX, f32::MIN, 0.0, -1.5]);
        let y = x.nan_to_num(1.0, Some(2.0), Some(3.0)).unwrap();
        assert_eq!(values(&y), [1.0, 2.0, 3.0, 0.0, -1.5]);
        let y = x
            .astype(Dtype::F16)
            .unwrap()
            .nan_to_num(0.0, None, None)
            .unwrap();
        assert_eq!(y.values::<f16>()[1..3], [f16::MAX, f16::MIN]);
        assert_eq!(n.nan_to_num(0.0, None, None).unwrap().dtype(), Dtype::I32);
        assert!(z.nan_to_num(0.0, None, None).is_err());
    });
}

#[test]
fn nearness_is_that_of_mlx() {
    let a = floats(&[1.0, NAN, INF, INF, 1.00001, 1.00003]);
    let b = floats(&[1.0, NAN, INF, -INF, 1.0, 1.0]);
    on_each(|_| {
        let close = |nan| truths(&a.isclose(&b, 1e-5, 1e-8, nan).unwrap());
        assert_eq!(close(false)[..4], [1, 0, 1, 0]);
        assert_eq!(close(true)[..4], [1, 1, 1, 0]);
        assert_eq!(close(false)[5], 0);
        let small = of_numbers(&[3.0, 4.0], &[2], Dtype::U8);
        let swapped = of_numbers(&[4.0, 3.0], &[2], Dtype::U8);
        assert_eq!(
            truths(&small.isclose(&swapped, 0.0, 2.0, false).unwrap()),
            [1, 1]
        );
        let all = |x: Array| truths(&x)[0];
        assert_eq!(all(a.allclose(&a, 1e-5, 1e-8, true).unwrap()), 1);
        assert_eq!(all(a.allclose(&a, 1e-5, 1e-8, false).unwrap()), 0);
        assert_eq!(all(a.array_equal(&a, true).unwrap()), 1);
        assert_eq!(all(a.array_equal(&a, false).unwrap()), 0);
        assert_eq!(all(a.array_equal(&floats(&[1.0]), true).unwrap()), 0);
        let empty = floats(&[]);
        assert_eq!(all(empty.array_equal(&empty, false).unwrap()), 1);
        let whole = Array::from_slice(&[1i32, 2], [2]).unwrap();
        assert_eq!(
            all(floats(&[1.0, 2.0]).array_equal(&whole, false).unwrap()),
            1
        );
        let xor = floats(&[0.0, 2.0, NAN])
            .logical_xor(&floats(&[1.0; 3]))
            .unwrap();
        assert_eq!(truths(&xor), [1, 0, 0]);
    });
}

#[test]
fn rounding_limits_and_angles() {
    let x = floats(&[2.5, -0.4, 3.7168, -7.9, NAN]);
    on_each(|_| {
        assert_eq!(
            values(&x.round_to(2).unwrap())[..4],
            [2.5, -0.4, 3.72, -7.9]
        );
        assert_eq!(values(&x.round_to(0).unwrap())[..4], [2.0, -0.0, 4.0, -8.0]);
        let y = values(&x.trunc().unwrap());
        assert_eq!(y[..4], [2.0, -0.0, 3.0, -7.0]);
        assert!(y[1].is_sign_negative() && y[4].is_nan());
        let n = Array::from_slice(&[1234i32, 1250, 1350, -77], [4]).unwrap();
        let rounded = |d| n.round_to(d).unwrap().values::<i32>();
        assert_eq!(rounded(-2), [1200, 1200, 1400, -100]);
        assert_eq!(rounded(3), [1234, 1250, 1350, -77]);
        for f in [Array::floor, Array::ceil, Array::round, Array::trunc] {
            for dtype in ALL.into_iter().filter(|d| !d.is_inexact()) {
                let x = of_numbers(&[3.0, 1.0], &[2], dtype);
                let y = f(&x).unwrap();
                assert_eq!(y.dtype(), dtype);
                assert_eq!(y.bits(), x.bits());
            }
        }
        let clip = |low: Option<f32>, high: Option<f32>| {
            let (low, high) = (low.map(Array::scalar), high.map(Array::scalar));
            x.clip(low.as_ref(), high.as_ref())
        };
        let y = values(&clip(Some(-1.0), Some(3.0)).unwrap());
        assert_eq!(y[..4], [2.5, -0.4, 3.0, -1.0]);
        assert!(y[4].is_nan());
        assert_eq!(values(&clip(Some(4.0), Some(3.0)).unwrap())[0], 3.0);
        assert!(matches!(clip(None, None), Err(Error::Value(_))));
        let whole = Array::from_slice(&[1i32, 5], [2]).unwrap();
        let half = Array::scalar(1.5f32);
        assert_eq!(values(&whole.clip(Some(&half), None).unwrap()), [1.5, 5.0]);
        assert_eq!(
            values(&floats(&[180.0]).radians().unwrap()),
            [std::f32::consts::PI]
        );
        assert_eq!(
            values(&floats(&[std::f32::consts::PI]).degrees().unwrap()),
            [180.0]
        );
        assert_eq!(values(&whole.reciprocal().unwrap()), [1.0, 0.2]);
        let (q, r) = floats(&[7.0, -7.5]).divmod(&floats(&[2.0, 2.0])).unwrap();
        assert_eq!((values(&q), values(&r)), (vec![3.0, -4.0], vec![1.0, 0.5]));
    });
}

#[test]
fn dtypes_of_results_are_those_of_mlx() {
    // Rows of a probe of mlx 0.32: what a function gives for each of the 14 dtypes, "-" where it raises.
    let same = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64";
    let float = "float32 float32 float32 float32 float32 float32 float32 float32 float32 float16 bfloat16 float32 float64 complex64";
    let real = float.replace("complex64", "-");
    let truth = "bool ".repeat(14);
    let number = same.replacen("bool", "-", 1);
    let part = same.replace("complex64", "float32");
    let whole = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 - - - - -";
    let shift = whole.replacen("bool", "uint8", 1);
    let ordered = same.replace("complex64", "-");
    for &op in Unary::ALL {
        let want = match op {
            Unary::Neg => &number,
            Unary::Abs | Unary::Real | Unary::Imag => &part,
            Unary::Sign | Unary::Square | Unary::Round | Unary::Conjugate => same,
            Unary::Expm1 | Unary::Sigmoid | Unary::Erf | Unary::Erfinv => &real,
            Unary::Floor | Unary::Ceil => &ordered,
            Unary::Not => &truth,
            Unary::Invert => whole,
            _ => float,
        };
        for (dtype, want) in ALL.into_iter().zip(want.split_whitespace()) {
            let x = of_numbers(&[1.0, 0.5], &[2], dtype);
            let got = by_name(op.name(), &x).map_or("-", |y| y.dtype().name());
            assert_eq!(got, want, "{} of {dtype}", op.name());
        }
    }
    for &op in Binary::ALL {
        let want = match op {
            Binary::Divide | Binary::LogAddExp => float,
            Binary::Arctan2 => &real,
            Binary::Remainder => &ordered,
            Binary::BitAnd | Binary::BitOr | Binary::BitXor => whole,
            Binary::LeftShift | Binary::RightShift => &shift,
            _ if op.is_comparison() => &truth,
            _ => same,
        };
        for (dtype, want) in ALL.into_iter().zip(want.split_whitespace()) {
            let x = of_numbers(&[1.0, 0.5], &[2], dtype);
            let got = pair_by_name(op.name(), &x, &x).map_or("-", |y| y.dtype().name());
            assert_eq!(got, want, "{} of {dtype}", op.name());
        }
    }
}

macro_rules! named {
    ($($name:ident)*; $($pair:ident)*) => {
        fn by_name(name: &str, x: &Array) -> lazuli_core::Result<Array> {
            match name {
                $(stringify!($name) => x.$name(),)*
                _ => panic!("no method {name}"),
            }
        }
        fn pair_by_name(name: &str, a: &Array, b: &Array) -> lazuli_core::Result<Array> {
            match name {
                $(stringify!($pair) => a.$pair(b),)*
                _ => panic!("no method {name}"),
            }
        }
    };
}

named! {
    negative abs sign square sqrt rsqrt exp expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan
    sinh cosh tanh arcsinh arccosh arctanh sigmoid erf erfinv floor ceil round logical_not bitwise_invert
    conjugate real imag;
    add subtract multiply divide floor_divide remainder maximum minimum power logaddexp arctan2
    bitwise_and bitwise_or bitwise_xor left_shift right_shift equal not_equal less less_equal greater
    greater_equal logical_and logical_or
}

#[test]
fn gradients_at_corners_are_those_of_mlx() {
    let one = |f: &dyn Fn(&Array) -> lazuli_core::Result<Array>, x: &[f32]| {
        let x = floats(x);
        let ones = Array::full(x.shape(), 1.0, Dtype::F32).unwrap();
        let (_, back) = vjp(
            |x| Ok(vec![f(&x[0])?]),
            std::slice::from_ref(&x),
            std::slice::from_ref(&ones),
        )
        .unwrap();
        let (_, forward) = jvp(|x| Ok(vec![f(&x[0])?]), &[x], &[ones]).unwrap();
        let (back, forward) = (values(&back[0]), values(&forward[0]));
        let agree = |(a, b): (&f32, &f32)| a == b || a.is_nan() && b.is_nan();
        assert!(back.iter().zip(&forward).all(agree), "{back:?} {forward:?}");
        back
    };
    let ones = floats(&[1.0; 3]);
    on_each(|_| {
        assert_eq!(one(&|x| x.abs(), &[0.0, -1.0, 2.0]), [0.0, -1.0, 1.0]);
        assert_eq!(one(&|x| x.sign(), &[0.0, -1.0]), [0.0, 0.0]);
        assert_eq!(
            one(&|x| x.maximum(&ones), &[0.0, 1.0, 2.0]),
            [0.0, 0.0, 1.0]
        );
        assert_eq!(one(&|x| ones.maximum(x), &[0.0, 1.0, 2.0]), [0.0, 1.0, 1.0]);
        assert_eq!(
            one(&|x| x.minimum(&ones), &[0.0, 1.0, 2.0]),
            [1.0, 0.0, 0.0]
        );
        assert_eq!(one(&|x| ones.minimum(x), &[0.0, 1.0, 2.0]), [1.0, 1.0, 0.0]);
        let (low, high) = (Array::scalar(0.0f32), Array::scalar(1.0f32));
        let clip = |x: &Array| x.clip(Some(&low), Some(&high));
        assert_eq!(
            one(&clip, &[0.0, 1.0, 0.5, 2.0, -1.0]),
            [0.0, 0.0, 1.0, 0.0, 0.0]
        );
        let powers = floats(&[2.0, 0.0, 1.0, 0.5]);
        assert_eq!(one(&|x| x.power(&powers), &[0.0; 4]), [0.0, 0.0, 1.0, INF]);
        let bases = floats(&[0.0, 0.0]);
        assert_eq!(one(&|x| bases.power(x), &[0.0, 2.0]), [-INF, 0.0]);
        let three = floats(&[3.0, 3.0]);
        assert_eq!(one(&|x| x.remainder(&three), &[7.0, -7.0]), [1.0, 1.0]);
        let seven = floats(&[7.0, -7.0]);
        assert_eq!(one(&|x| seven.remainder(x), &[3.0, 3.0]), [-2.0, 3.0]);
        assert_eq!(one(&|x| x.floor_divide(&three), &[7.0, -7.0]), [0.0, 0.0]);
        assert_eq!(
            one(&|x| x.nan_to_num(0.0, None, None), &[7.0, NAN, INF]),
            [1.0, 0.0, 0.0]
        );
        assert_eq!(one(&|x| x.stop_gradient()?.multiply(x), &[7.0]), [7.0]);
        assert_eq!(one(&|x| x.stop_gradient(), &[7.0]), [0.0]);
        assert_eq!(one(&|x| x.equal(x)?.astype(Dtype::F32), &[7.0]), [0.0]);
        assert_eq!(one(&|x| x.round(), &[7.5]), [0.0]);
    });
    let second = |x: &[Array]| {
        let of = |y: &[Array]| y[0].stop_gradient()?.multiply(&y[0].square()?);
        Ok(grad(of, x)?.swap_remove(0))
    };
    let x = [Array::scalar(3.0f32)];
    assert_eq!(grad(second, &x).unwrap()[0].item::<f32>().unwrap(), 6.0);
}

#[test]
fn derivatives_of_complex_functions_are_conjugated_backwards() {
    // mlx 0.32 at 1 + 2i with 0.3 + 0.7i; rsqrt and power by central differences, where mlx conjugates
    // only a part.
    let z = Array::scalar([1.0f32, 2.0]);
    let g = Array::scalar([0.3f32, 0.7]);
    let cases: [(&str, [f32; 2], [f32; 2]); 13] = [
        ("negative", [-0.3, -0.7], [-0.3, -0.7]),
        ("square", [3.4, 0.2], [-2.2, 2.6]),
        ("sqrt", [-0.037722, 0.251839], [0.208382, 0.146366]),
        ("exp", [1.390847, -1.533361], [-2.06957, -0.050325]),
        ("log", [-0.22, 0.26], [0.34, 0.02]),
        ("sin", [-1.526512, 2.338475], [2.746145, 0.507337]),
        ("tan", [0.039439, -0.040652], [-0.056637, 0.000524]),
        ("arcsin", [0.229162, 0.223641], [0.003904, 0.32018]),
        ("arctan", [-0.17, -0.01], [0.11, -0.13]),
        ("tanh", [0.307072, -0.381832], [-0.488273, -0.04097]),
        ("arccosh", [-0.223641, 0.229162], [0.32018, -0.003904]),
        ("arctanh", [0.125, 0.05], [-0.05, 0.125]),
        ("conjugate", [0.3, -0.7], [0.3, -0.7]),
    ];
    let near = |a: [f32; 2], b: [f32; 2]| (0..2).all(|i| (a[i] - b[i]).abs() < 2e-6);
    let item = |x: &Array| x.item::<[f32; 2]>().unwrap();
    on_each(|_| {
        for (name, back, forward) in cases {
            let f = |x: &[Array]| Ok(vec![by_name(name, &x[0])?]);
            let (_, b) = vjp(f, std::slice::from_ref(&z), std::slice::from_ref(&g)).unwrap();
            let (_, d) = jvp(f, std::slice::from_ref(&z), std::slice::from_ref(&g)).unwrap();
            let (b, d) = (item(&b[0]), item(&d[0]));
            assert!(near(b, back) && near(d, forward), "{name}: {b:?} {d:?}");
        }
        let real = Array::scalar(0.3f32);
        for (name, back, forward) in [
            ("abs", [0.134164, 0.268328], 0.760263),
            ("real", [0.3, 0.0], 0.3),
            ("imag", [0.0, 0.3], 0.7),
        ] {
            let f = |x: &[Array]| Ok(vec![by_name(name, &x[0])?]);
            let (_, b) = vjp(f, std::slice::from_ref(&z), std::slice::from_ref(&real)).unwrap();
            let (_, d) = jvp(f, std::slice::from_ref(&z), std::slice::from_ref(&g)).unwrap();
            let d = d[0].item::<f32>().unwrap();
            assert!(
                near(item(&b[0]), back) && (d - forward).abs() < 1e-6,
                "{name} {d}"
            );
        }
        let w = Array::scalar([0.5f32, -1.5]);
        for (name, by_z, by_w) in [
            ("multiply", [-0.9, 0.8], [1.7, 0.1]),
            ("divide", [0.48, -0.04], [0.52, 0.44]),
            ("power", [-2.167331, -3.64215], [5.245144, 6.307844]),
        ] {
            let f = |x: &[Array]| Ok(vec![pair_by_name(name, &x[0], &x[1])?]);
            let (_, b) = vjp(f, &[z.clone(), w.clone()], std::slice::from_ref(&g)).unwrap();
            let (by_a, by_b) = (item(&b[0]), item(&b[1]));
            assert!(
                near(by_a, by_z) && near(by_b, by_w),
                "{name}: {by_a:?} {by_b:?}"
            );
        }
    });
}

#[test]
fn complex_numbers_are_ordered_by_real_then_imaginary_part() {
    let of = |z: &[[f32; 2]]| Array::from_slice(z, [z.len()]).unwrap();
    let a = of(&[[1.0, 2.0], [1.0, 1.0], [NAN, 0.0], [0.0, 5.0]]);
    let b = of(&[[1.0, 1.0], [1.0, 2.0], [1.0, 0.0], [1.0, 0.0]]);
    on_each(|_| {
        let z = |x: Array| x.to_vec::<[f32; 2]>().unwrap();
        let most = z(a.maximum(&b).unwrap());
        assert_eq!(
            (most[0], most[1], most[3]),
            ([1.0, 2.0], [1.0, 2.0], [1.0, 0.0])
        );
        assert!(most[2][0].is_nan());
        let least = z(b.minimum(&a).unwrap());
        assert_eq!(
            (least[0], least[1], least[3]),
            ([1.0, 1.0], [1.0, 1.0], [0.0, 5.0])
        );
        assert!(least[2][0].is_nan());
        let sum = z(of(&[[1.0, 2.0]]).logaddexp(&of(&[[2.0, 1.0]])).unwrap())[0];
        assert!((sum[0] - 2.21357).abs() < 1e-6 && (sum[1] - 1.252711).abs() < 1e-6);
        let quotient = z(of(&[[1.0, 2.0], [0.0, 0.0]])
            .divide(&of(&[[0.0, 0.0]]))
            .unwrap());
        assert!(quotient[0] == [INF, INF] && quotient[1][0].is_nan());
        let e = z(of(&[[-INF, 1.0], [0.0, INF]]).exp().unwrap());
        assert!(e[0] == [0.0, 0.0] && e[1][0].is_nan());
        assert_eq!(
            z(of(&[[0.0, 0.0]]).power(&of(&[[0.0, 0.0]])).unwrap()),
            [[1.0, 0.0]]
        );
    });
}
