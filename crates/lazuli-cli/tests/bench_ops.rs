//! Operations are measured beside their floor, and beside a library that answers like one.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

mod common;

use std::process::Command;

use common::run;
use serde_json::Value;

const SMALL: [&str; 6] = ["bench", "ops", "--batch", "1", "--repeats", "2"];

fn with(args: &[&'static str]) -> Vec<&'static str> {
    [&SMALL[..], args].concat()
}

#[test]
fn an_operation_has_a_time_a_floor_and_a_peak() {
    let text = run(with(&[
        "--filter",
        "sum_1,swiglu",
        "--dtype",
        "bfloat16",
        "--json",
    ]))
    .succeeds();
    let all: Value = serde_json::from_str(&text).unwrap();
    let rows = all["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["op"].as_str().unwrap()).collect();
    assert_eq!(names, ["swiglu", "sum_1"]);
    // Two operands and a result of a million bfloat16.
    assert_eq!(rows[0]["bytes"], 3.0 * 2.0 * 1024.0 * 1024.0);
    for row in rows {
        let [least, median, most] =
            ["min", "median", "max"].map(|key| row["seconds"][key].as_f64().unwrap());
        assert!(0.0 < least && least <= median && median <= most, "{row}");
        let floor = row["floor_seconds"].as_f64().unwrap();
        let share = row["floor_share"].as_f64().unwrap();
        assert!((share * median / floor - 1.0).abs() < 1e-9, "{row}");
    }
    assert!(rows[0]["peak_bytes"].as_u64().unwrap() >= 2 << 20);
    // What writes is held against the best writer, the sum against the best reader.
    for (row, bytes) in rows.iter().zip([3.0, 1.0]) {
        let bound = row["floor_bound"].as_str().unwrap();
        let limits = all["limits"].as_array().unwrap().iter();
        let limit = { limits }.find(|limit| limit["what"].as_str().unwrap().ends_with(bound));
        let rate = limit.unwrap()["median"].as_f64().unwrap() * 1e9;
        let floor = bytes * 2.0 * 1024.0 * 1024.0 / rate;
        assert!((row["floor_seconds"].as_f64().unwrap() / floor - 1.0).abs() < 1e-9);
    }
}

#[test]
fn what_is_not_there_is_named() {
    run(with(&["--dtype", "int8"])).fails(2, "--dtype int8: float32, bfloat16 or float16");
    let ran = run(with(&["--filter", "summ"]));
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr
            .contains("--filter summ: no such operation; there are copy, add,")
    );
}

/// The command with an interpreter of ours in place of Python's.
#[cfg(unix)]
fn beside(script: &str) -> std::process::Output {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("python");
    std::fs::write(&python, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    Command::new(env!("CARGO_BIN_EXE_lazuli"))
        .args(SMALL)
        .args([
            "--filter",
            "sum_1,sum_2",
            "--dtype",
            "float32",
            "--compare",
            "torch",
        ])
        .env("PYTHON", &python)
        .output()
        .unwrap()
}

#[test]
#[cfg(unix)]
fn a_library_takes_turns_and_its_results_are_compared() {
    // The first operation is unknown to it, the result of the second is wrong.
    let ran = beside(
        r#"echo '{"version": "7"}'
        while read name check; do
          case $name in
            sum_1) echo '{"error": null}' ;;
            *) echo '{"seconds": 0.5, "mean": 4.5}' ;;
          esac
        done"#,
    );
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{text}");
    assert!(text.contains("torch 7"), "{text}");
    assert!(
        text.contains("torch sum_2 of float32: its mean magnitude is 4.5, ours"),
        "{text}"
    );
    assert!(!text.contains("torch sum_1"), "{text}");
}

#[test]
#[cfg(unix)]
fn a_library_that_is_not_there_is_one_line() {
    let ran = beside("echo 'ModuleNotFoundError: no torch' >&2; exit 1");
    let text = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("--compare torch: "), "{text}");
    assert!(
        text.contains("ended with: ModuleNotFoundError: no torch; install it, or name"),
        "{text}"
    );
}
