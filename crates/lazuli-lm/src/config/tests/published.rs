//! Configs as published for real models, and what MLX conversion adds to them.

use lazuli_core::Dtype;
use serde_json::json;

use super::super::{Family, LayerKind, QuantizationMode, QuantizedWeights, RopeKind};
use super::*;

const AFFINE_4: QuantizedWeights = QuantizedWeights {
    group_size: 64,
    bits: 4,
    mode: QuantizationMode::Affine,
};

#[test]
fn qwen3_dense_models_differ_in_shape_only() {
    let small = parse(QWEN3_0_6B);
    assert_eq!(small.family, Family::Qwen3);
    assert_eq!((small.hidden, small.head_dim), (1024, 128));
    assert_eq!((small.heads, small.kv_heads), (16, 8));
    assert_eq!((small.intermediate, small.vocab), (Some(3072), 151_936));
    assert_eq!(small.layers, [LayerKind::Full; 28]);
    assert!(small.qk_norm && small.tie_word_embeddings);
    assert!(!small.qkv_bias && !small.o_bias && !small.mlp_bias && !small.centred_norms);
    assert_eq!(small.rope.theta, 1e6);
    assert_eq!(
        (small.rope.rotary_dim, &small.rope.kind),
        (128, &RopeKind::Default)
    );
    assert_eq!(small.max_positions, 262_144);
    assert_eq!(small.dtype, Some(Dtype::BF16));
    assert_eq!(
        (small.moe, small.gated_delta, small.quantization),
        (None, None, None)
    );

    let large = parse(QWEN3_8B);
    assert_eq!(
        (large.hidden, large.heads, large.layers.len()),
        (4096, 32, 36)
    );
    assert!(!large.tie_word_embeddings);
}

#[test]
fn qwen3_moe_models_have_experts_everywhere_and_no_shared_one() {
    for (text, layers, experts) in [(MOE_SMALL, 12, 64), (QWEN3_30B, 48, 128)] {
        let config = parse(text);
        assert_eq!(config.family, Family::Qwen3Moe);
        assert_eq!(config.layers, vec![LayerKind::Full; layers]);
        assert!((0..layers).all(|layer| config.is_sparse(layer)));
        let moe = config.moe.unwrap();
        assert_eq!(
            (moe.experts, moe.top_k, moe.intermediate),
            (experts, 8, 768)
        );
        assert_eq!((moe.norm_topk_prob, moe.shared_intermediate), (true, None));
    }
}

#[test]
fn hybrids_attend_in_every_fourth_layer() {
    for (text, family, layers, shared) in [
        (HYBRID_SMALL, Family::Qwen3Next, 8, 512),
        (QWEN3_5_35B, Family::Qwen3_5Moe, 40, 512),
        (TINY, Family::Qwen3_5Moe, 12, 128),
    ] {
        let config = parse(text);
        assert_eq!(config.family, family);
        assert_eq!(config.layers.len(), layers);
        for (i, kind) in config.layers.iter().enumerate() {
            let full = i % 4 == 3;
            assert_eq!(
                *kind,
                if full {
                    LayerKind::Full
                } else {
                    LayerKind::Linear
                }
            );
        }
        assert!(config.attn_output_gate && config.centred_norms && config.qk_norm);
        assert_eq!((config.head_dim, config.rope.rotary_dim), (256, 64));
        let moe = config.moe.unwrap();
        assert_eq!(
            (moe.shared_intermediate, moe.norm_topk_prob),
            (Some(shared), true)
        );
        let delta = config.gated_delta.unwrap();
        assert_eq!(
            (delta.key_head_dim, delta.value_head_dim, delta.conv_kernel),
            (128, 128, 4)
        );
        assert_eq!(delta.value_heads, 2 * delta.key_heads);
    }
    assert_eq!(parse(TINY).mtp_layers, 1);
    assert_eq!(parse(QWEN3_5_35B).mtp_layers, 0);
    assert_eq!(parse(QWEN3_5_35B).rope.theta, 1e7);
}

#[test]
fn mistral_slides_in_every_layer_and_qwen_only_when_it_says_so() {
    let mistral = parse(fixture("mistral"));
    assert_eq!(mistral.sliding_window, Some(32));
    assert_eq!(mistral.layers, [LayerKind::Sliding; 4]);
    let whole = with(fixture("mistral"), &[("/sliding_window", json!(null))]).unwrap();
    assert_eq!(
        (whole.sliding_window, whole.layers),
        (None, vec![LayerKind::Full; 4])
    );

    assert_eq!(parse(fixture("qwen2")).sliding_window, None);
    let upper = [
        ("/use_sliding_window", json!(true)),
        ("/max_window_layers", json!(3)),
    ];
    let qwen2 = with(fixture("qwen2"), &upper).unwrap();
    assert_eq!(qwen2.sliding_window, Some(32));
    assert_eq!(qwen2.layers[2..], [LayerKind::Full, LayerKind::Sliding]);
}

