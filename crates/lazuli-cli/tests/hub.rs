//! A model by its name: downloaded once from a hub that runs in the test, then used without it.

#![cfg(feature = "hub")]
#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;
#[path = "../../lazuli-io/tests/hub/server.rs"]
mod server;

use common::{Model, Ran, lazuli};
use server::{Answer, Hub};

const FILES: [&str; 5] = [
    "chat_template.jinja",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
];

fn tiny() -> Vec<(&'static str, Vec<u8>)> {
    let model = Model::new();
    FILES
        .map(|file| (file, std::fs::read(model.file(file)).unwrap()))
        .into()
}

/// Runs the command with this hub and this cache.
fn run(args: &[&str], endpoint: &str, cache: &std::path::Path) -> Ran {
    let mut command = lazuli(args);
    command
        .env("HF_ENDPOINT", endpoint)
        .env("HF_HUB_CACHE", cache);
    Ran::of(command.env_remove("HF_HUB_OFFLINE").output().unwrap())
}

const GENERATE: [&str; 8] = [
    "generate",
    "--model",
    "org/tiny",
    "-p",
    "hello",
    "--max-tokens",
    "4",
    "--raw",
];

#[test]
fn a_name_is_downloaded_once_and_answers_as_the_folder_does() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(tiny());
    let first = run(&GENERATE, &hub.endpoint(), cache.path());
    let lines: Vec<_> = first.stderr.lines().take(FILES.len()).collect();
    for (i, line) in lines.iter().enumerate() {
        let place = format!(" ({} of 5), ", i + 1);
        assert!(
            line.starts_with("org/tiny: downloading ") && line.contains(&place),
            "{line}"
        );
    }
    assert_eq!(
        lines[4],
        "org/tiny: downloading model.safetensors (5 of 5), 301.1 KB"
    );
    let text = first.succeeds();

    let again = run(&GENERATE, "http://127.0.0.1:1", cache.path());
    assert!(!again.stderr.contains("downloading"), "{}", again.stderr);
    assert_eq!(again.succeeds(), text);

    let quiet = tempfile::tempdir().unwrap();
    let args = [GENERATE.as_slice(), &["-q"]].concat();
    let quiet = run(&args, &hub.endpoint(), quiet.path());
    assert_eq!(
        (quiet.stderr.as_str(), quiet.stdout.as_str()),
        ("", text.as_str())
    );

    let model = Model::new();
    let mut folder = GENERATE;
    folder[2] = model.path();
    assert_eq!(common::run(folder).succeeds(), text);
}

#[test]
fn every_command_that_takes_a_model_takes_a_name() {
    let hub = Hub::new(tiny());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (logits, converted) = (file("x.npy"), file("converted"));
    for args in [
        ["info", "org/tiny"].as_slice(),
        &["info", "--model", "org/tiny", "--json"],
        &[
            "logits", "--model", "org/tiny", "--tokens", "1,2", "--output", &logits,
        ],
        &["chat", "--model", "org/tiny", "--max-tokens", "2"],
        &["convert", "--model", "org/tiny", "--output", &converted],
    ] {
        let cache = tempfile::tempdir().unwrap();
        run(args, &hub.endpoint(), cache.path()).succeeds();
        assert!(hub.take_requests().iter().any(|r| r.cdn), "{args:?}");
    }
}

#[test]
fn what_the_hub_does_not_have_ends_in_one_line() {
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::with_hook(tiny(), |_, _| {
        Some(Answer::status(404).with("X-Error-Code", "RepoNotFound"))
    });
    let endpoint = hub.endpoint();
    run(&["info", "models/tiny"], &endpoint, cache.path()).fails(
        1,
        &format!(
            "model `models/tiny`: there is no such folder, and no such model on {endpoint}: check \
             the spelling"
        ),
    );
    hub.take_requests();
    run(&["info", "my-folder"], &endpoint, cache.path())
        .fails(1, "model `my-folder`: there is no such folder");
    assert!(hub.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_part_and_the_next_run_goes_on_with_it() {
    let cache = tempfile::tempdir().unwrap();
    let weights = tiny()[2].1.clone();
    let half = weights.len() / 2;
    let stalled = std::sync::atomic::AtomicBool::new(false);
    let hub = Hub::with_hook(tiny(), move |request, own| {
        let fetch = request.cdn && request.fetches("model.safetensors");
        if !fetch || stalled.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return None;
        }
        Some(own(request).cut(half).stall())
    });
    let mut command = lazuli(GENERATE);
    command
        .env("HF_ENDPOINT", hub.endpoint())
        .env("HF_HUB_CACHE", cache.path());
    let quiet = command
        .env_remove("HF_HUB_OFFLINE")
        .stderr(std::process::Stdio::null());
    let mut child = quiet.spawn().unwrap();
    let part = || {
        let blobs = std::fs::read_dir(cache.path().join("models--org--tiny/blobs")).ok()?;
        let mut sizes = blobs.filter_map(|entry| {
            let entry = entry.ok()?;
            let is_part = entry.file_name().to_str()?.ends_with("-part");
            is_part.then(|| entry.metadata().ok().map(|m| m.len()))?
        });
        sizes.find(|&size| size == half as u64)
    };
    while part().is_none() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    common::interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(part().is_some());
    hub.take_requests();

    run(&GENERATE, &hub.endpoint(), cache.path()).succeeds();
    let range = format!("bytes={half}-");
    let fetches: Vec<_> = hub.requests();
    let fetches = fetches
        .iter()
        .filter(|r| r.cdn && r.fetches("model.safetensors"));
    let ranges: Vec<_> = fetches.map(|r| r.header("range")).collect();
    assert_eq!(ranges, [Some(range.as_str())]);
}
