//! Random indices against a walk over all elements that follows NumPy's rules literally.

use lazuli_core::index::{Index, Item};
use lazuli_core::ops::scatter::Mode;
use lazuli_core::{Array, Dtype};
use proptest::prelude::{ProptestConfig, proptest};

use crate::common::*;

/// An item of an index as the reference sees it.
#[derive(Clone, Debug)]
enum Ref {
    At(usize),
    /// First position, step, count.
    Range(isize, isize, usize),
    New,
    /// An ellipsis without axes: it keeps index arrays apart.
    Gap,
    /// Positions of a shape.
    Ints(Vec<usize>, Vec<usize>),
}

/// What a random index is for the library and, with masks as positions, for the reference.
struct Case {
    index: Index,
    items: Vec<Ref>,
}

fn random_range(rng: &mut Rng, len: usize) -> (Item, Ref) {
    let n = len as isize;
    let end = |rng: &mut Rng| match rng.below(4) {
        0 => None,
        _ => Some(rng.below(3 * len + 4) as isize - n - n / 2 - 2),
    };
    let (start, stop) = (end(rng), end(rng));
    let by = [1, 1, 2, 3, -1, -2, -3][rng.below(7)];
    // As Python walks it: from the first position while it is before the stop.
    let wrap = |at: isize| if at < 0 { at + n } else { at };
    let mut at = match (start, by > 0) {
        (None, true) => 0,
        (None, false) => n - 1,
        (Some(s), true) => wrap(s).clamp(0, n),
        (Some(s), false) => wrap(s).clamp(-1, n - 1),
    };
    let stop_at = match (stop, by > 0) {
        (None, true) => n,
        (None, false) => -1,
        (Some(s), true) => wrap(s).clamp(0, n),
        (Some(s), false) => wrap(s).clamp(-1, n - 1),
    };
    let first = at;
    let mut count = 0;
    while (by > 0 && at < stop_at) || (by < 0 && at > stop_at) {
        count += 1;
        at += by;
    }
    let item = Item::Range {
        start,
        stop,
        step: by,
    };
    (item, Ref::Range(first, by, count))
}

fn integers(rng: &mut Rng, shape: &[usize], len: usize) -> (Array, Vec<usize>) {
    let count = shape.iter().product();
    let raw: Vec<i64> = (0..count)
        .map(|_| rng.below(2 * len) as i64 - len as i64)
        .collect();
    let numbers: Vec<f64> = raw.iter().map(|&i| i as f64).collect();
    let dtype = [Dtype::I8, Dtype::I32, Dtype::I64][rng.below(3)];
    let at = raw.iter().map(|i| i.rem_euclid(len as i64) as usize);
    (of_numbers(&numbers, shape, dtype), at.collect())
}

/// A random index of `shape`, whose axes are not empty where an integer or a list must pick.
fn random(rng: &mut Rng, shape: &[usize], masks: bool) -> Case {
    let (mut index, mut items) = (Vec::new(), Vec::new());
    // Index arrays that broadcast: a common shape with some axes left out or of length 1.
    let common = [vec![], vec![3], vec![2, 3]][rng.below(3)].clone();
    let arrays = rng.below(3) > 0;
    let mut axis = 0;
    let mut ellipsis = Some(rng.below(3 * shape.len() + 1));
    let mut named = rng
        .below(shape.len() + 1)
        .max(shape.len().saturating_sub(2));
    while axis < named {
        if ellipsis == Some(axis) {
            ellipsis = None;
            index.push(Item::Ellipsis);
            // All that is left but for the last, which is named.
            let skipped = (shape.len() - axis).saturating_sub(1);
            if skipped == 0 {
                items.push(Ref::Gap);
            }
            for &len in &shape[axis..axis + skipped] {
                items.push(Ref::Range(0, 1, len));
            }
            axis += skipped;
            named = shape.len();
            if axis >= shape.len() {
                break;
            }
        }
        let len = shape[axis];
        let kind = rng.below(8);
        if kind == 0 {
            index.push(Item::NewAxis);
            items.push(Ref::New);
        } else if kind == 1 && len > 0 {
            let at = rng.below(len);
            let from_end = rng.below(2) == 0;
            index.push(Item::At(if from_end {
                at as isize - len as isize
            } else {
                at as isize
            }));
            items.push(Ref::At(at));
            axis += 1;
        } else if kind < 5 && arrays && len > 0 {
            if masks && kind == 2 {
                // True as often as the common shape is long, so that it broadcasts.
                let want = common.last().copied().unwrap_or(1);
                let mut hits: Vec<usize> = (0..want.min(len)).map(|_| rng.below(len)).collect();
                hits.sort_unstable();
                hits.dedup();
                if hits.len() == want || hits.len() == 1 {
                    let truth: Vec<f64> =
                        (0..len).map(|i| hits.contains(&i) as u8 as f64).collect();
                    index.push(Item::Array(of_numbers(&truth, &[len], Dtype::Bool)));
                    items.push(Ref::Ints(vec![hits.len()], hits));
                    axis += 1;
                    continue;
                }
            }
            let drop = rng.below(common.len() + 1);
            let mut own = common[drop..].to_vec();
            if !own.is_empty() && rng.below(3) == 0 {
                let at = rng.below(own.len());
                own[at] = 1;
            }
            let (array, at) = integers(rng, &own, len);
            index.push(Item::Array(array));
            items.push(Ref::Ints(own, at));
            axis += 1;
        } else {
            let (item, by) = random_range(rng, len);
            index.push(item);
            items.push(by);
            axis += 1;
        }
    }
    for &len in &shape[axis..] {
        items.push(Ref::Range(0, 1, len));
    }
    Case {
        index: Index(index.into_iter().collect()),
        items,
    }
}

