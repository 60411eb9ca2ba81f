//! Checkpoints of several files: an index, a glob, and what is missing or contradicts.

use std::fs;
use std::path::Path;

use lazuli_io::safetensors::Checkpoint;

use crate::safetensors;

/// A file with one byte tensor.
fn one(name: &str) -> Vec<u8> {
    safetensors(
        &format!(r#"{{"{name}":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}}"#),
        1,
    )
}

fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn index(map: &[(&str, &str)]) -> (&'static str, Vec<u8>) {
    let map: Vec<String> = map
        .iter()
        .map(|(t, f)| format!("\"{t}\":\"{f}\""))
        .collect();
    let json = format!("{{\"metadata\":{{}},\"weight_map\":{{{}}}}}", map.join(","));
    ("model.safetensors.index.json", json.into_bytes())
}

/// The error of opening a folder, without the folder's own path.
fn message(folder: &Path) -> String {
    let message = Checkpoint::open(folder).unwrap_err().to_string();
    message.replace(&format!("{}/", folder.display()), "")
}

fn names(checkpoint: &Checkpoint) -> Vec<&str> {
    checkpoint.iter().map(|(name, _)| name).collect()
}

#[test]
fn an_index_decides_which_files_are_read() {
    let folder = folder(&[
        ("one.safetensors", one("b")),
        ("two.safetensors", one("a")),
        ("model-stray.safetensors", one("a")),
        index(&[("a", "two.safetensors"), ("b", "one.safetensors")]),
    ]);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(names(&checkpoint), ["a", "b"]);
    assert_eq!(checkpoint.len(), checkpoint.iter().len());
    let a = checkpoint.get("a").unwrap();
    assert_eq!(
        checkpoint.file_of(a),
        Some(folder.path().join("two.safetensors").as_path())
    );
    assert!(a.bytes.is_mapped());
}

#[test]
fn without_an_index_model_files_are_merged_in_name_order() {
    let folder = folder(&[
        ("model-00001-of-00002.safetensors", one("z")),
        ("model-00002-of-00002.safetensors", one("a")),
        ("adapters.safetensors", one("z")),
    ]);
    assert_eq!(names(&Checkpoint::open(folder.path()).unwrap()), ["a", "z"]);
    let single = folder.path().join("adapters.safetensors");
    assert_eq!(names(&Checkpoint::open(single).unwrap()), ["z"]);
}

#[test]
fn all_missing_shards_are_named_at_once() {
    let resume = "the download is incomplete; run the command again to resume it";
    let indexed = folder(&[
        ("s2.safetensors", one("b")),
        index(&[
            ("a", "s1.safetensors"),
            ("b", "s2.safetensors"),
            ("c", "s3.safetensors"),
        ]),
    ]);
    assert_eq!(
        message(indexed.path()),
        format!(
            "model.safetensors.index.json: 2 of 3 shard files are missing: s1.safetensors, \
             s3.safetensors: {resume}"
        )
    );
    let unindexed = folder(&[("model-00002-of-00002.safetensors", one("b"))]);
    assert_eq!(
        message(unindexed.path()),
        format!(
            "{}: 1 of 2 shard files is missing: model-00001-of-00002.safetensors: {resume}",
            unindexed.path().display()
        )
    );
}

#[test]
fn an_index_cannot_lead_out_of_its_folder() {
    for path in [
        "../x.safetensors",
        "/x",
        "a/b",
        "..",
        "",
        "a\\\\b",
        "c:x",
        "a\\u0000",
    ] {
        let folder = folder(&[index(&[("w", path)])]);
        let shown = path.replace("\\\\", "\\").replace("\\u0000", "\\0");
        assert_eq!(
            message(folder.path()),
            format!(
                "model.safetensors.index.json: tensor `w`: the index puts it in `{shown}`, a shard \
                 must be a file of this folder"
            )
        );
    }
}

#[test]
fn a_tensor_in_two_shards_is_refused() {
    let folder = folder(&[
        ("model-a.safetensors", one("w")),
        ("model-b.safetensors", one("w")),
    ]);
    assert_eq!(
        message(folder.path()),
        "model-b.safetensors: tensor `w`: is in model-a.safetensors as well, one of the files is a \
         stray"
    );
}

#[test]
fn an_index_that_lies_about_a_file_is_refused() {
    let folder = folder(&[
        ("s.safetensors", one("a")),
        index(&[("a", "s.safetensors"), ("b", "s.safetensors")]),
    ]);
    assert_eq!(
        message(folder.path()),
        "s.safetensors: tensor `b`: the index puts it here, the file does not have it"
    );
}

#[test]
fn an_index_that_is_not_one_is_refused() {
    let name = "model.safetensors.index.json";
    assert_eq!(
        message(folder(&[(name, b"{}".to_vec())]).path()),
        format!("{name}: the index is not valid: missing field `weight_map` at line 1 column 2")
    );
    assert_eq!(
        message(folder(&[index(&[])]).path()),
        format!("{name}: the index lists no tensors")
    );
}

#[test]
fn a_folder_without_weights_says_what_was_expected() {
    let folder = folder(&[("config.json", b"{}".to_vec())]);
    assert_eq!(
        message(folder.path()),
        format!(
            "{}: no weights: expected model*.safetensors or model.safetensors.index.json",
            folder.path().display()
        )
    );
    let nowhere = folder.path().join("nowhere");
    assert!(message(&nowhere).starts_with("cannot open "));
}

#[test]
fn a_static_slice_is_a_checkpoint_that_copies_nothing() {
    let file: &'static [u8] = one("w").leak();
    let checkpoint = Checkpoint::from_bytes(file).unwrap();
    let bytes = &checkpoint.get("w").unwrap().bytes;
    assert_eq!(bytes.as_ptr(), file[file.len() - 1..].as_ptr());
    assert!(!bytes.is_mapped());
}
