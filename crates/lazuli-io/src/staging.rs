//! Results that appear whole or not at all.
//!
//! What is written goes to a hidden sibling of the target (same file system, so that the last step is
//! a rename), is brought to the disk, and takes the target's name at the end. A failure on the way,
//! a full disk included, drops the staging, which removes it. A killed process leaves the hidden
//! sibling, never half a target.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// A folder or a file under construction.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    path: PathBuf,
    folder: bool,
}

impl Staging {
    /// Creates an empty folder that becomes `target` on [`commit`](Staging::commit).
    ///
    /// # Errors
    /// [`Error::Exists`] when there is something at `target`; [`Error::Io`].
    pub fn folder(target: impl Into<PathBuf>) -> Result<Staging> {
        let staging = Staging::beside(target.into(), true)?;
        staging.refuse_existing()?;
        fs::create_dir(&staging.path).map_err(|e| Error::io("cannot create", &staging.path, e))?;
        Ok(staging)
    }

    /// Names a file, yet to be written at [`path`](Staging::path), that replaces `target` on
    /// [`commit`](Staging::commit).
    ///
    /// # Errors
    /// [`Error::Io`] when the folder of `target` cannot be made.
    pub fn file(target: impl Into<PathBuf>) -> Result<Staging> {
        Staging::beside(target.into(), false)
    }

    fn beside(target: PathBuf, folder: bool) -> Result<Staging> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let Some(name) = target.file_name() else {
            let file = target.display().to_string();
            return Err(Error::malformed(
                &file,
                "not a place that can be written to",
            ));
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        hidden.push(format!(".{process}-{count}.tmp"));
        let parent = parent(&target);
        fs::create_dir_all(parent).map_err(|e| Error::io("cannot create", parent, e))?;
        Ok(Staging {
            path: parent.join(hidden),
            target,
            folder,
        })
    }

    /// Where to write for now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a whole small file, such as `config.json`, into the folder.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.path.join(name);
        fs::write(&path, content).map_err(|e| Error::io("cannot write", &path, e))
    }

    /// Brings everything to the disk, then gives it the target's name.
    ///
    /// # Errors
    /// [`Error::Exists`] when a folder's target has come into being meanwhile; [`Error::Io`].
    /// After an error nothing is left of what was written.
    pub fn commit(self) -> Result<()> {
        sync(&self.path)?;
        if self.folder {
            self.refuse_existing()?;
        }
        fs::rename(&self.path, &self.target)
            .map_err(|e| Error::io("cannot create", &self.target, e))?;
        sync_folder(parent(&self.target))
    }

    fn refuse_existing(&self) -> Result<()> {
        match fs::symlink_metadata(&self.target) {
            Ok(_) => Err(Error::Exists {
                path: self.target.clone(),
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::io("cannot look at", &self.target, e)),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After a commit there is nothing here; otherwise a failure is being reported already.
        let _ = if self.folder {
            fs::remove_dir_all(&self.path)
        } else {
            fs::remove_file(&self.path)
        };
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Brings a file, or a folder and all in it, to the disk.
fn sync(path: &Path) -> Result<()> {
    let failed = |e| Error::io("cannot write", path, e);
    let kind = fs::symlink_metadata(path).map_err(failed)?.file_type();
    if kind.is_file() {
        // Unix syncs through any handle, also that of a read-only file; Windows wants a writable one.
        let file = File::options()
            .read(cfg!(unix))
            .write(!cfg!(unix))
            .open(path);
        return file.and_then(|f| f.sync_all()).map_err(failed);
    }
    if !kind.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        sync(&entry.map_err(failed)?.path())?;
    }
    sync_folder(path)
}

/// Makes a folder's names durable, where folders can be opened.
fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(unix) {
        let folder = File::open(path).map_err(|e| Error::io("cannot open", path, e))?;
        folder
            .sync_all()
            .map_err(|e| Error::io("cannot write", path, e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_appears_at_commit_and_not_before() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("deep/model");
        let staging = Staging::folder(&target).unwrap();
        staging.write("config.json", b"{}").unwrap();
        fs::create_dir(staging.path().join("sub")).unwrap();
        assert!(!target.exists());
        staging.commit().unwrap();
        assert_eq!(entries(&target), ["config.json", "sub"]);
        assert_eq!(entries(&root.path().join("deep")), ["model"]);
    }

    #[test]
    fn a_dropped_staging_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let staging = Staging::folder(root.path().join("model")).unwrap();
        staging.write("config.json", b"{}").unwrap();
        drop(staging);
        let staging = Staging::file(root.path().join("x.npy")).unwrap();
        fs::write(staging.path(), b"half").unwrap();
        drop(staging);
        assert!(entries(root.path()).is_empty());
    }

    #[test]
    fn an_existing_target_is_refused_first_and_again_at_the_end() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("model");
        let staging = Staging::folder(&target).unwrap();
        fs::create_dir(&target).unwrap();
        let message = format!(
            "{} exists already: remove it, or choose another place",
            target.display()
        );
        assert_eq!(staging.commit().unwrap_err().to_string(), message);
        assert_eq!(Staging::folder(&target).unwrap_err().to_string(), message);
        assert_eq!(entries(root.path()), ["model"]);
    }

    #[test]
    fn a_file_replaces_its_target() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("x");
        fs::write(&target, b"old").unwrap();
        let staging = Staging::file(&target).unwrap();
        fs::write(staging.path(), b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        staging.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert!(matches!(
            Staging::file("/").unwrap_err(),
            Error::Malformed { .. }
        ));
    }
}
