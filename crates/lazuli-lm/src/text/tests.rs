//! Claims about the tokenizer and the detokenizer, on the small model's byte-level tokenizer and on a
//! SentencePiece-like one. The oracle for decoding is the `tokenizers` crate's own decoder.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn tiny_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/text/fixtures/tiny")
}

fn tiny() -> Tokenizer {
    Tokenizer::load(&tiny_folder()).unwrap()
}

/// Llama 2's shape: `▁` for spaces, byte tokens for what the vocabulary lacks, BOS before each text.
fn sentencepiece() -> Value {
    let mut vocab = vec![
        json!(["<unk>", 0.0]),
        json!(["<s>", 0.0]),
        json!(["</s>", 0.0]),
    ];
    vocab.extend((0..256).map(|byte| json!([format!("<0x{byte:02X}>"), -9.0])));
    let words = [
        "▁", "▁▁", "▁the", "▁cat", "é", "s", "▁é", "a", "b", "<0xZZ>", "\u{FFFD}", "▁a▁",
    ];
    vocab.extend(words.map(|word| json!([word, -2.0])));
    let special = |id: u32, text: &str| {
        json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    };
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": null,
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": true, "vocab": vocab},
    })
}

fn built(json: &Value, config: &Value) -> Tokenizer {
    let config = config.to_string();
    Tokenizer::from_bytes(json.to_string().as_bytes(), Some(config.as_bytes())).unwrap()
}

/// Streams `tokens` and joins the pieces.
fn streamed(tokenizer: &Tokenizer, tokens: &[u32], skip_special: bool) -> String {
    let mut detokenizer = Detokenizer::new(tokenizer, skip_special);
    let mut text = String::new();
    for &token in tokens {
        text.push_str(&detokenizer.push(token).unwrap());
    }
    text + &detokenizer.finish().unwrap()
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..Default::default()
    }
}

