//! The config reader against published configs, checkpoints made by transformers, and damage.

mod damage;
mod published;
mod refusals;
mod rope;
mod shapes;

use serde_json::Value;

use super::{Config, Result};

macro_rules! published {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/configs/",
            $name,
            ".json"
        ))
    };
}
macro_rules! family {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../tests/fixtures/families/",
                $name,
                "/config.json"
            )),
        )
    };
}
/// Folder, and its config as made for the fixture.
const FAMILIES: [(&str, &str); 9] = [
    family!("llama"),
    family!("mistral"),
    family!("qwen2"),
    family!("qwen3"),
    family!("qwen3_moe"),
    family!("qwen3_next"),
    family!("qwen3_5"),
    family!("qwen3_5_moe"),
    family!("qwen3_5_moe_text"),
];

const HYBRID_SMALL: &str = published!("hybrid-small");
const MOE_SMALL: &str = published!("moe-small");
const QWEN3_0_6B: &str = published!("qwen3-0.6b");
const QWEN3_30B: &str = published!("qwen3-30b-a3b");
const QWEN3_8B: &str = published!("qwen3-8b");
const QWEN3_5_35B: &str = published!("qwen3.5-35b-a3b");
const TINY: &str = published!("tiny");

fn parse(text: &str) -> Config {
    Config::parse(text.as_bytes()).unwrap()
}

fn fixture(name: &str) -> &'static str {
    let found = FAMILIES.iter().find(|(folder, _)| *folder == name);
    found.unwrap().1
}

/// The config with keys of the language model set (a JSON pointer from its root, new value).
fn with(text: &str, changes: &[(&str, Value)]) -> Result<Config> {
    Config::parse(changed(text, changes).to_string().as_bytes())
}

fn changed(text: &str, changes: &[(&str, Value)]) -> Value {
    let mut config: Value = serde_json::from_str(text).unwrap();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = config.pointer_mut(parent).unwrap();
        parent[key] = value.clone();
    }
    config
}

/// The one-line error that the changed config gives.
fn refused(text: &str, changes: &[(&str, Value)]) -> String {
    let line = with(text, changes).unwrap_err().to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}
