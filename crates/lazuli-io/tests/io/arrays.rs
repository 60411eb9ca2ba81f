//! Arrays to files and back, archives of NumPy and archives that lie.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lazuli_core::{Array, Dtype, Error as CoreError};
use lazuli_io::arrays::{
    Arrays, Format, Loaded, Quantized, load, load_as, load_gguf, load_npz, read, save, save_gguf,
    save_gguf_as, save_safetensors, savez, savez_compressed,
};
use lazuli_io::gguf::Kind;
use lazuli_io::metadata::{Metadata, Value};
use proptest::prelude::*;

use crate::{counted, with_cpu};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn array(dtype: Dtype, shape: &[usize]) -> Array {
    Array::from_bytes(&counted(dtype, shape.iter().product()), dtype, shape).unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn named(arrays: &Arrays) -> impl Iterator<Item = (&str, &Array)> {
    arrays.iter().map(|(name, array)| (name.as_str(), array))
}

#[test]
fn archives_of_numpy_are_read() {
    for file in ["npz/numpy.npz", "npz/compressed.npz"] {
        let arrays = load(fixture(file)).unwrap().arrays().unwrap();
        assert_eq!(
            arrays["plain"].to_vec::<f32>().unwrap(),
            [0., 1., 2., 3., 4., 5.]
        );
        assert_eq!(arrays["a/b c"].to_vec::<i64>().unwrap(), [0, 1, 2]);
        assert_eq!(arrays["größe"].item::<f64>().unwrap(), 2.5);
        assert_eq!(arrays["big"].to_vec::<u32>().unwrap(), [0, 1, 2, 3]);
        let fortran = &arrays["fortran"];
        assert_eq!(fortran.shape()[..], [2, 3]);
        // The elements lie by columns; the array is a view that says so.
        let shown = fortran.data().unwrap();
        assert_eq!(shown.layout.strides_of(fortran.shape())[..], [1, 2]);
        let host = shown.buffer.host().unwrap();
        assert_eq!(host[..], [0, 0, 3, 0, 1, 0, 4, 0, 2, 0, 5, 0]);
    }
    let zeros = &load_npz(fixture("npz/compressed.npz")).unwrap()["zeros"];
    assert_eq!(zeros.to_vec::<f64>().unwrap(), [0.0; 10_000]);
}

#[test]
fn archives_with_large_records_folders_and_old_names_are_read() {
    let arrays = load_npz(fixture("npz/large.npz")).unwrap();
    assert_eq!(arrays.keys().collect::<Vec<_>>(), ["folder/two", "é1é"]);
    for array in arrays.values() {
        assert_eq!(array.to_vec::<f32>().unwrap(), [0., 1., 2., 3., 4., 5.]);
    }
}

/// Changes one byte of the fixture at a time.
#[test]
fn a_damaged_archive_is_refused_or_reads_the_same_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    for name in ["npz/compressed.npz", "npz/large.npz"] {
        let whole = std::fs::read(fixture(name)).unwrap();
        for at in 0..whole.len() {
            let mut file = whole.clone();
            file[at] ^= 0x41;
            std::fs::write(&path, &file).unwrap();
            if let Err(error) = load(&path) {
                assert_eq!(error.to_string().lines().count(), 1, "{error}");
            }
            if at % 7 == 0 {
                std::fs::write(&path, &whole[..at]).unwrap();
                load(&path).unwrap_err();
            }
        }
    }
}

#[test]
fn an_archive_cannot_claim_more_than_its_bytes_can_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let arrays = Arrays::from([("a".to_owned(), array(Dtype::U8, &[100_000]))]);
    savez_compressed(&path, named(&arrays)).unwrap();
    let mut file = std::fs::read(&path).unwrap();
    let record = file.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    file[record + 24..record + 28].copy_from_slice(&(1u32 << 31).to_le_bytes());
    std::fs::write(&path, &file).unwrap();
    let message = load(&path).unwrap_err().to_string();
    assert!(
        message.contains("cannot hold the 2147483648 that it should have"),
        "{message}"
    );
    // Two members of the same bytes.
    let end = file.windows(4).rposition(|w| w == b"PK\x05\x06").unwrap();
    let mut twice = file[record..end].to_vec();
    twice[24..28].copy_from_slice(&100_128u32.to_le_bytes());
    twice[46] = b'b';
    file[record + 24..record + 28].copy_from_slice(&100_128u32.to_le_bytes());
    file.splice(end..end, twice.iter().copied());
    let end = end + twice.len();
    for count in [8, 10] {
        file[end + count] = 2;
    }
    let length = (twice.len() * 2) as u32;
    file[end + 12..end + 16].copy_from_slice(&length.to_le_bytes());
    std::fs::write(&path, &file).unwrap();
    let message = load(&path).unwrap_err().to_string();
    assert!(
        message.ends_with("member `b.npy`: its bytes at 0 are part of `a.npy`"),
        "{message}"
    );
}

