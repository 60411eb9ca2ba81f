//! Single kernels are measured beside the floor of what they must do.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

mod common;

use common::{fixture, run};
use serde_json::Value;

/// A shape whose matrices can be packed.
const DENSE: &str = r#"{"model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 96,
    "vocab_size": 192, "rms_norm_eps": 1e-6, "max_position_embeddings": 512,
    "tie_word_embeddings": true, "rope_theta": 10000.0}"#;

/// The same with experts.
fn sparse() -> String {
    let experts = r#"{"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
        "norm_topk_prob": true, "#;
    DENSE
        .replace("qwen3", "qwen3_moe")
        .replacen('{', experts, 1)
}

/// The rows of a run over this shape.
fn rows(config: &str, filter: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(&file, config).unwrap();
    let shape = ["bench", "kernels", "--config", file.to_str().unwrap()];
    let args = ["--filter", filter, "--threads", "1,2", "-r", "2", "--json"];
    let text = run([&shape[..], &args[..], &["--megabytes", "0"]].concat()).succeeds();
    let all: Value = serde_json::from_str(&text).unwrap();
    assert!(!all["limits"].as_array().unwrap().is_empty());
    all["rows"].as_array().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// Names, each once; times are ordered, floors are positive, every number of threads has a row.
fn check(rows: &[Value]) -> Vec<&str> {
    for row in rows {
        let [least, median, most] = ["min", "median", "max"].map(|k| number(&row["seconds"][k]));
        assert!(0.0 < least && least <= median && median <= most, "{row}");
        let share = number(&row["floor_seconds"]) / median;
        assert!(share > 0.0 && (number(&row["floor_share"]) / share - 1.0).abs() < 1e-9);
    }
    let threads = |row: &Value| number(&row["threads"]);
    for pair in rows.chunks(2) {
        assert_eq!(pair[0]["kernel"], pair[1]["kernel"]);
        assert_eq!([&pair[0], &pair[1]].map(threads), [1.0, 2.0]);
    }
    let names = rows.iter().step_by(2);
    names.map(|row| row["kernel"].as_str().unwrap()).collect()
}

#[test]
fn a_product_has_the_bytes_and_the_multiplications_of_its_matrix() {
    let rows = rows(DENSE, "product.4bit.head.x8");
    assert_eq!(check(&rows), ["product.4bit.head.x8"]);
    // 192 rows of 64 weights at 4 bits, a scale and a bias of 2 bytes for each 64, 8 rows of bf16.
    assert_eq!(number(&rows[0]["read_bytes"]), 192.0 * 36.0 + 8.0 * 128.0);
    assert_eq!(number(&rows[0]["written_bytes"]), 8.0 * 192.0 * 2.0);
    assert_eq!(number(&rows[0]["multiply_adds"]), 8.0 * 192.0 * 64.0);
}

#[test]
fn attention_counts_what_each_row_sees() {
    let rows = rows(DENSE, "attention.bfloat16.depth");
    let names = ["depth512", "depth8192"].map(|n| format!("attention.bfloat16.{n}"));
    assert_eq!(check(&rows), names);
    let products = |i: usize| number(&rows[2 * i]["multiply_adds"]);
    assert_eq!(products(0), 2.0 * 512.0 * 4.0 * 32.0);
    assert_eq!(products(1), 16.0 * products(0));
}

#[test]
fn a_shape_is_measured_by_what_it_has() {
    let hybrid = std::fs::read_to_string(fixture("qwen3_next").join("config.json")).unwrap();
    let names = |config: &str, filter: &str| check(&rows(config, filter)).len();
    assert_eq!(names(&hybrid, "gated_delta"), 2);
    assert_eq!(names(&sparse(), "experts.4bit.up_proj.x"), 3);
    let config = fixture("qwen3").join("config.json");
    let args = ["bench", "kernels", "--config", config.to_str().unwrap()];
    let ran = run([&args[..], &["--filter", "experts"]].concat());
    assert_eq!(ran.status, Some(2));
    let line = "--filter experts: no such kernel of this shape; names begin with product, matmul,";
    assert!(ran.stderr.contains(line), "{}", ran.stderr);
}

#[test]
fn the_table_has_a_row_for_each_kernel_and_the_limits_above() {
    let kernels = ["product.4bit.k_proj.x1", "product.8bit.k_proj.x1"];
    let filter = kernels.join(",");
    let args = ["bench", "kernels", "--filter", &filter, "--megabytes", "0"];
    let table = run([&args[..], &["-t", "1", "-r", "1"]].concat()).succeeds();
    for text in kernels.iter().chain(&["Qwen3-0.6B", "over 0 MB", "GB/s"]) {
        assert!(table.contains(text), "{table}");
    }
}
