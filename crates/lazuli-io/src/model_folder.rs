//! Where a model's folder is: a path, or a name that has been downloaded before.
//!
//! A name `organisation/model` is looked up in the Hugging Face cache, where every tool that downloads
//! models keeps them: `models--organisation--model/snapshots/<commit>`, the commit being what
//! `refs/main` says. Nothing is downloaded here.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, one_line};

/// The folder of the model that a user calls `name`.
///
/// `name` is a path to a folder or to a safetensors file in one, or `organisation/model` with an
/// optional `@revision` (a branch, a tag or a commit; `main` when there is none). A path wins.
///
/// # Errors
/// [`Error::NoModel`], saying where it was looked for.
pub fn find(name: &str) -> Result<PathBuf> {
    find_in(
        name,
        hub_cache(|variable| std::env::var_os(variable)).as_deref(),
    )
}

/// The folder in which downloaded models are kept: `$HF_HUB_CACHE`, `$HF_HOME/hub`, or the place in
/// the user's cache that these stand in for. None when the user has no home.
pub fn hub_cache(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(cache) = folder("HF_HUB_CACHE") {
        return Some(cache);
    }
    let home = folder("HF_HOME")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("huggingface")))
        .or_else(|| {
            let home = folder(if cfg!(windows) { "USERPROFILE" } else { "HOME" })?;
            Some(home.join(".cache").join("huggingface"))
        })?;
    Some(home.join("hub"))
}

fn find_in(name: &str, cache: Option<&Path>) -> Result<PathBuf> {
    let path = Path::new(name);
    if path.is_dir() {
        return Ok(path.to_owned());
    }
    let failed = |reason: String| Error::NoModel {
        name: name.to_owned(),
        reason,
    };
    if path.is_file() {
        if path.extension().is_some_and(|e| e == "safetensors") {
            return Ok(match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
                _ => PathBuf::from("."),
            });
        }
        return Err(failed(
            "this is a file, a model is a folder with safetensors files".into(),
        ));
    }
    let Some((organisation, model, revision)) = parts(name) else {
        return Err(failed("there is no such folder".into()));
    };
    let Some(cache) = cache else {
        return Err(failed(
            "there is no such folder, and no home with downloaded models".into(),
        ));
    };
    let repository = cache.join(format!("models--{organisation}--{model}"));
    let snapshots = repository.join("snapshots");
    // A branch or a tag names its commit in a file; a commit is the snapshot's own name.
    let commit = fs::read_to_string(repository.join("refs").join(revision));
    let commit = commit.as_deref().map_or(revision, str::trim);
    let snapshot = snapshots.join(commit);
    if is_plain(commit) && snapshot.is_dir() {
        return Ok(snapshot);
    }
    let cache = cache.display();
    Err(failed(if snapshots.is_dir() {
        let revision = one_line(revision);
        format!("revision `{revision}` is not among the downloads in {cache}")
    } else {
        format!("there is no such folder, and no such download in {cache}")
    }))
}

/// `organisation`, `model`, `revision`; none when the name cannot be a model's name.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (repository, revision) = name.split_once('@').unwrap_or((name, "main"));
    let (organisation, model) = repository.split_once('/')?;
    let all_plain = [organisation, model, revision].into_iter().all(is_plain);
    all_plain.then_some((organisation, model, revision))
}

/// A name by the hub's rule; it cannot leave the cache.
fn is_plain(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !part.is_empty() && !part.starts_with('.') && part.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache_with(commit: &str) -> tempfile::TempDir {
        let cache = tempfile::tempdir().unwrap();
        let repository = cache.path().join("models--org--model-1.5");
        fs::create_dir_all(repository.join("snapshots/abc123")).unwrap();
        fs::create_dir_all(repository.join("refs")).unwrap();
        fs::write(repository.join("refs/main"), commit).unwrap();
        cache
    }

    #[test]
    fn a_name_is_the_snapshot_of_its_revision() {
        let cache = cache_with("abc123\n");
        let snapshot = cache.path().join("models--org--model-1.5/snapshots/abc123");
        for name in [
            "org/model-1.5",
            "org/model-1.5@main",
            "org/model-1.5@abc123",
        ] {
            assert_eq!(find_in(name, Some(cache.path())).unwrap(), snapshot);
        }
    }

    #[test]
    fn a_path_wins_and_a_weights_file_stands_for_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join("model.safetensors");
        fs::write(&weights, []).unwrap();
        let config = folder.path().join("config.json");
        fs::write(&config, "{}").unwrap();
        let found = |path: &Path| find_in(path.to_str().unwrap(), None);
        assert_eq!(found(folder.path()).unwrap(), folder.path());
        assert_eq!(found(&weights).unwrap(), folder.path());
        assert!(
            found(&config)
                .unwrap_err()
                .to_string()
                .ends_with("this is a file, a model is a folder with safetensors files")
        );
    }

    #[test]
    fn what_is_not_there_says_where_it_was_looked_for() {
        let cache = cache_with("../../../etc");
        let at = cache.path().display();
        let message = |name| find_in(name, Some(cache.path())).unwrap_err().to_string();
        assert_eq!(
            message("nowhere"),
            "model `nowhere`: there is no such folder"
        );
        assert_eq!(message("../x/y"), "model `../x/y`: there is no such folder");
        assert_eq!(
            message("org/other"),
            format!("model `org/other`: there is no such folder, and no such download in {at}")
        );
        assert_eq!(
            message("org/model-1.5"),
            format!("model `org/model-1.5`: revision `main` is not among the downloads in {at}")
        );
        assert_eq!(
            find_in("org/model", None).unwrap_err().to_string(),
            "model `org/model`: there is no such folder, and no home with downloaded models"
        );
    }

    #[test]
    fn variables_move_the_cache_in_the_documented_order() {
        let with = |set: &'static [(&str, &str)]| {
            hub_cache(|wanted| {
                let (_, value) = set.iter().find(|(name, _)| *name == wanted)?;
                Some(OsString::from(value))
            })
        };
        assert_eq!(
            with(&[("HF_HUB_CACHE", "a"), ("HF_HOME", "b")]),
            Some("a".into())
        );
        assert_eq!(
            with(&[("HF_HUB_CACHE", ""), ("HF_HOME", "b")]),
            Some("b/hub".into())
        );
        assert_eq!(
            with(&[("XDG_CACHE_HOME", "c")]),
            Some("c/huggingface/hub".into())
        );
        #[cfg(unix)]
        assert_eq!(
            with(&[("HOME", "d")]),
            Some("d/.cache/huggingface/hub".into())
        );
        assert_eq!(with(&[]), None);
    }
}