#[test]
fn the_small_model_encodes_and_decodes_as_transformers_does() {
    let tokenizer = tiny();
    assert_eq!(tokenizer.vocab_size(), 8192);
    let expected = std::fs::read(tiny_folder().join("expected.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&expected).unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let ids = |key: &str| -> Vec<u32> { serde_json::from_value(case[key].clone()).unwrap() };
        let text = case["text"].as_str().unwrap();
        assert_eq!(tokenizer.encode(text).unwrap(), ids("ids"), "{text}");
        assert_eq!(tokenizer.decode(&ids("ids"), false).unwrap(), text);
        assert_eq!(
            tokenizer.decode(&ids("greedy"), false).unwrap(),
            case["greedy_text"]
        );
    }
}

#[test]
fn the_small_model_streams_as_it_decodes() {
    let tokenizer = tiny();
    let json = std::fs::read(tiny_folder().join("tokenizer.json")).unwrap();
    let oracle = tokenizers::Tokenizer::from_bytes(json).unwrap();
    // Random tokens are mostly broken UTF-8 and real characters cut in pieces; numbers above 8191
    // are no tokens.
    let tokens = prop::collection::vec(prop_oneof![0u32..8200, 94u32..256], 0..60);
    proptest!(config(2000), |(tokens in tokens, skip in any::<bool>())| {
        let exact = oracle.decode(&tokens, skip).unwrap();
        prop_assert_eq!(streamed(&tokenizer, &tokens, skip), exact.clone());
        prop_assert_eq!(tokenizer.decode(&tokens, skip).unwrap(), exact);
    });
    let text = "größe 漢字 🦀👩‍👩‍👧 \u{FFFD} नमस्ते\n";
    let tokens = tokenizer.encode(text).unwrap();
    assert_eq!(streamed(&tokenizer, &tokens, false), text);
}

#[test]
fn a_byte_level_character_comes_out_with_its_last_byte_and_not_before() {
    let tokenizer = tiny();
    let tokens = tokenizer.encode("a🦀b").unwrap();
    let mut detokenizer = Detokenizer::new(&tokenizer, false);
    let pieces: Vec<String> = tokens
        .iter()
        .map(|&token| detokenizer.push(token).unwrap())
        .collect();
    assert!(pieces.len() > 3, "the crab is several tokens: {pieces:?}");
    assert_eq!(pieces.concat(), "a🦀b");
    assert!(!pieces.concat().contains('\u{FFFD}'));
    assert_eq!(detokenizer.finish().unwrap(), "");
    // Cut inside the character: the end says so once.
    let mut detokenizer = Detokenizer::new(&tokenizer, false);
    assert_eq!(detokenizer.push(tokens[0]).unwrap(), "a");
    assert_eq!(detokenizer.push(tokens[1]).unwrap(), "");
    assert_eq!(detokenizer.finish().unwrap(), "\u{FFFD}");
}

#[test]
fn every_decoder_streams_as_it_decodes() {
    let strip = |start: usize, stop: usize| json!({"type": "Strip", "content": " ", "start": start, "stop": stop});
    let replace = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
    let sequence = |decoders: Value| json!({"type": "Sequence", "decoders": decoders});
    let metaspace = |scheme: &str| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true});
    let decoders = [
        sentencepiece()["decoder"].clone(),
        Value::Null,
        sequence(json!([replace, {"type": "ByteFallback"}, {"type": "Fuse"}])),
        sequence(json!([{"type": "ByteFallback"}, {"type": "Fuse"}, replace, strip(2, 0)])),
        sequence(json!([{"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Replace", "pattern": {"String": "▁▁"}, "content": "--"}])),
        sequence(json!([{"type": "ByteFallback"}, metaspace("always")])),
        metaspace("always"),
        metaspace("never"),
        strip(1, 0),
        json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}),
        json!({"type": "WordPiece", "prefix": "▁", "cleanup": true}),
        json!({"type": "BPEDecoder", "suffix": "s"}),
        json!({"type": "CTC", "pad_token": "a", "word_delimiter_token": "▁", "cleanup": true}),
    ];
    for decoder in decoders {
        let mut json = sentencepiece();
        json["decoder"] = decoder.clone();
        let tokenizer = built(&json, &json!({}));
        let text = json.to_string();
        let oracle = tokenizers::Tokenizer::from_bytes(text.as_bytes()).unwrap();
        // Bytes of é, of a crab, of nothing, a space and a line break; words; no token at all.
        let byte = prop::sample::select(vec![
            0xC3u32, 0xA9, 0xF0, 0x9F, 0xA6, 0x80, 0xFF, 0x20, 0x0A,
        ]);
        let token = prop_oneof![2 => byte.prop_map(|b| b + 3), 3 => 257u32..273, 1 => 0u32..4];
        let tokens = prop::collection::vec(token, 1..20);
        proptest!(config(500), |(tokens in tokens, skip in any::<bool>())| {
            // With nothing to decode some of the crate's decoders fail; ours gives no text.
            prop_assume!(tokens.iter().any(|&token| token < 271 && (!skip || token >= 3)));
            prop_assert_eq!(
                streamed(&tokenizer, &tokens, skip),
                oracle.decode(&tokens, skip).unwrap(),
                "{}", decoder
            );
        });
    }
}

#[test]
fn stripping_both_ends_of_a_streamed_text_holds_back_only_what_may_be_the_end() {
    let mut json = sentencepiece();
    json["decoder"] = json!({"type": "Sequence", "decoders": [{"type": "Fuse"},
        {"type": "Strip", "content": "s", "start": 1, "stop": 2}]});
    let tokenizer = built(&json, &json!({}));
    let (s, a) = (
        tokenizer.token_id("s").unwrap().unwrap(),
        tokenizer.token_id("a").unwrap().unwrap(),
    );
    let text = |tokens: &[u32]| streamed(&tokenizer, tokens, false);
    assert_eq!(text(&[s, s, a, s, s, s]), "sas");
    assert_eq!(text(&[a, s]), "a");
    assert_eq!(text(&[a, s, a, s, s]), "asa");
    assert_eq!(text(&[s, s]), "");
    assert_eq!(text(&[]), "");
}

