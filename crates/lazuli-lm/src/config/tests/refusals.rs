//! What is refused, and that the line says which key, which value, and what would be right.

use serde_json::json;

use super::*;

#[test]
fn an_unknown_family_lists_the_known_ones() {
    assert_eq!(
        refused(QWEN3_8B, &[("/model_type", json!("foo_moe"))]),
        "unknown model family `foo_moe`; supported: llama, mistral, qwen2, qwen3, qwen3_5, \
         qwen3_5_moe, qwen3_moe, qwen3_next"
    );
}

#[test]
fn custom_python_code_is_refused_by_file() {
    let map = json!({"AutoConfig": "configuration_foo.FooConfig",
                     "AutoModelForCausalLM": "owner/foo--modeling_foo.FooModel"});
    let line = refused(
        QWEN3_8B,
        &[("/model_type", json!("foo")), ("/auto_map", map.clone())],
    );
    assert!(
        line.contains("`modeling_foo.py`") && line.contains("`foo`"),
        "{line}"
    );
    // A family that we know needs no code of theirs.
    assert!(with(QWEN3_8B, &[("/auto_map", map)]).is_ok());
}

#[test]
fn numbers_outside_their_range_are_named() {
    for (key, value, says) in [
        (
            "num_attention_heads",
            json!(0),
            "num_attention_heads is 0; it must be a whole number from 1 to 1024",
        ),
        (
            "hidden_size",
            json!(-4096),
            "hidden_size is -4096; it must be a whole number from 1 to 1048576",
        ),
        (
            "hidden_size",
            json!("4096"),
            "hidden_size is \"4096\"; it must be a whole number",
        ),
        (
            "num_key_value_heads",
            json!(5),
            "num_attention_heads is 32; it must be a multiple of num_key_value_heads (5)",
        ),
        (
            "vocab_size",
            json!(null),
            "vocab_size is missing; it must be a whole number",
        ),
        (
            "num_hidden_layers",
            json!(1e12),
            "num_hidden_layers is 1000000000000.0; it must be",
        ),
        ("head_dim", json!(127), "head_dim is 127; it must be even"),
        (
            "rms_norm_eps",
            json!({"__float__": "Infinity"}),
            "it must be a number from 0 to 0.1",
        ),
        (
            "tie_word_embeddings",
            json!("yes"),
            "tie_word_embeddings is \"yes\"; it must be true or false",
        ),
        (
            "hidden_act",
            json!("gelu"),
            "hidden_act is \"gelu\"; it must be silu",
        ),
        (
            "torch_dtype",
            json!("int8"),
            "torch_dtype is \"int8\"; it must be bfloat16, float16 or float32",
        ),
        (
            "rope_theta",
            json!(0),
            "rope_theta is 0; it must be a number from 2 to 1e12",
        ),
        (
            "rope_scaling",
            json!({"type": "ntk"}),
            "rope_scaling.type is \"ntk\"; it must be one of default",
        ),
        (
            "rope_scaling",
            json!({"type": "linear"}),
            "rope_scaling.factor is missing; it must be a number",
        ),
    ] {
        let line = refused(QWEN3_8B, &[(&format!("/{key}"), value)]);
        assert!(line.contains(says), "{line}");
    }
}

#[test]
fn experts_and_layers_must_add_up() {
    for (name, key, value, says) in [
        (
            "qwen3_moe",
            "num_experts_per_tok",
            json!(9),
            "num_experts_per_tok is 9; it must be a whole number from 1 to 8",
        ),
        (
            "qwen3_moe",
            "mlp_only_layers",
            json!([4]),
            "mlp_only_layers is [4]; it must be a list, each a whole number from 0 to 3",
        ),
        (
            "qwen3_next",
            "linear_num_value_heads",
            json!(3),
            "it must be a multiple of linear_num_key_heads (2)",
        ),
        (
            "qwen3",
            "layer_types",
            json!(["full_attention"]),
            "layer_types is a list of 1; it must be a list of num_hidden_layers (4)",
        ),
        (
            "qwen3",
            "layer_types",
            json!(["sliding_attention", 1, 1, 1]),
            "layer_types[0] is \"sliding_attention\"; it must be full_attention (no sliding_window is in use)",
        ),
        (
            "qwen3_next",
            "partial_rotary_factor",
            json!(0.1),
            "partial_rotary_factor is 0.1; it must be a share of head_dim (32) that is even",
        ),
    ] {
        let line = refused(fixture(name), &[(&format!("/{key}"), value)]);
        assert!(line.contains(says), "{line}");
    }
}

#[test]
fn a_nested_key_is_named_with_its_object() {
    let line = refused(
        fixture("qwen3_5"),
        &[("/text_config/num_attention_heads", json!(7))],
    );
    assert!(
        line.starts_with("text_config.num_attention_heads is 7; "),
        "{line}"
    );
    let line = refused(
        fixture("qwen3_5"),
        &[("/text_config/model_type", json!("qwen3"))],
    );
    assert!(
        line.starts_with("text_config.model_type is \"qwen3\"; "),
        "{line}"
    );
}

#[test]
fn quantization_that_cannot_be_read_is_named() {
    for (key, block, says) in [
        (
            "quantization",
            json!({"mode": "mxfp3"}),
            "quantization.mode is \"mxfp3\"; it must be one of affine, mxfp4, mxfp8, nvfp4",
        ),
        (
            "quantization",
            json!({"bits": 7}),
            "quantization.bits is 7; it must be 1 or 2 or 3 or 4 or 5 or 6 or 8 in mode affine",
        ),
        (
            "quantization",
            json!({"mode": "nvfp4", "group_size": 32}),
            "quantization.group_size is 32; it must be 16 in mode nvfp4",
        ),
        (
            "quantization",
            json!({"bits": 4, "lm_head": {"bits": 0}}),
            "quantization.lm_head.bits is 0; it must be",
        ),
        (
            "quantization_config",
            json!({"quant_method": "gptq", "bits": 4, "group_size": 128}),
            "quantization_config.quant_method is \"gptq\"; it must be absent, or",
        ),
        (
            "quantization_config",
            json!({"bits": 4}),
            "quantization_config is {\"bits\":4}; it must be absent, or",
        ),
    ] {
        let line = refused(QWEN3_8B, &[(&format!("/{key}"), block)]);
        assert!(line.contains(says), "{line}");
    }
}

#[test]
fn a_folder_without_a_config_is_named() {
    let line = Config::read(std::path::Path::new("no/such/model"))
        .unwrap_err()
        .to_string();
    assert!(
        line.starts_with("no/such/model/config.json: cannot be read ("),
        "{line}"
    );
}

#[test]
fn bytes_that_are_not_an_object_are_refused() {
    for bytes in [&b""[..], b"[]", b"{\"hidden_size\": 1", b"\xff\xfe{}", b"3"] {
        let line = Config::parse(bytes).unwrap_err().to_string();
        assert!(
            line.ends_with("; a config.json is one JSON object"),
            "{line}"
        );
    }
}
