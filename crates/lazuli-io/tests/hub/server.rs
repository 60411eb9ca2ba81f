//! A hub as small as a test: HTTP/1.1 over `std::net`, one answer per connection.
//!
//! It answers as huggingface.co does: small files by a redirect on the same host, large ones by a
//! redirect to another, which is a second port here. What a test wants otherwise it says in a hook.
#![allow(dead_code)] // each test file uses a part

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    /// Whether it came to the host that serves large files.
    pub(crate) cdn: bool,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Whether this asks for a file's content, more than one byte of it.
    pub(crate) fn fetches(&self, file: &str) -> bool {
        let probe = self.header("range") == Some("bytes=0-0");
        !probe && self.path.ends_with(&format!("/{file}"))
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// How many bytes of the body are sent before the connection is cut.
    pub(crate) cut: Option<usize>,
    /// Whether the connection then stays open without a word.
    pub(crate) stall: bool,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            cut: None,
            stall: false,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Answer {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Answer {
        self.body = body.into();
        self
    }

    pub(crate) fn cut(mut self, after: usize) -> Answer {
        self.cut = Some(after);
        self
    }

    pub(crate) fn stall(mut self) -> Answer {
        self.stall = true;
        self
    }
}

type Hook = dyn Fn(&Request, &mut dyn FnMut(&Request) -> Answer) -> Option<Answer> + Send + Sync;

struct Inner {
    files: BTreeMap<String, Vec<u8>>,
    hook: Box<Hook>,
    requests: Mutex<Vec<Request>>,
    cdn: SocketAddr,
}

/// A running hub with one model, `org/tiny`.
pub(crate) struct Hub {
    inner: Arc<Inner>,
    address: SocketAddr,
}

impl Hub {
    /// A hub with these files.
    pub(crate) fn new<N: ToString, C: Into<Vec<u8>>>(
        files: impl IntoIterator<Item = (N, C)>,
    ) -> Hub {
        Hub::with_hook(files, |_, _| None)
    }

    /// A hub that answers as `hook` says, and by itself where that says nothing. The hook is given
    /// the request and what the hub would answer to one.
    pub(crate) fn with_hook<N: ToString, C: Into<Vec<u8>>>(
        files: impl IntoIterator<Item = (N, C)>,
        hook: impl Fn(&Request, &mut dyn FnMut(&Request) -> Answer) -> Option<Answer>
        + Send
        + Sync
        + 'static,
    ) -> Hub {
        let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (front, cdn) = (bind(), bind());
        let address = front.local_addr().unwrap();
        let files = files.into_iter().map(|(n, c)| (n.to_string(), c.into()));
        let inner = Arc::new(Inner {
            files: files.collect(),
            hook: Box::new(hook),
            requests: Mutex::default(),
            cdn: cdn.local_addr().unwrap(),
        });
        for (listener, is_cdn) in [(front, false), (cdn, true)] {
            let inner = inner.clone();
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let inner = inner.clone();
                    thread::spawn(move || inner.serve(stream.unwrap(), is_cdn));
                }
            });
        }
        Hub { inner, address }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.inner.requests.lock().unwrap().clone()
    }

    /// What was asked so far, which is forgotten.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.inner.requests.lock().unwrap())
    }
}

impl Inner {
    fn serve(&self, mut stream: TcpStream, cdn: bool) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let Some(Ok(first)) = lines.next() else {
            return;
        };
        let path = first.split(' ').nth(1).unwrap().to_owned();
        let headers = lines.map_while(|line| {
            let line = line.ok()?;
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        });
        let request = Request {
            path,
            headers: headers.collect(),
            cdn,
        };
        self.requests.lock().unwrap().push(request.clone());
        let mut own = |request: &Request| self.answer(request);
        let answer = (self.hook)(&request, &mut own).unwrap_or_else(|| own(&request));
        let mut head = format!("HTTP/1.1 {} Status\r\nConnection: close\r\n", answer.status);
        let has = |name: &str| {
            answer
                .headers
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        if !has("Content-Length") {
            head += &format!("Content-Length: {}\r\n", answer.body.len());
        }
        for (name, value) in &answer.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let sent = answer
            .cut
            .unwrap_or(answer.body.len())
            .min(answer.body.len());
        // A client that has heard enough may have gone.
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&answer.body[..sent]);
        if answer.stall {
            // Until the client goes.
            let _ = stream.read(&mut [0]);
        }
    }

    /// As huggingface.co answers.
    fn answer(&self, request: &Request) -> Answer {
        let path = request.path.as_str();
        if let Some(revision) = path.strip_prefix("/api/models/org/tiny/revision/") {
            if !["main", COMMIT].contains(&revision) {
                return Answer::status(404).with("X-Error-Code", "RevisionNotFound");
            }
            let siblings: Vec<_> = self
                .files
                .keys()
                .map(|name| serde_json::json!({"rfilename": name}))
                .collect();
            let listing = serde_json::json!({"sha": COMMIT, "siblings": siblings});
            return Answer::status(200).body(listing.to_string());
        }
        if let Some(file) = path.strip_prefix(&format!("/org/tiny/resolve/{COMMIT}/")) {
            let Some(content) = self.files.get(file) else {
                return Answer::status(404).with("X-Error-Code", "EntryNotFound");
            };
            return match file.ends_with(".safetensors") {
                false => Answer::status(307).with("Location", format!("/cache/{file}")),
                true => Answer::status(302)
                    .with("Location", format!("http://{}/{file}", self.cdn))
                    .with("X-Linked-Etag", format!("\"{}\"", etag(content)))
                    .with("X-Linked-Size", content.len()),
            };
        }
        let file = path.strip_prefix("/cache/").or(path.strip_prefix('/'));
        match file.and_then(|file| self.files.get(file)) {
            Some(content) if request.cdn || path.starts_with("/cache/") => {
                // The other host has etags of its own, which name nothing.
                let etag = match request.cdn {
                    true => "\"of-the-other-host\"".to_owned(),
                    false => format!("W/\"{}\"", etag(content)),
                };
                ranged(request, content).with("ETag", etag)
            }
            _ => Answer::status(404).with("X-Error-Code", "RepoNotFound"),
        }
    }
}

/// The content, or the range of it that was asked for.
pub(crate) fn ranged(request: &Request, content: &[u8]) -> Answer {
    let Some(range) = request.header("range") else {
        return Answer::status(200).body(content);
    };
    let (start, end) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let start: usize = start.parse().unwrap();
    if start >= content.len() {
        let range = format!("bytes */{}", content.len());
        return Answer::status(416).with("Content-Range", range);
    }
    let end = end
        .parse()
        .map_or(content.len(), |end: usize| end + 1)
        .min(content.len());
    let range = format!("bytes {start}-{}/{}", end - 1, content.len());
    Answer::status(206)
        .with("Content-Range", range)
        .body(&content[start..end])
}

/// The name of a content: FNV-1a, which is enough to tell a test's files apart.
pub(crate) fn etag(content: &[u8]) -> String {
    let hash = content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}
