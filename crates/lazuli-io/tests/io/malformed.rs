//! Each way in which a safetensors file can be wrong has its own one-line message.

use lazuli_io::safetensors::Checkpoint;

use crate::safetensors;

fn message(file: Vec<u8>) -> String {
    let message = Checkpoint::from_bytes(file).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
        .strip_prefix("safetensors in memory: ")
        .expect("the file is named first")
        .to_owned()
}

fn header(header: &str, tensor_bytes: usize) -> String {
    message(safetensors(header, tensor_bytes))
}

const RESUME: &str = "the download is incomplete; run the command again to resume it";

#[test]
fn a_file_without_room_for_a_length() {
    for bytes in [0, 1, 7] {
        assert_eq!(
            message(vec![b'{'; bytes]),
            format!("the file has {bytes} bytes, the length of a header alone has 8: {RESUME}")
        );
    }
}

#[test]
fn a_header_that_is_cut_short() {
    let mut file = safetensors(
        r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#,
        4,
    );
    file.truncate(20);
    assert_eq!(
        message(file),
        format!("header of 53 bytes, the file has 12 after its length: {RESUME}")
    );
}

#[test]
fn a_length_that_is_really_something_else() {
    for length in [100_000_001, u64::MAX] {
        let mut file = safetensors("{}", 0);
        file[..8].copy_from_slice(&length.to_le_bytes());
        assert_eq!(
            message(file),
            format!(
                "header of {length} bytes, the limit is 100000000: this is not a safetensors file"
            )
        );
    }
}

#[test]
fn a_git_lfs_pointer() {
    assert_eq!(
        message(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".to_vec()),
        "this is a Git LFS pointer, not the tensors: fetch them with `git lfs pull`"
    );
}

#[test]
fn json_that_is_not_a_header() {
    for (json, reason) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{", "EOF while parsing an object at line 1 column 1"),
        (
            "[]",
            "invalid type: sequence, expected an object of tensors by name at line 1 column 0",
        ),
        ("{} x", "trailing characters at line 1 column 4"),
        (
            r#"{"a":3}"#,
            "`a`: invalid type: integer `3`, expected struct RawTensor at line 1 column 6",
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[1]}}"#,
            "`a`: missing field `data_offsets` at line 1 column 31",
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}"#,
            "`a`: invalid value: integer `-1`, expected u64 at line 1 column 30",
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}"#,
            "`a`: invalid length 1, expected a tuple of size 2 at line 1 column 49",
        ),
        (
            r#"{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}"#,
            "`a`: duplicate field `dtype` at line 1 column 26",
        ),
        (
            r#"{"__metadata__":{"n":1}}"#,
            "`__metadata__`: invalid type: integer `1`, expected a string at line 1 column 22",
        ),
    ] {
        assert_eq!(
            header(json, 4),
            format!("the header is not valid: {reason}"),
            "{json}"
        );
    }
    let mut file = safetensors("{\"a\u{0}", 0);
    file[10] = 0xff;
    assert!(message(file).starts_with("the header is not valid: "));
}

#[test]
fn a_dtype_that_nobody_knows() {
    assert_eq!(
        header(
            r#"{"w":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}"#,
            1
        ),
        "tensor `w`: unknown dtype `F4`; supported: BOOL U8 I8 F8_E4M3 F8_E5M2 F8_E8M0 I16 U16 \
         F16 BF16 I32 U32 F32 F64 I64 U64 C64"
    );
}

