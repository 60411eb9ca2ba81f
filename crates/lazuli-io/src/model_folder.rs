//! Where a model's folder is: a path, or a name that has been downloaded before.
//!
//! A name `organisation/model` is looked up in the Hugging Face cache, where every tool that downloads
//! models keeps them: `models--organisation--model/snapshots/<commit>`, the commit being what
//! `refs/main` says. A snapshot counts when it is whole, so that a download which was cut off is not
//! taken for a model. Nothing is downloaded here; the module `hub` does that, behind a feature.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, one_line};
use crate::safetensors::Listed;

/// What every model has besides weights.
const NEEDED: [&str; 2] = ["config.json", "tokenizer.json"];

/// The folder of the model that a user calls `name`.
///
/// `name` is a path to a folder or to a safetensors file in one, or `organisation/model` with an
/// optional `@revision` (a branch, a tag or a commit; `main` when there is none). A path wins.
///
/// # Errors
/// [`Error::NoModel`], saying where it was looked for and what is missing.
pub fn find(name: &str) -> Result<PathBuf> {
    find_in(
        name,
        hub_cache(|variable| std::env::var_os(variable)).as_deref(),
    )
}

/// The folder in which downloaded models are kept: `$HF_HUB_CACHE`, `$HF_HOME/hub`, or the place in
/// the user's cache that these stand in for. None when the user has no home.
pub fn hub_cache(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    match folder(&variable, "HF_HUB_CACHE") {
        Some(cache) => Some(cache),
        None => Some(hub_home(variable)?.join("hub")),
    }
}

/// The folder of everything that tools of the hub keep: `$HF_HOME`, or its place in the user's cache.
pub(crate) fn hub_home(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| folder(&variable, name);
    folder("HF_HOME")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("huggingface")))
        .or_else(|| {
            let home = folder(if cfg!(windows) { "USERPROFILE" } else { "HOME" })?;
            Some(home.join(".cache").join("huggingface"))
        })
}

fn folder(variable: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<PathBuf> {
    variable(name).filter(|v| !v.is_empty()).map(PathBuf::from)
}

fn find_in(name: &str, cache: Option<&Path>) -> Result<PathBuf> {
    match locate(name, cache)? {
        Place::Folder(folder) => Ok(folder),
        Place::Absent(absent) => Err(absent.error(None)),
    }
}

/// Where a model is.
pub(crate) enum Place<'a> {
    /// In this folder, whole if it is a download.
    Folder(PathBuf),
    /// Not on this machine; the hub may have it.
    Absent(Absent<'a>),
}

/// Looks for the model that a user calls `name`.
pub(crate) fn locate<'a>(name: &'a str, cache: Option<&'a Path>) -> Result<Place<'a>> {
    let path = Path::new(name);
    if path.is_dir() {
        return Ok(Place::Folder(path.to_owned()));
    }
    let failed = |reason: &str| Error::NoModel {
        name: name.to_owned(),
        reason: reason.to_owned(),
    };
    if path.is_file() {
        if path.extension().is_some_and(|e| e == "safetensors") {
            return Ok(Place::Folder(match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
                _ => PathBuf::from("."),
            }));
        }
        return Err(failed(
            "this is a file, a model is a folder with safetensors files",
        ));
    }
    let Some(name) = HubName::parse(name) else {
        return Err(failed("there is no such folder"));
    };
    let Some(cache) = cache else {
        return Err(failed(
            "there is no such folder, and no home with downloaded models",
        ));
    };
    let repository = cache.join(name.folder());
    let snapshots = repository.join("snapshots");
    // A branch or a tag names its commit in a file; a commit is the snapshot's own name.
    let commit = fs::read_to_string(repository.join("refs").join(name.revision));
    let commit = commit.as_deref().map_or(name.revision, str::trim);
    let snapshot = snapshots.join(commit);
    let lacks = if is_plain(commit) && snapshot.is_dir() {
        // What the repository does not have is noted by the tool that found out.
        let unknown = |file: &Path| {
            !repository
                .join(".no_exist")
                .join(commit)
                .join(file)
                .exists()
        };
        let missing = missing(&snapshot, unknown)?;
        if missing.is_empty() {
            return Ok(Place::Folder(snapshot));
        }
        Lacks::Files(snapshot, missing)
    } else if snapshots.is_dir() {
        Lacks::Revision
    } else {
        Lacks::Everything
    };
    Ok(Place::Absent(Absent { name, cache, lacks }))
}

/// The files that a snapshot needs and lacks.
fn missing(snapshot: &Path, unknown: impl Fn(&Path) -> bool) -> Result<Vec<String>> {
    let lacks = |file: &&str| !snapshot.join(file).is_file() && unknown(file.as_ref());
    let mut files: Vec<String> = NEEDED
        .iter()
        .copied()
        .filter(lacks)
        .map(String::from)
        .collect();
    let weights = Listed::of(snapshot)?;
    if weights.names.is_empty() {
        files.push("model*.safetensors".to_owned());
    }
    files.extend(weights.missing.iter().map(|name| one_line(name)));
    Ok(files)
}

/// A model that is not in the cache, or not all of it.
pub(crate) struct Absent<'a> {
    pub(crate) name: HubName<'a>,
    pub(crate) cache: &'a Path,
    lacks: Lacks,
}