fn broadcast(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |k| s[k]);
    (0..rank)
        .map(|i| if at(a, i) == 1 { at(b, i) } else { at(a, i) })
        .collect()
}

/// The shape of a read, and for each of its elements, in order, where it comes from.
fn places(items: &[Ref]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let lists = items.iter().any(|i| matches!(i, Ref::Ints(..)));
    let advanced = |i: &Ref| lists && matches!(i, Ref::Ints(..) | Ref::At(_));
    let mut common = vec![];
    for item in items {
        if let Ref::Ints(shape, _) = item {
            common = broadcast(&common, shape);
        }
    }
    let which: Vec<usize> = (0..items.len()).filter(|&i| advanced(&items[i])).collect();
    let apart = which.windows(2).any(|w| w[1] != w[0] + 1);
    let mut shape = vec![];
    let mut lead = 0;
    if lists && apart {
        shape.extend(&common);
    }
    // Axis of the result for each range.
    let mut shown = vec![0; items.len()];
    for (number, item) in items.iter().enumerate() {
        if lists && !apart && which[0] == number {
            lead = shape.len();
            shape.extend(&common);
        }
        shown[number] = shape.len();
        match item {
            Ref::Range(_, _, count) => shape.push(*count),
            Ref::New => shape.push(1),
            _ => {}
        }
    }
    let from = indices(&shape)
        .map(|r| {
            let mut source = vec![];
            for (number, item) in items.iter().enumerate() {
                match item {
                    Ref::At(at) => source.push(*at),
                    Ref::Range(first, by, _) => {
                        source.push((first + by * r[shown[number]] as isize) as usize);
                    }
                    Ref::New | Ref::Gap => {}
                    Ref::Ints(own, at) => {
                        let b = &r[lead..lead + common.len()];
                        let b = &b[common.len() - own.len()..];
                        let flat = b
                            .iter()
                            .zip(own)
                            .fold(0, |f, (&i, &d)| f * d + if d == 1 { 0 } else { i });
                        source.push(at[flat]);
                    }
                }
            }
            source
        })
        .collect();
    (shape, from)
}

