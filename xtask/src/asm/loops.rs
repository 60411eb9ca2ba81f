//! Which loops are hot, and what an iteration of theirs costs.
//!
//! How far the compiler unrolled a loop is its own affair, so its length in weights is read off an
//! instruction that every weight must meet, such as the one that multiplies: so many weights for each.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::tools::Line;

/// A loop of the list.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Hot {
    pub(super) name: String,
    /// Part of the function's name; `*` stands for anything.
    pub(super) symbol: String,
    /// The instruction that every weight meets.
    marker: String,
    /// Weights, or elements, for each of those.
    each: f64,
    /// Which of the loops with that instruction, counted from the one that has most; 0 if not said.
    nth: usize,
}

/// What 64 weights cost.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Count {
    /// Vector and tile instructions.
    pub(super) vector: f64,
    /// Those of them that read or write the stack.
    pub(super) spills: f64,
}

impl Hot {
    /// All loops of the list.
    pub(super) fn list(text: &str) -> Result<Vec<Hot>> {
        let list: Vec<Value> = serde_json::from_str(text)?;
        let mut loops: Vec<Hot> = Vec::with_capacity(list.len());
        for entry in &list {
            let text = |key: &str| {
                let value = entry[key].as_str().map(str::to_owned);
                value.with_context(|| format!("`{key}` is missing in {entry}"))
            };
            let each = entry["each"].as_f64().filter(|&each| each > 0.0);
            let hot = Hot {
                name: text("name")?,
                symbol: text("symbol")?,
                marker: text("marker")?,
                each: each.with_context(|| format!("`each` is no positive number in {entry}"))?,
                nth: match &entry["nth"] {
                    Value::Null => 0,
                    nth => (nth.as_u64())
                        .with_context(|| format!("`nth` is no whole number in {entry}"))?
                        as usize,
                },
            };
            if loops.iter().any(|other| other.name == hot.name) {
                bail!("`{}` is there twice", hot.name);
            }
            loops.push(hot);
        }
        Ok(loops)
    }

    /// Whether this is the function's name.
    pub(super) fn is_in(&self, name: &str) -> bool {
        let mut rest = name;
        self.symbol.split('*').all(|part| match rest.find(part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    }

    /// The hot loop of a function: of the innermost ones, that with the most of the marker, or the one
    /// so many places after it; of equals the first comes first.
    pub(super) fn find<'a>(&self, function: &'a [Line]) -> Result<&'a [Line]> {
        let mut bodies = innermost(function);
        bodies.retain(|body| self.markers(body) > 0);
        bodies.sort_by_key(|body| std::cmp::Reverse(self.markers(body)));
        let found = bodies.len();
        bodies.get(self.nth).copied().with_context(|| {
            format!(
                "{found} innermost loops have `{}`, number {} is asked for: say in {} what every weight meets now, then run `cargo xtask asm --update`",
                self.marker,
                self.nth,
                super::LOOPS
            )
        })
    }

    /// What the hot loop of a function costs.
    pub(super) fn count(&self, function: &[Line]) -> Result<Count> {
        let body = self.find(function)?;
        let frame = has_frame(function);
        let vector = body.iter().filter(|line| is_vector(line)).count();
        let spills = body
            .iter()
            .filter(|line| is_vector(line) && on_stack(line, frame));
        let per = 64.0 / (self.markers(body) as f64 * self.each);
        Ok(Count {
            vector: vector as f64 * per,
            spills: spills.count() as f64 * per,
        })
    }

    fn markers(&self, body: &[Line]) -> usize {
        body.iter()
            .filter(|line| line.mnemonic == self.marker)
            .count()
    }
}

/// Bodies of the loops that have none inside: from where a jump back leads to the jump.
fn innermost(function: &[Line]) -> Vec<&[Line]> {
    let mut loops: Vec<(usize, usize)> = Vec::new();
    for (last, line) in function.iter().enumerate() {
        if let Some(target) = jump(line)
            && target <= line.address
            && let Ok(first) = function.binary_search_by_key(&target, |line| line.address)
        {
            loops.push((first, last));
        }
    }
    let holds = |outer: &(usize, usize), inner: &(usize, usize)| {
        outer != inner && outer.0 <= inner.0 && inner.1 <= outer.1
    };
    let inner = loops
        .iter()
        .filter(|&outer| !loops.iter().any(|inner| holds(outer, inner)));
    inner
        .map(|&(first, last)| &function[first..=last])
        .collect()
}

/// Where a jump leads; none of other instructions, and of jumps through registers.
fn jump(line: &Line) -> Option<u64> {
    if !line.mnemonic.starts_with('j') {
        return None;
    }
    let target = line.operands.split_whitespace().next()?;
    u64::from_str_radix(target.trim_start_matches("0x"), 16).ok()
}

/// Whether an instruction is of vectors or tiles.
fn is_vector(line: &Line) -> bool {
    let tile = line.mnemonic.starts_with("tile") || line.mnemonic.starts_with("tdp");
    tile || line.mnemonic.starts_with('v')
        || ["xmm", "ymm", "zmm"]
            .iter()
            .any(|r| line.operands.contains(r))
}

/// Whether an instruction has an operand on the stack; `frame`: the base pointer shows it, too.
fn on_stack(line: &Line, frame: bool) -> bool {
    line.operands.contains("[rsp") || frame && line.operands.contains("[rbp")
}

/// Whether a function keeps the base of its stack in `rbp`.
fn has_frame(function: &[Line]) -> bool {
    let start = function.iter().take(32);
    { start }.any(|line| line.mnemonic == "mov" && line.operands == "rbp,rsp")
}
