//! Results of NumPy and mlx for matrices that fit on a line.

use super::*;

/// Against NumPy 2, whose results these are.
#[test]
fn determinants_and_pseudo_inverses_of_known_matrices() {
    on_each(|_| {
        let a = of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0], &[3, 3]);
        reads(det(&a), &[-3.0]);
        let (sign, log) = slogdet(&a).unwrap();
        reads(Ok(sign), &[-1.0]);
        reads(Ok(log), &[1.0986123]);
        reads(det(&of(&[], &[0, 0])), &[1.0]);
        reads(
            det(&Array::from_slice(&[2i32, 1, 1, 3], [2, 2]).unwrap()),
            &[5.0],
        );
        let half = a.astype(Dtype::F16).unwrap();
        assert_eq!(det(&half).unwrap().dtype(), Dtype::F16);
        let (p, l, u) = lu(&a).unwrap();
        assert_eq!(p.values::<u32>(), [1, 2, 0]);
        reads(
            Ok(l),
            &[1.0, 0.0, 0.0, 0.14285715, 1.0, 0.0, 0.5714286, 0.5, 1.0],
        );
        reads(
            Ok(u),
            &[7.0, 8.0, 10.0, 0.0, 0.85714287, 1.5714285, 0.0, 0.0, -0.5],
        );
        let singular = of(&[1.0, 2.0, 2.0, 4.0], &[2, 2]);
        reads(pinv(&singular), &[0.04, 0.08, 0.08, 0.16]);
        let (sign, log) = slogdet(&singular).unwrap();
        reads(Ok(sign), &[0.0]);
        assert_eq!(log.item::<f32>().unwrap(), f32::NEG_INFINITY);
        let ones = of(&[1.0; 6], &[2, 3]);
        reads(pinv(&ones), &[1.0 / 6.0; 6]);
        assert_eq!(**pinv(&of(&[], &[0, 3])).unwrap().shape(), [3, 0]);
        let (_, s, _) = svd(&of(&[4.0, 1.0, 2.0, 1.0, 3.0, 0.0, 2.0, 0.0, 5.0], &[3, 3])).unwrap();
        reads(Ok(s), &[6.669079, 3.4760236, 1.8548973]);
        let (w, _) = eigh(&of(&[1.0, 2.0, 5.0, 3.0], &[2, 2]), Side::Lower).unwrap();
        reads(Ok(w), &[-3.0990195, 7.0990195]);
        let w = eigvalsh(&of(&[1.0, 2.0, 5.0, 3.0], &[2, 2]), Side::Upper);
        reads(w, &[-0.23606798, 4.236068]);
    });
}

/// Against mlx, whose results these are.
#[test]
fn norms_of_known_vectors_and_matrices() {
    let inf = f64::INFINITY;
    on_each(|_| {
        let x = of(&[-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0], &[9]);
        let y = x.reshape([3, 3]).unwrap();
        for (p, want) in [
            (inf, 4.0),
            (-inf, 0.0),
            (0.0, 8.0),
            (1.0, 20.0),
            (-1.0, 0.0),
            (2.0, 7.745966911315918),
            (-2.0, 0.0),
            (3.0, 5.84803581237793),
            (2.5, 6.5186381340026855),
        ] {
            reads(norm(&x, Some(P(p)), None, false), &[want]);
        }
        for (ord, want) in [
            (None, 7.745966911315918),
            (Some(Frobenius), 7.745966911315918),
            (Some(Nuclear), 9.797959),
            (Some(P(1.0)), 7.0),
            (Some(P(-1.0)), 6.0),
            (Some(P(inf)), 9.0),
            (Some(P(-inf)), 2.0),
            (Some(P(2.0)), 7.3484692),
        ] {
            reads(norm(&y, ord, None, false), &[want]);
            let kept = norm(&y, ord, Some(&[0, -1]), true).unwrap();
            assert_eq!(**kept.shape(), [1, 1]);
            let turned = norm(&y.matrix_transpose().unwrap(), ord, Some(&[1, 0]), false);
            reads(turned, &[want]);
        }
        let columns = [4.582575798034668, 4.242640495300293, 4.582575798034668];
        reads(norm(&y, None, Some(&[0]), false), &columns);
        reads(
            norm(&y, None, Some(&[]), false),
            &[4.0, 3.0, 2.0, 1.0, 0.0, 1.0, 2.0, 3.0, 4.0],
        );
        let cube: Vec<f64> = (0..8).map(f64::from).collect();
        let cube = of(&cube, &[2, 2, 2]);
        reads(
            norm(&cube, Some(P(1.0)), Some(&[0, 2]), false),
            &[6.0, 10.0],
        );
        reads(norm(&cube, None, None, false), &[11.832159996032715]);
        let ones = of(&[1.0; 24], &[2, 3, 4]);
        let nuclear = norm(&ones, Some(Nuclear), Some(&[0, 2]), true).unwrap();
        assert_eq!(**nuclear.shape(), [1, 3, 1]);
        reads(Ok(nuclear), &[2.828427; 3]);
        let integers = Array::from_slice(&[3i32, 4], [2]).unwrap();
        reads(norm(&integers, None, None, false), &[5.0]);
        reads(norm(&of(&[], &[0]), None, None, false), &[0.0]);
    });
}

#[test]
fn cross_products_of_known_vectors() {
    on_each(|_| {
        let (x, y) = (of(&[1.0, 2.0, 3.0], &[3]), of(&[3.0, 1.0, 1.0], &[3]));
        reads(cross(&x, &y, -1), &[-1.0, 8.0, -5.0]);
        let two = of(&[1.0, 2.0], &[2]);
        reads(cross(&two, &of(&[3.0, 1.0], &[2]), 0), &[0.0, 0.0, -5.0]);
        reads(cross(&two, &y, -1), &[2.0, -1.0, -5.0]);
        let columns = of(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &[3, 2]);
        let crossed = cross(&columns, &of(&[1.0; 6], &[3, 2]), 0).unwrap();
        assert_eq!(**crossed.shape(), [3, 2]);
        reads(Ok(crossed), &[-2.0, -2.0, 4.0, 4.0, -2.0, -2.0]);
        let wide = cross(&of(&[1.0; 8], &[4, 1, 2]), &of(&[2.0; 6], &[3, 2]), -1).unwrap();
        assert_eq!(**wide.shape(), [4, 3, 3]);
        let integers = Array::from_slice(&[1i32, 2, 3], [3]).unwrap();
        let others = Array::from_slice(&[4i32, 5, 7], [3]).unwrap();
        let crossed = cross(&integers, &others, -1).unwrap();
        assert_eq!(crossed.values::<i32>(), [-1, 5, -3]);
    });
}
