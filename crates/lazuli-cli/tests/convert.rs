//! `lazuli convert` as a user runs it.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

mod common;

use common::{Model, run};

#[test]
fn a_converted_model_answers_and_is_not_overwritten() {
    let model = Model::new();
    let out = model.file("converted");
    let out = out.to_str().unwrap();
    let flags = ["convert", "--model", model.path(), "--output", out];
    let convert = || run(flags.into_iter().chain(["-q", "--q-group-size", "32"]));
    let ran = convert();
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.stderr.starts_with(&format!("{out}: ")), "{ran:?}");
    assert!(ran.stderr.ends_with(" bits per weight\n"), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    let prompt = ["-p", "hello", "--max-tokens", "4"];
    let generate = ["generate", "--model", out].into_iter().chain(prompt);
    run(generate).succeeds();
    let refused = format!("{out} exists already: remove it, or choose another place");
    convert().fails(1, &refused);
}

#[test]
fn flags_that_do_not_go_together_are_usage_errors() {
    for (flags, named) in [
        (
            &["-q", "--q-bits", "7"][..],
            "it must be 1, 2, 3, 4, 5, 6 or 8",
        ),
        (&["-q", "--q-group-size", "48"], "it must be 32, 64 or 128"),
        (&["--q-bits", "4"], "--quantize"),
        (&["-q", "--dequantize"], "cannot be used with"),
        (
            &["-q", "--quant-predicate", "mixed_5_6"],
            "mixed_2_6, mixed_3_4, mixed_3_6, mixed_4_6",
        ),
        (
            &["-q", "--q-bits", "4", "--quant-predicate", "mixed_3_4"],
            "cannot be used with",
        ),
    ] {
        let ran = run(["convert", "--model", "x"].iter().chain(flags));
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(named), "{ran:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    }
}
