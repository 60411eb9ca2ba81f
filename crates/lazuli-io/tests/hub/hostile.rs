//! A server that lies, or wants to write where it may not.

use super::download::two_shards;
use super::*;

const FIRST: &str = "model-00001-of-00002.safetensors";

/// What is outside of the repository's folder and its locks.
fn strays(setup: &Setup) -> Vec<String> {
    let inside = ["hub/models--org--tiny/", "hub/.locks/models--org--tiny/"];
    let mut files = setup.everything();
    files.retain(|file| !inside.iter().any(|folder| file.starts_with(folder)));
    files
}

fn listed(json: String) -> Setup {
    Setup::new(Hub::with_hook(two_shards(), move |request, _| {
        let listing = request.path.starts_with("/api/");
        listing.then(|| Answer::status(200).body(json.clone()))
    }))
}

#[test]
fn names_of_files_that_lead_elsewhere_are_not_asked_for() {
    let mut files = two_shards();
    let evil = [
        "../evil.safetensors",
        "/tmp/evil.safetensors",
        "model/../../evil.safetensors",
        "model\\..\\evil.safetensors",
        "additional_chat_templates/../../../evil.jinja",
        "additional_chat_templates/.jinja",
        "model?x=.safetensors",
    ];
    files.retain(|(name, _)| *name != "model.safetensors.index.json");
    files.extend(evil.map(|name| (name, b"evil".to_vec())));
    let setup = Setup::new(Hub::new(files));
    setup.find("org/tiny").unwrap();
    assert!(!setup.hub.requests().iter().any(|r| r.path.contains("evil")));
    assert!(strays(&setup).is_empty(), "{:?}", strays(&setup));
}

#[test]
fn an_index_cannot_name_files_elsewhere_or_that_are_not_there() {
    for name in [
        "../evil.safetensors",
        "/tmp/evil.safetensors",
        "sub/model.safetensors",
        "nowhere.safetensors",
    ] {
        let mut files = two_shards();
        files.retain(|(name, _)| *name != "model.safetensors.index.json");
        let index = serde_json::json!({"weight_map": {"a": name}}).to_string();
        files.push(("model.safetensors.index.json", index.into_bytes()));
        files.push(("../evil.safetensors", b"evil".to_vec()));
        let setup = Setup::new(Hub::new(files));
        setup.refusal("org/tiny");
        assert!(strays(&setup).is_empty(), "{:?}", strays(&setup));
    }
}

#[test]
fn a_commit_is_a_number_and_nothing_else() {
    for sha in [
        "../../../evil",
        "/tmp/evil",
        "a/b",
        "..",
        "",
        "main",
        &"a".repeat(65),
    ] {
        let siblings = [("rfilename", "config.json")].map(|(k, v)| serde_json::json!({k: v}));
        let json = serde_json::json!({"sha": sha, "siblings": siblings}).to_string();
        let setup = listed(json);
        assert!(setup.refusal("org/tiny").ends_with("` is no commit"));
        assert!(setup.everything().is_empty());
    }
}

#[test]
fn a_list_of_files_that_is_none_is_refused() {
    for json in ["", "[]", "<html>", "{\"sha\": 1}", "{\"sha\": \"ab\"}"] {
        let text = listed(json.to_owned()).refusal("org/tiny");
        assert!(text.contains("its list of files is not valid"), "{text}");
    }
}

#[test]
fn an_etag_cannot_be_a_path() {
    for etag in [
        "../../../evil",
        "/tmp/lazuli-evil",
        "a/b",
        "..",
        "",
        "W/\"../x\"",
    ] {
        for header in ["X-Linked-Etag", "ETag"] {
            let setup = Setup::new(Hub::with_hook(two_shards(), move |request, _| {
                let answer = Answer::status(200).with(header, etag).body("x");
                request.path.contains("/resolve/").then_some(answer)
            }));
            let text = setup.refusal("org/tiny");
            assert!(text.contains("cannot be a file's name"), "{text}");
            assert!(strays(&setup).is_empty(), "{:?}", strays(&setup));
        }
    }
}

#[test]
fn a_length_that_changes_is_refused_and_nothing_gets_its_name() {
    let lies: [fn(Answer) -> Answer; 5] = [
        |answer| answer.with("Content-Length", 5),
        |answer| answer.with("Content-Length", 1u64 << 50),
        |answer| Answer {
            body: vec![0; 400_000],
            ..answer
        },
        |answer| {
            Answer {
                status: 206,
                ..answer
            }
            .with("Content-Range", "bytes 5-9/10")
        },
        |answer| {
            Answer {
                status: 206,
                ..answer
            }
            .with("Content-Range", "nonsense")
        },
    ];
    for lie in lies {
        let setup = Setup::new(Hub::with_hook(two_shards(), move |request, own| {
            let fetch = request.cdn && request.fetches(FIRST);
            fetch.then(|| lie(own(request)))
        }));
        let text = setup.refusal("org/tiny");
        assert!(text.starts_with(FIRST), "{text}");
        assert!(!setup.snapshot().join(FIRST).exists());
        assert!(strays(&setup).is_empty(), "{:?}", strays(&setup));
    }
}

#[test]
fn redirects_lead_to_addresses_and_end() {
    for location in [
        "/again",
        "file:///etc/passwd",
        "nonsense",
        "http://",
        "http://[/",
        "//",
        "\u{7f}",
    ] {
        let setup = Setup::new(Hub::with_hook(two_shards(), move |request, _| {
            let redirect = Answer::status(302).with("Location", location);
            (!request.path.starts_with("/api/")).then_some(redirect)
        }));
        setup.refusal("org/tiny");
    }
    for status in [300, 301, 304, 305, 308] {
        let setup = Setup::new(Hub::with_hook(two_shards(), move |_, _| {
            Some(Answer::status(status).body("x"))
        }));
        setup.refusal("org/tiny");
    }
}
