//! Rope frequencies against those of transformers, for every kind.

use super::*;

const ROPE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/fixtures/rope.json"
));

#[test]
fn frequencies_and_scaling_are_those_of_transformers() {
    let reference: Value = serde_json::from_str(ROPE).unwrap();
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 14);
    for case in cases {
        let name = &case["name"];
        let config = Config::parse(case["config"].to_string().as_bytes()).unwrap();
        let length = case["sequence_length"].as_u64().unwrap_or(1) as usize;
        let ours = config.rope.frequencies(length);
        let theirs = case["inv_freq"].as_array().unwrap();
        assert_eq!(ours.inverse.len(), theirs.len(), "{name}");
        for (ours, theirs) in ours.inverse.iter().zip(theirs) {
            // The reference takes powers in f32: a few units in the last place.
            let theirs = theirs.as_f64().unwrap();
            let off = (f64::from(*ours) - theirs).abs() / theirs;
            assert!(off < 1e-6, "{name}: {ours} against {theirs}");
        }
        let theirs = case["attention_scaling"].as_f64().unwrap();
        let off = (f64::from(ours.attention_scaling) - theirs).abs();
        assert!(
            off < 1e-6,
            "{name}: {} against {theirs}",
            ours.attention_scaling
        );
    }
}

#[test]
fn the_smallest_rotation_is_finite_in_every_kind() {
    let reference: Value = serde_json::from_str(ROPE).unwrap();
    for case in reference["cases"].as_array().unwrap() {
        let mut config = case["config"].clone();
        config["head_dim"] = 2.into();
        config["rope_theta"] = 2.0.into();
        if let Some(settings) = config.get_mut("rope_parameters") {
            settings["partial_rotary_factor"] = 1.0.into();
        }
        if let Some(settings) = config.get_mut("rope_scaling") {
            for key in ["short_factor", "long_factor"] {
                if settings.get(key).is_some() {
                    settings[key] = vec![2.0].into();
                }
            }
        }
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        for length in [0, 1, 1 << 28] {
            let frequencies = config.rope.frequencies(length);
            assert_eq!(frequencies.inverse.len(), 1);
            assert!(frequencies.inverse[0].is_finite(), "{}", case["name"]);
            assert!(frequencies.attention_scaling.is_finite());
        }
    }
}