fn operand(rng: &mut Rng) -> (Array, Host, Dtype) {
    let dtype = [
        Dtype::F32,
        Dtype::I32,
        Dtype::U8,
        Dtype::BF16,
        Dtype::F64,
        Dtype::I16,
    ][rng.below(6)];
    let shape = rng.shape(4, 4);
    let (x, host) = viewed_as(rng, &shape, dtype, 90.0);
    (x, host, dtype)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_read_has_the_elements_that_numpy_reads(seed: u64) {
        let mut rng = Rng(seed);
        let (x, host, _) = operand(&mut rng);
        let case = random(&mut rng, &host.shape, true);
        let (shape, from) = places(&case.items);
        let values = from.iter().map(|i| host.at(i)).collect();
        let want = Host { shape, values };
        on_each(|device| {
            let what = format!("{:?} of {:?} {device:?}", case.index, host.shape);
            let got = x.get(case.index.clone()).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_near(&got, &want, 0.0, &what);
        });
    }

    #[test]
    fn a_write_changes_what_a_read_shows_in_order(seed: u64) {
        let mut rng = Rng(seed);
        let (x, host, dtype) = operand(&mut rng);
        let case = random(&mut rng, &host.shape, true);
        let (shape, from) = places(&case.items);
        // A value that broadcasts: axes left out, of length 1, or too many of length 1.
        let mut own = shape[rng.below(shape.len() + 1)..].to_vec();
        for d in &mut own {
            if rng.below(4) == 0 {
                *d = 1;
            }
        }
        if own.len() == shape.len() && rng.below(3) == 0 {
            own.insert(0, 1);
        }
        let (value, given) = viewed_as(&mut rng, &own, dtype, 3.0);
        let mode = [Mode::Set, Mode::Add, Mode::Maximum, Mode::Minimum, Mode::Multiply][rng.below(5)];
        if mode == Mode::Multiply && dtype == Dtype::BF16 {
            // Rounded once at the end there, at each step here.
            return Ok(());
        }
        let mut want = host.clone();
        for (r, to) in indices(&shape).zip(&from) {
            let rank = own.len().min(r.len());
            let extra = own.len() - rank;
            let i: Vec<usize> = (0..own.len())
                .map(|a| if own[a] == 1 || a < extra { 0 } else { r[r.len() - rank + a - extra] })
                .collect();
            let flat = to.iter().zip(&host.shape).fold(0, |f, (i, d)| f * d + i);
            let (old, new) = (want.values[flat], given.at(&i));
            want.values[flat] = match mode {
                Mode::Set => new,
                Mode::Add => old + new,
                Mode::Multiply => old * new,
                Mode::Maximum => old.max(new),
                Mode::Minimum => old.min(new),
            };
        }
        // What the dtype holds, wrapping.
        let wrap = |v: f64| match dtype {
            Dtype::U8 => v.rem_euclid(256.0),
            Dtype::I16 => (v + 32768.0).rem_euclid(65536.0) - 32768.0,
            Dtype::I32 => (v + 2147483648.0).rem_euclid(4294967296.0) - 2147483648.0,
            _ => v,
        };
        let want = want.map(wrap);
        if want.values.iter().any(|v| v.abs() > 1e15) {
            // Beyond what the reference counts exactly.
            return Ok(());
        }
        let ulps = if mode == Mode::Set { 0.0 } else { 200.0 };
        on_each(|device| {
            let what = format!("{mode:?} {:?} of {:?} with {own:?} {device:?}", case.index, host.shape);
            let at = x.at(case.index.clone());
            let got = match mode {
                Mode::Set => at.set(&value),
                Mode::Add => at.add(&value),
                Mode::Multiply => at.multiply(&value),
                Mode::Maximum => at.maximum(&value),
                Mode::Minimum => at.minimum(&value),
            };
            let got = got.unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_near(&got, &want, ulps, &what);
        });
    }

    #[test]
    fn along_an_axis_each_element_has_its_own_index(seed: u64) {
        let mut rng = Rng(seed);
        let (dtype, mut shape) = (Dtype::I32, rng.shape(3, 5));
        let axis = rng.below(shape.len() + 1);
        shape.insert(axis, 1 + rng.below(6));
        let (x, host) = viewed_as(&mut rng, &shape, dtype, 90.0);
        let mut to = shape.clone();
        to[axis] = rng.below(5);
        let (at, positions) = integers(&mut rng, &to, shape[axis]);
        let (values, given) = viewed_as(&mut rng, &to, dtype, 90.0);
        let source = |i: &[usize]| {
            let flat = i.iter().zip(&to).fold(0, |f, (i, d)| f * d + i);
            let mut j = i.to_vec();
            j[axis] = positions[flat];
            j
        };
        let read = host.gather(&to, source);
        let (mut written, mut added) = (host.clone(), host.clone());
        for i in indices(&to) {
            let flat = source(&i).iter().zip(&shape).fold(0, |f, (i, d)| f * d + i);
            written.values[flat] = given.at(&i);
            added.values[flat] += given.at(&i);
        }
        let axis = axis as isize;
        on_each(|device| {
            let what = format!("{shape:?} {to:?} {device:?}");
            assert_near(&x.take_along_axis(&at, axis).unwrap(), &read, 0.0, &what);
            assert_near(&x.put_along_axis(&at, &values, axis).unwrap(), &written, 0.0, &what);
            let sum = x.scatter_along_axis(&at, &values, axis, Mode::Add).unwrap();
            assert_near(&sum, &added, 0.0, &what);
        });
    }

    #[test]
    fn a_mask_over_several_axes_reads_and_writes_in_row_major_order(seed: u64) {
        let mut rng = Rng(seed);
        let shape = rng.shape(4, 4);
        let (x, host) = viewed_as(&mut rng, &shape, Dtype::F32, 9.0);
        let first = rng.below(shape.len() + 1);
        let last = first + rng.below(shape.len() + 1 - first);
        let (mask, truth) = viewed_as(&mut rng, &shape[first..last], Dtype::Bool, 1.0);
        let hits: Vec<Vec<usize>> = indices(&shape[first..last])
            .filter(|i| truth.at(i) != 0.0)
            .collect();
        let mut to = shape[..first].to_vec();
        to.push(hits.len());
        to.extend(&shape[last..]);
        let source = |i: &[usize]| [&i[..first], &hits[i[first]], &i[first + 1..]].concat();
        let read = host.gather(&to, source);
        let mut more = to.clone();
        more[first] += rng.below(2) * 2;
        let (values, given) = viewed_as(&mut rng, &more, Dtype::F32, 9.0);
        let mut written = host.clone();
        for i in indices(&to) {
            let flat = source(&i).iter().zip(&shape).fold(0, |f, (i, d)| f * d + i);
            let row = if more[first] == 1 { 0 } else { i[first] };
            written.values[flat] = given.at(&[&i[..first], &[row], &i[first + 1..]].concat());
        }
        let mut items: Vec<Item> = vec![Item::from(..); first];
        items.push(mask.into());
        let index = Index(items.into_iter().collect());
        on_each(|device| {
            let what = format!("{shape:?} {first}..{last} {device:?}");
            assert_near(&x.get(index.clone()).unwrap(), &read, 0.0, &what);
            if more[first] != 1 || hits.len() <= 1 || more == to {
                let got = x.set(index.clone(), &values).unwrap();
                assert_near(&got, &written, 0.0, &what);
            }
        });
    }

    #[test]
    fn windows_are_gathered_and_scattered_where_they_begin(seed: u64) {
        let mut rng = Rng(seed);
        let shape: Vec<usize> = (0..3).map(|_| 1 + rng.below(5)).collect();
        let (x, host) = viewed_as(&mut rng, &shape, Dtype::I32, 90.0);
        let sizes: Vec<usize> = shape.iter().map(|&d| 1 + rng.below(d)).collect();
        let count = 1 + rng.below(4);
        let corner = |rng: &mut Rng, a: usize| -> Vec<i64> {
            (0..count).map(|_| rng.below(shape[a] - sizes[a] + 1) as i64).collect()
        };
        let (r, c) = (corner(&mut rng, 0), corner(&mut rng, 2));
        let at = [&r, &c].map(|v| Array::from(v.clone()));
        let to = [&[count], &sizes[..]].concat();
        let source = |i: &[usize]| vec![r[i[0]] as usize + i[1], i[2], c[i[0]] as usize + i[3]];
        let read = host.gather(&to, source);
        let (values, given) = viewed_as(&mut rng, &to, Dtype::I32, 90.0);
        let (mut written, mut added) = (host.clone(), host.clone());
        for i in indices(&to) {
            let flat = source(&i).iter().zip(&shape).fold(0, |f, (i, d)| f * d + i);
            written.values[flat] = given.at(&i);
            added.values[flat] += given.at(&i);
        }
        on_each(|device| {
            let what = format!("{shape:?} {sizes:?} {device:?}");
            let got = x.gather(&at, &[0, 2], sizes.as_slice()).unwrap();
            assert_near(&got, &read, 0.0, &what);
            let got = x.scatter(&at, &values, &[0, 2], Mode::Set).unwrap();
            assert_near(&got, &written, 0.0, &what);
            let got = x.scatter(&at, &values, &[0, 2], Mode::Add).unwrap();
            assert_near(&got, &added, 0.0, &what);
        });
    }
}