#[test]
fn sentencepiece_texts_round_trip_and_byte_runs_wait_for_their_end() {
    let tokenizer = built(&sentencepiece(), &json!({}));
    for text in ["the cat", "  the", "é 🦀\n\n🦀", "", "a"] {
        let tokens = tokenizer.encode(text).unwrap();
        assert_eq!(tokens[0], 1, "BOS first");
        assert_eq!(streamed(&tokenizer, &tokens, true), text);
    }
    let mut detokenizer = Detokenizer::new(&tokenizer, true);
    let crab = [0xF0u32, 0x9F, 0xA6, 0x80].map(|byte| byte + 3);
    for token in crab {
        assert_eq!(detokenizer.push(token).unwrap(), "");
    }
    assert_eq!(
        detokenizer
            .push(tokenizer.token_id("a").unwrap().unwrap())
            .unwrap(),
        "🦀a"
    );
}

#[test]
fn bos_comes_once_and_as_the_files_say() {
    let with = |config: Value| built(&sentencepiece(), &config);
    let first = |tokenizer: &Tokenizer, text: &str| tokenizer.encode(text).unwrap()[0];
    // From the post-processor, with and without the config's word on it.
    for config in [
        json!({}),
        json!({"bos_token": "<s>"}),
        json!({"bos_token": "<s>", "add_bos_token": true}),
    ] {
        let tokenizer = with(config);
        assert_eq!(first(&tokenizer, "the"), 1);
        let tokens = tokenizer.encode("<s>the").unwrap();
        assert_eq!(tokens.iter().filter(|&&token| token == 1).count(), 1);
        assert!(!tokenizer.encode_plain("the").unwrap().contains(&1));
    }
    assert_ne!(
        first(
            &with(json!({"bos_token": "<s>", "add_bos_token": false})),
            "the"
        ),
        1
    );
    // Only from the config.
    let mut json = sentencepiece();
    json["post_processor"] = Value::Null;
    let tokenizer = built(
        &json,
        &json!({"bos_token": {"content": "<s>"}, "add_bos_token": true}),
    );
    assert_eq!(first(&tokenizer, "the"), 1);
    assert_ne!(first(&built(&json, &json!({"bos_token": "<s>"})), "the"), 1);
}

#[test]
fn special_tokens_are_recognised_skipped_and_named() {
    let tokenizer = tiny();
    let tokens = tokenizer.encode("<|im_start|>user\nhi<|im_end|>").unwrap();
    assert_eq!((tokens[0], *tokens.last().unwrap()), (8190, 8191));
    assert_eq!(tokenizer.decode(&tokens, true).unwrap(), "user\nhi");
    assert_eq!(tokenizer.special_token_id("eos_token"), Ok(Some(8191)));
    assert_eq!(tokenizer.special_token_id("pad_token"), Ok(Some(8189)));
    assert_eq!(tokenizer.special_token_id("bos_token"), Ok(None));
    assert!(tokenizer.is_special(8191) && !tokenizer.is_special(300));
    assert_eq!(tokenizer.token(8200), None);
}

#[test]
fn added_tokens_of_the_config_join_the_vocabulary_where_their_number_fits() {
    let config = json!({"added_tokens_decoder": {
        "272": {"content": "<tool>", "special": false, "normalized": false}, "900": {"content": "<far>", "special": true}}});
    let mut json = sentencepiece();
    json["model"]["vocab"]
        .as_array_mut()
        .unwrap()
        .push(json!(["last", -2.0]));
    assert_eq!(built(&json, &json!({})).vocab_size(), 272);
    let tokenizer = built(&json, &config);
    assert_eq!(tokenizer.token_id("<tool>"), Ok(Some(272)));
    assert_eq!(tokenizer.token_id("<far>"), Ok(None));
    assert!(tokenizer.encode("a<tool>b").unwrap().contains(&272));
}

