//! Any bytes as a chat template, rendered for a short conversation: an error or a prompt, in bounded
//! time.
//!
//! The template engine's own panics are caught and become errors, so libFuzzer's hook, which aborts at
//! once, is replaced.
#![no_main]

use std::sync::Once;

use lazuli_lm::text::{ChatOptions, ChatTemplate, TokenizerConfig};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

static QUIET: Once = Once::new();

fuzz_target!(|input: &[u8]| {
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let Ok(source) = std::str::from_utf8(input) else {
        return;
    };
    let config = TokenizerConfig::from_bytes(br#"{"eos_token": "</s>"}"#).expect("valid JSON");
    let Ok(template) = ChatTemplate::new([("default".to_owned(), source.to_owned())], &config)
    else {
        return;
    };
    let messages = [
        json!({"role": "system", "content": "Be brief."}),
        json!({"role": "user", "content": "Hello <b>"}),
    ];
    if let Err(error) = template.render(&messages, &ChatOptions::default()) {
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
});