#[test]
fn stored_members_are_used_where_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let arrays = Arrays::from([
        ("odd".to_owned(), array(Dtype::U8, &[7])),
        ("wide".to_owned(), array(Dtype::F64, &[30])),
    ]);
    savez(&path, named(&arrays)).unwrap();
    for array in load_npz(&path).unwrap().values() {
        assert!(!array.data().unwrap().buffer.is_exclusive());
        assert_eq!(
            array.data().unwrap().buffer.host().unwrap().as_ptr().addr() % 64,
            0
        );
    }
}

#[test]
fn what_is_in_memory_is_read_like_a_file() {
    // Blocks of GGUF are expanded when their elements are asked for.
    with_cpu();
    for (file, format) in [
        ("float32.npy", Format::Npy),
        ("npz/compressed.npz", Format::Npz),
        ("python.safetensors", Format::Safetensors),
        ("gguf/blocks.gguf", Format::Gguf),
    ] {
        let bytes = std::fs::read(fixture(file)).unwrap();
        let half = bytes[..bytes.len() / 2].to_vec();
        let refused = read(half, format, "half").unwrap_err().to_string();
        assert!(refused.starts_with("half"), "{refused}");
        match (
            read(bytes, format, file).unwrap(),
            load(fixture(file)).unwrap(),
        ) {
            (Loaded::Array(got), Loaded::Array(wanted)) => {
                assert_eq!(got.to_bytes().unwrap(), wanted.to_bytes().unwrap());
            }
            (Loaded::Arrays(got, notes), Loaded::Arrays(wanted, known)) => {
                assert_eq!(notes, known);
                assert!(got.keys().eq(wanted.keys()));
                for (name, array) in &got {
                    assert_eq!(array.to_bytes().unwrap(), wanted[name].to_bytes().unwrap());
                }
            }
            _ => panic!("{file}: another kind of file in memory"),
        }
    }
}

#[test]
fn extensions_are_added_and_tell_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let one = array(Dtype::I32, &[2]);
    save(at("a"), &one).unwrap();
    save(at("a.v2"), &one).unwrap();
    savez(at("z"), [("x", &one)]).unwrap();
    save_safetensors(at("s"), [("x", &one)], &BTreeMap::new()).unwrap();
    save_gguf(at("g"), [("x", &one)], &Metadata::new()).unwrap();
    let wanted = ["a.npy", "a.v2.npy", "g.gguf", "s.safetensors", "z.npz"];
    assert_eq!(files(folder.path()), wanted);
    for name in wanted {
        match load(at(name)).unwrap() {
            Loaded::Array(array) => assert_eq!(array.to_vec::<i32>().unwrap(), [0, 1]),
            Loaded::Arrays(arrays, notes) => {
                assert_eq!(arrays["x"].to_vec::<i32>().unwrap(), [0, 1]);
                assert_eq!(notes.is_none(), name == "z.npz");
            }
        }
    }
    std::fs::rename(at("a.npy"), at("other")).unwrap();
    load_as(at("other"), Format::Npy).unwrap();
    let ends = [
        (
            "other",
            "its name has no extension to tell the format by: .npy, .npz, .safetensors, .gguf",
        ),
        (
            "a.foo",
            "unknown file format .foo; supported: .npy, .npz, .safetensors, .gguf",
        ),
        ("nope.npz", "No such file or directory (os error 2)"),
    ];
    for (name, end) in ends {
        let message = load(at(name)).unwrap_err().to_string();
        assert!(message.ends_with(end), "{message}");
    }
    let message = load_as(at("z.npz"), Format::Npy).unwrap_err().to_string();
    assert!(
        message.ends_with("z.npz: this is not a npy file"),
        "{message}"
    );
}

