//! Fourier transforms against the reference's, and against one another.

use lazuli_core::fft::{self, *};
use lazuli_core::shaping::Pad;
use lazuli_core::transforms::{vjp, vmap};
use lazuli_core::{Array, Dtype, Result};

use super::common::*;
use super::golden::Goldens;

const NORMS: [(Norm, &str); 3] = [
    (Norm::Backward, "backward"),
    (Norm::Ortho, "ortho"),
    (Norm::Forward, "forward"),
];

#[test]
fn transforms_are_the_references() {
    let golden = Goldens::read(include_str!("../fixtures/fft.txt"));
    on_each(|_| {
        // Single precision errs by the size of the largest; 24 elements, of about one.
        let near = |name: &str, x: Result<Array>| golden.get(name).near_absolute(&x.unwrap(), 5e-6);
        let (x, z) = (golden.get("real").array(), golden.get("complex").array());
        for (norm, name) in NORMS {
            near(&format!("fft.{name}"), fft(&z, None, -1, norm));
            near(&format!("ifft.{name}"), ifft(&z, None, -1, norm));
            near(&format!("rfft.{name}"), rfft(&x, None, -1, norm));
            near(&format!("irfft.{name}"), irfft(&z, None, -1, norm));
            near(&format!("rfftn.{name}"), rfftn(&x, None, None, norm));
            near(&format!("irfftn.{name}"), irfftn(&z, None, None, norm));
        }
        let norm = Norm::default();
        for axis in 0..3 {
            for n in [1, 3, 5, 8] {
                let name = |of: &str| format!("{of}.{axis}.{n}");
                near(&name("fft"), fft(&z, Some(n), axis, norm));
                near(&name("ifft"), ifft(&x, Some(n), axis - 3, norm));
                near(&name("rfft"), rfft(&x, Some(n), axis, norm));
                near(&name("irfft"), irfft(&z, Some(n), axis - 3, norm));
            }
        }
        let integers = Array::from_slice(&[1i32, 0, 2, -1], [4]).unwrap();
        near("fft.integers", fft(&integers, None, 0, norm));
        near("rfft.complex", rfft(&z, None, -1, norm));
        near("fft2", fft2(&z, None, norm));
        near("ifft2.s", ifft2(&z, Some([2, 6]), norm));
        near("rfft2.s", rfft2(&x, Some([4, 5]), norm));
        near("irfft2", irfft2(&z, None, norm));
        near("fftn", fftn(&z, None, None, norm));
        near("fftn.axes", fftn(&z, Some(&[3, 3]), Some(&[2, 0]), norm));
        near("rfftn.axes", rfftn(&x, None, Some(&[2, 0]), norm));
        near(
            "rfftn.axes.s",
            rfftn(&x, Some(&[2, 5]), Some(&[-1, 0]), norm),
        );
        near(
            "irfftn.axes.s",
            irfftn(&z, Some(&[3, 5]), Some(&[1, -1]), norm),
        );
        // A view is transformed as what it shows.
        let turned = z.permute(&[2, 0, 1]).unwrap();
        near(
            "fft2",
            fft2(&turned.permute(&[1, 2, 0]).unwrap(), None, norm),
        );
        let back = fftn(&turned, None, Some(&[2, 0]), norm).unwrap();
        near("fft2", back.permute(&[1, 2, 0]));
    });
}

#[test]
fn short_time_transforms_are_the_references() {
    let golden = Goldens::read(include_str!("../fixtures/fft.txt"));
    on_each(|_| {
        let near = |name: &str, x: Result<Array>| golden.get(name).near_absolute(&x.unwrap(), 5e-6);
        let (x, whole) = (golden.get("sound").array(), golden.get("stft").array());
        let plain = ShortTime::new(8);
        near("stft", plain.transform(&x));
        near("istft", plain.inverse(&whole, None));
        near("istft.long", plain.inverse(&whole, Some(40)));
        let windowed = ShortTime {
            hop_length: Some(3),
            window: Some(golden.get("window").array()),
            center: None,
            norm: Norm::Ortho,
            ..plain.clone()
        };
        near("stft.window", windowed.transform(&x));
        near("istft.window", windowed.inverse(&whole, None));
        let two = ShortTime {
            onesided: Some(false),
            ..plain.clone()
        };
        let back = two.inverse(&two.transform(&x).unwrap(), Some(20));
        near("istft.two", back);
        let short = ShortTime {
            win_length: Some(5),
            center: Some(Pad::Constant(Array::scalar(0.0f32))),
            ..two
        };
        near("stft.two", short.transform(&x));

        let says = |x: Result<Array>, what: &str| assert_eq!(x.unwrap_err().to_string(), what);
        says(
            windowed.transform(&x.narrow(1, 0, 5).unwrap()),
            "stft: 5 elements do not fill a frame of 8",
        );
        says(
            ShortTime::new(3).transform(&x),
            "stft: frames of 3 elements, 0 apart: both must be positive",
        );
        let wide = ShortTime {
            win_length: Some(9),
            ..plain.clone()
        };
        says(
            wide.transform(&x),
            "stft: a window of shape [9] does not fit frames of 8",
        );
        says(
            plain.inverse(&x.reshape([60]).unwrap(), None),
            "istft: needs frequencies and frames, the shape is [60]",
        );
        let nobody = plain.transform(&x.narrow(0, 0, 0).unwrap()).unwrap();
        assert_eq!(**nobody.shape(), [0, 5, 16]);
        assert_eq!(**plain.inverse(&nobody, None).unwrap().shape(), [0, 30]);
        let none = whole.narrow(2, 0, 0).unwrap();
        assert_eq!(**plain.inverse(&none, Some(3)).unwrap().shape(), [2, 3]);
    });
}

