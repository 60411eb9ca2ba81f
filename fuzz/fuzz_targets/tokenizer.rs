//! Any bytes as a `tokenizer.json`: a one-line error, or a tokenizer whose pieces, streamed, are what
//! it decodes at once.
//!
//! Panics of the tokenizers crate are caught and become errors, so libFuzzer's hook is replaced.
#![no_main]

use std::sync::Once;

use lazuli_lm::text::{Detokenizer, Tokenizer};
use libfuzzer_sys::fuzz_target;

static QUIET: Once = Once::new();

fuzz_target!(|input: &[u8]| {
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let tokenizer = match Tokenizer::from_bytes(input, None) {
        Ok(tokenizer) => tokenizer,
        Err(error) => {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
            return;
        }
    };
    let Ok(tokens) = tokenizer.encode("fn main() { é 😀 }") else {
        return;
    };
    let mut stream = Detokenizer::new(&tokenizer, false);
    for token in tokens {
        if stream.push(token).is_err() {
            return;
        }
    }
    let _ = stream.finish();
});
