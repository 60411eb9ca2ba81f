//! The hub's cache on disk: content by its hash, snapshots of links to it, branches that name commits.
//!
//! Names that came from outside are checked where they come in (`HubName`, `Listing`, `Remote`);
//! nothing here leaves the repository's folder.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use hf_hub::{Cache, Repo, RepoType};

use super::listing::Listing;
use super::remote::Remote;
use crate::error::{Error, Result};
use crate::model_folder::Absent;
use crate::staging::Staging;

/// One snapshot, and where the content of its files is kept.
pub(super) struct Store {
    blobs: PathBuf,
    locks: PathBuf,
    snapshot: PathBuf,
    absent: PathBuf,
}

impl Store {
    /// Makes the folders, and the branch or tag that was asked for the name of this commit.
    pub(super) fn open(absent: &Absent<'_>, commit: &str) -> Result<Store> {
        let (name, cache) = (&absent.name, absent.cache);
        let id = format!("{}/{}", name.organisation, name.model);
        let repo = Repo::new(id, RepoType::Model);
        let folder = repo.folder_name();
        let layout = Cache::new(cache.to_owned()).repo(repo);
        let repository = cache.join(&folder);
        let store = Store {
            blobs: repository.join("blobs"),
            locks: cache.join(".locks").join(&folder),
            snapshot: layout.pointer_path(commit),
            absent: repository.join(".no_exist").join(commit),
        };
        for folder in [&store.blobs, &store.locks, &store.snapshot] {
            create(folder)?;
        }
        if name.revision != commit {
            let branch = Staging::file(repository.join("refs").join(name.revision))?;
            fs::write(branch.path(), commit)
                .map_err(|e| Error::io("cannot write", branch.path(), e))?;
            branch.commit()?;
        }
        Ok(store)
    }

    pub(super) fn snapshot(&self) -> &Path {
        &self.snapshot
    }

    /// Whether a file of the snapshot is here; it is whole then.
    pub(super) fn has(&self, file: &str) -> bool {
        self.snapshot.join(file).is_file()
    }

    /// Where a file's content is kept when it is whole.
    pub(super) fn blob(&self, remote: &Remote) -> PathBuf {
        self.blobs.join(&remote.etag)
    }

    /// Where it is until then. The name is Lazuli's own: other tools' parts are not the file's
    /// beginning but pieces of it, in an order that only they know.
    pub(super) fn part(&self, remote: &Remote) -> PathBuf {
        self.blobs.join(format!("{}.lazuli-part", remote.etag))
    }

    /// Waits until no other process fetches this content; as long as the lock lives, none does.
    pub(super) fn lock(&self, remote: &Remote, waiting: impl FnOnce()) -> Result<File> {
        let path = self.locks.join(format!("{}.lock", remote.etag));
        let failed = |e| Error::io("cannot lock", &path, e);
        // Not truncated: another process may hold it.
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(failed)?;
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        Ok(file)
    }

    /// Gives the content its name in the snapshot.
    pub(super) fn link(&self, remote: &Remote, file: &str) -> Result<()> {
        let pointer = self.snapshot.join(file);
        if let Some(folder) = pointer.parent() {
            create(folder)?;
        }
        let blob = self.blob(remote);
        let up = "../".repeat(2 + file.matches('/').count());
        let target = format!("{up}blobs/{}", remote.etag);
        let linked = match symlink(&target, &pointer) {
            Err(_) if pointer.is_file() => Ok(()),
            // A link that leads nowhere, from a cache that was tidied.
            Err(_) if fs::symlink_metadata(&pointer).is_ok_and(|m| m.is_symlink()) => {
                fs::remove_file(&pointer).and_then(|()| symlink(&target, &pointer))
            }
            // A file system without links: the snapshot has the file itself.
            Err(_) => fs::rename(&blob, &pointer),
            Ok(()) => Ok(()),
        };
        linked.map_err(|e| Error::io("cannot create", &pointer, e))
    }

    /// Notes of files that a model usually has that this one does not, so that nobody asks again.
    pub(super) fn note_absent(&self, listing: &Listing) -> Result<()> {
        let note = self.absent.join("tokenizer.json");
        if listing.has("tokenizer.json") {
            return Ok(());
        }
        create(&self.absent)?;
        File::create(&note).map_err(|e| Error::io("cannot create", &note, e))?;
        Ok(())
    }
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|e| Error::io("cannot create", folder, e))
}

#[cfg(unix)]
fn symlink(target: &str, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &str, link: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_file(target.replace('/', "\\"), link)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_: &str, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
