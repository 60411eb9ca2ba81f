//! Results as a table for people and as JSON for programs.

use std::fmt::Write;

use anyhow::Result;
use serde_json::json;

use super::{Row, Table};

impl Row {
    /// The reached part of what the machine could do.
    fn share(&self) -> f64 {
        self.floor.seconds / self.seconds.median
    }
}

/// The JSON document.
pub(super) fn json(table: &Table) -> Result<String> {
    let row = |row: &Row| {
        let counts = row.work.products > 0.0;
        json!({
            "kernel": row.name,
            "threads": row.threads,
            "pages": row.pages.name(),
            "read_bytes": row.work.read,
            "written_bytes": row.work.written,
            "multiply_adds": row.work.products,
            "instruction": counts.then(|| row.work.unit.instruction.name()),
            "instruction_uses": counts.then_some(row.work.unit.uses),
            "seconds": row.seconds.json(),
            "floor_seconds": row.floor.seconds,
            "floor_bound": row.floor.bound,
            "floor_share": row.share(),
        })
    };
    let document = json!({
        "config": table.config,
        "path": table.isa.name(),
        "megabytes": table.megabytes,
        "repeats": table.repeats,
        "limits": table.limits.iter().map(|limit| limit.json()).collect::<Vec<_>>(),
        "rows": table.rows.iter().map(row).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// The table.
pub(super) fn table(table: &Table) -> String {
    let mut out = format!(
        "{} kernels in the shapes of {}, over {} MB; medians of {} in microseconds (least to most)\n\n",
        table.isa, table.config, table.megabytes, table.repeats
    );
    for limit in &table.limits {
        let _ = writeln!(out, "{limit}");
    }
    let _ = writeln!(
        out,
        "\n{:<36} {:>7} {:>30} {:>9} {:>9} {:>7}  bound",
        "kernel", "threads", "time", "MB", "M mul", "floor"
    );
    for row in &table.rows {
        let [median, min, max] =
            [row.seconds.median, row.seconds.min, row.seconds.max].map(|t| t * 1e6);
        let _ = writeln!(
            out,
            "{:<36} {:>7} {:>30} {:>9.2} {:>9.1} {:>6.0}%  {}",
            row.name,
            row.threads,
            format!("{median:.1} ({min:.1} to {max:.1})"),
            row.work.bytes() / 1e6,
            row.work.products / 1e6,
            100.0 * row.share(),
            row.floor.bound,
        );
    }
    out
}