enum Lacks {
    Everything,
    Revision,
    /// These files in this folder.
    Files(PathBuf, Vec<String>),
}

impl Absent<'_> {
    /// Says what is missing, where it should be, and `why` it is not fetched.
    pub(crate) fn error(&self, why: Option<&str>) -> Error {
        let cache = self.cache.display();
        let why = why.map_or(String::new(), |why| format!(" ({why})"));
        let get = self.name.command();
        let reason = match &self.lacks {
            Lacks::Everything => format!(
                "there is no such folder, and no such download in {cache}{why}: download it there \
                 ({get}), or pass the folder that has its config.json, tokenizer.json and \
                 safetensors files"
            ),
            Lacks::Revision => format!(
                "revision `{}` is not among the downloads in {cache}{why}: download it there \
                 ({get}), or pass the folder of a model",
                one_line(self.name.revision)
            ),
            Lacks::Files(snapshot, files) => format!(
                "its download in {} lacks {}{why}: put them there ({get}), or pass the folder of a \
                 whole model",
                snapshot.display(),
                files.join(", ")
            ),
        };
        self.name.error(reason)
    }
}

/// A model's name on the hub; no part of it can leave a folder or change a URL.
#[derive(Clone, Copy)]
pub(crate) struct HubName<'a> {
    pub(crate) whole: &'a str,
    pub(crate) organisation: &'a str,
    pub(crate) model: &'a str,
    pub(crate) revision: &'a str,
}

impl<'a> HubName<'a> {
    /// None when `name` cannot be a model's name.
    fn parse(name: &'a str) -> Option<HubName<'a>> {
        let (repository, revision) = name.split_once('@').unwrap_or((name, "main"));
        let (organisation, model) = repository.split_once('/')?;
        let all_plain = [organisation, model, revision].into_iter().all(is_plain);
        all_plain.then_some(HubName {
            whole: name,
            organisation,
            model,
            revision,
        })
    }

    /// The repository's folder in the cache.
    pub(crate) fn folder(&self) -> String {
        format!("models--{}--{}", self.organisation, self.model)
    }

    /// An [`Error::NoModel`] of this name.
    pub(crate) fn error(&self, reason: String) -> Error {
        Error::NoModel {
            name: self.whole.to_owned(),
            reason,
        }
    }

    /// How the hub's own tool downloads it.
    fn command(&self) -> String {
        let get = format!("hf download {}/{}", self.organisation, self.model);
        match self.whole.contains('@') {
            true => format!("{get} --revision {}", self.revision),
            false => get,
        }
    }
}

/// A name by the hub's rule; it cannot leave the cache.
pub(crate) fn is_plain(part: &str) -> bool {
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
        for file in ["config.json", "tokenizer.json", "model.safetensors"] {
            fs::write(repository.join("snapshots/abc123").join(file), "").unwrap();
        }
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
            format!(
                "model `org/other`: there is no such folder, and no such download in {at}: download \
                 it there (hf download org/other), or pass the folder that has its config.json, \
                 tokenizer.json and safetensors files"
            )
        );
        assert_eq!(
            message("org/model-1.5"),
            format!(
                "model `org/model-1.5`: revision `main` is not among the downloads in {at}: download \
                 it there (hf download org/model-1.5), or pass the folder of a model"
            )
        );
        assert!(
            message("org/model-1.5@dev").contains("(hf download org/model-1.5 --revision dev)")
        );
        assert_eq!(
            find_in("org/model", None).unwrap_err().to_string(),
            "model `org/model`: there is no such folder, and no home with downloaded models"
        );
    }

    #[test]
    fn a_part_of_a_download_is_no_model_and_says_what_it_lacks() {
        let cache = cache_with("abc123");
        let repository = cache.path().join("models--org--model-1.5");
        let snapshot = repository.join("snapshots/abc123");
        let message = || {
            let error = find_in("org/model-1.5", Some(cache.path())).unwrap_err();
            let text = error.to_string();
            let (_, lacks) = text.split_once(" lacks ").unwrap();
            assert!(text.contains(&snapshot.display().to_string()), "{text}");
            lacks.split_once(": put").unwrap().0.to_owned()
        };
        fs::remove_file(snapshot.join("model.safetensors")).unwrap();
        assert_eq!(message(), "model*.safetensors");
        fs::write(snapshot.join("model-00001-of-00003.safetensors"), "").unwrap();
        let shards = "model-00002-of-00003.safetensors, model-00003-of-00003.safetensors";
        assert_eq!(message(), shards);
        let index =
            r#"{"weight_map": {"a": "x.safetensors", "b": "model-00001-of-00003.safetensors"}}"#;
        fs::write(snapshot.join("model.safetensors.index.json"), index).unwrap();
        fs::remove_file(snapshot.join("tokenizer.json")).unwrap();
        assert_eq!(message(), "tokenizer.json, x.safetensors");
        // A repository that has no tokenizer is whole without it.
        fs::create_dir_all(repository.join(".no_exist/abc123")).unwrap();
        fs::write(repository.join(".no_exist/abc123/tokenizer.json"), "").unwrap();
        assert_eq!(message(), "x.safetensors");
        fs::write(snapshot.join("x.safetensors"), "").unwrap();
        assert_eq!(
            find_in("org/model-1.5", Some(cache.path())).unwrap(),
            snapshot
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
