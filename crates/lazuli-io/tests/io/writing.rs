//! What the writer writes: alignment, shards, index, and nothing at all when it fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lazuli_core::Dtype;
use lazuli_io::safetensors::{Checkpoint, Options, TensorSpec, Writer};
use lazuli_io::{Error, Staging};
use proptest::prelude::*;

use crate::counted;

fn specs() -> Vec<TensorSpec> {
    vec![
        TensorSpec::new("odd", Dtype::U8, [3]),
        TensorSpec::new("half", Dtype::BF16, [5]),
        TensorSpec::new("whole", Dtype::F32, [4, 16]),
        TensorSpec::new("double", Dtype::F64, [3]),
        TensorSpec::new("empty", Dtype::F32, [0, 2]),
        TensorSpec::new("scalar", Dtype::F32, []),
    ]
}

fn elements(spec: &TensorSpec) -> Vec<u8> {
    counted(spec.dtype, spec.shape.iter().product())
}

fn listed(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = names
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The header of a file as it is on disk: where the tensors begin, and the JSON.
fn header(path: &Path) -> (usize, serde_json::Value) {
    let file = fs::read(path).unwrap();
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    (
        8 + length,
        serde_json::from_slice(&file[8..8 + length]).unwrap(),
    )
}

/// Checks a file's places: no holes, all aligned. Returns the names in file order.
fn aligned(path: &Path) -> Vec<String> {
    let (base, header) = header(path);
    assert_eq!(base % 64, 0);
    let mut places: Vec<(u64, u64, String)> = Vec::new();
    for (name, entry) in header.as_object().unwrap() {
        if name != "__metadata__" {
            let offsets = &entry["data_offsets"];
            let (begin, end) = (offsets[0].as_u64().unwrap(), offsets[1].as_u64().unwrap());
            let width = match entry["dtype"].as_str().unwrap() {
                _ if (end - begin) % 64 == 0 => 64,
                "F64" | "I64" | "U64" | "C64" => 8,
                "F32" | "I32" | "U32" => 4,
                "F16" | "BF16" | "I16" | "U16" => 2,
                _ => 1,
            };
            assert_eq!(begin % width, 0, "{name}");
            places.push((begin, end, name.clone()));
        }
    }
    places.sort();
    let mut end_before = 0;
    for (begin, end, name) in &places {
        assert_eq!(*begin, end_before, "a hole before {name}");
        end_before = *end;
    }
    assert_eq!(fs::metadata(path).unwrap().len(), base as u64 + end_before);
    places.into_iter().map(|(_, _, name)| name).collect()
}

#[test]
fn places_are_aligned_without_holes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let mut writer = Writer::file(&path, &specs(), &Options::default()).unwrap();
    for spec in specs() {
        writer.write_next(&elements(&spec)).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(
        aligned(&path),
        ["whole", "empty", "double", "scalar", "half", "odd"]
    );
    assert_eq!(
        header(&path).1["__metadata__"],
        serde_json::json!({"format": "mlx"})
    );
    assert_eq!(listed(folder.path()), ["x.safetensors"]);
}

#[test]
fn shards_and_their_index_appear_with_the_folder() {
    let root = tempfile::tempdir().unwrap();
    let target = root.path().join("model");
    let specs: Vec<_> = (0..5)
        .map(|i| TensorSpec::new(format!("t{i}"), Dtype::U32, [10 + i]))
        .collect();
    let options = Options {
        // 40 + 44 fit, 48 + 52 do not, 56 is too large and comes alone.
        shard_bytes: 84,
        total_parameters: Some(123),
        ..Options::default()
    };
    let staging = Staging::folder(&target).unwrap();
    let mut writer = Writer::folder(staging.path(), &specs, &options).unwrap();
    // By name, backwards.
    for spec in specs.iter().rev() {
        writer.write(&spec.name, &elements(spec)).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(listed(root.path()).len(), 1, "only the hidden folder");
    staging.commit().unwrap();

    let shard = |i| format!("model-0000{i}-of-00004.safetensors");
    assert_eq!(
        listed(&target),
        [
            shard(1),
            shard(2),
            shard(3),
            shard(4),
            "model.safetensors.index.json".into()
        ]
    );
    let index = fs::read(target.join("model.safetensors.index.json")).unwrap();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&index).unwrap(),
        serde_json::json!({
            "metadata": {"total_size": 240, "total_parameters": 123},
            "weight_map": {
                "t0": shard(1), "t1": shard(1), "t2": shard(2), "t3": shard(3), "t4": shard(4),
            },
        })
    );
    let checkpoint = Checkpoint::open(&target).unwrap();
    assert_eq!(checkpoint.files().len(), 4);
    for spec in &specs {
        assert_eq!(
            checkpoint.get(&spec.name).unwrap().bytes[..],
            elements(spec)
        );
    }
}

#[test]
fn a_model_of_one_shard_and_a_model_of_nothing_have_plain_names() {
    for specs in [specs(), vec![]] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::folder(folder.path(), &specs, &Options::default()).unwrap();
        for spec in &specs {
            writer.write_next(&elements(spec)).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(
            listed(folder.path()),
            ["model.safetensors", "model.safetensors.index.json"]
        );
        let file = folder.path().join("model.safetensors");
        assert_eq!(Checkpoint::open(file).unwrap().len(), specs.len());
    }
}

