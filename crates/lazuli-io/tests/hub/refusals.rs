//! What the hub does not give is said in one line, with what would be right.

use super::download::two_shards;
use super::*;

/// A hub that answers every question for the list of files so.
fn listing(answer: Answer) -> Setup {
    Setup::new(Hub::with_hook(two_shards(), move |request, _| {
        request
            .path
            .starts_with("/api/models")
            .then(|| answer.clone())
    }))
}

#[test]
fn an_unknown_model_is_neither_a_folder_nor_on_the_hub() {
    let setup = listing(Answer::status(404).with("X-Error-Code", "RepoNotFound"));
    let hub = setup.hub.endpoint();
    assert_eq!(
        setup.refusal("models/tiny"),
        format!(
            "model `models/tiny`: there is no such folder, and no such model on {hub}: check the \
             spelling"
        )
    );
    assert_eq!(setup.hub.requests().len(), 1);
    assert!(setup.everything().is_empty());
}

#[test]
fn a_model_that_is_not_public_asks_for_a_token() {
    // What huggingface.co says without a token of names that do not exist, too.
    let mut setup = listing(Answer::status(401).with("X-Error-Code", "RepoNotFound"));
    let hub = setup.hub.endpoint();
    assert_eq!(
        setup.refusal("org/tiny"),
        format!(
            "model `org/tiny`: there is no such folder, and no such model on {hub} that is public: \
             check the spelling, or set HF_TOKEN if it is private"
        )
    );
    setup.settings.token = Some("hf_x".to_owned());
    assert_eq!(
        setup.refusal("org/tiny"),
        format!(
            "model `org/tiny`: there is no such folder, and no such model on {hub} that your token \
             may read: check the spelling and HF_TOKEN"
        )
    );
}

#[test]
fn a_gated_model_says_where_its_licence_is() {
    let mut setup = Setup::new(Hub::with_hook(two_shards(), |request, _| {
        let file = request.path.contains("/resolve/");
        file.then(|| Answer::status(403).with("X-Error-Code", "GatedRepo"))
    }));
    let page = format!("{}/org/tiny", setup.hub.endpoint());
    assert_eq!(
        setup.refusal("org/tiny"),
        format!(
            "model `org/tiny`: it is gated: accept its licence on {page} and set HF_TOKEN to a \
             token of that account"
        )
    );
    setup.settings.token = Some("hf_x".to_owned());
    assert!(
        setup
            .refusal("org/tiny")
            .ends_with("with the account of your token")
    );
}

#[test]
fn an_unknown_revision_is_named() {
    let setup = Setup::new(Hub::new(two_shards()));
    let hub = setup.hub.endpoint();
    assert_eq!(
        setup.refusal("org/tiny@v9"),
        format!("model `org/tiny@v9`: on {hub} it has no revision `v9`")
    );
}

#[test]
fn a_hub_in_trouble_is_asked_again_before_it_is_given_up() {
    let setup = listing(Answer::status(503));
    let hub = setup.hub.endpoint();
    assert_eq!(
        setup.refusal("org/tiny"),
        format!("model `org/tiny`: {hub} answers 503 Service Unavailable: try again later")
    );
    assert_eq!(setup.hub.requests().len(), 4);

    let text = listing(Answer::status(421)).refusal("org/tiny");
    assert!(
        text.ends_with("HF_ENDPOINT must be the address of a hub"),
        "{text}"
    );

    let left = std::sync::atomic::AtomicUsize::new(2);
    let setup = Setup::new(Hub::with_hook(two_shards(), move |request, _| {
        let less = || {
            let order = std::sync::atomic::Ordering::SeqCst;
            left.fetch_update(order, order, |n| n.checked_sub(1))
                .is_ok()
        };
        (request.cdn && less()).then(|| Answer::status(503))
    }));
    setup.find("org/tiny").unwrap();
}

#[test]
fn a_file_that_the_server_does_not_give_is_named() {
    let setup = Setup::new(Hub::with_hook(two_shards(), |request, _| {
        request
            .fetches("tokenizer.json")
            .then(|| Answer::status(500))
    }));
    assert_eq!(
        setup.refusal("org/tiny"),
        "tokenizer.json: the server answers 500 Internal Server Error: the download is incomplete; \
         run the command again to resume it"
    );
}

#[test]
fn without_a_network_it_says_what_is_missing_and_where_it_goes() {
    let mut setup = Setup::new(Hub::new(two_shards()));
    setup.settings.endpoint = "http://127.0.0.1:1".to_owned();
    let cache = setup.settings.cache.clone().unwrap();
    let cache = cache.display();
    let refused = std::io::Error::from_raw_os_error(111);
    #[cfg(target_os = "linux")]
    assert_eq!(
        setup.refusal("org/tiny"),
        format!(
            "model `org/tiny`: there is no such folder, and no such download in {cache} \
             (http://127.0.0.1:1 cannot be reached: {refused}): download it there (hf download \
             org/tiny), or pass the folder that has its config.json, tokenizer.json and safetensors \
             files"
        )
    );
    setup.settings.offline = true;
    assert_eq!(
        setup.refusal("org/tiny"),
        format!(
            "model `org/tiny`: there is no such folder, and no such download in {cache} \
             (HF_HUB_OFFLINE is set): download it there (hf download org/tiny), or pass the folder \
             that has its config.json, tokenizer.json and safetensors files"
        )
    );
    assert!(setup.everything().is_empty());
}

#[test]
fn a_repository_without_safetensors_says_what_would_be_right() {
    let refusal = |files: &[&str]| {
        let setup = Setup::new(Hub::new(files.iter().map(|f| (*f, "x"))));
        let text = setup.refusal("org/tiny");
        assert!(setup.everything().is_empty());
        assert_eq!(setup.hub.requests().len(), 1);
        text
    };
    let start = "model `org/tiny`: its repository has no";
    assert_eq!(
        refusal(&["config.json", "pytorch_model.bin", "tokenizer.json"]),
        format!(
            "{start} model*.safetensors but PyTorch files, which are not read because they can hold \
             programs: choose a repository or a revision with model.safetensors"
        )
    );
    assert_eq!(
        refusal(&["model.Q4_K_M.gguf"]),
        format!(
            "{start} model*.safetensors but GGUF files, which are not supported: choose the \
             repository that these were made from"
        )
    );
    assert_eq!(
        refusal(&["README.md"]),
        format!(
            "{start} model*.safetensors but no weights that could be used instead: choose a \
             repository with model.safetensors"
        )
    );
    assert_eq!(
        refusal(&["model.safetensors"]),
        format!("{start} config.json: choose one with a whole model")
    );
}

#[test]
fn an_endpoint_that_is_no_address_is_named() {
    let mut setup = Setup::new(Hub::new(two_shards()));
    setup.settings.endpoint = "huggingface.co".to_owned();
    assert_eq!(
        setup.refusal("org/tiny"),
        "model `org/tiny`: HF_ENDPOINT: `huggingface.co` is no address that starts with https:// or \
         http://"
    );
    for endpoint in ["http://", "http:// x", "http://[", "https://a:b:c"] {
        setup.settings.endpoint = endpoint.to_owned();
        setup.refusal("org/tiny");
    }
}
