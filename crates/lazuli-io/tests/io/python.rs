//! Files written by NumPy and the reference safetensors package, and ours read by them.

use std::path::{Path, PathBuf};

use lazuli_core::Dtype;
use lazuli_core::dtype::ALL;
use lazuli_io::npy;
use lazuli_io::safetensors::{Checkpoint, Options, TensorSpec, Writer};

use crate::counted;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

#[test]
fn safetensors_by_the_reference_package() {
    let checkpoint = Checkpoint::open(fixture("python.safetensors")).unwrap();
    assert_eq!(checkpoint.len(), ALL.len() + 3);
    for dtype in ALL {
        let tensor = checkpoint.get(&format!("t.{dtype}")).unwrap();
        assert_eq!((tensor.dtype, &tensor.shape[..]), (dtype, &[3, 5][..]));
        assert_eq!(tensor.bytes[..], counted(dtype, 15), "{dtype}");
    }
    let eight_bits = checkpoint.get("t.f8_e4m3").unwrap();
    assert_eq!(
        (eight_bits.stored_as, eight_bits.dtype),
        ("F8_E4M3", Dtype::U8)
    );
    // 0, 1, 2, 3 with a bias of 7 and 3 bits of fraction.
    assert_eq!(eight_bits.bytes[..4], [0x00, 0x38, 0x40, 0x44]);
    assert_eq!(checkpoint.get("empty").unwrap().shape, [0, 4]);
    assert!(checkpoint.get("scalar").unwrap().shape.is_empty());
    assert_eq!(checkpoint.metadata()["made by"], "make.py");
}

#[test]
fn npy_by_numpy() {
    for dtype in ALL {
        let array = npy::open(fixture(&format!("{dtype}.npy"))).unwrap();
        assert_eq!((array.dtype, &array.shape[..]), (dtype, &[3, 5][..]));
        assert!(!array.fortran_order && array.bytes.is_mapped());
        assert_eq!(array.bytes[..], counted(dtype, 15), "{dtype}");
    }
    for (name, dtype) in [
        ("big_endian", Dtype::F32),
        ("big_endian_complex", Dtype::C64),
    ] {
        let array = npy::open(fixture(&format!("{name}.npy"))).unwrap();
        assert_eq!((array.dtype, array.bytes.is_mapped()), (dtype, false));
        assert_eq!(array.bytes[..], counted(dtype, 15));
    }
    let columns = npy::open(fixture("fortran.npy")).unwrap();
    assert!(columns.fortran_order);
    assert_eq!(columns.shape, [3, 5]);
    // Element (1, 0) = 5 comes second.
    assert_eq!(columns.bytes[..8], [0, 0, 0, 0, 5, 0, 0, 0]);
    assert!(npy::open(fixture("scalar.npy")).unwrap().shape.is_empty());
    assert_eq!(npy::open(fixture("empty.npy")).unwrap().shape, [0, 4]);
    for version in ["version2.npy", "version3.npy"] {
        assert_eq!(
            npy::open(fixture(version)).unwrap().bytes[..],
            counted(Dtype::I16, 7)
        );
    }
}

#[test]
fn npy_files_are_the_bytes_that_numpy_writes() {
    for dtype in ALL {
        let mut ours = Vec::new();
        npy::write(&mut ours, dtype, &[3, 5], &counted(dtype, 15)).unwrap();
        let theirs = std::fs::read(fixture(&format!("{dtype}.npy"))).unwrap();
        // NumPy leaves room for the first dimension to grow, which moves nothing here.
        assert_eq!(ours, theirs, "{dtype}");
    }
}

/// Where `LAZULI_IO_CHECK_PYTHON` names a Python with numpy, ml_dtypes and safetensors.
#[test]
fn python_reads_what_we_write() {
    let Some(python) = std::env::var_os("LAZULI_IO_CHECK_PYTHON") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut specs = Vec::new();
    for dtype in ALL {
        for (i, shape) in [vec![], vec![7], vec![0, 3], vec![8, 64], vec![5, 3]]
            .iter()
            .enumerate()
        {
            specs.push(TensorSpec::new(
                format!("layers.{i}.{dtype} \"é\""),
                dtype,
                shape.clone(),
            ));
            let elements = counted(dtype, shape.iter().product());
            let path = folder.path().join(format!("{dtype}-{i}.npy"));
            npy::save(path, dtype, shape, &elements).unwrap();
        }
    }
    let options = Options {
        shard_bytes: 6000,
        ..Options::default()
    };
    let mut writer = Writer::folder(folder.path(), &specs, &options).unwrap();
    for spec in &specs {
        writer
            .write_next(&counted(spec.dtype, spec.shape.iter().product()))
            .unwrap();
    }
    writer.finish().unwrap();
    let output = std::process::Command::new(python)
        .arg(fixture("check.py"))
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), "70 tensors, 70 arrays", "{failed}");
}
