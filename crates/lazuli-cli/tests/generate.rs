//! `lazuli generate` answers: what goes where, and how it ends.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;

use std::io::Read;
use std::process::Stdio;

use common::{Model, lazuli, run, run_with};
use serde_json::{Value, json};

/// Arguments for an answer of so many tokens.
fn args<'a>(model: &'a Model, tokens: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    // The token that ends a text is excluded: lengths are those that were asked for.
    let fixed = [
        "generate",
        "--model",
        model.path(),
        "--max-tokens",
        tokens,
        "--logit-bias",
        "191=-inf",
    ];
    fixed.into_iter().chain(more.iter().copied()).collect()
}

fn object(ran: common::Ran) -> Value {
    serde_json::from_str(&ran.succeeds()).unwrap()
}

#[test]
fn text_goes_to_stdout_and_statistics_to_stderr() {
    let model = Model::new();
    let ran = run(args(&model, "8", &["-p", "hello"]));
    assert!(ran.stdout.len() > 1 && ran.stdout.ends_with('\n'));
    let starts = ["prompt: ", "generated: 8 tokens, ", "peak memory: "];
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), starts.len(), "{}", ran.stderr);
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    let quiet = run(args(&model, "8", &["-p", "hello", "--quiet"]));
    assert_eq!(quiet.stderr, "");
    assert_eq!(quiet.stdout, ran.stdout);
}