#[test]
fn a_released_encoder_is_not_missed_and_comes_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(tiny_folder().join(name), folder.path().join(name)).unwrap();
    }
    let config = json!({"added_tokens_decoder": {"271": {"content": "<tool>", "special": false, "normalized": false}}});
    let file: &'static str = sentencepiece().to_string().leak();
    let config = config.to_string();
    for tokenizer in [
        Tokenizer::load(folder.path()).unwrap(),
        Tokenizer::from_static(file.as_bytes(), Some(config.as_bytes())).unwrap(),
        Tokenizer::from_bytes(file.as_bytes(), Some(config.as_bytes())).unwrap(),
    ] {
        let text = "<s>the cat<tool> é 🦀<|im_end|>";
        let tokens = tokenizer.encode(text).unwrap();
        let decoded = tokenizer.decode(&tokens, true).unwrap();
        for _ in 0..2 {
            tokenizer.release_encoder();
            assert_eq!(streamed(&tokenizer, &tokens, true), decoded);
            assert_eq!(tokenizer.encode(text).unwrap(), tokens);
        }
    }
    let tokenizer = Tokenizer::load(folder.path()).unwrap();
    tokenizer.release_encoder();
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, file).unwrap();
    let changed = tokenizer.encode("a").unwrap_err().to_string();
    let path = path.display();
    assert_eq!(
        changed,
        format!("{path}: it changed after the model was loaded")
    );
}

#[test]
fn every_number_has_the_text_that_the_crate_gives_it() {
    let mut twice = sentencepiece();
    twice["model"]["vocab"]
        .as_array_mut()
        .unwrap()
        .extend([json!(["a", -2.0]), json!(["", -2.0])]);
    let tiny = std::fs::read_to_string(tiny_folder().join("tokenizer.json")).unwrap();
    // A gap, and a number that a table by number could not have.
    let apart = tiny.replacen("\"!\":0", "\"!\":4294967294", 1);
    assert_ne!(apart, tiny);
    for json in [sentencepiece().to_string(), twice.to_string(), tiny, apart] {
        let tokenizer = Tokenizer::from_bytes(json.as_bytes(), None).unwrap();
        let oracle = tokenizers::Tokenizer::from_bytes(json.as_bytes()).unwrap();
        for id in (0..9000).chain([u32::MAX - 1, u32::MAX]) {
            let text = oracle.id_to_token(id);
            assert_eq!(tokenizer.token(id), text.as_deref(), "{id}");
            let special = |text: &String| oracle.get_added_vocabulary().is_special_token(text);
            assert_eq!(tokenizer.is_special(id), text.as_ref().is_some_and(special));
        }
    }
}

