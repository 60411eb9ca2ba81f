//! What a repository holds, and which of it Lazuli reads.

use std::collections::BTreeSet;
use std::io::Read;

use hf_hub::api::RepoInfo;

use super::client::{Client, Trouble};
use crate::model_folder::is_plain;
use crate::safetensors::is_weights;

/// Files besides weights, the ones that are read and no others.
const SMALL: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
];
/// The folder of chat templates that have names.
const TEMPLATES: &str = "additional_chat_templates/";

/// Longest listing that is read.
const LONGEST: u64 = 10_000_000;

/// The files of a repository at one commit.
pub(super) struct Listing {
    pub(super) commit: String,
    files: BTreeSet<String>,
}

impl Listing {
    pub(super) fn ask(client: &Client) -> Result<Listing, Trouble> {
        let url = client.listing_url();
        // Who has no network should hear so at once.
        let may_pass =
            |trouble: &Trouble| matches!(trouble, Trouble::Status { .. }) && trouble.may_pass();
        client.patiently(may_pass, || {
            let answer = client.chase(&url, None, |_| false)?;
            if answer.status != 200 {
                return Err(answer.trouble());
            }
            let mut json = Vec::new();
            let read = answer.body.take(LONGEST).read_to_end(&mut json);
            read.map_err(|e| Trouble::Unreachable(e.to_string()))?;
            let RepoInfo { siblings, sha } = serde_json::from_slice(&json)
                .map_err(|e| Trouble::Wrong(format!("its list of files is not valid: {e}")))?;
            if sha.is_empty() || sha.len() > 64 || !sha.bytes().all(|b| b.is_ascii_hexdigit()) {
                let sha = crate::error::one_line(&sha);
                return Err(Trouble::Wrong(format!("`{sha}` is no commit")));
            }
            Ok(Listing {
                commit: sha,
                files: siblings.into_iter().map(|s| s.rfilename).collect(),
            })
        })
    }

    pub(super) fn has(&self, file: &str) -> bool {
        self.files.contains(file)
    }

    /// Says what is missing that a model cannot be without.
    pub(super) fn check(&self) -> Result<(), String> {
        let any = |endings: &[&str]| {
            let has = |file: &String| endings.iter().any(|ending| file.ends_with(ending));
            self.files.iter().any(has)
        };
        let instead = if !self.weights().is_empty() || self.has(crate::safetensors::INDEX) {
            if self.has("config.json") {
                return Ok(());
            }
            return Err(
                "its repository has no config.json: choose one with a whole model".to_owned(),
            );
        } else if any(&[".gguf"]) {
            "GGUF files, which are not supported: choose the repository that these were made from"
        } else if any(&[".bin", ".pt", ".pth", ".ckpt"]) {
            "PyTorch files, which are not read because they can hold programs: choose a repository \
             or a revision with model.safetensors"
        } else {
            "no weights that could be used instead: choose a repository with model.safetensors"
        };
        Err(format!(
            "its repository has no model*.safetensors but {instead}"
        ))
    }

    /// The files besides weights.
    pub(super) fn small(&self) -> Vec<String> {
        let is_template = |file: &&String| {
            let name = file.strip_prefix(TEMPLATES);
            name.is_some_and(|name| is_plain(name) && name.ends_with(".jinja"))
        };
        let named = SMALL
            .iter()
            .filter(|file| self.has(file))
            .map(|file| (*file).to_owned());
        named
            .chain(self.files.iter().filter(is_template).cloned())
            .collect()
    }

    /// The files of weights, when no index says which.
    pub(super) fn weights(&self) -> Vec<String> {
        let whole = "model.safetensors";
        if self.has(whole) {
            // What else there is are the same weights in other types.
            return vec![whole.to_owned()];
        }
        let wanted = |file: &&String| is_plain(file) && is_weights(file);
        self.files.iter().filter(wanted).cloned().collect()
    }
}
