//! What the embedded model takes to answer. The sizes of code and tables are those of optimised programs.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.
#![cfg(all(
    target_os = "linux",
    target_env = "gnu",
    feature = "embedded-model",
    not(debug_assertions)
))]

mod common;

use common::run;
use serde_json::Value;

const PROMPT: &str = "/// Returns the largest element of a slice.";

#[test]
fn an_answer_takes_at_most_1_6_times_the_model_and_its_cache() {
    let model = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../assets/default/model.safetensors"
    );
    let model = std::fs::metadata(model).unwrap().len();
    for tokens in ["100", "256", "600"] {
        let args = ["generate", "--raw", "--json", "--prompt", PROMPT];
        let ran = run(args.into_iter().chain(["--max-tokens", tokens]));
        let object: Value = serde_json::from_str(&ran.succeeds()).unwrap();
        let bytes = |key: &str| object[key].as_u64().unwrap();
        let needed = model + bytes("cache_bytes");
        let share = bytes("peak_bytes") as f64 / needed as f64;
        assert!(
            share <= 1.6,
            "{tokens} tokens: {share:.3} of {needed} bytes"
        );
    }
}
