//! A model folder that answers in a moment, and the command as a user runs it.
//!
//! The network is the committed Qwen3 fixture with random weights; its tokenizer is made here: one
//! token per ASCII character, and one word for each number that the network has beyond those.
#![allow(dead_code)] // each test file uses a part

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// Tokens of the fixture's network; the last one ends a text.
pub(crate) const VOCAB: usize = 192;

pub(crate) const TEMPLATE: &str = "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content \
    + '<|im_end|>\\n' }}{%- endfor %}{%- if add_generation_prompt %}\
    {{ '<|im_start|>assistant\\n' }}{%- endif %}";

/// A model folder of a test's own.
pub(crate) struct Model(pub(crate) tempfile::TempDir);

impl Model {
    pub(crate) fn new() -> Model {
        let model = Model(tempfile::tempdir().unwrap());
        let fixture = fixture("qwen3");
        for name in ["config.json", "model.safetensors"] {
            fs::copy(fixture.join(name), model.file(name)).unwrap();
        }
        model.write("tokenizer.json", &tokenizer().to_string());
        model.write("tokenizer_config.json", r#"{"eos_token": "<|im_end|>"}"#);
        model.write("chat_template.jinja", TEMPLATE);
        model
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    /// Changes a key of config.json.
    pub(crate) fn configure(&self, key: &str, value: Value) {
        let text = fs::read_to_string(self.file("config.json")).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config[key] = value;
        self.write("config.json", &config.to_string());
    }
}

pub(crate) fn fixture(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/families")
        .join(family)
}

fn tokenizer() -> Value {
    let mut vocab = serde_json::Map::new();
    // Byte-level tokenizers write space, line feed and tab as these letters.
    for c in ('!'..='~').chain(['Ġ', 'Ċ', 'ĉ']) {
        vocab.insert(c.to_string(), json!(vocab.len()));
    }
    for id in vocab.len()..VOCAB - 2 {
        vocab.insert(format!("<{id}>"), json!(id));
    }
    let special = |id: usize, text: &str| {
        json!({"id": id, "content": text, "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false, "special": true})
    };
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false,
                            "trim_offsets": true, "use_regex": true});
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [special(VOCAB - 2, "<|im_start|>"), special(VOCAB - 1, "<|im_end|>")],
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": null,
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false,
                  "byte_fallback": false, "vocab": vocab, "merges": []},
    })
}

/// The command, in an environment without a user's settings.
pub(crate) fn lazuli<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lazuli"));
    command.args(args).stdin(Stdio::null());
    for variable in [
        "LAZULI_CPU",
        "LAZULI_THREADS",
        "COLUMNS",
        "HF_ENDPOINT",
        "HF_HOME",
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "SSL_CERT_FILE",
        "XDG_CACHE_HOME",
    ] {
        command.env_remove(variable);
    }
    command.env("HF_HUB_CACHE", "/nonexistent/hub");
    command.env("HF_HUB_OFFLINE", "1");
    command
}

/// Runs the command to its end.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Ran {
    Ran::of(lazuli(args).output().unwrap())
}

/// Runs the command to its end, giving it `input` through a pipe.
pub(crate) fn run_with<S: AsRef<std::ffi::OsStr>>(
    args: impl IntoIterator<Item = S>,
    input: impl AsRef<[u8]>,
) -> Ran {
    let mut command = lazuli(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_ref());
    Ran::of(child.wait_with_output().unwrap())
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Ran {
        Ran {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Checks that the run failed with one line and no output.
    #[track_caller]
    pub(crate) fn fails(&self, status: i32, line: &str) {
        assert_eq!(
            (self.status, self.stdout.as_str(), self.stderr.as_str()),
            (Some(status), "", format!("lazuli: {line}\n").as_str())
        );
    }

    /// Checks that the run succeeded; its stdout.
    #[track_caller]
    pub(crate) fn succeeds(self) -> String {
        assert_eq!(self.status, Some(0), "{}", self.stderr);
        self.stdout
    }
}

/// Sends the signal that Ctrl-C sends.
#[cfg(unix)]
pub(crate) fn interrupt(child: &std::process::Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}
