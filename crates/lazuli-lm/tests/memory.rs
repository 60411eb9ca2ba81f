//! What is not copied, by the memory counters, and that every operation has its kernel. Counters count the whole process: one test at a time.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Mutex, PoisonError};

use lazuli_core::ops::quantized::Affine;
use lazuli_core::{Dtype, Role, memory, plan};
use lazuli_lm::cache::CacheOptions;
use lazuli_lm::model::{LoadOptions, Model};
use support::*;

static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn weights_of_the_checkpoints_own_dtype_stay_where_they_are_mapped() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    device();
    for family in ["llama", "qwen3_5_moe", "qwen3_5"] {
        let before = memory::active();
        let model = Model::load(&folder(family), LoadOptions::default()).unwrap();
        let own = memory::active() - before;
        let bytes = model.info(&Default::default()).unwrap().bytes;
        // Norms and the vectors of recurrences become f32; nothing else is copied, fused experts
        // included. Blocks are at least 64 bytes.
        assert!(own < bytes / 10, "{family}: {own} of {bytes}");
    }
}

#[test]
fn a_step_writes_its_rows_into_the_caches_and_copies_none() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    device();
    for (family, kv_bits) in [
        ("qwen3", None),
        ("qwen3", Some(8)),
        ("mistral", None),
        ("qwen3_next", None),
    ] {
        let model = Model::random(&config(family), Dtype::F32, None, 1).unwrap();
        let options = CacheOptions {
            slots: 40,
            kv_bits,
            kv_group_size: 32,
            ..Default::default()
        };
        let mut caches = model.caches(&options).unwrap();
        for token in 0..3 {
            feed(&model, &mut caches, &[token], Role::Generated);
        }
        memory::reset_peak();
        let before = memory::active();
        feed(&model, &mut caches, &[7], Role::Generated);
        let more = memory::peak() - before;
        let one = caches.bytes() / (2 * config(family).layers.len());
        assert!(
            more < one / 2,
            "{family} {kv_bits:?}: {more}, a cache has {one}"
        );
    }
}

#[test]
fn no_operation_of_a_model_is_decomposed() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    device();
    let packed = Affine::new(4, 32).unwrap();
    for family in FAMILIES {
        for (dtype, affine, kv_bits) in [
            (Dtype::F32, None, None),
            (Dtype::F16, None, None),
            (Dtype::BF16, Some(packed), None),
            (Dtype::BF16, Some(packed), Some(4)),
        ] {
            let model = Model::random(&config(family), dtype, affine, 1).unwrap();
            let mut options = CacheOptions::default();
            // The heads of some fixtures are shorter than any group.
            if family == "qwen3" || family == "qwen3_next" {
                (options.kv_bits, options.kv_group_size) = (kv_bits, 32);
            }
            let mut caches = model.caches(&options).unwrap();
            let before = plan::decomposed();
            feed(&model, &mut caches, &[1, 2, 3], Role::Prompt);
            feed(&model, &mut caches, &[4], Role::Generated);
            let decomposed = plan::decomposed() - before;
            assert_eq!(decomposed, 0, "{family} {dtype} {affine:?} {kv_bits:?}");
        }
    }
}
