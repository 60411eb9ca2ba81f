//! Requests: who is asked, what is sent along, which answers are worth another try.
//!
//! Redirects are followed here and not by the client underneath, which forgets the headers of the
//! answers on the way: the hub names a file's hash on the redirect, and only there.

use std::io::Read;
use std::thread;
use std::time::Duration;

use hf_hub::api::sync::{Api, ApiBuilder, ApiRepo};
use hf_hub::{Repo, RepoType};
use ureq::tls::TlsConfig;

use super::{Settings, trust};
use crate::error::{Error, Result};
use crate::model_folder::HubName;

/// Requests that get nothing out of the hub before it is given up.
pub(super) const TRIES: u32 = 4;
const REDIRECTS: usize = 8;
/// Bytes of an answer's body that are read only to keep the connection.
const DRAINED: u64 = 1 << 16;

const CONNECT: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(60);

/// Why a request did not give what it was made for.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nobody answered, or not to the end.
    Unreachable(String),
    /// The answer is a status.
    Status {
        code: u16,
        /// Number and words.
        line: String,
        /// What the hub calls the reason.
        name: Option<String>,
    },
    /// The answer makes no sense.
    Wrong(String),
    /// It is this machine's fault.
    Local(Error),
}

impl Trouble {
    /// Whether the same request may do better in a moment.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Trouble::Unreachable(_) => true,
            Trouble::Status { code, .. } => matches!(code, 408 | 429 | 500..=599),
            Trouble::Wrong(_) | Trouble::Local(_) => false,
        }
    }
}

/// An answer, its body yet to be read.
pub(super) struct Answer {
    pub(super) status: u16,
    line: String,
    headers: Vec<(String, String)>,
    pub(super) body: Box<dyn Read>,
}

impl Answer {
    /// The first header of this name, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n == name)?;
        Some(value)
    }

    /// The status as a reason.
    pub(super) fn trouble(&self) -> Trouble {
        Trouble::Status {
            code: self.status,
            line: self.line.clone(),
            name: self.header("x-error-code").map(str::to_owned),
        }
    }

    /// Reads a short body to its end, so that the connection can be used again.
    pub(super) fn drain(self) {
        // A connection that is not drained is closed: slower, not wrong.
        let _ = std::io::copy(&mut self.body.take(DRAINED), &mut std::io::sink());
    }
}

/// Asks the hub about one repository.
pub(super) struct Client {
    api: Api,
    repo: ApiRepo,
    id: String,
    pub(super) revision: String,
    endpoint: String,
    pub(super) has_token: bool,
    pause: Duration,
    /// None for the client's own.
    trust: Option<TlsConfig>,
}

impl Client {
    /// # Errors
    /// [`Error::NoModel`] when the endpoint is no address, or there are no certificates.
    pub(super) fn new(name: HubName<'_>, settings: &Settings) -> Result<Client> {
        let wrong = |reason: String| name.error(format!("HF_ENDPOINT: {reason}"));
        let endpoint = settings.endpoint.clone();
        if !endpoint.starts_with("https://") && !endpoint.starts_with("http://") {
            let reason = "is no address that starts with https:// or http://";
            return Err(wrong(format!(
                "`{}` {reason}",
                crate::error::one_line(&endpoint)
            )));
        }
        let api = ApiBuilder::from_cache(hf_hub::Cache::new(std::path::PathBuf::new()))
            .with_endpoint(endpoint.clone())
            .with_token(settings.token.clone())
            .with_user_agent("lazuli", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|e| wrong(e.to_string()))?;
        let trust = settings.certificates.as_deref().map(trust::file);
        let trust = trust.transpose().map_err(|reason| name.error(reason))?;
        let id = format!("{}/{}", name.organisation, name.model);
        let revision = name.revision.to_owned();
        let repo = api.repo(Repo::with_revision(
            id.clone(),
            RepoType::Model,
            revision.clone(),
        ));
        Ok(Client {
            api,
            repo,
            id,
            revision,
            endpoint,
            has_token: settings.token.is_some(),
            pause: settings.pause,
            trust,
        })
    }

