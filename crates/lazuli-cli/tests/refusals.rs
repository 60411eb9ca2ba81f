//! What cannot be done is refused in one line that says what would be right, and with a status.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;

use common::{Model, lazuli, run, run_with};
use serde_json::json;

const FAMILIES: &str = "llama, mistral, qwen2, qwen3, qwen3_5, qwen3_5_moe, qwen3_moe, qwen3_next";

/// Runs `generate` on a folder, with a prompt.
fn generate(model: &str) -> common::Ran {
    run([
        "generate",
        "--model",
        model,
        "-p",
        "hello",
        "--max-tokens",
        "4",
    ])
}

#[test]
fn a_missing_model_says_where_it_was_looked_for() {
    generate("/nowhere/at all").fails(1, "model `/nowhere/at all`: there is no such folder");
    generate("org/name").fails(
        1,
        "model `org/name`: there is no such folder, and no such download in /nonexistent/hub \
         (HF_HUB_OFFLINE is set): download it there (hf download org/name), or pass the folder that has its config.json, \
         tokenizer.json and safetensors files",
    );
}

#[cfg(unix)]
#[test]
fn an_unreadable_path_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("loop");
    std::os::unix::fs::symlink(&link, &link).unwrap();
    let link = link.to_str().unwrap();
    let reason = std::fs::metadata(link).unwrap_err();
    generate(link).fails(1, &format!("cannot open {link}: {reason}"));
}

#[test]
fn an_unreadable_config_says_why() {
    let model = Model::new();
    let config = model.file("config.json");
    std::fs::remove_file(&config).unwrap();
    let needed = "a model folder holds a config.json";
    generate(model.path()).fails(
        1,
        &format!(
            "{}: cannot be read (No such file or directory (os error 2)); {needed}",
            config.display()
        ),
    );
}

#[test]
fn a_file_that_is_no_model_is_not_one() {
    let model = Model::new();
    let config = model.file("config.json");
    let config = config.to_str().unwrap();
    generate(config).fails(
        1,
        &format!("model `{config}`: this is a file, a model is a folder with safetensors files"),
    );
}

#[test]
fn an_empty_prompt_is_wrong_usage_however_it_comes() {
    let line = "the prompt is empty: there is nothing to continue";
    let model = Model::new();
    run(["generate", "--model", model.path(), "-p", ""]).fails(2, line);
    run_with(["generate", "--model", model.path()], "").fails(2, line);
    run_with(["generate", "--model", model.path(), "-p", "-"], "").fails(2, line);
}

#[test]
fn numbers_out_of_range_name_their_flag() {
    let cases = [
        (
            ["--max-tokens", "0"],
            "invalid value '0' for '--max-tokens <N>': it must be at least 1 \
             (try `lazuli generate --help`)",
        ),
        (
            ["--max-tokens", "many"],
            "invalid value 'many' for '--max-tokens <N>': it must be a whole number, at least 1 \
             (try `lazuli generate --help`)",
        ),
        (
            ["--temp", "-1"],
            "--temp -1: it must be finite and at least 0",
        ),
        (
            ["--top-p", "0"],
            "--top-p 0: it must be above 0 and at most 1 (1 is off)",
        ),
        (
            ["--min-p", "2"],
            "--min-p 2: it must be between 0 and 1 (0 is off)",
        ),
        (
            ["--xtc-threshold", "0.7"],
            "--xtc-threshold 0.7: it must be between 0 and 0.5",
        ),
        (
            ["--repetition-context-size", "0"],
            "--repetition-context-size 0: it must be at least 1",
        ),
        (
            ["--logit-bias", "7=inf"],
            "--logit-bias inf for token 7: it must be finite, or minus infinity to exclude a token",
        ),
        (
            ["--logit-bias", "seven"],
            "invalid value 'seven' for '--logit-bias <TOKEN=BIAS>': it must be a token's number, \
             `=`, and a number, as in 42=-5 (try `lazuli generate --help`)",
        ),
        (
            ["--kv-bits", "3"],
            "invalid value '3' for '--kv-bits <BITS>' [possible values: 2, 4, 8] \
             (try `lazuli generate --help`)",
        ),
        (
            ["--chat-template-args", "[1]"],
            "invalid value '[1]' for '--chat-template-args <JSON>': it must be a JSON object \
             (try `lazuli generate --help`)",
        ),
        (
            ["--stop", ""],
            "--stop: the text is empty; it needs at least one character",
        ),
    ];
    for (flag, line) in cases {
        run(["generate", "-p", "x"].into_iter().chain(flag)).fails(2, line);
    }
}