#[test]
fn json_is_one_object_with_the_same_text() {
    let model = Model::new();
    let text = run(args(&model, "8", &["-p", "hello"])).succeeds();
    let object = object(run(args(&model, "8", &["-p", "hello", "--json"])));
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "prompt_tokens",
            "tokens",
            "text",
            "finish_reason",
            "prefill_tps",
            "decode_tps",
            "ttft_ms",
            "peak_bytes",
            "cache_bytes"
        ]
    );
    assert_eq!(format!("{}\n", object["text"].as_str().unwrap()), text);
    assert_eq!(object["tokens"].as_array().unwrap().len(), 8);
    assert_eq!(object["finish_reason"], "length");
    // `<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n`, a token per character
    assert_eq!(object["prompt_tokens"], 1 + 5 + 5 + 1 + 1 + 1 + 10);
    assert!(object["peak_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(object["ttft_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_prompt_is_the_same_however_it_comes() {
    let model = Model::new();
    let tokens = |ran: common::Ran| object(ran)["tokens"].clone();
    let argument = tokens(run(args(&model, "6", &["-p", r"a\nb\tc", "--json"])));
    let piped = tokens(run_with(args(&model, "6", &["--json"]), "a\nb\tc"));
    let echoed = tokens(run_with(
        args(&model, "6", &["--json", "-p", "-"]),
        "a\nb\tc\n",
    ));
    assert_eq!(argument, piped);
    assert_eq!(argument, echoed);
    let other = tokens(run_with(args(&model, "6", &["--json"]), r"a\nb\tc"));
    assert_ne!(argument, other, "escapes are for the command line");
}

#[test]
fn raw_gives_the_prompt_as_it_is() {
    let model = Model::new();
    let raw = object(run_with(args(&model, "1", &["--raw", "--json"]), "ab\n"));
    assert_eq!(raw["prompt_tokens"], 3);
}

#[test]
fn a_system_prompt_and_template_arguments_reach_the_template() {
    let model = Model::new();
    model.write(
        "chat_template.jinja",
        "{{ flavour }}{% for m in messages %}{{ m.content }}{% endfor %}",
    );
    let more = [
        "-p",
        "abc",
        "--system-prompt",
        "de",
        "--chat-template-args",
        r#"{"flavour": "f"}"#,
        "--json",
    ];
    assert_eq!(object(run(args(&model, "1", &more)))["prompt_tokens"], 6);
}

#[test]
fn the_seed_names_the_text() {
    let model = Model::new();
    let text = |seed| {
        run(args(
            &model,
            "24",
            &["-p", "x", "--temp", "1", "--seed", seed],
        ))
        .succeeds()
    };
    assert_eq!(text("1"), text("1"));
    assert_ne!(text("1"), text("2"));
}

#[test]
fn neither_threads_nor_prefill_steps_change_the_answer() {
    let model = Model::new();
    let prompt = "many words ".repeat(40);
    let tokens = |more: &[&str]| {
        let more = [&["-p", &prompt, "--json"], more].concat();
        object(run(args(&model, "16", &more)))["tokens"].clone()
    };
    let plain = tokens(&[]);
    assert_eq!(plain, tokens(&["--threads", "1"]));
    assert_eq!(plain, tokens(&["--prefill-step", "64"]));
}

#[test]
fn a_quantized_cache_answers() {
    let model = Model::new();
    let more = [
        "-p",
        "x",
        "--kv-bits",
        "8",
        "--kv-group-size",
        "32",
        "--json",
    ];
    assert_eq!(
        object(run(args(&model, "16", &more)))["tokens"]
            .as_array()
            .unwrap()
            .len(),
        16
    );
}

#[test]
fn a_stop_text_and_an_end_token_end_the_answer() {
    let model = Model::new();
    let whole = object(run(args(&model, "12", &["-p", "x", "--json"])));
    let text = whole["text"].as_str().unwrap();
    let middle = text.char_indices().nth(text.chars().count() / 2).unwrap().0;
    let stop = &text[middle..middle + text[middle..].chars().next().unwrap().len_utf8()];
    let stopped = object(run(args(
        &model,
        "12",
        &["-p", "x", "--json", "--stop", stop],
    )));
    assert_eq!(stopped["finish_reason"], "stop");
    assert_eq!(stopped["text"], json!(text.split(stop).next().unwrap()));

    let first = whole["tokens"][0].as_u64().unwrap() as usize;
    let vocab: Value =
        serde_json::from_slice(&std::fs::read(model.file("tokenizer.json")).unwrap()).unwrap();
    let vocab = vocab["model"]["vocab"].as_object().unwrap();
    let token = vocab
        .iter()
        .find(|(_, id)| id.as_u64() == Some(first as u64))
        .unwrap()
        .0;
    let ended = object(run(args(
        &model,
        "12",
        &["-p", "x", "--json", "--extra-eos-token", token],
    )));
    assert_eq!(
        (&ended["finish_reason"], &ended["text"]),
        (&json!("stop"), &json!(""))
    );
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let model = Model::new();
    model.configure("max_position_embeddings", json!(1_000_000));
    let mut command = lazuli(args(&model, "900000", &["-p", "x"]));
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 4]).unwrap();
    drop(stdout);
    let ran = common::Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_answer_with_its_statistics() {
    let model = Model::new();
    model.configure("max_position_embeddings", json!(1_000_000));
    for json in [false, true] {
        let more: &[&str] = if json {
            &["-p", "x", "--json"]
        } else {
            &["-p", "x"]
        };
        let mut command = lazuli(args(&model, "900000", more));
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        if json {
            // Nothing is written before the end: give it time to begin.
            std::thread::sleep(std::time::Duration::from_millis(1500));
        } else {
            stdout.read_exact(&mut [0; 4]).unwrap();
        }
        common::interrupt(&child);
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        let ran = common::Ran::of(child.wait_with_output().unwrap());
        assert_eq!(ran.status, Some(130), "{}", ran.stderr);
        assert!(rest.ends_with('\n'));
        assert_eq!(ran.stderr.lines().count(), 3, "{}", ran.stderr);
        if json {
            let object: Value = serde_json::from_str(&rest).unwrap();
            assert_eq!(object["finish_reason"], "cancelled");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let model = Model::new();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = lazuli(args(&model, "4", &["-p", "x"]));
    let ran = common::Ran::of(command.stdout(full).output().unwrap());
    let line = "cannot write to stdout: No space left on device (os error 28)";
    ran.fails(1, line);
}

#[cfg(target_os = "linux")]
#[test]
fn a_cache_that_will_not_fit_is_announced() {
    let model = Model::new();
    model.configure("max_position_embeddings", json!(268_435_456));
    let first_token_ends = [
        "--logit-bias",
        "191=1000",
        "--json",
        "-p",
        "x",
        "--model",
        model.path(),
    ];
    let ran = |tokens| {
        let ran = run(["generate", "--max-tokens", tokens]
            .into_iter()
            .chain(first_token_ends));
        let line = ran.stderr.lines().next().unwrap().to_owned();
        (ran.succeeds(), line)
    };
    // A kilobyte per token: 275 GB are more than this machine has free.
    let (object, line) = ran("268000000");
    let start = "lazuli: warning: the model and a cache of 268,000,020 tokens need 274.4 GB, ";
    assert!(line.starts_with(start), "{line}");
    assert!(
        line.ends_with(" of memory are free: expect it to be slow"),
        "{line}"
    );
    assert!(object.contains(r#""finish_reason":"stop""#), "{object}");
    assert!(ran("10").1.starts_with("prompt: "));
}
