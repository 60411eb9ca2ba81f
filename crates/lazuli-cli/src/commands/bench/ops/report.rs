//! Results as a table for people and as JSON for programs.

use std::fmt::Write;

use anyhow::Result;
use serde_json::{Value, json};

use super::peer::Why;
use super::{Floor, Row, Table, elements};
use crate::commands::bench::spread::Spread;
use crate::output::{count, size};

/// The JSON document.
pub(super) fn json(table: &Table) -> Result<String> {
    let row = |(row, floor): &(Row, Floor)| {
        let peers = table.peers.iter().zip(&row.peers);
        let peers: serde_json::Map<String, Value> = peers
            .map(|((library, _), time)| {
                let value = match time {
                    Ok(time) => json!({
                        "seconds": time.json(),
                        "ratio": time.median / row.ours.median,
                    }),
                    Err(Why::Missing) => Value::Null,
                    Err(Why::Failed(why)) => json!({"failed": why}),
                };
                (library.name().to_owned(), value)
            })
            .collect();
        json!({
            "op": row.case.name,
            "dtype": row.dtype.name(),
            "seconds": row.ours.json(),
            "bytes": row.work.bytes(),
            "multiply_adds": row.work.products,
            "pages": row.pages.name(),
            "floor_seconds": floor.seconds,
            "floor_bound": floor.bound,
            "floor_share": floor.seconds / row.ours.median,
            "peak_bytes": row.peak_bytes,
            "peers": peers,
        })
    };
    let versions = table.peers.iter();
    let versions: serde_json::Map<String, Value> = versions
        .map(|(library, version)| (library.name().to_owned(), json!(version)))
        .collect();
    let document = json!({
        "path": table.isa.name(),
        "threads": table.threads,
        "shape": [table.batch, super::N, super::N],
        "repeats": table.repeats,
        "limits": table.limits.iter().map(|limit| limit.json()).collect::<Vec<_>>(),
        "versions": versions,
        "geometric_means": means(table).into_iter().map(|(name, mean, ops)| json!({
            "peer": name, "ratio": mean, "ops": ops,
        })).collect::<Vec<_>>(),
        "rows": table.rows.iter().map(row).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Of each peer, the geometric mean of its times over ours, and of how many rows.
fn means(table: &Table) -> Vec<(&'static str, f64, usize)> {
    let of = |i: usize| {
        let ratios: Vec<f64> = (table.rows.iter())
            .filter_map(|(row, _)| Some(row.peers.get(i)?.as_ref().ok()?.median / row.ours.median))
            .collect();
        let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
        ((sum / ratios.len() as f64).exp(), ratios.len())
    };
    let peers = table.peers.iter().enumerate();
    peers
        .map(|(i, (library, _))| (library.name(), of(i).0, of(i).1))
        .collect()
}

/// The table.
pub(super) fn table(table: &Table) -> String {
    let mut out = format!(
        "{} kernels, {} threads; operands of [{}, 1024, 1024], {} elements\nmedians of {} in ms (least to most)\n\n",
        table.isa,
        table.threads,
        table.batch,
        count(elements(table.batch)),
        table.repeats,
    );
    for limit in &table.limits {
        let _ = writeln!(out, "{limit}");
    }
    let _ = write!(
        out,
        "\n{:<12} {:<9} {:>26} {:>8} {:>9}",
        "op", "dtype", "lazuli", "floor", "memory"
    );
    for (library, version) in &table.peers {
        let _ = write!(out, " {:>20}", format!("{} {version}", library.name()));
    }
    out.push('\n');
    for (row, floor) in &table.rows {
        let share = 100.0 * floor.seconds / row.ours.median;
        let _ = write!(
            out,
            "{:<12} {:<9} {:>26} {:>8} {:>9}",
            row.case.name,
            row.dtype.name(),
            time(&row.ours),
            format!("{share:.0}%"),
            size(row.peak_bytes as u64),
        );
        for peer in &row.peers {
            let text = match peer {
                Ok(theirs) => format!(
                    "{:.2} = {:.2}x",
                    theirs.median * 1e3,
                    theirs.median / row.ours.median
                ),
                Err(_) => "-".to_owned(),
            };
            let _ = write!(out, " {text:>20}");
        }
        out.push('\n');
    }
    for (name, mean, ops) in means(table) {
        let _ = write!(
            out,
            "\n{name} takes {mean:.2} times as long: geometric mean of {ops} rows"
        );
    }
    for (row, _) in &table.rows {
        for ((library, _), peer) in table.peers.iter().zip(&row.peers) {
            if let Err(Why::Failed(why)) = peer {
                let (library, op) = (library.name(), row.case.name);
                let _ = write!(out, "\n{library} {op} of {}: {why}", row.dtype.name());
            }
        }
    }
    if !table.peers.is_empty() {
        out.push('\n');
    }
    out
}

fn time(s: &Spread) -> String {
    let [median, min, max] = [s.median, s.min, s.max].map(|t| t * 1e3);
    format!("{median:.2} ({min:.2} to {max:.2})")
}
