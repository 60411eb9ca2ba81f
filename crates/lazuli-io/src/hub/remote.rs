//! What the hub says about a file before it is fetched.

use super::client::{Answer, Client, Trouble};
use crate::error::one_line;
use crate::model_folder::is_plain;

/// One file at the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// The hub's name for the content, by which the cache keeps it.
    pub(super) etag: String,
    pub(super) size: u64,
    /// The content's SHA-256 in hexadecimal, which the hub knows of large files.
    pub(super) sha256: Option<String>,
}

impl Remote {
    pub(super) fn ask(client: &Client, url: &str) -> Result<Remote, Trouble> {
        client.patiently(Trouble::may_pass, || {
            let (mut etag, mut size) = (None, None);
            // Large files lie elsewhere; the redirect there says what they are.
            let answer = client.chase(url, Some("bytes=0-0"), |answer| {
                let linked = |name| answer.header(name).map(str::to_owned);
                etag = etag.take().or_else(|| linked("x-linked-etag"));
                size = size.or_else(|| linked("x-linked-size")?.parse().ok());
                etag.is_some() && size.is_some() && answer.status < 400
            })?;
            if answer.status >= 400 && answer.status != 416 {
                return Err(answer.trouble());
            }
            let is_linked = etag.is_some();
            let own = || answer.header("etag").map(str::to_owned);
            let etag = etag.or_else(own).ok_or_else(|| wrong("no etag"))?;
            let etag = name(&etag).ok_or_else(|| {
                wrong(&format!(
                    "the etag `{}`, which cannot be a file's name",
                    one_line(&etag)
                ))
            })?;
            let size = size
                .or_else(|| length(&answer))
                .ok_or_else(|| wrong("no length"))?;
            answer.drain();
            let is_sha256 = etag.len() == 64 && etag.bytes().all(|b| b.is_ascii_hexdigit());
            Ok(Remote {
                sha256: (is_linked && is_sha256).then(|| etag.clone()),
                etag,
                size,
            })
        })
    }
}

fn wrong(what: &str) -> Trouble {
    Trouble::Wrong(format!("the server gives it {what}"))
}

/// An etag without quotes and mark of weakness, if a file can be called so.
fn name(etag: &str) -> Option<String> {
    let etag = etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"');
    (is_plain(etag) && etag.len() <= 128).then(|| etag.to_owned())
}

/// The length of the whole file.
fn length(answer: &Answer) -> Option<u64> {
    match answer.header("content-range") {
        Some(range) => range.rsplit_once('/')?.1.trim().parse().ok(),
        None if answer.status == 200 => answer.header("content-length")?.trim().parse().ok(),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_a_name_or_nothing() {
        assert_eq!(name("\"abc-1\"").as_deref(), Some("abc-1"));
        assert_eq!(name("W/\"abc\"").as_deref(), Some("abc"));
        for bad in [
            "", "\"\"", "../x", "/etc/x", "a/b", "..", ".x", "a\\b", "a b", "C:x",
        ] {
            assert_eq!(name(bad), None, "{bad}");
        }
        assert_eq!(name(&"a".repeat(129)), None);
    }
}
