//! Convolutions against sums over the places of the kernel, and against mlx's values.

use lazuli_core::ops::conv::{Overlap, Slide};
use lazuli_core::{Array, Dtype};
use proptest::prelude::*;

use super::common::{Rng, *};

/// The definition: at each place the products of the kernel with what lies under it.
fn convolution(x: &Host, w: &Host, slides: &[Slide], groups: usize, flip: bool) -> Host {
    let axes = slides.len();
    let places = |i: usize| {
        let s = &slides[i];
        let spread = |len: usize, by: usize| match len {
            0 => 0,
            len => (len as isize - 1) * by as isize + 1,
        };
        let padded = spread(x.shape[i + 1], s.input_dilation) + s.low + s.high;
        ((padded - spread(w.shape[i + 1], s.kernel_dilation)) / s.stride as isize + 1) as usize
    };
    let mut shape = x.shape.clone();
    (0..axes).for_each(|i| shape[i + 1] = places(i));
    let (outs, inner) = (w.shape[0], w.shape[axes + 1]);
    shape[axes + 1] = outs;
    let kernel = &w.shape[1..axes + 1];
    let values = indices(&shape)
        .map(|at| {
            let o = at[axes + 1];
            let mut sum = 0.0;
            for tap in indices(kernel) {
                let under: Option<Vec<usize>> = (0..axes)
                    .map(|i| {
                        let s = &slides[i];
                        let k = if flip { kernel[i] - 1 - tap[i] } else { tap[i] };
                        let far = at[i + 1] * s.stride + k * s.kernel_dilation;
                        let far = far as isize - s.low;
                        let by = s.input_dilation as isize;
                        let inside =
                            far >= 0 && far % by == 0 && far / by < x.shape[i + 1] as isize;
                        inside.then_some((far / by) as usize)
                    })
                    .collect();
                let Some(under) = under else { continue };
                for c in 0..inner {
                    let channel = o / (outs / groups) * inner + c;
                    let from = [&[at[0]], &under[..], &[channel]].concat();
                    sum += x.at(&from) * w.at(&[&[o], &tap[..], &[c]].concat());
                }
            }
            sum
        })
        .collect();
    Host { shape, values }
}

