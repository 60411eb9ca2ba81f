//! Connections that end too soon.

use super::download::{shard, two_shards};
use super::*;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const SECOND: &str = "model-00002-of-00002.safetensors";

/// The ranges that were asked of the host that has the large files.
fn ranges(requests: &[Request]) -> Vec<Option<&str>> {
    let fetches = requests.iter().filter(|r| r.cdn && r.fetches(SECOND));
    fetches.map(|r| r.header("range")).collect()
}

#[test]
fn a_cut_connection_is_resumed_with_a_range() {
    let cuts = AtomicUsize::new(0);
    let setup = Setup::new(Hub::with_hook(two_shards(), move |request, own| {
        let cut = request.cdn && request.fetches(SECOND) && cuts.fetch_add(1, SeqCst) == 0;
        cut.then(|| own(request).cut(100_000))
    }));
    let snapshot = setup.find("org/tiny").unwrap();
    assert_eq!(fs::read(snapshot.join(SECOND)).unwrap(), shard(2));
    assert_eq!(ranges(&setup.hub.requests()), [None, Some("bytes=100000-")]);
}

#[test]
fn a_later_run_goes_on_where_one_stopped() {
    let broken = std::sync::Arc::new(AtomicUsize::new(1));
    let hook = broken.clone();
    let setup = Setup::new(Hub::with_hook(two_shards(), move |request, own| {
        let fetch = request.cdn && request.fetches(SECOND) && hook.load(SeqCst) == 1;
        fetch.then(|| match request.header("range") {
            None => own(request).cut(100_000),
            Some(_) => own(request).cut(0),
        })
    }));
    let text = setup.refusal("org/tiny");
    assert_eq!(
        text,
        format!(
            "{SECOND}: Peer disconnected after 100000 bytes of 300000 bytes: the download is \
             incomplete; run the command again to resume it"
        )
    );
    assert!(!setup.snapshot().join(SECOND).exists());
    let blobs = setup.repository().join("blobs");
    assert!(!blobs.join(server::etag(&shard(2))).exists());

    let mut offline = setup.settings.clone();
    offline.offline = true;
    let text = hub::find("org/tiny", &offline, &mut |_| {})
        .unwrap_err()
        .to_string();
    assert_eq!(
        text,
        format!(
            "model `org/tiny`: its download in {} lacks {SECOND} (HF_HUB_OFFLINE is set): put them \
             there (hf download org/tiny), or pass the folder of a whole model",
            setup.snapshot().display()
        )
    );

    broken.store(0, SeqCst);
    setup.hub.take_requests();
    let snapshot = setup.find("org/tiny").unwrap();
    assert_eq!(fs::read(snapshot.join(SECOND)).unwrap(), shard(2));
    assert_eq!(ranges(&setup.hub.requests()), [Some("bytes=100000-")]);
}

#[test]
fn a_server_without_ranges_sends_everything_again() {
    let cuts = AtomicUsize::new(0);
    let setup = Setup::new(Hub::with_hook(two_shards(), move |request, own| {
        let whole = || {
            let mut plain = request.clone();
            plain.headers.remove("range");
            own(&plain)
        };
        let fetch = request.cdn && request.fetches(SECOND);
        fetch
            .then(whole)
            .map(|answer| match cuts.fetch_add(1, SeqCst) {
                0 => answer.cut(123_456),
                _ => answer,
            })
    }));
    let snapshot = setup.find("org/tiny").unwrap();
    assert_eq!(fs::read(snapshot.join(SECOND)).unwrap(), shard(2));
    assert_eq!(ranges(&setup.hub.requests()).len(), 2);
}

#[test]
fn a_server_without_ranges_that_always_stops_is_given_up() {
    let setup = Setup::new(Hub::with_hook(two_shards(), move |request, own| {
        let mut plain = request.clone();
        plain.headers.remove("range");
        let fetch = request.cdn && request.fetches(SECOND);
        fetch.then(|| own(&plain).cut(1000))
    }));
    assert!(setup.refusal("org/tiny").contains("run the command again"));
    assert_eq!(ranges(&setup.hub.requests()).len(), 4);
}