#[test]
fn what_cannot_be_saved_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let good = array(Dtype::F32, &[3]);
    savez(&path, [("a", &good)]).unwrap();
    let before = std::fs::read(&path).unwrap();
    let bad = Array::poisoned(CoreError::value("test", "no value"));
    let error = savez(&path, [("a", &good), ("b", &bad)]).unwrap_err();
    assert!(
        error.to_string().contains("x.npz: `b`: test: no value"),
        "{error}"
    );
    let error = savez(&path, [("a", &good), ("a", &good)]).unwrap_err();
    assert!(
        error.to_string().ends_with("member `a`: the name is taken"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(files(folder.path()), ["x.npz"]);

    let gguf = folder.path().join("x.gguf");
    let words = array(Dtype::U32, &[3]);
    let error = save_gguf(&gguf, [("w", &words)], &Metadata::new()).unwrap_err();
    let wanted = "tensor `w`: uint32 is no type of GGUF: convert it first";
    assert!(error.to_string().ends_with(wanted), "{error}");
    let error = save_gguf_as(&gguf, [("w", &good)], &Metadata::new(), |_, _| {
        Some(Kind::Q8_0)
    });
    let wanted = "shape [3]: Q8_0 needs a last axis of a multiple of 32";
    assert!(error.unwrap_err().to_string().ends_with(wanted));
    let error = save_gguf_as(
        &gguf,
        [("w", &array(Dtype::F32, &[256]))],
        &Metadata::new(),
        |_, _| Some(Kind::Q4_K),
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .ends_with("Q4_K is read, not written")
    );
    // A file where a folder should be, and a device without room.
    let inside = path.join("y.npy");
    let error = save(&inside, &good).unwrap_err();
    assert!(error.to_string().starts_with("cannot create"), "{error}");
    assert_eq!(files(folder.path()), ["x.npz"]);
}

#[test]
fn gguf_arrays_are_repacked_or_expanded() {
    let path = fixture("gguf/blocks.gguf");
    let (arrays, notes) = load_gguf(&path, Quantized::Repacked).unwrap();
    assert_eq!(notes["general.architecture"].text(), Some("fixture"));
    let is = |name: &str, dtype, shape: &[usize]| {
        let array = &arrays[name];
        assert_eq!(
            (array.dtype(), &array.shape()[..]),
            (dtype, shape),
            "{name}"
        );
    };
    is("Q4_0", Dtype::U32, &[2, 32]);
    is("Q4_1.scales", Dtype::F16, &[2, 8]);
    is("Q8_0", Dtype::U32, &[2, 64]);
    is("Q8_0.biases", Dtype::F16, &[2, 8]);
    is("Q4_K", Dtype::F16, &[2, 256]);
    is("floats", Dtype::F32, &[4, 64]);
    let (expanded, _) = load_gguf(&path, Quantized::Dequantized).unwrap();
    assert_eq!(expanded["Q8_0"].dtype(), Dtype::F16);
    assert!(!expanded.contains_key("Q8_0.scales"));

    let folder = tempfile::tempdir().unwrap();
    let again = folder.path().join("x.gguf");
    let floats = [("w.weight", &arrays["floats"])];
    save_gguf_as(&again, floats, &notes, |_, _| Some(Kind::Q8_0)).unwrap();
    let (packed, same) = load_gguf(&again, Quantized::Repacked).unwrap();
    assert_eq!(same, notes);
    let names: Vec<_> = packed.keys().collect();
    assert_eq!(names, ["w.biases", "w.scales", "w.weight"]);
    let wanted = arrays["floats.Q8_0"].to_bytes().unwrap();
    assert_eq!(packed["w.weight"].to_bytes().unwrap(), wanted);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 24, ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_saved_is_loaded(
        dtypes in prop::collection::vec(prop::sample::select(&lazuli_core::dtype::ALL[..]), 0..6),
        shape in prop::collection::vec(0..5usize, 0..5),
        names in prop::collection::btree_set("[^\\x00]{0,12}", 6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let arrays: Arrays = names.iter().zip(&dtypes)
            .map(|(name, &dtype)| (name.clone(), array(dtype, &shape)))
            .collect();
        let notes = BTreeMap::from([("a key".to_owned(), "a\nvalue".to_owned())]);
        let (npz, deflated) = (folder.path().join("a.npz"), folder.path().join("b.npz"));
        let tensors = folder.path().join("c.safetensors");
        savez(&npz, named(&arrays)).unwrap();
        savez_compressed(&deflated, named(&arrays)).unwrap();
        save_safetensors(&tensors, named(&arrays), &notes).unwrap();
        for path in [&npz, &deflated, &tensors] {
            let Loaded::Arrays(loaded, metadata) = load(path).unwrap() else {
                panic!("{path:?} has names");
            };
            prop_assert_eq!(loaded.len(), arrays.len());
            for (name, array) in &arrays {
                let got = &loaded[name];
                prop_assert_eq!((got.dtype(), got.shape()), (array.dtype(), array.shape()));
                prop_assert_eq!(got.to_bytes().unwrap(), array.to_bytes().unwrap());
            }
            if path == &tensors {
                let wanted = Metadata::from([("a key".to_owned(), Value::from("a\nvalue"))]);
                prop_assert_eq!(metadata, Some(wanted));
            }
        }
        for (number, (_, array)) in arrays.iter().enumerate() {
            let path = folder.path().join(format!("{number}.npy"));
            save(&path, array).unwrap();
            let got = load(&path).unwrap().array().unwrap();
            prop_assert_eq!(got.shape(), array.shape());
            prop_assert_eq!(got.to_bytes().unwrap(), array.to_bytes().unwrap());
        }
    }
}