#[test]
fn frequencies_and_shifts_are_the_references() {
    let golden = Goldens::read(include_str!("../fixtures/fft.txt"));
    on_each(|_| {
        for (n, d) in [(1, 1.0), (4, 0.5), (7, 0.3), (10, -2.0)] {
            golden
                .get(&format!("fftfreq.{n}"))
                .near(&fftfreq(n, d).unwrap(), 1.0);
            golden
                .get(&format!("rfftfreq.{n}"))
                .near(&rfftfreq(n, d).unwrap(), 1.0);
        }
        let grid: Vec<i32> = (0..60).collect();
        let grid = Array::from_slice(&grid, [3, 4, 5]).unwrap();
        let cases: [(&str, &[isize]); 3] = [("0", &[0]), ("1", &[1]), ("20", &[2, 0])];
        for (name, axes) in cases {
            golden
                .get(&format!("fftshift.{name}"))
                .same(&fftshift(&grid, axes).unwrap());
            golden
                .get(&format!("ifftshift.{name}"))
                .same(&ifftshift(&grid, axes).unwrap());
        }
        golden
            .get("fftshift.all")
            .same(&fftshift(&grid, ..).unwrap());
        golden
            .get("ifftshift.all")
            .same(&ifftshift(&grid, ..).unwrap());
        let none = Array::zeros([0, 2], Dtype::F32).unwrap();
        assert_eq!(**fftshift(&none, ..).unwrap().shape(), [0, 2]);
    });
}

/// Lengths that are large, prime, and shared by threads.
#[test]
fn an_inverse_undoes_its_transform() {
    on_each(|device| {
        let mut rng = Rng(3);
        for shape in [[1, 40_000], [257, 97], [64, 1024]] {
            let (x, host) = sample(&mut rng, &shape, Dtype::F32, 1.0);
            for axis in [0, 1] {
                let n = shape[axis as usize];
                for (norm, _) in NORMS {
                    let there = fft(&x, None, axis, norm).unwrap();
                    let back = ifft(&there, None, axis, norm).unwrap();
                    let half = rfft(&x, None, axis, norm).unwrap();
                    let real = irfft(&half, Some(n), axis, norm).unwrap();
                    for back in [back, real] {
                        let most = (numbers_of(&back).iter().zip(&host.values))
                            .map(|(a, b)| (a - b).abs())
                            .fold(0.0, f64::max);
                        assert!(most < 1e-5, "{most} {shape:?} along {axis}, {device:?}");
                    }
                }
            }
        }
    });
}

fn pairs(x: &Array) -> Vec<f64> {
    match x.dtype() {
        Dtype::C64 => {
            let pairs = x.to_vec::<[f32; 2]>().unwrap();
            pairs.into_iter().flatten().map(f64::from).collect()
        }
        _ => numbers_of(x),
    }
}

fn inner(a: &Array, b: &Array) -> f64 {
    pairs(a).iter().zip(pairs(b)).map(|(a, b)| a * b).sum()
}

fn like(rng: &mut Rng, shape: &[usize], dtype: Dtype) -> Array {
    let (x, _) = sample(rng, shape, Dtype::F32, 1.0);
    if dtype == Dtype::F32 {
        return x;
    }
    let (y, _) = sample(rng, shape, Dtype::F32, 1.0);
    let i = Array::scalar([0.0f32, 1.0]);
    let y = y.astype(dtype).unwrap().multiply(&i).unwrap();
    x.astype(dtype).unwrap().add(&y).unwrap()
}