#[test]
fn parts_that_are_complete_or_too_long_are_no_obstacle() {
    for (content, asked) in [(shard(2), 0), ([shard(2), vec![0]].concat(), 1)] {
        let setup = Setup::new(Hub::new(two_shards()));
        let blobs = setup.repository().join("blobs");
        fs::create_dir_all(&blobs).unwrap();
        let part = blobs.join(format!("{}.lazuli-part", server::etag(&shard(2))));
        fs::write(&part, content).unwrap();
        let snapshot = setup.find("org/tiny").unwrap();
        assert_eq!(fs::read(snapshot.join(SECOND)).unwrap(), shard(2));
        assert_eq!(ranges(&setup.hub.requests()).len(), asked);
        assert!(!part.exists());
    }
}

#[test]
fn a_short_content_under_its_final_name_is_fetched_again() {
    let setup = Setup::new(Hub::new(two_shards()));
    let blobs = setup.repository().join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(server::etag(&shard(2))), "short").unwrap();
    let snapshot = setup.find("org/tiny").unwrap();
    assert_eq!(fs::read(snapshot.join(SECOND)).unwrap(), shard(2));
}

/// A hub that names the second shard by its SHA-256, as the real one does.
fn hub_of_hashes(second: Vec<u8>) -> Setup {
    const SHA256: &str = "eb7f253b33ff3806b85256ba0a31cc33068c5bdcb4cb58d6245818122154886d";
    let mut files = two_shards();
    for (name, content) in &mut files {
        if *name == SECOND {
            content.clone_from(&second);
        }
    }
    Setup::new(Hub::with_hook(files, |request, own| {
        let named = !request.cdn && request.path.ends_with(SECOND);
        named.then(|| {
            let mut answer = own(request);
            for (name, value) in &mut answer.headers {
                if name == "X-Linked-Etag" {
                    SHA256.clone_into(value);
                }
            }
            answer
        })
    }))
}

#[test]
fn a_part_that_is_not_the_files_beginning_is_found_out() {
    let setup = hub_of_hashes(shard(2));
    let blobs = setup.repository().join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    let name = setup.find("org/tiny").unwrap();
    let name = fs::canonicalize(name.join(SECOND)).unwrap();
    fs::rename(&name, name.with_extension("lazuli-part")).unwrap();
    let mut zeros = shard(2);
    zeros.truncate(100_000);
    zeros[50_000..].fill(0);
    fs::write(name.with_extension("lazuli-part"), zeros).unwrap();
    setup.hub.take_requests();
    let snapshot = setup.find("org/tiny").unwrap();
    assert_eq!(fs::read(snapshot.join(SECOND)).unwrap(), shard(2));
    assert_eq!(ranges(&setup.hub.requests()), [Some("bytes=100000-"), None]);
}

#[test]
fn a_content_that_is_not_the_one_named_gets_no_name() {
    let mut other = shard(2);
    other[123] ^= 1;
    let setup = hub_of_hashes(other);
    assert_eq!(
        setup.refusal("org/tiny"),
        format!(
            "{SECOND}: its SHA-256 is not the one that the hub names: the download is incomplete; \
             run the command again to resume it"
        )
    );
    assert_eq!(ranges(&setup.hub.requests()).len(), 2);
    assert!(!setup.snapshot().join(SECOND).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_says_how_much_is_missing() {
    let setup = Setup::new(Hub::new(two_shards()));
    let blobs = setup.repository().join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    let part = blobs.join(format!("{}.lazuli-part", server::etag(&shard(2))));
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let text = setup.refusal("org/tiny");
    assert_eq!(
        text,
        format!(
            "{}: No space left on device (os error 28): 300000 bytes more are needed, free them: \
             the download is incomplete; run the command again to resume it",
            part.display()
        )
    );
    assert!(!setup.snapshot().join(SECOND).exists());
}