#[test]
fn layer_types_win_over_the_rule() {
    let types = json!([
        "full_attention",
        "linear_attention",
        "linear_attention",
        "full_attention"
    ]);
    let config = with(fixture("qwen3_5_moe_text"), &[("/layer_types", types)]).unwrap();
    assert_eq!(config.layers[0], LayerKind::Full);
    assert_eq!(config.layers[1..3], [LayerKind::Linear; 2]);
}

#[test]
fn a_nested_config_equals_the_flat_one() {
    let nested: Value = serde_json::from_str(fixture("qwen3_5_moe")).unwrap();
    let nested_config = parse(fixture("qwen3_5_moe"));
    let flat = Config::parse(nested["text_config"].to_string().as_bytes()).unwrap();
    assert!(nested_config.nested && !flat.nested);
    assert_eq!(
        Config {
            nested: true,
            ..flat
        },
        nested_config
    );
}

#[test]
fn only_qwen2_has_biases_without_being_told() {
    for (name, text) in FAMILIES {
        let config = parse(text);
        assert_eq!(config.qkv_bias, name == "qwen2", "{name}");
        assert!(!config.o_bias && !config.mlp_bias, "{name}");
    }
    let told = [("/attention_bias", json!(true)), ("/mlp_bias", json!(true))];
    let llama = with(fixture("llama"), &told).unwrap();
    assert!(llama.qkv_bias && llama.o_bias && llama.mlp_bias);
}

#[test]
fn experts_are_renormalised_as_each_family_does() {
    let absent = [("/norm_topk_prob", json!(null))];
    let told = [("/norm_topk_prob", json!(false))];
    let norm = |name, change: &[_]| {
        with(fixture(name), change)
            .unwrap()
            .moe
            .unwrap()
            .norm_topk_prob
    };
    assert!(!norm("qwen3_moe", &absent) && norm("qwen3_next", &absent));
    assert!(!norm("qwen3_next", &told) && norm("qwen3_5_moe_text", &told));
}

#[test]
fn a_quantization_block_gives_a_setting_to_every_module() {
    let block = json!({
        "group_size": 64, "bits": 4, "mode": "affine",
        "model.layers.0.mlp.gate": {"group_size": 32, "bits": 8},
        "model.layers.1.mlp.down_proj": {"group_size": 32, "bits": 4, "mode": "mxfp4"},
        "lm_head": false,
    });
    for key in ["/quantization", "/quantization_config"] {
        let config = with(TINY, &[(key, block.clone())]).unwrap();
        let quantization = config.quantization.unwrap();
        assert_eq!(quantization.of("model.embed_tokens"), Some(AFFINE_4));
        assert_eq!(quantization.of("lm_head"), None);
        let gate = quantization.of("model.layers.0.mlp.gate").unwrap();
        assert_eq!(
            (gate.group_size, gate.bits, gate.mode),
            (32, 8, QuantizationMode::Affine)
        );
        let down = quantization.of("model.layers.1.mlp.down_proj").unwrap();
        assert_eq!(down.mode, QuantizationMode::Mxfp4);
        assert_eq!(quantization.overrides.len(), 3);
    }
}

#[test]
fn the_mlx_block_wins_over_its_duplicate_and_stands_outside_a_nested_model() {
    let both = [
        ("/quantization", json!({"group_size": 64, "bits": 4})),
        ("/quantization_config", json!({"quant_method": "fp8"})),
    ];
    let config = with(fixture("qwen3_5"), &both).unwrap();
    assert_eq!(config.quantization.unwrap().default, AFFINE_4);
}

#[test]
fn a_mode_brings_its_own_group_and_bits() {
    for (mode, group_size, bits) in [("mxfp4", 32, 4), ("mxfp8", 32, 8), ("nvfp4", 16, 4)] {
        let config = with(TINY, &[("/quantization", json!({"mode": mode}))]).unwrap();
        let default = config.quantization.unwrap().default;
        assert_eq!(
            (default.mode.name(), default.group_size, default.bits),
            (mode, group_size, bits)
        );
    }
}