#[test]
fn a_prompt_longer_than_the_context_says_by_how_much() {
    let model = Model::new();
    model.configure("max_position_embeddings", json!(16));
    let prompt = "x".repeat(20);
    run(["generate", "--model", model.path(), "--raw", "-p", &prompt]).fails(
        1,
        "the prompt has 20 tokens, the model's context 16: shorten it by 5 or more",
    );
}

#[test]
fn an_unknown_family_lists_the_known_ones() {
    let model = Model::new();
    model.configure("model_type", json!("foo_moe"));
    let config = model.file("config.json");
    generate(model.path()).fails(
        1,
        &format!(
            "{}: unknown model family `foo_moe`; supported: {FAMILIES}",
            config.display()
        ),
    );
}

#[test]
fn a_model_that_needs_code_names_the_file() {
    let model = Model::new();
    let config = model.file("config.json").display().to_string();
    model.configure("model_file", json!("model.py"));
    generate(model.path()).fails(
        1,
        &format!(
            "{config}: the model needs the Python code in `model.py` (model_file), which is not run"
        ),
    );

    let model = Model::new();
    let config = model.file("config.json").display().to_string();
    model.configure("model_type", json!("foo"));
    model.configure(
        "auto_map",
        json!({"AutoModelForCausalLM": "modeling_foo.FooModel"}),
    );
    generate(model.path()).fails(
        1,
        &format!(
            "{config}: the model needs the Python code in `modeling_foo.py` (auto_map), which is \
             not run; unknown model family `foo`; supported: {FAMILIES}"
        ),
    );
}

#[test]
fn gguf_is_refused_as_a_file_and_as_a_folder() {
    let sentence = "GGUF models are not supported: pass the folder of the model's safetensors \
                    files, which most models were first published as";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.Q4_K_M.gguf");
    std::fs::write(&file, "GGUF").unwrap();
    for path in [folder.path(), &file] {
        let path = path.to_str().unwrap();
        generate(path).fails(1, &format!("{path}: {sentence}"));
        run(["info", path]).fails(1, &format!("{path}: {sentence}"));
    }
}

#[test]
fn a_broken_tokenizer_is_named_with_the_place() {
    let model = Model::new();
    model.write("tokenizer.json", "{\"model\": ");
    let file = model.file("tokenizer.json");
    generate(model.path()).fails(
        1,
        &format!(
            "{}: EOF while parsing a value at line 1 column 10",
            file.display()
        ),
    );
    std::fs::remove_file(&file).unwrap();
    let ran = generate(model.path());
    assert!(
        ran.stderr.contains("tokenizer.json: not found"),
        "{}",
        ran.stderr
    );
    assert_eq!((ran.status, ran.stderr.lines().count()), (Some(1), 1));
}

#[test]
fn a_broken_template_is_named_with_the_line_and_raw_works_without_it() {
    let model = Model::new();
    model.write("chat_template.jinja", "{{ messages }}\n{% endfor %}");
    let ran = generate(model.path());
    let start = "lazuli: chat template `default`, line 2: ";
    assert!(ran.stderr.starts_with(start), "{}", ran.stderr);
    assert_eq!((ran.status, ran.stderr.lines().count()), (Some(1), 1));

    std::fs::remove_file(model.file("chat_template.jinja")).unwrap();
    let ran = generate(model.path());
    assert!(ran.stderr.contains("use --raw"), "{}", ran.stderr);
    let args = [
        "generate",
        "--model",
        model.path(),
        "--raw",
        "-p",
        "a",
        "--max-tokens",
        "2",
    ];
    run(args).succeeds();
}