#[test]
fn broken_tokenizers_are_errors_in_one_line_that_name_the_file() {
    let json = sentencepiece().to_string();
    let mut cases: Vec<Vec<u8>> = vec![b"".to_vec(), b"{}".to_vec(), b"[]".to_vec(), vec![0xFF; 9]];
    cases.extend(
        (1..json.len())
            .step_by(97)
            .map(|cut| json.as_bytes()[..cut].to_vec()),
    );
    for (key, value) in [
        ("decoder", json!({"type": "What"})),
        ("model", json!({})),
        ("decoder", json!(3)),
    ] {
        let mut wrong = sentencepiece();
        wrong[key] = value;
        cases.push(wrong.to_string().into_bytes());
    }
    for bytes in cases {
        let message = Tokenizer::from_bytes(&bytes, None).unwrap_err().to_string();
        assert!(message.starts_with("tokenizer.json: "), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let missing = Tokenizer::load(folder.path()).unwrap_err().to_string();
    let path = folder.path().join("tokenizer.json").display().to_string();
    assert!(
        missing.starts_with(&format!("{path}: not found")),
        "{missing}"
    );
}

#[test]
fn truncation_and_padding_of_the_file_never_touch_a_prompt() {
    let mut json = sentencepiece();
    json["truncation"] =
        json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
    json["padding"] = json!({"strategy": {"Fixed": 99}, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "<unk>"});
    let tokens = built(&json, &json!({})).encode("the cat the cat").unwrap();
    assert_eq!(tokens.len(), 5);
}

#[test]
fn eos_is_the_configs_unless_the_generation_config_differs_and_always_the_tokenizers() {
    let tokenizer = built(&sentencepiece(), &json!({"eos_token": "</s>"}));
    let eos = |config: &str, generation: Option<&str>| {
        let set = EosSet::from_bytes(
            Some(config.as_bytes()),
            generation.map(str::as_bytes),
            &tokenizer,
        );
        set.map(|set| set.tokens().to_vec())
    };
    assert_eq!(eos("{}", None), Ok(vec![2]));
    assert_eq!(eos(r#"{"eos_token_id": 7}"#, None), Ok(vec![2, 7]));
    assert_eq!(
        eos(r#"{"eos_token_id": [9, 7, 9]}"#, Some("{}")),
        Ok(vec![2, 7, 9])
    );
    assert_eq!(
        eos(
            r#"{"eos_token_id": null, "text_config": {"eos_token_id": [5]}}"#,
            None
        ),
        Ok(vec![2, 5])
    );
    assert_eq!(
        eos(r#"{"eos_token_id": 7}"#, Some(r#"{"eos_token_id": [3]}"#)),
        Ok(vec![2, 3])
    );
    assert_eq!(
        eos(r#"{"eos_token_id": 7}"#, Some(r#"{"eos_token_id": null}"#)),
        Ok(vec![2, 7])
    );
    for wrong in [
        r#"{"eos_token_id": "x"}"#,
        r#"{"eos_token_id": [1, -2]}"#,
        r#"{"eos_token_id": 1e30}"#,
    ] {
        let message = eos(wrong, None).unwrap_err().to_string();
        assert!(
            message.starts_with("config.json: eos_token_id: "),
            "{message}"
        );
    }
    let set = EosSet::load(&tiny_folder(), &tiny()).unwrap();
    assert!(set.contains(8191) && !set.contains(8189));
    assert_eq!(set.with([8189, 8191]).tokens(), [8189, 8191]);
}

#[test]
fn damaged_tokenizers_are_errors_or_work_but_never_panic() {
    let json = sentencepiece().to_string();
    // Fewer byte tokens, so that damage meets structure more often.
    let start = json.find("[\"<0x02>\"").unwrap();
    let end = json.find("[\"▁\"").unwrap();
    let json = [&json[..start], &json[end..]].concat().into_bytes();
    Tokenizer::from_bytes(&json, None).unwrap();
    let pieces = prop::sample::select(vec![
        "0", "9", "-1", "null", "\"\"", "{", "}", "[", "]", ",", "true", "\"a\"", "é", "1e99",
    ]);
    let edits = prop::collection::vec((0..json.len(), 0usize..12, pieces), 1..3);
    proptest!(config(20_000), |(edits in edits)| {
        let mut damaged = json.clone();
        for (at, remove, piece) in edits {
            let at = at.min(damaged.len());
            let end = (at + remove).min(damaged.len());
            damaged.splice(at..end, piece.bytes());
        }
        if let Ok(tokenizer) = Tokenizer::from_bytes(&damaged, None) {
            let tokens = tokenizer.encode("the cat é <s> 🦀").unwrap_or_default();
            let _ = streamed(&tokenizer, &tokens, false);
        }
    });
}

/// `cargo test --release -p lazuli-lm -- --ignored --nocapture nanoseconds`
#[test]
#[ignore = "a measurement"]
fn nanoseconds_per_streamed_token() {
    let tokenizer = tiny();
    let text = include_str!("tokenizer.rs").repeat(100);
    let tokens = tokenizer.encode(&text).unwrap();
    for count in [tokens.len() / 16, tokens.len() / 4, tokens.len()] {
        let start = std::time::Instant::now();
        let length = streamed(&tokenizer, &tokens[..count], true).len();
        let each = start.elapsed().as_nanos() / count as u128;
        println!("{count:8} tokens, {length:8} bytes: {each} ns a token");
    }
    let start = std::time::Instant::now();
    tokenizer.encode(&text).unwrap();
    println!(
        "encoding: {} ns a token",
        start.elapsed().as_nanos() / tokens.len() as u128
    );
}
