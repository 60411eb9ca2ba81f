//! Models from the Hugging Face hub, in the hub's own cache.
//!
//! What is in the cache whole is used without asking anyone. What is not is fetched: the files that
//! Lazuli reads and no others, each into a part that a later run goes on with, and under its own name
//! only when all of it is there. The folders are those of Python's `huggingface_hub`, so that each
//! finds the other's downloads, and its locks, so that two do not write one file.
//!
//! From the crate `hf-hub` come the addresses, the layout, and the client with its headers. Not
//! chosen: its own download. Version 0.5 takes the names that it writes to from the server as they
//! come, sends the token to whatever host it is redirected to, goes on with a part although the server
//! sends the whole file, cannot finish a part that is complete, and does not look at the length of
//! what it got; 1.0 needs an asynchronous runtime and a second HTTP stack. The price is `transfer`.

mod client;
mod listing;
mod refusal;
mod remote;
mod settings;
mod store;
mod transfer;
mod trust;

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::model_folder::{Absent, Place, locate};
use crate::safetensors::{INDEX, Listed};
use client::{Client, Trouble};
use listing::Listing;
use store::Store;
use transfer::Transfer;

pub use settings::Settings;

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// The file that is being fetched.
    pub file: &'a str,
    /// Which of the files it is, from 1.
    pub number: usize,
    /// How many files are fetched.
    pub files: usize,
    /// Bytes of the file that are here.
    pub bytes: u64,
    /// Bytes that the file has.
    pub total: u64,
    /// Whether another process fetches this file and is waited for.
    pub waiting: bool,
}

/// The folder of the model that a user calls `name`, which is downloaded if it has to be.
///
/// As [`model_folder::find`](crate::model_folder::find); what is missing from the cache comes from
/// the hub, unless [`Settings::offline`] forbids it. `progress` hears of each file as it comes in.
///
/// # Errors
/// [`Error::NoModel`] when neither this machine nor the hub has it, or the hub does not give it;
/// [`Error::Incomplete`] when the download stopped on the way; [`Error::Io`].
pub fn find(
    name: &str,
    settings: &Settings,
    progress: &mut dyn FnMut(&Step<'_>),
) -> Result<PathBuf> {
    let absent = match locate(name, settings.cache.as_deref())? {
        Place::Folder(folder) => return Ok(folder),
        Place::Absent(absent) => absent,
    };
    if settings.offline {
        return Err(absent.error(Some("HF_HUB_OFFLINE is set")));
    }
    download(&absent, settings, progress)
}

fn download(
    absent: &Absent<'_>,
    settings: &Settings,
    progress: &mut dyn FnMut(&Step<'_>),
) -> Result<PathBuf> {
    let mut client = Client::new(absent.name, settings)?;
    let refused = |trouble, client: &Client| match trouble {
        Trouble::Unreachable(why) => {
            let endpoint = client.endpoint();
            absent.error(Some(&format!("{endpoint} cannot be reached: {why}")))
        }
        trouble => absent.name.error(refusal::of_model(&trouble, client)),
    };
    let listing = match Listing::ask(&client) {
        Ok(listing) => listing,
        Err(trouble) => return Err(refused(trouble, &client)),
    };
    listing
        .check()
        .map_err(|reason| absent.name.error(reason))?;
    client.pin(&listing.commit);
    let store = Store::open(absent, &listing.commit)?;

    let fetch = |file: &str, report: &mut dyn FnMut(u64, u64, bool)| -> Result<()> {
        let transfer = Transfer {
            client: &client,
            store: &store,
            file,
        };
        transfer.run(report).map_err(|trouble| match trouble {
            Trouble::Local(error) => error,
            trouble @ Trouble::Status {
                code: 401 | 403, ..
            } => refused(trouble, &client),
            trouble => Error::incomplete(file, refusal::of_file(&trouble)),
        })
    };
    // The index says which files of weights there are; it is too small to be worth a report.
    if listing.has(INDEX) && !store.has(INDEX) {
        fetch(INDEX, &mut |_, _, _| {})?;
    }
    let weights = match listing.has(INDEX) {
        true => Listed::of(store.snapshot())?.names.into_iter().collect(),
        false => listing.weights(),
    };
    let mut files = listing.small();
    // Weights come last: a snapshot that has them has everything.
    files.extend(weights);
    if let Some(stray) = files.iter().find(|file| !listing.has(file)) {
        let reason = format!(
            "its {INDEX} names {}, which is not there",
            crate::error::one_line(stray)
        );
        return Err(absent.name.error(reason));
    }
    store.note_absent(&listing)?;
    files.retain(|file| !store.has(file));
    for (i, file) in files.iter().enumerate() {
        fetch(file, &mut |bytes, total, waiting| {
            progress(&Step {
                file,
                number: i + 1,
                files: files.len(),
                bytes,
                total,
                waiting,
            });
        })?;
    }
    Ok(store.snapshot().to_owned())
}