#[test]
fn typos_get_suggestions() {
    run(["genrate"]).fails(
        2,
        "unrecognized subcommand 'genrate'; a similar subcommand exists: 'generate' \
         (try `lazuli --help`)",
    );
    run(["generate", "--modle", "x"]).fails(
        2,
        "unexpected argument '--modle' found; a similar argument exists: '--model' \
         (try `lazuli generate --help`)",
    );
    run(["logits", "--tokens", "1"]).fails(
        2,
        "the following required arguments were not provided: --output <FILE> \
         (try `lazuli logits --help`)",
    );
    run(["generate", "--raw", "--system-prompt", "x", "-p", "x"]).fails(
        2,
        "the argument '--raw' cannot be used with '--system-prompt <TEXT>' \
         (try `lazuli generate --help`)",
    );
}

#[test]
fn stdin_that_is_not_text_is_refused_at_its_byte() {
    let model = Model::new();
    let line = "stdin is not UTF-8 text: byte 3 does not fit";
    run_with(["generate", "--model", model.path()], b"ab\xffcd").fails(1, line);
    run_with(["chat", "--model", model.path()], b"ab\xffcd\n").fails(1, line);
}

#[test]
fn the_environment_is_checked_at_the_start() {
    let model = Model::new();
    for (variable, value, start) in [
        (
            "LAZULI_CPU",
            "mmx",
            "lazuli: LAZULI_CPU: `mmx` is not a path of this machine; it has portable",
        ),
        (
            "LAZULI_THREADS",
            "0",
            "lazuli: LAZULI_THREADS: `0` is no number from 1 to 1024",
        ),
        (
            "LAZULI_THREADS",
            "all",
            "lazuli: LAZULI_THREADS: `all` is no number from 1 to 1024",
        ),
    ] {
        for args in [
            vec!["generate", "--model", model.path(), "-p", "x"],
            vec!["info", model.path()],
        ] {
            let ran = common::Ran::of(lazuli(args).env(variable, value).output().unwrap());
            assert!(ran.stderr.starts_with(start), "{}", ran.stderr);
            assert_eq!((ran.status, ran.stderr.lines().count()), (Some(1), 1));
        }
    }
}

#[test]
fn a_token_that_the_model_lacks_is_named() {
    let model = Model::new();
    let out = model.file("x.npy");
    let out = out.to_str().unwrap();
    run([
        "logits",
        "--model",
        model.path(),
        "--tokens",
        "1,192",
        "--output",
        out,
    ])
    .fails(
        2,
        "--tokens: there is no token 192; the model has tokens 0 to 191",
    );
    assert!(!std::path::Path::new(out).exists());
    run([
        "generate",
        "--model",
        model.path(),
        "-p",
        "x",
        "--extra-eos-token",
        "<nope>",
    ])
    .fails(2, "--extra-eos-token <nope>: the model has no such token");
    run([
        "generate",
        "--model",
        model.path(),
        "-p",
        "x",
        "--logit-bias",
        "500=1",
    ])
    .fails(
        1,
        "logit_bias: there is no token 500; the model has tokens 0 to 191",
    );
}

#[test]
fn logits_that_are_not_numbers_end_in_one_line() {
    let model = Model::new();
    let mut file = std::fs::read(model.file("model.safetensors")).unwrap();
    let json = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&file[8..8 + json]).unwrap();
    let norm = &header["model.norm.weight"];
    assert_eq!(norm["dtype"], "BF16");
    let end = |i: usize| 8 + json + norm["data_offsets"][i].as_u64().unwrap() as usize;
    for weight in file[end(0)..end(1)].chunks_mut(2) {
        weight.copy_from_slice(&[0xC0, 0x7F]);
    }
    std::fs::write(model.file("model.safetensors"), file).unwrap();
    let ran = run(["generate", "--model", model.path(), "--raw", "-p", "a"]);
    assert!(
        ran.stderr.starts_with("lazuli: logits: NaN for token 0"),
        "{}",
        ran.stderr
    );
    assert_eq!((ran.status, ran.stderr.lines().count()), (Some(1), 1));
}
