//! The committed figures.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::loops::Count;

/// Where they are.
const FILE: &str = "xtask/asm/figures.json";
/// How far a figure may move.
const TOLERANCE: f64 = 0.05;

/// Figures by the names of loops, and the compiler that made them.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Figures {
    pub(super) rustc: String,
    pub(super) loops: BTreeMap<String, Count>,
}

impl Figures {
    /// What this compiler makes.
    pub(super) fn new(found: Vec<(String, Count)>) -> Result<Figures> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let out = Command::new(rustc)
            .arg("--version")
            .output()
            .context("rustc")?;
        Ok(Figures {
            rustc: String::from_utf8(out.stdout)?.trim().to_owned(),
            loops: found.into_iter().collect(),
        })
    }

    /// What is committed.
    pub(super) fn read(root: &Path) -> Result<Figures> {
        let missing = || format!("{FILE}: cannot read it: `cargo xtask asm --update` writes it");
        let text = std::fs::read_to_string(root.join(FILE)).with_context(missing)?;
        Figures::parse(&text).with_context(|| format!("{FILE}: not what `--update` writes"))
    }

    pub(super) fn parse(text: &str) -> Result<Figures> {
        let all: Value = serde_json::from_str(text)?;
        let loops = all["loops"].as_object().context("no `loops`")?;
        let of = |(name, value): (&String, &Value)| {
            let number = |key: &str| {
                value[key]
                    .as_f64()
                    .with_context(|| format!("{name}: no `{key}`"))
            };
            let count = Count {
                vector: number("vector")?,
                spills: number("spills")?,
            };
            Ok((name.clone(), count))
        };
        Ok(Figures {
            rustc: all["rustc"].as_str().context("no `rustc`")?.to_owned(),
            loops: loops.iter().map(of).collect::<Result<_>>()?,
        })
    }

    pub(super) fn text(&self) -> Result<String> {
        let round = |x: f64| (x * 1000.0).round() / 1000.0;
        let loops: BTreeMap<&str, Value> = { self.loops.iter() }
            .map(|(name, count)| {
                let (vector, spills) = (round(count.vector), round(count.spills));
                (name.as_str(), json!({"vector": vector, "spills": spills}))
            })
            .collect();
        let all = json!({"rustc": self.rustc, "loops": loops});
        Ok(serde_json::to_string_pretty(&all)? + "\n")
    }

    /// Writes them, and says what was written.
    pub(super) fn write(&self, root: &Path) -> Result<String> {
        std::fs::write(root.join(FILE), self.text()?).context(FILE)?;
        let line = |(name, count): (&String, &Count)| {
            format!(
                "{name:<32} {:>7.2} vector instructions, {:.2} on the stack for 64",
                count.vector, count.spills
            )
        };
        Ok(self.loops.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    /// What moved, a line each.
    pub(super) fn compare(&self, found: &[(String, Count)]) -> Vec<String> {
        let mut problems = Vec::new();
        let update = "`cargo xtask asm --update` writes it";
        for (name, count) in found {
            let Some(committed) = self.loops.get(name) else {
                problems.push(format!("{name}: {FILE} has no figure; {update}"));
                continue;
            };
            let kinds = [
                ("vector instructions", committed.vector, count.vector),
                ("stack accesses", committed.spills, count.spills),
            ];
            for (what, before, now) in kinds {
                // Figures are rounded when they are written.
                if (now - before).abs() > TOLERANCE * before + 1e-3 {
                    problems.push(format!(
                        "{name}: {now:.2} {what} for 64, committed are {before:.2} (of {})",
                        self.rustc
                    ));
                }
            }
        }
        for name in self.loops.keys() {
            if !found.iter().any(|(found, _)| found == name) {
                problems.push(format!(
                    "{name}: {FILE} has a loop that is not in the list; {update}"
                ));
            }
        }
        problems
    }
}
