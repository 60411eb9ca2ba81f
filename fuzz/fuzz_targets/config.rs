//! Any bytes as a `config.json`: a one-line error, or a config whose numbers can be built from.
#![no_main]

use lazuli_lm::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    match Config::parse(input) {
        Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
        Ok(config) => {
            assert!(config.heads > 0 && config.kv_heads > 0 && config.heads % config.kv_heads == 0);
            assert!(!config.layers.is_empty() && config.head_dim > 0 && config.vocab > 0);
            let frequencies = config.rope.frequencies(config.max_positions.min(4096));
            assert!(frequencies.inverse.len() * 2 <= config.head_dim);
        }
    }
});