    /// Asks for files as they are at this commit from now on.
    pub(super) fn pin(&mut self, commit: &str) {
        let repo = Repo::with_revision(self.id.clone(), RepoType::Model, commit.to_owned());
        self.repo = self.api.repo(repo);
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The page that people see.
    pub(super) fn page(&self) -> String {
        format!("{}/{}", self.endpoint, self.id)
    }

    /// Where the files are listed.
    pub(super) fn listing_url(&self) -> String {
        let request = self.repo.info_request();
        request
            .uri_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// Where a file is.
    pub(super) fn file_url(&self, file: &str) -> String {
        self.repo.url(file)
    }

    /// Does it until it is done, or as often as makes sense while it fails in a way that `may_pass`.
    pub(super) fn patiently<T>(
        &self,
        may_pass: impl Fn(&Trouble) -> bool,
        mut attempt: impl FnMut() -> std::result::Result<T, Trouble>,
    ) -> std::result::Result<T, Trouble> {
        let mut tries = 1;
        loop {
            match attempt() {
                Err(trouble) if may_pass(&trouble) && tries < TRIES => self.rest(tries),
                result => return result,
            }
            tries += 1;
        }
    }

    /// Waits before the next attempt.
    pub(super) fn rest(&self, tries: u32) {
        thread::sleep(self.pause * 2u32.pow(tries.saturating_sub(1).min(TRIES)));
    }

    /// The answer at the end of all redirects.
    ///
    /// `seen` looks at each answer on the way; it ends the chase by returning true.
    pub(super) fn chase(
        &self,
        url: &str,
        range: Option<&str>,
        mut seen: impl FnMut(&Answer) -> bool,
    ) -> std::result::Result<Answer, Trouble> {
        let mut at = url.to_owned();
        for _ in 0..REDIRECTS {
            let answer = self.get(&at, range)?;
            if seen(&answer) || !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            at = next(&at, answer.header("location")).map_err(Trouble::Wrong)?;
            answer.drain();
        }
        Err(Trouble::Wrong(format!(
            "it redirects more than {REDIRECTS} times"
        )))
    }

    fn get(&self, url: &str, range: Option<&str>) -> std::result::Result<Answer, Trouble> {
        let mut request = self
            .repo
            .info_request()
            .uri(url)
            .header("accept-encoding", "identity");
        if let Some(range) = range {
            request = request.header("range", range);
        }
        if origin(url) != origin(&self.endpoint)
            && let Some(headers) = request.headers_mut()
        {
            headers.remove("authorization");
        }
        let mut request = request
            .config()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE));
        if is_loopback(url) {
            request = request.proxy(None);
        }
        if let Some(trust) = &self.trust {
            request = request.tls_config(trust.clone());
        }
        let response = request
            .build()
            .call()
            .map_err(|e| Trouble::Unreachable(e.into_io().to_string()))?;
        let headers = response.headers().iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        Ok(Answer {
            status: response.status().as_u16(),
            line: response.status().to_string(),
            headers: headers.collect(),
            body: Box::new(response.into_body().into_reader()),
        })
    }
}

/// Where an answer from `at` redirects to.
fn next(at: &str, location: Option<&str>) -> std::result::Result<String, String> {
    let location = location.ok_or("it redirects to nowhere")?;
    let scheme = at.split_once("://").map_or("https", |(scheme, _)| scheme);
    let to = match location {
        _ if location.starts_with("//") => format!("{scheme}:{location}"),
        _ if location.starts_with('/') => format!("{}{location}", origin(at)),
        _ => location.to_owned(),
    };
    let encrypted = to.starts_with("https://");
    if encrypted || (to.starts_with("http://") && scheme == "http") {
        return Ok(to);
    }
    let to = crate::error::one_line(&to);
    Err(format!(
        "it redirects to `{to}`, which is no encrypted address"
    ))
}

/// Scheme, host and port.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |i| i + 3);
    let end = url[host..].find(['/', '?', '#']);
    end.map_or(url, |end| &url[..host + end])
}

/// Whether no proxy could get there.
fn is_loopback(url: &str) -> bool {
    let origin = origin(url);
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let is = |name: &str| {
        host.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    is("localhost") || is("127.0.0.1") || is("[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_what_a_token_may_be_sent_to() {
        for url in [
            "https://hub.co",
            "https://hub.co/a",
            "https://hub.co?a",
            "https://hub.co#a",
        ] {
            assert_eq!(origin(url), "https://hub.co");
        }
        for url in [
            "http://hub.co",
            "https://hub.co:1/",
            "https://hub.co@evil/",
            "https://hub.co.evil/",
        ] {
            assert_ne!(origin(url), "https://hub.co");
        }
    }

    #[test]
    fn redirects_stay_encrypted() {
        let to = |location| next("https://hub.co/x/y", Some(location));
        assert_eq!(to("/z?q").unwrap(), "https://hub.co/z?q");
        assert_eq!(to("//cdn.co/z").unwrap(), "https://cdn.co/z");
        assert_eq!(to("https://cdn.co/z").unwrap(), "https://cdn.co/z");
        assert!(to("http://cdn.co/z").is_err());
        assert!(to("file:///etc/passwd").is_err());
        assert!(next("https://hub.co", None).is_err());
        assert!(next("http://localhost:1", Some("http://localhost:2/z")).is_ok());
    }

    #[test]
    fn loopback_is_recognised_by_the_whole_host() {
        assert!(is_loopback("http://127.0.0.1:80/x") && is_loopback("http://localhost"));
        assert!(!is_loopback("http://localhost.evil/") && !is_loopback("http://hub.co/127.0.0.1"));
    }
}
