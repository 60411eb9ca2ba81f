//! Downloads from a hub that runs in the test, on the loopback interface.

#![cfg(feature = "hub")]
#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod download;
mod hostile;
mod refusals;
mod resume;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use lazuli_io::hub::{self, Settings, Step};
use server::{Answer, Hub, Request};

/// A cache of a test's own, and the hub that it is filled from.
struct Setup {
    hub: Hub,
    cache: tempfile::TempDir,
    settings: Settings,
}

impl Setup {
    fn new(hub: Hub) -> Setup {
        let cache = tempfile::tempdir().unwrap();
        let settings = Settings {
            endpoint: hub.endpoint(),
            cache: Some(cache.path().join("hub")),
            token: None,
            certificates: None,
            offline: false,
            pause: Duration::from_millis(1),
        };
        Setup {
            hub,
            cache,
            settings,
        }
    }

    fn find(&self, name: &str) -> lazuli_io::Result<PathBuf> {
        hub::find(name, &self.settings, &mut |_| {})
    }

    #[track_caller]
    fn refusal(&self, name: &str) -> String {
        let text = self.find(name).unwrap_err().to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    }

    fn repository(&self) -> PathBuf {
        self.cache.path().join("hub/models--org--tiny")
    }

    fn snapshot(&self) -> PathBuf {
        self.repository().join("snapshots").join(server::COMMIT)
    }

    /// Every file below the test's folder, the cache's and what is beside it.
    fn everything(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(self.cache.path(), self.cache.path(), &mut found);
        found.sort();
        found
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}
