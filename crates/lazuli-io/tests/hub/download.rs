//! What a download asks for, and what it leaves in the cache.

use super::*;
use std::fs;

pub(crate) const INDEX: &str = r#"{"weight_map": {"a": "model-00001-of-00002.safetensors",
    "b": "model-00002-of-00002.safetensors"}}"#;

pub(crate) fn shard(n: u8) -> Vec<u8> {
    (0..300_000u32).map(|i| (i as u8).wrapping_mul(n)).collect()
}

/// A model in two shards, among what repositories hold besides.
pub(crate) fn two_shards() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (".gitattributes", b"x".to_vec()),
        ("README.md", b"x".to_vec()),
        ("chat_template.jinja", b"{{ messages }}".to_vec()),
        ("config.json", b"{}".to_vec()),
        ("consolidated.safetensors", shard(9)),
        ("generation_config.json", b"{\"a\": 1}".to_vec()),
        ("model-00001-of-00002.safetensors", shard(1)),
        ("model-00002-of-00002.safetensors", shard(2)),
        ("model.safetensors.index.json", INDEX.into()),
        ("onnx/model.onnx", b"x".to_vec()),
        ("onnx/model.safetensors", b"x".to_vec()),
        ("original/model.safetensors", b"x".to_vec()),
        ("pytorch_model.bin", b"x".to_vec()),
        ("tokenizer.json", b"{\"t\": 1}".to_vec()),
        ("training_args.json", b"x".to_vec()),
    ]
}

const WANTED: [&str; 7] = [
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
];

#[test]
fn a_fresh_download_has_the_hubs_layout_and_is_found_without_the_hub() {
    let mut setup = Setup::new(Hub::new(two_shards()));
    let snapshot = setup.find("org/tiny").unwrap();
    assert_eq!(snapshot, setup.snapshot());
    let mut names: Vec<_> = fs::read_dir(&snapshot)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, WANTED);
    for (name, content) in two_shards() {
        if !WANTED.contains(&name) {
            continue;
        }
        assert_eq!(fs::read(snapshot.join(name)).unwrap(), content, "{name}");
        let etag = server::etag(&content);
        assert_eq!(
            fs::read(setup.repository().join("blobs").join(&etag)).unwrap(),
            content
        );
        #[cfg(unix)]
        assert_eq!(
            fs::read_link(snapshot.join(name)).unwrap(),
            Path::new("../../blobs").join(etag)
        );
    }
    let main = fs::read_to_string(setup.repository().join("refs/main")).unwrap();
    assert_eq!(main, server::COMMIT);
    assert_eq!(
        fs::read_dir(setup.repository().join("blobs"))
            .unwrap()
            .count(),
        WANTED.len()
    );

    setup.settings.endpoint = "http://127.0.0.1:1".to_owned();
    setup.hub.take_requests();
    assert_eq!(setup.find("org/tiny").unwrap(), snapshot);
    assert_eq!(
        setup.find(&format!("org/tiny@{}", server::COMMIT)).unwrap(),
        snapshot
    );
    assert!(setup.hub.requests().is_empty());
}

#[test]
fn only_the_files_that_are_read_are_asked_for() {
    let setup = Setup::new(Hub::new(two_shards()));
    setup.find("org/tiny").unwrap();
    let prefix = format!("/org/tiny/resolve/{}/", server::COMMIT);
    let requests = setup.hub.requests();
    let mut asked: Vec<_> = requests
        .iter()
        .filter_map(|request| request.path.strip_prefix(&prefix))
        .collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked, WANTED);
}

#[test]
fn named_templates_come_along_and_link_to_their_content() {
    let name = "additional_chat_templates/tool_use.jinja";
    let files = two_shards().into_iter().chain([(name, b"tools".to_vec())]);
    let setup = Setup::new(Hub::new(files));
    let snapshot = setup.find("org/tiny").unwrap();
    assert_eq!(fs::read(snapshot.join(name)).unwrap(), b"tools");
}

#[test]
fn without_an_index_the_one_whole_file_is_taken_and_else_every_part() {
    let files = |names: &[&'static str]| {
        let names = names.iter().chain(&["config.json", "tokenizer.json"]);
        names
            .map(|name| (*name, name.as_bytes().to_vec()))
            .collect::<Vec<_>>()
    };
    let weights = |names: &[&'static str]| {
        let setup = Setup::new(Hub::new(files(names)));
        let snapshot = setup.find("org/tiny").unwrap();
        let mut found: Vec<_> = fs::read_dir(snapshot)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".safetensors"))
            .collect();
        found.sort();
        found
    };
    let whole = "model.safetensors";
    assert_eq!(
        weights(&[whole, "model.fp16.safetensors", "mtp.safetensors"]),
        [whole]
    );
    let parts = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ];
    assert_eq!(weights(&parts), parts);
}

