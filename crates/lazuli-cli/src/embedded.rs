//! The model inside the program, so that the first command works without a download.
//!
//! The weights are aligned for the kernels and used where they lie. A build without the feature
//! `embedded-model` is smaller by the model and asks for `--model`.

use lazuli::lm::engine::Files;

/// What the embedded model is called where a folder would be named.
pub(crate) const NAME: &str = "the embedded model";

/// The files of the embedded model, if this build has one.
pub(crate) fn files() -> Option<Files> {
    #[cfg(feature = "embedded-model")]
    return Some(assets::FILES);
    #[cfg(not(feature = "embedded-model"))]
    return None;
}

#[cfg(feature = "embedded-model")]
mod assets {
    use super::Files;

    /// Bytes at a multiple of 64, which `include_bytes!` alone does not promise.
    #[repr(C, align(64))]
    struct Aligned<T: ?Sized>(T);

    macro_rules! asset {
        ($include:ident, $name:literal) => {
            $include!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../assets/default/",
                $name
            ))
        };
    }

    static WEIGHTS: &Aligned<[u8]> = &Aligned(*asset!(include_bytes, "model.safetensors"));

    pub(super) static FILES: Files = Files {
        config: asset!(include_bytes, "config.json"),
        weights: &WEIGHTS.0,
        tokenizer: asset!(include_bytes, "tokenizer.json"),
        tokenizer_config: asset!(include_bytes, "tokenizer_config.json"),
        chat_template: asset!(include_str, "chat_template.jinja"),
    };
}
