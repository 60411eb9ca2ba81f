//! The help is what is committed in `tests/help`; `LAZULI_BLESS=1 cargo test` writes it anew.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;

use std::fs;
use std::path::Path;

use common::run;

#[track_caller]
fn check(name: &str, args: &[&str]) {
    let help = run(args).succeeds();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/help/{name}.txt"));
    if std::env::var_os("LAZULI_BLESS").is_some() {
        fs::write(&file, &help).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(help, committed, "{}", file.display());
    assert!(help.contains("Examples:"), "{name} has no examples");
}

#[test]
fn the_command_explains_itself() {
    check("lazuli", &["--help"]);
}

#[test]
fn every_command_explains_itself() {
    for name in [
        "generate", "chat", "convert", "logits", "info", "devices", "bench",
    ] {
        check(name, &[name, "--help"]);
    }
}

#[test]
fn the_version_is_the_packages() {
    let version = format!("lazuli {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(["--version"]).succeeds(), version);
}

#[test]
fn without_a_command_the_help_goes_to_stderr() {
    let ran = run::<&str>([]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert_eq!(ran.stderr, run(["--help"]).succeeds());
}
