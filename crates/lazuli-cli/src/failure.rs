//! Failures: one line on stderr, and an exit status.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use crate::output::{StdoutError, note};

/// The status of a wrong command line.
pub(crate) const USAGE: u8 = 2;
/// The status of a command that Ctrl-C ended, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// The main thread's last panic.
static LAST: Mutex<String> = Mutex::new(String::new());

/// What is wrong with the command line that the parser cannot see.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A [`Usage`] error.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// Runs the program and turns its errors, and bugs that panic, into a line and a status.
pub(crate) fn guard(run: impl FnOnce() -> anyhow::Result<ExitCode>) -> ExitCode {
    let main = std::thread::current().id();
    std::panic::set_hook(Box::new(move |panic| {
        let text = bug(panic);
        if std::thread::current().id() != main {
            report(&text);
            std::process::exit(1);
        }
        // On this thread somebody may expect the panic and catch it: it is reported below if not.
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }));
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => failed(&error),
        Err(_) => {
            report(&LAST.lock().unwrap_or_else(PoisonError::into_inner));
            ExitCode::FAILURE
        }
    }
}

/// Reports an error; its exit status.
fn failed(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref().is_some_and(StdoutError::is_closed) {
        return ExitCode::SUCCESS;
    }
    report(&format!("{error:#}"));
    match error.downcast_ref::<Usage>() {
        Some(_) => ExitCode::from(USAGE),
        None => ExitCode::FAILURE,
    }
}

/// Writes `lazuli: ` and the message, on one line whatever the message holds.
pub(crate) fn report(message: &str) {
    let words: Vec<&str> = message.split_whitespace().collect();
    note(&format!("lazuli: {}", words.join(" ")));
}

fn bug(panic: &PanicHookInfo<'_>) -> String {
    let text = panic.payload_as_str().unwrap_or("no message");
    let place = panic
        .location()
        .map_or(String::new(), |l| format!(" ({}:{})", l.file(), l.line()));
    format!("this is a bug in lazuli, please report it: {text}{place}")
}
