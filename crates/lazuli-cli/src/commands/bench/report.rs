//! Results as a table for people and as JSON for programs.

use std::fmt::Write;

use anyhow::Result;
use serde_json::{Value, json};

use super::measure::{Plan, Run, Subject};
use super::spread::Spread;
use crate::output::{count, size};

/// The JSON document.
pub(super) fn json(subject: &Subject, plan: &Plan, runs: &[Run]) -> Result<String> {
    let spread = |s: Option<Spread>| s.map_or(Value::Null, |s| s.json());
    let decodes = plan.decode_tokens > 0;
    let run = |run: &Run| {
        let floor = decodes.then(|| run.decode_floor_tps());
        json!({
            "threads": run.threads,
            "prefill_tps": spread(run.prefill_tps),
            "decode_tps": spread(run.decode_tps),
            "decode_floor_tps": floor,
            "decode_floor_share": run.decode_floor_share(),
            "decode_bytes_per_token": decodes.then_some(run.token_bytes),
            "bandwidth_gbs": run.bandwidth.median,
            "bandwidth_best_gbs": run.bandwidth.best,
            "bandwidth_reader": run.bandwidth.reader.name(),
            "bandwidth_passes": run.bandwidth.passes,
            "peak_bytes": run.peak_bytes,
        })
    };
    let document = json!({
        "model": subject.name,
        "parameters": subject.info.parameters,
        "weight_bytes": subject.info.bytes,
        "bits_per_weight": subject.info.bits_per_weight,
        "path": plan.isa.name(),
        "pages": subject.pages.name(),
        "prompt_tokens": plan.prompt_tokens,
        "decode_tokens": plan.decode_tokens,
        "rows": plan.rows,
        "depth": plan.depth,
        "repeats": plan.repeats,
        "kv_bits": plan.caches.kv_bits,
        "kv_group_size": plan.caches.kv_bits.map(|_| plan.caches.kv_group_size),
        "prefill_step": plan.caches.prefill_step,
        "runs": runs.iter().map(run).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// The table.
pub(super) fn table(subject: &Subject, plan: &Plan, runs: &[Run]) -> String {
    let info = &subject.info;
    let cache = match plan.caches.kv_bits {
        Some(bits) => format!("{bits}-bit keys and values"),
        None => format!("{} keys and values", subject.model.dtype()),
    };
    let mut out = format!(
        "{}\n{} parameters, {} ({:.2} bits per weight), {} pages, {cache}, {} kernels\n",
        subject.name,
        count(info.parameters),
        size(info.bytes as u64),
        info.bits_per_weight,
        subject.pages,
        plan.isa,
    );
    let _ = writeln!(
        out,
        "depth {}, medians of {} (least to most)\n",
        plan.depth, plan.repeats
    );
    for run in runs {
        let threads = match run.threads {
            1 => "1 thread".to_owned(),
            n => format!("{n} threads"),
        };
        let mut row = |what: String, text: String| {
            let _ = writeln!(out, "{threads:<12} {what:<14} {text}");
        };
        if let Some(s) = run.prefill_tps {
            row(format!("prefill {}", plan.prompt_tokens), rate(s));
        }
        if let (Some(s), Some(share)) = (run.decode_tps, run.decode_floor_share()) {
            let what = match plan.rows {
                1 => format!("decode {}", plan.decode_tokens),
                rows => format!("decode {rows} x {}", plan.decode_tokens),
            };
            row(what, rate(s));
            let text = format!(
                "{:.1} tok/s: {:.1} GB/s ({}) over {} a token; reached {:.0}%",
                run.decode_floor_tps(),
                run.bandwidth.median,
                run.bandwidth.reader,
                size(run.token_bytes as u64),
                100.0 * share,
            );
            row("decode floor".to_owned(), text);
        }
        row("peak memory".to_owned(), size(run.peak_bytes as u64));
    }
    out
}

fn rate(s: Spread) -> String {
    format!("{:.1} tok/s ({:.1} to {:.1})", s.median, s.min, s.max)
}
