//! Damaged configs: never a panic, always one short line, and a config that is accepted is sane.

use serde_json::json;

use super::super::LayerKind;
use super::*;

/// What must hold of any config that is accepted, and that nothing derived from it panics.
fn check(outcome: Result<Config>) {
    let config = match outcome {
        Ok(config) => config,
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains('\n') && line.len() < 800, "{line}");
            return;
        }
    };
    assert_eq!(config.heads % config.kv_heads, 0);
    assert!(config.rope.rotary_dim <= config.head_dim && config.rope.rotary_dim >= 2);
    let some = |kind| config.layers.contains(&kind);
    assert_eq!(some(LayerKind::Linear), config.gated_delta.is_some());
    assert_eq!(some(LayerKind::Sliding), config.sliding_window.is_some());
    let dense = (0..config.layers.len()).any(|layer| !config.is_sparse(layer));
    assert_eq!(dense, config.intermediate.is_some());
    for length in [0, config.max_positions, usize::MAX] {
        let frequencies = config.rope.frequencies(length);
        assert_eq!(frequencies.inverse.len(), config.rope.rotary_dim / 2);
        assert!(frequencies.inverse.iter().all(|f| f.is_finite()));
        assert!(frequencies.attention_scaling.is_finite());
    }
}

fn wrong_values() -> Vec<Value> {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(3),
        json!(0.5),
        json!(-0.0),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("a\nb\u{1b}[31m"),
        json!("x".repeat(10_000)),
        json!([]),
        json!([0, -1, "x", null]),
        json!(vec![1.5; 16]),
        json!({}),
        json!({"__float__": "Infinity"}),
        json!({"__float__": "NaN"}),
        json!({"rope_type": "yarn"}),
        json!({"rope_type": "yarn", "original_max_position_embeddings": 1, "beta_fast": 1e6}),
        json!({"rope_type": "longrope", "short_factor": [], "long_factor": []}),
        json!({"rope_type": "dynamic", "factor": 1e6}),
        json!({"group_size": 0, "bits": -1, "x": {"bits": []}, "y": true}),
        json!({"quant_method": "fp8"}),
        deep,
    ]
}

#[test]
fn every_key_takes_every_wrong_value() {
    let others = [TINY, QWEN3_8B, MOE_SMALL];
    for text in FAMILIES.iter().map(|(_, text)| *text).chain(others) {
        let whole: Value = serde_json::from_str(text).unwrap();
        let mut pointers = Vec::new();
        collect(&whole, String::new(), &mut pointers);
        for extra in [
            "quantization",
            "quantization_config",
            "rope_scaling",
            "rope_parameters",
        ] {
            pointers.push(format!("/{extra}"));
        }
        for pointer in &pointers {
            for value in wrong_values() {
                check(with(text, &[(pointer, value)]));
            }
        }
    }
}

fn collect(value: &Value, at: String, into: &mut Vec<String>) {
    if let Value::Object(object) = value {
        for (key, inner) in object {
            into.push(format!("{at}/{key}"));
            collect(inner, format!("{at}/{key}"), into);
        }
    }
}

#[test]
fn flipped_and_cut_bytes_never_panic() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: usize| {
        // xorshift64: Marsaglia, 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for (_, text) in FAMILIES {
        for _ in 0..2_000 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=next(4) {
                let at = next(bytes.len());
                // Digits, signs and quotes keep most of the file valid.
                bytes[at] = b"0123456789-.eE\",:{}[]ntf\xff"[next(25)];
            }
            if next(8) == 0 {
                bytes.truncate(next(bytes.len()));
            }
            check(Config::parse(&bytes));
        }
    }
}