type Transform = Box<dyn Fn(&Array) -> Result<Array>>;

#[test]
fn the_gradient_of_a_transform_is_its_adjoint_and_batches_are_loops() {
    let norm = Norm::Ortho;
    let cases: Vec<(&str, Dtype, Transform)> = vec![
        (
            "fft",
            Dtype::C64,
            Box::new(move |x| fft::fft(x, None, 0, norm)),
        ),
        (
            "ifft",
            Dtype::C64,
            Box::new(move |x| ifft(x, Some(7), 1, norm)),
        ),
        (
            "rfft",
            Dtype::F32,
            Box::new(move |x| rfft(x, None, 1, norm)),
        ),
        (
            "rfft odd",
            Dtype::F32,
            Box::new(move |x| rfft(x, Some(5), 0, norm)),
        ),
        (
            "irfft",
            Dtype::C64,
            Box::new(move |x| irfft(x, None, 1, norm)),
        ),
        (
            "irfft odd",
            Dtype::C64,
            Box::new(move |x| irfft(x, Some(7), 1, norm)),
        ),
        (
            "rfftn",
            Dtype::F32,
            Box::new(move |x| rfftn(x, None, None, norm)),
        ),
        (
            "irfftn",
            Dtype::C64,
            Box::new(move |x| irfftn(x, None, Some(&[1, 0]), norm)),
        ),
    ];
    on_each(|_| {
        let mut rng = Rng(4);
        for (name, dtype, f) in &cases {
            let x = like(&mut rng, &[4, 6], *dtype);
            let y = f(&x).unwrap();
            let g = like(&mut rng, y.shape(), y.dtype());
            let (_, back) = vjp(
                |x| f(&x[0]).map(|y| vec![y]),
                std::slice::from_ref(&x),
                std::slice::from_ref(&g),
            )
            .unwrap();
            let (there, back) = (inner(&y, &g), inner(&x, &back[0]));
            assert!((there - back).abs() < 1e-4, "{name}: {there} {back}");

            let batch = like(&mut rng, &[4, 3, 6], *dtype);
            let map = |x: &[Array]| f(&x[0]).map(|y| vec![y]);
            let all = vmap(map, std::slice::from_ref(&batch), &[Some(1)]).unwrap();
            let each = all[0].elements() / 3;
            for k in 0..3 {
                let one = batch.narrow(1, k, k + 1).unwrap().reshape([4, 6]).unwrap();
                let one = pairs(&f(&one).unwrap());
                let width = one.len() / each;
                let got = &pairs(&all[0])[k * each * width..][..each * width];
                assert!(
                    got.iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-5),
                    "{name}"
                );
            }
        }
    });
}

#[test]
fn misuse_is_an_error_that_says_why() {
    on_each(|_| {
        let norm = Norm::default();
        let says = |x: Result<Array>, what: &str| assert_eq!(x.unwrap_err().to_string(), what);
        let x = Array::zeros([3, 4], Dtype::F32).unwrap();
        says(
            fft(&Array::scalar(1.0f32), None, -1, norm),
            "fft: axis -1 is out of range for shape []",
        );
        says(
            fftn(&Array::scalar(1.0f32), None, None, norm),
            "fftn: a scalar has no axis to transform",
        );
        says(
            fft(&x, Some(0), 1, norm),
            "fft: axis 1 would have no elements to transform",
        );
        let one = x.narrow(1, 0, 1).unwrap();
        says(
            irfft(&one, None, 1, norm),
            "irfft: axis 1 would have no elements to transform",
        );
        says(
            fftn(&x, None, Some(&[0, -2]), norm),
            "fftn: axis 0 is named twice in [0, -2]",
        );
        says(
            fftn(&x, Some(&[2]), Some(&[0, 1]), norm),
            "fftn: 1 lengths for 2 axes",
        );
        says(
            rfftn(&x, Some(&[2]), None, norm),
            "rfftn: lengths are given: say which axes have them",
        );
        says(fftfreq(0, 1.0), "fftfreq: n must not be zero");
        says(rfftfreq(4, 0.0), "rfftfreq: d must not be zero");
        let none = Array::zeros([0, 4], Dtype::F32).unwrap();
        assert_eq!(**rfft(&none, None, 1, norm).unwrap().shape(), [0, 3]);
        assert!(rfft(&none, None, 0, norm).is_err());
        let most = usize::MAX;
        assert!(fftn(&x, Some(&[most, most]), Some(&[0, 1]), norm).is_err());
        assert!(irfft(&x, Some(most), 1, norm).is_err());
    });
}