#[test]
fn a_shape_that_cannot_be() {
    let shape = |shape: &str| {
        header(
            &format!(r#"{{"w":{{"dtype":"F32","shape":{shape},"data_offsets":[0,4]}}}}"#),
            4,
        )
    };
    assert_eq!(
        shape("[4294967296,4294967296]"),
        "tensor `w`: shape [4294967296, 4294967296] of F32 is larger than memory can be"
    );
    assert_eq!(
        shape("[0,4294967296,4294967296]"),
        "tensor `w`: shape [0, 4294967296, 4294967296] of F32 is larger than memory can be"
    );
    assert_eq!(
        shape("[18446744073709551615]"),
        "tensor `w`: shape [18446744073709551615] of F32 is larger than memory can be"
    );
    let ones = format!("[{}1]", "1,".repeat(64));
    assert_eq!(
        shape(&ones),
        "tensor `w`: 65 dimensions, at most 64 are supported"
    );
    assert_eq!(
        shape("[2]"),
        "tensor `w`: data_offsets [0, 4] span 4 bytes, [2] of F32 needs 8"
    );
    assert_eq!(
        shape("[0]"),
        "tensor `w`: data_offsets [0, 4] span 4 bytes, [0] of F32 needs 0"
    );
}

#[test]
fn offsets_that_run_backwards() {
    assert_eq!(
        header(
            r#"{"w":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}}"#,
            4
        ),
        "tensor `w`: data_offsets [4, 0] run backwards"
    );
}

#[test]
fn tensors_that_share_bytes() {
    let two = |b: &str| {
        let a = r#""a":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}"#;
        header(
            &format!(r#"{{{a},"b":{{"dtype":"U8","shape":[4],"data_offsets":{b}}}}}"#),
            16,
        )
    };
    assert_eq!(
        two("[5,9]"),
        "tensor `b`: bytes 5..9 overlap tensor `a` at 2..6"
    );
    assert_eq!(
        two("[2,6]"),
        "tensor `b`: bytes 2..6 overlap tensor `a` at 2..6"
    );
    assert_eq!(
        two("[0,4]"),
        "tensor `a`: bytes 2..6 overlap tensor `b` at 0..4"
    );
}

#[test]
fn an_overlap_hidden_behind_an_empty_tensor() {
    let json = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
        "e":{"dtype":"U8","shape":[0],"data_offsets":[1,1]},
        "b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#;
    assert_eq!(
        header(json, 6),
        "tensor `b`: bytes 2..6 overlap tensor `a` at 0..4"
    );
}

#[test]
fn a_name_that_is_there_twice() {
    let json = r#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
        "w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#;
    assert_eq!(header(json, 2), "tensor `w`: is in the header twice");
}

#[test]
fn a_file_that_stops_within_its_tensors() {
    let json = r#"{"a":{"dtype":"F32","shape":[3000000000],"data_offsets":[0,12000000000]},
        "b":{"dtype":"F32","shape":[100000000],"data_offsets":[12000000000,12400000000]}}"#;
    assert_eq!(
        header(json, 3_100_000),
        format!("header says 12.4 GB of tensors, the file has 3.1 MB: {RESUME}")
    );
    let json = r#"{"a":{"dtype":"U8","shape":[1000001],"data_offsets":[0,1000001]}}"#;
    assert_eq!(
        header(json, 1_000_000),
        format!("header says 1000001 bytes of tensors, the file has 1000000 bytes: {RESUME}")
    );
}

#[test]
fn offsets_outside_a_file_that_is_complete() {
    let json = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
        "b":{"dtype":"U8","shape":[4],"data_offsets":[100,104]}}"#;
    assert_eq!(
        header(json, 8),
        "tensor `b`: bytes 100..104 lie outside the file's 8 bytes of tensors"
    );
    let json = r#"{"b":{"dtype":"U8","shape":[1],
        "data_offsets":[18446744073709551614,18446744073709551615]}}"#;
    assert_eq!(
        header(json, 8),
        "tensor `b`: bytes 18446744073709551614..18446744073709551615 lie outside the file's 8 \
         bytes of tensors"
    );
    let json = r#"{"e":{"dtype":"U8","shape":[0],"data_offsets":[9,9]}}"#;
    assert_eq!(
        header(json, 8),
        "tensor `e`: bytes 9..9 lie outside the file's 8 bytes of tensors"
    );
}

#[test]
fn a_name_that_would_break_the_line() {
    let name = "x\\n".repeat(100);
    let json = format!(r#"{{"{name}":{{"dtype":"?\n","shape":[],"data_offsets":[0,1]}}}}"#);
    let message = header(&json, 1);
    assert!(message.starts_with(r"tensor `x\nx\n"), "{message}");
    assert!(message.contains(r"…`: unknown dtype `?\n`"), "{message}");
}

#[test]
fn what_is_only_unusual_is_read() {
    // Gaps, bytes behind the last tensor, a null for metadata, unknown fields.
    let json = r#"{"__metadata__":null,
        "a":{"dtype":"F8_E5M2","shape":[2,1],"data_offsets":[3,5],"note":"x"},
        "s":{"dtype":"I16","shape":[],"data_offsets":[7,9]}}  "#;
    let checkpoint = Checkpoint::from_bytes(safetensors(json, 12)).unwrap();
    let a = checkpoint.get("a").unwrap();
    assert_eq!((a.stored_as, a.dtype), ("F8_E5M2", lazuli_core::Dtype::U8));
    assert_eq!((&a.shape[..], &a.bytes[..]), (&[2, 1][..], &[3, 4][..]));
    let s = checkpoint.get("s").unwrap();
    assert_eq!((&s.shape[..], &s.bytes[..]), (&[][..], &[7, 8][..]));
    assert!(checkpoint.metadata().is_empty());
    assert!(checkpoint.get("e").is_none());
}