#[test]
fn misuse_is_an_error_that_names_the_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let options = Options::default();
    let message = |e: Error| e.to_string().replace(&format!("{}: ", path.display()), "");
    let begin = |specs: &[TensorSpec]| Writer::file(&path, specs, &options);
    let a = || TensorSpec::new("a", Dtype::U8, [2]);
    let b = || TensorSpec::new("b", Dtype::U8, [2]);

    assert_eq!(
        message(begin(&[a(), a()]).unwrap_err()),
        "tensor `a`: the name is taken"
    );
    assert_eq!(
        message(begin(&[TensorSpec::new("__metadata__", Dtype::U8, [1])]).unwrap_err()),
        "tensor `__metadata__`: the format keeps this name for itself"
    );
    assert_eq!(
        message(begin(&[TensorSpec::new("w", Dtype::F32, [usize::MAX])]).unwrap_err()),
        format!(
            "tensor `w`: shape [{}] of float32 is larger than memory can be",
            usize::MAX
        )
    );
    let mut writer = begin(&[a(), b()]).unwrap();
    assert_eq!(
        message(writer.write("a", &[1]).unwrap_err()),
        "tensor `a`: 1 bytes given, 2 announced"
    );
    let unknown = "was not announced, or is written already";
    assert_eq!(
        message(writer.write("c", &[1]).unwrap_err()),
        format!("tensor `c`: {unknown}")
    );
    writer.write("a", &[1, 2]).unwrap();
    assert_eq!(
        message(writer.write("a", &[1, 2]).unwrap_err()),
        format!("tensor `a`: {unknown}")
    );
    assert_eq!(
        message(writer.finish().unwrap_err()),
        "tensor `b`: was announced and never written"
    );
    assert_eq!(
        message(begin(&[a(), b()]).unwrap().finish().unwrap_err()),
        "tensor `a`: was announced and never written, as were 1 more"
    );
    let mut writer = begin(&[a()]).unwrap();
    writer.write_next(&[1, 2]).unwrap();
    assert_eq!(
        message(writer.write_next(&[]).unwrap_err()),
        "all announced tensors are written already"
    );
    drop(writer);
    assert!(listed(folder.path()).is_empty(), "failures leave nothing");
}

/// Writes more than the process may, and reports through its exit code; run by the test below.
#[test]
#[cfg(unix)]
#[ignore = "runs as a child of a_full_disk_leaves_nothing_behind"]
fn write_more_than_fits() {
    let Some(target) = std::env::var_os("LAZULI_IO_TARGET") else {
        return;
    };
    let staging = Staging::folder(&target).unwrap();
    let specs = [TensorSpec::new("w", Dtype::U8, [1 << 20])];
    let mut writer = Writer::folder(staging.path(), &specs, &Options::default()).unwrap();
    let error = writer
        .write("w", &vec![0; 1 << 20])
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("cannot write "), "{error}");
    drop((writer, staging));
}

#[test]
#[cfg(unix)]
fn a_full_disk_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    // A limit on file size fails in write(2) as a full disk does; ignoring its signal is inherited.
    let limited =
        "trap '' XFSZ; ulimit -f 64; exec \"$0\" --ignored --exact writing::write_more_than_fits";
    let status = std::process::Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .env("LAZULI_IO_TARGET", root.path().join("model"))
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(listed(root.path()).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn what_is_written_is_read_back_and_aligned(
        tensors in prop::collection::btree_map(
            "[a-z.\"\\\\é]{1,8}",
            (prop::sample::select(&lazuli_core::dtype::ALL[..]), prop::collection::vec(0..9usize, 0..4)),
            0..12,
        ),
        shard_bytes in 1..2000u64,
        metadata in prop::collection::btree_map(".{0,5}", ".{0,5}", 0..3),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let specs: Vec<_> = tensors
            .iter()
            .map(|(name, (dtype, shape))| TensorSpec::new(name, *dtype, shape.clone()))
            .collect();
        let options = Options { shard_bytes, metadata: metadata.clone(), total_parameters: None };
        let mut writer = Writer::folder(folder.path(), &specs, &options).unwrap();
        for spec in &specs {
            writer.write_next(&elements(spec)).unwrap();
        }
        writer.finish().unwrap();
        for name in listed(folder.path()) {
            if name.ends_with(".safetensors") {
                aligned(&folder.path().join(name));
            }
        }
        if specs.is_empty() {
            return Ok(());
        }
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        prop_assert_eq!(checkpoint.len(), specs.len());
        let expected: BTreeMap<String, String> = metadata;
        prop_assert_eq!(checkpoint.metadata(), &expected);
        for (spec, (name, tensor)) in specs.iter().zip(checkpoint.iter()) {
            prop_assert_eq!(&spec.name, name);
            prop_assert_eq!((spec.dtype, &spec.shape), (tensor.dtype, &tensor.shape));
            prop_assert_eq!(&tensor.bytes[..], &elements(spec)[..]);
        }
    }
}
