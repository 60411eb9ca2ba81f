//! What the environment says about the hub, by the names that all of its tools read.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::model_folder::{hub_cache, hub_home};

const HUB: &str = "https://huggingface.co";

/// Where the hub is, and who asks.
#[derive(Clone)]
pub struct Settings {
    /// The hub's address, without a slash at the end.
    pub endpoint: String,
    /// The folder in which downloads are kept.
    pub cache: Option<PathBuf>,
    /// What says who asks; it goes to the endpoint and to no other host.
    pub token: Option<String>,
    /// A file of certificates to trust in place of the web's.
    pub certificates: Option<PathBuf>,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// How long to wait before a request is repeated for the first time; then twice that, and so on.
    pub pause: Duration,
}

impl Settings {
    /// The settings of this process: `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME`, `HF_TOKEN`,
    /// `HF_TOKEN_PATH`, `HF_HUB_OFFLINE`, `SSL_CERT_FILE`.
    pub fn from_environment() -> Settings {
        Settings::from(|name| std::env::var_os(name))
    }

    fn from(variable: impl Fn(&str) -> Option<OsString>) -> Settings {
        let text = |name| {
            let value = variable(name)?.into_string().ok()?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| HUB.to_owned());
        let token_file = match text("HF_TOKEN_PATH") {
            Some(path) => Some(PathBuf::from(path)),
            None => hub_home(&variable).map(|home| home.join("token")),
        };
        let kept = || {
            let token = fs::read_to_string(token_file?).ok()?;
            Some(token.trim().to_owned()).filter(|token| !token.is_empty())
        };
        let is_true = |value: String| {
            let value = value.to_ascii_lowercase();
            matches!(value.as_str(), "1" | "true" | "yes" | "on")
        };
        Settings {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache: hub_cache(&variable),
            token: text("HF_TOKEN").or_else(kept),
            certificates: text("SSL_CERT_FILE").map(PathBuf::from),
            offline: text("HF_HUB_OFFLINE").is_some_and(is_true),
            pause: Duration::from_millis(500),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: &[(&str, &str)]) -> Settings {
        Settings::from(|wanted| {
            let (_, value) = set.iter().find(|(name, _)| *name == wanted)?;
            Some(OsString::from(value))
        })
    }

    #[test]
    fn the_environment_is_read_as_the_hubs_tools_read_it() {
        let plain = with(&[]);
        assert_eq!(plain.endpoint, "https://huggingface.co");
        assert_eq!(
            (plain.cache, plain.token, plain.offline),
            (None, None, false)
        );
        let mirror = with(&[("HF_ENDPOINT", "http://localhost:8000/")]);
        assert_eq!(mirror.endpoint, "http://localhost:8000");
        for (value, offline) in [("1", true), ("TRUE", true), ("yes", true), ("on", true)]
            .into_iter()
            .chain([("0", false), ("", false), ("false", false)])
        {
            assert_eq!(
                with(&[("HF_HUB_OFFLINE", value)]).offline,
                offline,
                "{value}"
            );
        }
    }

    #[test]
    fn a_token_is_the_variables_else_the_files() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap();
        fs::write(home.path().join("token"), "hf_kept\n").unwrap();
        let token = |set: &[_]| with(set).token;
        assert_eq!(token(&[("HF_HOME", path)]).as_deref(), Some("hf_kept"));
        let both = [("HF_HOME", path), ("HF_TOKEN", " hf_given ")];
        assert_eq!(token(&both).as_deref(), Some("hf_given"));
        let other = home.path().join("other");
        fs::write(&other, "hf_other").unwrap();
        let moved = [
            ("HF_HOME", path),
            ("HF_TOKEN_PATH", other.to_str().unwrap()),
        ];
        assert_eq!(token(&moved).as_deref(), Some("hf_other"));
    }
}