#[test]
fn a_path_wins_and_a_name_without_organisation_never_asks() {
    let setup = Setup::new(Hub::new(two_shards()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert_eq!(setup.find(path).unwrap(), folder.path());
    for name in [
        "my-folder",
        "./my/folder",
        "a/b/c",
        "/nowhere/model",
        "org/..",
        "~/x",
    ] {
        let text = setup.refusal(name);
        assert!(text.ends_with("there is no such folder"), "{text}");
    }
    assert!(setup.hub.requests().is_empty());
}

#[test]
fn progress_counts_files_and_bytes_of_what_is_fetched() {
    let setup = Setup::new(Hub::new(two_shards()));
    let mut seen: Vec<(String, usize, usize, u64, u64)> = Vec::new();
    let mut hear = |step: &Step<'_>| {
        assert!(step.bytes <= step.total && !step.waiting);
        let step = (
            step.file.to_owned(),
            step.number,
            step.files,
            step.bytes,
            step.total,
        );
        seen.push(step);
    };
    hub::find("org/tiny", &setup.settings, &mut hear).unwrap();
    let mut ends: Vec<_> = seen
        .iter()
        .filter(|step| step.3 == step.4)
        .cloned()
        .collect();
    ends.dedup();
    let numbers: Vec<_> = ends.iter().map(|step| (step.1, step.2)).collect();
    assert_eq!(numbers, (1..=6).map(|n| (n, 6)).collect::<Vec<_>>());
    assert_eq!(ends[5].0, "model-00002-of-00002.safetensors");
    assert_eq!(ends[5].3, 300_000);
    assert!(seen.iter().any(|step| step.3 > 0 && step.3 < 300_000));
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let setup = Setup::new(Hub::new(two_shards()));
    let snapshot = setup.find("org/tiny").unwrap();
    let lost = "model-00002-of-00002.safetensors";
    fs::remove_file(
        setup
            .repository()
            .join("blobs")
            .join(server::etag(&shard(2))),
    )
    .unwrap();
    setup.hub.take_requests();
    // On Unix the snapshot has a link that leads nowhere now.
    fs::remove_file(snapshot.join("generation_config.json")).unwrap();
    assert_eq!(setup.find("org/tiny").unwrap(), snapshot);
    assert_eq!(fs::read(snapshot.join(lost)).unwrap(), shard(2));
    assert!(snapshot.join("generation_config.json").is_file());
    let fetched = |file: &str| setup.hub.requests().iter().any(|r| r.fetches(file));
    assert!(fetched(lost));
    assert!(!fetched("model-00001-of-00002.safetensors"));
    // Its content was there, only the link was not.
    assert!(!fetched("generation_config.json"));
}

#[test]
fn two_at_once_fetch_a_file_once_and_both_have_it() {
    let setup = Setup::new(Hub::new(two_shards()));
    let waited = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut hear = |step: &Step<'_>| {
                    if step.waiting {
                        waited.store(true, std::sync::atomic::Ordering::Relaxed);
                    }
                    std::thread::sleep(Duration::from_millis(1));
                };
                let snapshot = hub::find("org/tiny", &setup.settings, &mut hear).unwrap();
                for (n, name) in [
                    (1, "model-00001-of-00002.safetensors"),
                    (2, "model-00002-of-00002.safetensors"),
                ] {
                    assert_eq!(fs::read(snapshot.join(name)).unwrap(), shard(n));
                }
            });
        }
    });
    let requests = setup.hub.requests();
    let fetches = requests
        .iter()
        .filter(|r| r.cdn && r.fetches("model-00002-of-00002.safetensors"));
    assert_eq!(fetches.count(), 1);
}

#[test]
fn the_token_goes_to_the_hub_and_nowhere_else() {
    let mut setup = Setup::new(Hub::new(two_shards()));
    setup.settings.token = Some("hf_secret".to_owned());
    setup.find("org/tiny").unwrap();
    for request in setup.hub.requests() {
        let expected = (!request.cdn).then_some("Bearer hf_secret");
        assert_eq!(request.header("authorization"), expected, "{request:?}");
    }
}

#[test]
fn a_repository_without_tokenizer_is_whole_without_one() {
    let files = [("config.json", "{}"), ("model.safetensors", "w")];
    let mut setup = Setup::new(Hub::new(files));
    let snapshot = setup.find("org/tiny").unwrap();
    setup.settings.offline = true;
    assert_eq!(setup.find("org/tiny").unwrap(), snapshot);
}
