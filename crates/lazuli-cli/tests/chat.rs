//! `lazuli chat` through a pipe.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;

use std::io::{Read, Write};
use std::process::Stdio;

use common::{Model, Ran, lazuli, run, run_with};
use serde_json::{Value, json};

const SHORT: [&str; 4] = ["--max-tokens", "8", "--logit-bias", "191=-inf"];

fn chat(model: &Model, input: &str) -> Ran {
    run_with(
        ["chat", "--model", model.path()].into_iter().chain(SHORT),
        input,
    )
}

#[test]
fn the_first_answer_is_that_of_generate() {
    let model = Model::new();
    let generate = ["generate", "--model", model.path(), "-p", "hello"];
    let answer = run(generate.into_iter().chain(SHORT)).succeeds();
    let ran = chat(&model, "hello\n");
    assert_eq!(ran.stderr, "");
    assert_eq!(ran.succeeds(), answer);
}

#[test]
fn a_turn_computes_only_what_is_new() {
    let model = Model::new();
    let ran = chat(&model, "hello\nand now?\n/stats\n");
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{}", ran.stderr);
    assert!(lines[0].starts_with("context: "), "{}", ran.stderr);
    let cached = lines[1]
        .split_once('(')
        .unwrap()
        .1
        .split_once(" cached)")
        .unwrap()
        .0;
    // The first prompt at least: 24 tokens.
    assert!(cached.parse::<usize>().unwrap() >= 24, "{}", ran.stderr);
}

#[test]
fn what_is_kept_does_not_change_the_answer() {
    let model = Model::new();
    let both = chat(&model, "hello\nand now?\n/save talk.json\n");
    drop(both);
    let file = model.file("talk.json");
    let input = format!("hello\nand now?\n/save {}\n", file.display());
    let ran = chat(&model, &input);
    let saved: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let messages = saved["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages
        .iter()
        .map(|m| m["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant"]);
    let text = |i: usize| messages[i]["content"].as_str().unwrap();
    assert_eq!(ran.stdout, format!("{}\n{}\n", text(1), text(3)));

    // The same conversation without a cache: rendered here, and completed at once.
    let prompt = format!(
        "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>\n\
         <|im_start|>user\nand now?<|im_end|>\n<|im_start|>assistant\n",
        text(1)
    );
    let args = ["generate", "--model", model.path(), "--raw", "--json"];
    let fresh = run_with(args.into_iter().chain(SHORT), prompt).succeeds();
    let fresh: Value = serde_json::from_str(&fresh).unwrap();
    assert_eq!(fresh["text"], json!(text(3)));
}

#[test]
fn reset_and_system_begin_again() {
    let model = Model::new();
    let answers = chat(&model, "hello\n/reset\nhello\n").succeeds();
    let once = chat(&model, "hello\n").succeeds();
    assert_eq!(answers, once.repeat(2));

    let args = [
        "chat",
        "--model",
        model.path(),
        "--system-prompt",
        "Be kind.",
    ];
    let told = run_with(args.into_iter().chain(SHORT), "hello\n").succeeds();
    assert_eq!(
        chat(&model, "x\n/system Be kind.\nhello\n").succeeds(),
        chat(&model, "x\n").succeeds() + &told
    );
    assert_eq!(
        chat(&model, "/system Be kind.\n/system\nhello\n").succeeds(),
        once
    );
}

#[test]
fn lines_join_and_empty_ones_are_passed_over() {
    let model = Model::new();
    let file = model.file("talk.md");
    let input = format!("\n\na \\\nb\n/save {}\n/quit\nnever said\n", file.display());
    let ran = chat(&model, &input);
    assert_eq!(ran.stderr, format!("saved {}\n", file.display()));
    let saved = std::fs::read_to_string(&file).unwrap();
    assert!(
        saved.starts_with("## user\n\na \nb\n\n## assistant\n\n"),
        "{saved}"
    );
}

#[test]
fn a_mistyped_command_gets_a_suggestion() {
    let model = Model::new();
    chat(&model, "/rest\n").fails(2, "there is no /rest; did you mean /reset?");
}

#[test]
fn help_lists_the_commands_and_no_input_is_fine() {
    let model = Model::new();
    let ran = chat(&model, "/help\n");
    for name in [
        "/reset",
        "/system TEXT",
        "/save FILE",
        "/stats",
        "/help",
        "/quit",
    ] {
        assert!(ran.stderr.contains(name), "{}", ran.stderr);
    }
    assert_eq!(ran.succeeds(), "");
    assert_eq!(chat(&model, "").succeeds(), "");
}

#[test]
fn a_conversation_that_outgrows_the_context_fails() {
    let model = Model::new();
    model.configure("max_position_embeddings", json!(16));
    chat(&model, "hello\n").fails(
        1,
        "the prompt has 24 tokens, the model's context 16: shorten it by 9 or more",
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_the_answer_and_not_the_program() {
    let model = Model::new();
    model.configure("max_position_embeddings", json!(1_000_000));
    let args = [
        "chat",
        "--model",
        model.path(),
        "--max-tokens",
        "900000",
        "--logit-bias",
        "191=-inf",
    ];
    let mut command = lazuli(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"hello\n").unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 4]).unwrap();
    common::interrupt(&child);
    stdin.write_all(b"/stats\n/quit\n").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert!(ran.stderr.starts_with("context: "), "{}", ran.stderr);
    assert_eq!(ran.status, Some(0));
    assert!(rest.ends_with('\n'));
}
