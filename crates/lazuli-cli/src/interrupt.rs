//! Ctrl-C: ends the program, or only the answer while one is being written.
//!
//! A second Ctrl-C always ends the program, so that a step that takes long cannot hold it up.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use anyhow::Context;

use crate::failure::INTERRUPTED;

static LISTENING: AtomicBool = AtomicBool::new(false);
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Takes over Ctrl-C for the life of the process.
pub(crate) fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if LISTENING.load(SeqCst) && !REQUESTED.swap(true, SeqCst) {
            return;
        }
        std::process::exit(INTERRUPTED.into());
    })
    .context("cannot handle Ctrl-C")
}

/// Somebody who ends his work when asked to. As long as it lives, Ctrl-C does not end the program.
pub(crate) struct Listener(());

/// Begins to listen.
pub(crate) fn listen() -> Listener {
    REQUESTED.store(false, SeqCst);
    LISTENING.store(true, SeqCst);
    Listener(())
}

impl Listener {
    /// Whether Ctrl-C was pressed.
    pub(crate) fn requested(&self) -> bool {
        REQUESTED.load(SeqCst)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        LISTENING.store(false, SeqCst);
    }
}
