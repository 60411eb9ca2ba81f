//! Measurements run to their end on any model, and their figures agree with each other.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

mod common;

use common::{Model, fixture, run};
use serde_json::Value;

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&run(args).succeeds()).unwrap()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// Rates are ordered, and the floor is the bandwidth over the bytes.
fn check(run: &Value) {
    for key in ["prefill_tps", "decode_tps"] {
        let [min, median, max] = ["min", "median", "max"].map(|k| number(&run[key][k]));
        assert!(0.0 < min && min <= median && median <= max, "{run}");
    }
    let floor = 1e9 * number(&run["bandwidth_gbs"]) / number(&run["decode_bytes_per_token"]);
    assert!((number(&run["decode_floor_tps"]) / floor - 1.0).abs() < 1e-9);
    let share = number(&run["decode_tps"]["median"]) / floor;
    assert!((number(&run["decode_floor_share"]) / share - 1.0).abs() < 1e-9);
}

#[test]
fn a_folder_is_measured_at_a_depth_and_with_each_number_of_threads() {
    let model = Model::new();
    let args = [
        "bench",
        "model",
        "--model",
        model.path(),
        "-p",
        "70",
        "-n",
        "3",
        "-d",
        "5",
    ];
    let all = json(&[&args[..], &["-t", "1,2", "-r", "2", "--json"]].concat());
    let runs = all["runs"].as_array().unwrap();
    assert_eq!(
        runs.iter()
            .map(|r| number(&r["threads"]))
            .collect::<Vec<_>>(),
        [1.0, 2.0]
    );
    runs.iter().for_each(check);
    for run in runs {
        // Each repeat reads the memory before the prefill and before the decode.
        assert_eq!(run["bandwidth_passes"], 4);
        assert!(number(&run["peak_bytes"]) > number(&all["weight_bytes"]));
    }
}

#[test]
fn a_shape_is_measured_without_its_weights() {
    for family in ["qwen3_moe", "qwen3_next"] {
        let config = fixture(family).join("config.json");
        let config = config.to_str().unwrap();
        let args = [
            "bench",
            "model",
            "--config",
            config,
            "--random",
            "--group-size",
            "32",
        ];
        let all = json(
            &[
                &args[..],
                &["-p", "9", "-n", "2", "-t", "1", "-r", "1", "--json"],
            ]
            .concat(),
        );
        check(&all["runs"][0]);
    }
}

#[test]
fn sequences_are_decoded_together() {
    for family in ["qwen3", "qwen3_moe", "qwen3_next"] {
        let config = fixture(family).join("config.json");
        let shape = ["bench", "model", "--random", "--bits", "16", "--config"];
        let all = [&shape[..], &[config.to_str().unwrap()]].concat();
        let sizes = ["-p", "9", "-n", "3", "-d", "5", "-t", "2", "-r", "2"];
        let of = |rows: &str| json(&[&all[..], &sizes[..], &["--json", "--rows", rows]].concat());
        let (one, three) = (of("1"), of("3"));
        assert_eq!([&one["rows"], &three["rows"]], [1, 3]);
        for all in [&one, &three] {
            check(&all["runs"][0]);
        }
        let bytes = |all: &Value| number(&all["runs"][0]["decode_bytes_per_token"]);
        // Together they read the weights once, each its own cache.
        assert!(bytes(&three) < bytes(&one) && bytes(&three) > bytes(&one) / 3.0);
    }
}

#[test]
fn the_table_says_how_many_sequences_there_were() {
    let model = Model::new();
    let args = ["bench", "model", "--model", model.path(), "--rows", "4"];
    let table = run([&args[..], &["-n", "2", "-p", "0", "-r", "1", "-t", "1"]].concat()).succeeds();
    assert!(table.contains("decode 4 x 2"), "{table}");
}

#[test]
fn the_table_has_a_row_for_what_was_asked_for_only() {
    let model = Model::new();
    let args = [
        "bench",
        "model",
        "--model",
        model.path(),
        "-n",
        "0",
        "-p",
        "4",
        "-r",
        "1",
        "-t",
        "1",
    ];
    let table = run(args).succeeds();
    assert!(
        table.contains("prefill 4") && !table.contains("decode"),
        "{table}"
    );
}

#[test]
fn wrong_numbers_are_refused_before_anything_is_loaded() {
    let refused = |args: &[&str], line: &str| {
        let all = [&["bench", "model", "--model", "/nowhere"], args].concat();
        run(all).fails(2, line);
    };
    refused(
        &["-p", "0", "-n", "0"],
        "nothing to measure: --prompt-tokens and --decode-tokens are both 0",
    );
    refused(&["-t", "1,2,1"], "--threads lists 1 twice: once is enough");
    refused(&["-d", "999999999"], "--depth 999999999: at most 268435456");
}

#[test]
fn a_sequence_longer_than_the_model_is_for_is_refused() {
    let model = Model::new();
    model.configure("max_position_embeddings", 128.into());
    run([
        "bench",
        "model",
        "--model",
        model.path(),
        "-p",
        "100",
        "-n",
        "10",
        "-d",
        "29",
    ])
    .fails(
        2,
        "a sequence of 129 tokens is longer than the 128 that the model is for",
    );
}

#[test]
fn the_machine_is_described_and_measured() {
    let all = json(&["devices", "--json"]);
    let paths = all["cpu"]["paths"].as_array().unwrap();
    assert_eq!(paths.iter().filter(|p| p["used"] == true).count(), 1);
    assert!(
        paths
            .iter()
            .all(|p| p["used"] == false || p["available"] == true)
    );
    let bandwidth = all["bandwidth"].as_array().unwrap();
    assert!(bandwidth.len() >= 6 && bandwidth.iter().all(|r| number(&r["median_gbs"]) > 0.0));
    for (key, rate) in [
        ("write_bandwidth", "median_gbs"),
        ("peaks", "median_multiply_adds"),
    ] {
        let rows = all[key].as_array().unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|r| number(&r[rate]) > 0.0));
    }
    let table = run(["devices"]).succeeds();
    let measured = ["read bandwidth", "read and written", "multiply-adds"];
    for row in [&["cpu ", "paths ", "backends ", "cuda "][..], &measured].concat() {
        assert!(table.contains(row), "{table}");
    }
}
