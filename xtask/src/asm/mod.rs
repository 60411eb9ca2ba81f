//! `cargo xtask asm`: the hot loops of the release binary, held against committed figures.
//!
//! What a kernel costs per weight is decided by the compiler as much as by its source, and no test of
//! results sees a spilled accumulator. So the innermost loops of named functions are found in the
//! disassembly, and their vector instructions and stack accesses per 64 weights (or elements) may not
//! move by more than 5 % unseen. `nm` and `objdump` read the binary: they come with every C compiler
//! that the gate needs anyway, they know the instructions that it does, and what they print is what a
//! person would look at. Not chosen: a disassembler crate, which takes longer to build than all of this.

mod figures;
mod loops;
mod tools;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use figures::Figures;
use loops::{Count, Hot};
use tools::{Binary, Function};

/// The hot loops, and what to read their length from.
const LOOPS: &str = "xtask/asm/loops.json";

/// Checks, or with `--update` writes, the figures; `--show NAME` prints a loop.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<ExitCode> {
    if !cfg!(target_arch = "x86_64") {
        crate::print("asm: the committed figures are of x86-64; nothing to check here")?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = std::fs::read_to_string(root.join(LOOPS)).context(LOOPS)?;
    let loops = Hot::list(&text).context(LOOPS)?;
    let binary = Binary::build(root)?;
    match args {
        [] => {
            let committed = Figures::read(root)?;
            let found = measure(&loops, &binary)?;
            let problems = committed.compare(&found);
            for problem in &problems {
                crate::print(&format!("asm: {problem}"))?;
            }
            if !problems.is_empty() {
                bail!(
                    "{} of {} figures moved; look with `cargo xtask asm --show NAME`, and if it is meant, commit what `cargo xtask asm --update` writes",
                    problems.len(),
                    found.len()
                );
            }
            crate::print(&format!("asm: {} hot loops are as committed", found.len()))?;
        }
        ["--update"] => {
            let found = measure(&loops, &binary)?;
            crate::print(&Figures::new(found)?.write(root)?)?;
        }
        ["--show", name] => {
            let Some(hot) = loops.iter().find(|hot| hot.name == *name) else {
                let names: Vec<&str> = loops.iter().map(|hot| hot.name.as_str()).collect();
                bail!(
                    "{LOOPS} has no loop `{name}`; there are {}",
                    names.join(", ")
                );
            };
            let function = function(hot, &binary)?;
            for line in hot.find(&binary.disassemble(&function)?)? {
                crate::print(&line.text)?;
            }
        }
        _ => bail!(
            "asm takes nothing, --update or --show NAME, not `{}`",
            args.join(" ")
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// The figures of every loop, under its name.
fn measure(loops: &[Hot], binary: &Binary) -> Result<Vec<(String, Count)>> {
    let of = |hot: &Hot| {
        let lines = binary.disassemble(&function(hot, binary)?)?;
        let count = hot.count(&lines).with_context(|| hot.name.clone())?;
        Ok((hot.name.clone(), count))
    };
    loops.iter().map(of).collect()
}

/// The one function that a loop is in.
fn function(hot: &Hot, binary: &Binary) -> Result<Function> {
    let mut found: Vec<&Function> = binary
        .functions
        .iter()
        .filter(|f| hot.is_in(&f.name))
        .collect();
    // The linker may have put several of the same code in one place.
    found.dedup_by_key(|f| f.start);
    match found[..] {
        [one] => Ok(one.clone()),
        [] => bail!(
            "{}: the binary has no function `{}`: it was renamed, or inlined into its caller; name the one that has the loop in {LOOPS}, then run `cargo xtask asm --update`",
            hot.name,
            hot.symbol
        ),
        _ => {
            let names: Vec<&str> = found.iter().take(5).map(|f| f.name.as_str()).collect();
            bail!(
                "{}: `{}` names {} functions; say more of it in {LOOPS}: {}",
                hot.name,
                hot.symbol,
                found.len(),
                names.join(", ")
            )
        }
    }
}
