//! What is refused, and that nothing is left of it.

use std::fs;
use std::ops::ControlFlow;

use lazuli_core::Dtype;

use super::super::{Conversion, Error};
use super::{Place, convert, dequantize, fixture, mixed, quantize, raw};

fn message(result: super::Result<super::Report>) -> String {
    let message = result.unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn an_existing_target_is_left_alone() {
    let place = Place::with(&raw::hybrid());
    fs::create_dir(place.at("out")).unwrap();
    fs::write(place.at("out/mine"), "keep").unwrap();
    let error = message(place.convert(Conversion::default(), "raw", "out"));
    assert!(
        error.ends_with("exists already: remove it, or choose another place"),
        "{error}"
    );
    assert_eq!(super::listed(&place.at("out")), ["mine"]);
    assert_eq!(place.entries(), ["out", "raw"]);
}

#[test]
fn an_interruption_leaves_nothing() {
    let place = Place::with(&raw::hybrid());
    let mut seen = 0;
    let result = quantize(4, 64).run(&place.at("raw"), &place.at("out"), |progress| {
        assert!(progress.done <= progress.total);
        seen += 1;
        match progress.tensor.contains("layers.1.") {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    assert!(matches!(result, Err(Error::Interrupted)));
    assert!(seen > 10, "{seen}");
    assert_eq!(place.entries(), ["raw"]);
}

#[test]
fn quantized_models_are_dequantized_first_and_only_they() {
    let place = Place::with(&raw::hybrid());
    place.convert(quantize(4, 64), "raw", "q").unwrap();
    let already = "the model is quantized already: convert it with --dequantize first";
    assert_eq!(message(place.convert(quantize(8, 64), "q", "out")), already);
    assert_eq!(
        message(place.convert(mixed(super::Recipe::Mixed3_6), "q", "out")),
        already
    );
    assert_eq!(
        message(place.convert(dequantize(), "raw", "out")),
        "the model is not quantized: leave out --dequantize"
    );
    assert_eq!(place.entries(), ["q", "raw"]);
}

#[test]
fn modes_that_are_not_supported_are_named() {
    let place = Place::with(&raw::hybrid());
    place.convert(quantize(4, 32), "raw", "q").unwrap();
    let path = place.at("q/config.json");
    // The first is the default's, of the block that counts.
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("affine", "mxfp4", 1)).unwrap();
    let error = message(place.convert(dequantize(), "q", "out"));
    let named = "_proj_qkv.weight` is quantized as mxfp4, supported is affine";
    assert!(error.contains(named), "{error}");
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let refused = |change: fn(&mut raw::Raw)| {
        let mut raw = raw::next();
        change(&mut raw);
        let place = Place::with(&raw);
        let error = message(place.convert(Conversion::default(), "raw", "out"));
        assert_eq!(place.entries(), ["raw"]);
        error
    };
    let error = refused(|raw| raw.tensors.push(("vision.x".into(), Dtype::BF16, vec![2])));
    assert!(error.ends_with("`vision.x` is unexpected"), "{error}");
    let missing = "layers.1.mlp.experts.2.up_proj.weight";
    let error = refused(|raw| {
        raw.tensors
            .retain(|t| t.0 != "model.layers.1.mlp.experts.2.up_proj.weight")
    });
    assert!(
        error.ends_with(&format!("`model.{missing}` is missing")),
        "{error}"
    );
    // No model asks for MTP weights: the plan alone looks at them.
    let error = refused(|raw| {
        raw.tensors
            .retain(|t| t.0 != "mtp.layers.0.mlp.experts.2.up_proj.weight")
    });
    assert!(
        error.ends_with(
            "tensor `mtp.layers.0.mlp.experts.0.up_proj.weight`: is one of 3 experts of its layer, config.json says 4"
        ),
        "{error}"
    );
    let error = refused(|raw| {
        let name = "mtp.layers.0.mlp.experts.2.up_proj.weight";
        raw.tensors.iter_mut().find(|t| t.0 == name).unwrap().2 = vec![16, 64];
    });
    assert!(
        error.ends_with(
            "differs in dtype or shape from `mtp.layers.0.mlp.experts.0.up_proj.weight`"
        ),
        "{error}"
    );
}

/// Converts into less space than the model needs; run by the test below.
#[test]
#[cfg(unix)]
#[ignore = "runs as a child of a_full_disk_leaves_nothing"]
fn convert_more_than_fits() {
    let Some(target) = std::env::var_os("LAZULI_CONVERT_TARGET") else {
        return;
    };
    let _place = Place::new();
    let error = convert(
        Conversion::default(),
        &fixture("qwen3_5_moe"),
        target.as_ref(),
    );
    let error = message(error);
    assert!(error.starts_with("cannot write "), "{error}");
}

#[test]
#[cfg(unix)]
fn a_full_disk_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    // A limit on file size fails in write(2) as a full disk does; ignoring its signal is inherited.
    let limited = "trap '' XFSZ; ulimit -f 64; exec \"$0\" --ignored --exact \
                   convert::tests::refusals::convert_more_than_fits";
    let status = std::process::Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .env("LAZULI_CONVERT_TARGET", root.path().join("model"))
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(super::listed(root.path()).is_empty());
}