fn assert_close(got: &Array, want: &Host, what: &str) {
    let scale = want.values.iter().fold(1.0f64, |s, v| s.max(v.abs()));
    assert_eq!(**got.shape(), want.shape[..], "{what}");
    // A sum of up to a few thousand products of numbers below 1, rounded once for half types.
    let tolerance = scale * 4.0 * step(got.dtype()).max(1e-6);
    for (g, w) in numbers_of(got).into_iter().zip(&want.values) {
        assert!((g - w).abs() <= tolerance, "{what}: {g}, not {w}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_convolution_is_its_definition(seed: u64) {
        let mut rng = Rng(seed);
        let dtype = [Dtype::F32, Dtype::BF16, Dtype::F16, Dtype::F64][rng.below(4)];
        let axes = 1 + rng.below(3);
        let groups = 1 + rng.below(3);
        let inner = [1, 1, 2, 5][rng.below(4)];
        let outs = groups * (1 + rng.below(3));
        let mut slides = Vec::new();
        let (mut x_shape, mut w_shape) = (vec![rng.below(3)], vec![outs]);
        for _ in 0..axes {
            let mut slide = Slide {
                stride: 1 + rng.below(3),
                low: rng.below(5) as isize - 1,
                high: rng.below(5) as isize - 1,
                kernel_dilation: 1 + rng.below(2),
                input_dilation: 1 + rng.below(3) / 2,
            };
            let (input, kernel) = (1 + rng.below(6), 1 + rng.below(3));
            while slide.places(input, kernel).is_none() {
                slide.high += 1;
            }
            x_shape.push(input);
            w_shape.push(kernel);
            slides.push(slide);
        }
        x_shape.push(groups * inner);
        w_shape.push(inner);
        let flip = rng.below(2) == 0;
        let (x, x_host) = viewed_as(&mut rng, &x_shape, dtype, 1.0);
        let (w, w_host) = viewed_as(&mut rng, &w_shape, dtype, 1.0);
        let want = convolution(&x_host, &w_host, &slides, groups, flip);
        on_each(|device| {
            let got = x.conv_general(&w, &slides, groups, flip).unwrap();
            assert_close(&got, &want, &format!("{dtype} {x_shape:?} {w_shape:?} {slides:?} {device:?}"));
        });
    }
}

#[test]
fn images_of_many_tiles_are_convolved_like_small_ones() {
    on_each(|device| {
        let mut rng = Rng(21);
        for (dtype, groups, inner, outs) in [
            (Dtype::F32, 1, 24, 10),
            (Dtype::BF16, 2, 24, 6),
            (Dtype::F32, 48, 1, 48),
            (Dtype::F16, 48, 1, 96),
        ] {
            let (x, x_host) = sample(&mut rng, &[1, 40, 36, groups * inner], dtype, 1.0);
            let (w, w_host) = sample(&mut rng, &[outs, 3, 3, inner], dtype, 0.2);
            let slide = Slide {
                low: 1,
                high: 1,
                ..Slide::default()
            };
            let slides = [slide; 2];
            let got = x.conv_general(&w, &slides, groups, false).unwrap();
            // Whole rows here and there: the definition is slow.
            for row in [0, 17, 39] {
                let some = Host {
                    shape: vec![1, 3, 36, groups * inner],
                    values: (row..row + 3)
                        .flat_map(|r| {
                            let len = 36 * groups * inner;
                            match r {
                                1..=40 => x_host.values[(r - 1) * len..r * len].to_vec(),
                                _ => vec![0.0; len],
                            }
                        })
                        .collect(),
                };
                let want = convolution(&some, &w_host, &[Slide::default(), slide], groups, false);
                let got = got.narrow(1, row, row + 1).unwrap();
                assert_close(&got, &want, &format!("{dtype} {groups} groups, {device:?}"));
            }
        }
    });
}

#[test]
fn an_example_does_not_know_the_others() {
    on_each(|_| {
        let mut rng = Rng(22);
        for dtype in [Dtype::F32, Dtype::BF16] {
            let (x, _) = sample(&mut rng, &[3, 9, 9, 8], dtype, 1.0);
            let (w, _) = sample(&mut rng, &[5, 3, 3, 8], dtype, 1.0);
            let all = x.conv2d(&w, [1, 1], [1, 1], [1, 1], 1).unwrap();
            for i in 0..3 {
                let one = x.narrow(0, i, i + 1).unwrap();
                let one = one.conv2d(&w, [1, 1], [1, 1], [1, 1], 1).unwrap();
                let same = all.narrow(0, i, i + 1).unwrap();
                assert_eq!(one.bits(), same.bits());
            }
        }
    });
}

#[test]
fn convolutions_are_those_of_the_reference() {
    let of = |shape: &[usize]| {
        let count: usize = shape.iter().product();
        let numbers: Vec<f64> = (0..count)
            .map(|i| ((7 * i + 3) % 11) as f64 / 4.0 - 1.25)
            .collect();
        of_numbers(&numbers, shape, Dtype::F32)
    };
    let (x, w) = (of(&[1, 7, 4]), of(&[6, 3, 2]));
    let (square, kernel) = (of(&[1, 4, 5, 2]), of(&[3, 3, 2, 2]));
    let (cube, block) = (of(&[1, 3, 3, 2, 2]), of(&[2, 2, 2, 2, 2]));
    let general = Slide {
        stride: 2,
        low: 1,
        high: 4,
        kernel_dilation: 2,
        input_dilation: 3,
    };
    let cut = Slide {
        low: -1,
        high: 2,
        ..Slide::default()
    };
    let known = include_str!("../fixtures/conv.txt");
    on_each(|_| {
        for line in known.lines() {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap();
            let shape = words
                .next()
                .unwrap()
                .split('x')
                .map(|d| d.parse().unwrap())
                .collect();
            let values = words.map(|v| v.parse().unwrap()).collect();
            let got = match name {
                "conv1d" => x.conv1d(&w, [2], [2], [2], 2),
                "conv2d" => square.conv2d(&kernel, [2, 1], [1, 2], [1, 2], 1),
                "conv3d" => cube.conv3d(&block, [1, 2, 2], [1; 3], [1; 3], 1),
                "conv_transpose1d" => x.conv_transpose1d(&w, [3], [1], [2], [1], 2),
                "conv_transpose2d" => {
                    square.conv_transpose2d(&kernel, [2, 1], [1, 0], [1, 1], [1, 0], 1)
                }
                "conv_transpose3d" => {
                    cube.conv_transpose3d(&block, [2; 3], [1; 3], [1; 3], [0; 3], 1)
                }
                "conv_general" => x.conv_general(&w, &[general], 2, true),
                "conv_general_cut" => x.conv_general(&w, &[cut], 2, false),
                "convolve_full" => of(&[7]).convolve(&of(&[4]), Overlap::Full),
                "convolve_same" => of(&[7]).convolve(&of(&[4]), Overlap::Same),
                "convolve_same_odd" => of(&[3]).convolve(&of(&[8]), Overlap::Same),
                _ => of(&[7]).convolve(&of(&[4]), Overlap::Valid),
            };
            assert_close(&got.unwrap(), &Host { shape, values }, name);
        }
    });
}

#[test]
fn what_has_no_meaning_is_refused() {
    let of = |shape: &[usize]| Array::zeros(shape, Dtype::F32).unwrap();
    let (x, w) = (of(&[1, 5, 4]), of(&[4, 2, 2]));
    let one = [Slide::default()];
    assert!(x.conv_general(&w, &one, 2, false).is_ok());
    let refused = |x: &Array, w: &Array, slides: &[Slide], groups| {
        let error = x
            .conv_general(w, slides, groups, false)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("conv: ") && !error.contains('\n'),
            "{error}"
        );
    };
    refused(&x, &w, &one, 1);
    refused(&x, &w, &one, 0);
    refused(&x, &of(&[3, 2, 2]), &one, 2);
    refused(&x, &of(&[4, 6, 2]), &one, 2);
    refused(&x, &of(&[4, 0, 2]), &one, 2);
    refused(
        &x,
        &w,
        &[Slide {
            stride: 0,
            ..one[0]
        }],
        2,
    );
    refused(
        &x,
        &w,
        &[Slide {
            kernel_dilation: 0,
            ..one[0]
        }],
        2,
    );
    refused(
        &x,
        &w,
        &[Slide {
            input_dilation: 0,
            ..one[0]
        }],
        2,
    );
    refused(&x, &w, &[Slide { low: -9, ..one[0] }], 2);
    refused(
        &x,
        &w,
        &[Slide {
            low: isize::MAX,
            high: isize::MAX,
            ..one[0]
        }],
        2,
    );
    refused(&x, &w, &[one[0]; 2], 2);
    refused(&x, &w, &[one[0]; 4], 2);
    refused(
        &x.astype(Dtype::I32).unwrap(),
        &w.astype(Dtype::I32).unwrap(),
        &one,
        2,
    );
    assert!(of(&[0]).convolve(&of(&[2]), Overlap::Full).is_err());
    assert!(of(&[2, 2]).convolve(&of(&[2]), Overlap::Full).is_err());
    // Nothing in, nothing out.
    let y = of(&[0, 5, 4]).conv1d(&w, [1], [0], [1], 2).unwrap();
    assert_eq!(y.values::<f32>(), [0.0; 0]);
    let y = of(&[1, 5, 0])
        .conv1d(&of(&[3, 2, 0]), [1], [0], [1], 1)
        .unwrap();
    assert_eq!(y.values::<f32>(), [0.0; 12]);
}
