//! `lazuli devices`: what this machine computes with, and how fast it reads, writes and multiplies.
//!
//! Nothing here is assumed: what the system does not say is left out.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use lazuli::Device;
use lazuli::cpu::bandwidth::{self, Pages, Reading, Writing, buffer_bytes};
use lazuli::cpu::peak::{self, Rate};
use lazuli::cpu::{Isa, Options};
use serde_json::{Value, json};

use crate::memory::available;
use crate::output::{print, size};

pub(crate) const EXAMPLES: &str = "\
Examples:
  lazuli devices
  lazuli devices --full --json";

/// Flags of `lazuli devices`.
#[derive(Args, Debug)]
pub(crate) struct DevicesArgs {
    /// Measure for longer, and show every reader and writer and the rate of every path
    #[arg(long)]
    full: bool,

    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &DevicesArgs) -> Result<ExitCode> {
    let options = Options::from_environment()?;
    lazuli::init_with(options)?;
    let mut threads = vec![1, options.threads];
    threads.dedup();
    let passes = if args.full { 9 } else { 3 };
    let name = |device: Device| Ok(device.backend()?.name().to_owned());
    let paths: &[Isa] = match args.full {
        true => &Isa::ALL,
        false => &[options.isa],
    };
    let (readings, writings) = bandwidth::survey(buffer_bytes(!args.full), &threads, passes)?;
    let report = Report {
        machine: Machine::look(Path::new("/")),
        options,
        forced: std::env::var_os("LAZULI_CPU").is_some(),
        readings,
        writings,
        rates: peak::survey(paths, &threads, passes),
        threads,
        backends: Device::all().into_iter().map(name).collect::<Result<_>>()?,
        cuda: cuda(Path::new("/")),
    };
    print(&match args.json {
        true => serde_json::to_string_pretty(&report.json())? + "\n",
        false => report.table(args.full),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Why there is no CUDA device.
fn cuda(root: &Path) -> String {
    let version = fs::read_to_string(root.join("proc/driver/nvidia/version")).ok();
    let driver = version.as_deref().and_then(|text| {
        let line = text.lines().next()?;
        line.split_whitespace()
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
    });
    match driver {
        Some(driver) => format!("not in this build; the machine has NVIDIA driver {driver}"),
        None => "not in this build, and the machine has no NVIDIA driver".to_owned(),
    }
}

/// One cache of the first core.
#[derive(Clone, PartialEq, Eq, Debug)]
struct CacheLevel {
    /// `L1d`, `L2`.
    name: String,
    bytes: usize,
    /// Hardware threads that share it.
    shared_by: usize,
}

/// What the system says about the machine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Machine {
    model: Option<String>,
    /// Physical cores, and hardware threads.
    cores: Option<usize>,
    hardware_threads: Option<usize>,
    caches: Vec<CacheLevel>,
    memory: Option<usize>,
    /// The choice in `transparent_hugepage/enabled`: `always`, `madvise` or `never`.
    huge_pages: Option<String>,
}

impl Machine {
    /// Reads the files of Linux under `root`.
    fn look(root: &Path) -> Machine {
        let read = |path: &str| fs::read_to_string(root.join(path)).ok();
        let (cpuinfo, meminfo) = (read("proc/cpuinfo"), read("proc/meminfo"));
        let fields = |name: &'static str| {
            cpuinfo
                .iter()
                .flat_map(|text| text.lines())
                .filter_map(move |line| {
                    let (key, value) = line.split_once(':')?;
                    (key.trim() == name).then(|| value.trim())
                })
        };
        let cores: BTreeSet<_> = fields("physical id").zip(fields("core id")).collect();
        let memory = meminfo.as_deref().and_then(|text| {
            let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
            Some(line.split_whitespace().next()?.parse::<usize>().ok()? << 10)
        });
        let huge = read("sys/kernel/mm/transparent_hugepage/enabled");
        Machine {
            model: fields("model name").next().map(str::to_owned),
            cores: Some(cores.len()).filter(|&n| n > 0),
            hardware_threads: Some(fields("processor").count()).filter(|&n| n > 0),
            caches: (0..8)
                .map_while(|i| {
                    cache(&root.join(format!("sys/devices/system/cpu/cpu0/cache/index{i}")))
                })
                .filter(|level| !level.name.ends_with('i'))
                .collect(),
            memory,
            huge_pages: huge.and_then(|text| {
                let (_, rest) = text.split_once('[')?;
                Some(rest.split_once(']')?.0.to_owned())
            }),
        }
    }
}

fn cache(folder: &Path) -> Option<CacheLevel> {
    let read = |name| {
        Some(
            fs::read_to_string(folder.join(name))
                .ok()?
                .trim()
                .to_owned(),
        )
    };
    let kind = match read("type")?.as_str() {
        "Data" => "d",
        "Instruction" => "i",
        _ => "",
    };
    Some(CacheLevel {
        name: format!("L{}{kind}", read("level")?),
        bytes: read("size")?.strip_suffix('K')?.parse::<usize>().ok()? << 10,
        shared_by: listed(&read("shared_cpu_list")?)?,
    })
}

/// How many a list such as `0-3,8` names.
fn listed(list: &str) -> Option<usize> {
    list.split(',').try_fold(0, |count, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        Some(count + (last + 1).checked_sub(first)?)
    })
}

struct Report {
    machine: Machine,
    options: Options,
    /// Whether `LAZULI_CPU` chose the path.
    forced: bool,
    threads: Vec<usize>,
    readings: Vec<Reading>,
    writings: Vec<Writing>,
    rates: Vec<Rate>,
    backends: Vec<String>,
    cuda: String,
}

impl Report {
    fn why(&self) -> &'static str {
        match self.forced {
            true => "LAZULI_CPU says so",
            false => "the fastest of this machine; LAZULI_CPU chooses another",
        }
    }

    fn json(&self) -> Value {
        let m = &self.machine;
        let paths = Isa::ALL.map(|isa| {
            json!({"name": isa.name(), "available": isa.available(), "used": isa == self.options.isa})
        });
        let caches = m.caches.iter();
        let readings = self.readings.iter().map(|r| {
            json!({
                "pages": r.pages.name(), "threads": r.threads, "reader": r.reader.name(),
                "median_gbs": r.median, "best_gbs": r.best, "passes": r.passes,
            })
        });
        let writings = self.writings.iter().map(|w| {
            json!({
                "pages": w.pages.name(), "threads": w.threads, "writer": w.writer.name(),
                "median_gbs": w.median, "best_gbs": w.best, "passes": w.passes,
            })
        });
        let rates = self.rates.iter().map(|r| {
            json!({
                "path": r.isa.name(), "threads": r.threads, "instruction": r.instruction.name(),
                "median_multiply_adds": r.median * 1e9, "best_multiply_adds": r.best * 1e9,
                "passes": r.passes,
            })
        });
        json!({
            "cpu": {
                "model": m.model, "architecture": std::env::consts::ARCH,
                "cores": m.cores, "hardware_threads": m.hardware_threads,
                "caches": caches
                    .map(|c| json!({"name": c.name, "bytes": c.bytes, "shared_by": c.shared_by}))
                    .collect::<Vec<_>>(),
                "paths": paths, "why": self.why(), "threads": self.options.threads,
            },
            "memory_bytes": m.memory,
            "available_bytes": available(),
            "transparent_huge_pages": m.huge_pages,
            "bandwidth": readings.collect::<Vec<_>>(),
            "write_bandwidth": writings.collect::<Vec<_>>(),
            "peaks": rates.collect::<Vec<_>>(),
            "backends": self.backends,
            "cuda": {"available": false, "why": self.cuda},
        })
    }

    fn table(&self, full: bool) -> String {
        let m = &self.machine;
        let mut out = String::new();
        let mut row = |name: &str, text: String| {
            let _ = writeln!(out, "{name:<11}{text}");
        };
        let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let model = m.model.as_deref().unwrap_or("unknown");
        let mut cpu = format!("{model} ({})", std::env::consts::ARCH);
        for (n, what) in [(m.cores, "core"), (m.hardware_threads, "hardware thread")] {
            cpu += &n.map_or(String::new(), |n| format!(", {}", counted(n, what)));
        }
        row("cpu", cpu);
        let caches = m.caches.iter().map(|c| {
            let bytes = match c.bytes >= 1 << 20 {
                true => format!("{} MiB", c.bytes >> 20),
                false => format!("{} KiB", c.bytes >> 10),
            };
            match c.shared_by {
                1 => format!("{} {bytes}", c.name),
                n => format!("{} {bytes} for {n} threads", c.name),
            }
        });
        if !m.caches.is_empty() {
            row("caches", caches.collect::<Vec<_>>().join(", "));
        }
        if let (Some(all), Some(free)) = (m.memory, available()) {
            row(
                "memory",
                format!("{}, {} available", size(all as u64), size(free)),
            );
        }
        let paths = Isa::ALL.into_iter().filter(|isa| isa.available());
        let paths = paths.map(Isa::name).collect::<Vec<_>>().join(", ");
        row(
            "paths",
            format!("{paths}; used: {} ({})", self.options.isa, self.why()),
        );
        row(
            "threads",
            format!("{} (LAZULI_THREADS chooses)", self.options.threads),
        );
        let pages = match m.huge_pages.as_deref() {
            Some("never") => "base for everything: the system gives no huge pages",
            Some("always") => "huge ones for buffers, base ones for mapped files",
            Some(_) => {
                "huge ones for buffers from 4 MiB, base ones for smaller ones and mapped files"
            }
            None => "those of the system",
        };
        row("pages", pages.to_owned());
        row("backends", self.backends.join(", "));
        row("cuda", self.cuda.clone());
        out.push_str("\nread bandwidth, GB/s: median (best)\n");
        for pages in Pages::ALL {
            for &threads in &self.threads {
                let best = bandwidth::best(&self.readings, pages, threads);
                let shown = self.readings.iter().filter(|r| {
                    (r.pages, r.threads) == (pages, threads) && (full || Some(**r) == best)
                });
                for r in shown {
                    let _ = writeln!(
                        out,
                        "{:<5} pages  {:<10}  {:<13} {:>6.1} ({:.1})",
                        pages.name(),
                        counted(threads, "thread"),
                        r.reader.name(),
                        r.median,
                        r.best
                    );
                }
            }
        }
        out.push_str("\nbandwidth of what writes, read and written, GB/s: median (best)\n");
        for w in &self.writings {
            let best = bandwidth::best_writing(&self.writings, w.pages, w.threads);
            if full || Some(*w) == best {
                let _ = writeln!(
                    out,
                    "{:<5} pages  {:<10}  {:<19} {:>6.1} ({:.1})",
                    w.pages.name(),
                    counted(w.threads, "thread"),
                    w.writer.name(),
                    w.median,
                    w.best
                );
            }
        }
        out.push_str("\nmultiply-adds in registers, 10^9/s: median (best)\n");
        for r in &self.rates {
            let _ = writeln!(
                out,
                "{:<9} {:<10}  {:<10} {:>8.1} ({:.1})",
                r.isa.name(),
                counted(r.threads, "thread"),
                r.instruction.name(),
                r.median,
                r.best
            );
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_machine_of_two_cores_with_two_threads_each_is_counted_as_such() {
        let root = tempfile::tempdir().unwrap();
        let cores = ["0", "0", "1", "1"].iter().enumerate().map(|(i, core)| {
            format!(
                "processor\t: {i}\nmodel name\t: A: B\nphysical id\t: 0\ncore id\t\t: {core}\n\n"
            )
        });
        write(root.path(), "proc/cpuinfo", &cores.collect::<String>());
        write(
            root.path(),
            "proc/meminfo",
            "MemTotal:  2048 kB\nMemFree: 1 kB\n",
        );
        let thp = "sys/kernel/mm/transparent_hugepage/enabled";
        write(root.path(), thp, "always [madvise] never\n");
        for (i, level, kind, bytes, shared) in [
            (0, "1", "Data", "32K", "0-1"),
            (1, "1", "Instruction", "32K", "0-1"),
            (2, "3", "Unified", "4096K", "0-1,8,10-11"),
        ] {
            let folder = format!("sys/devices/system/cpu/cpu0/cache/index{i}");
            for (name, text) in [
                ("level", level),
                ("type", kind),
                ("size", bytes),
                ("shared_cpu_list", shared),
            ] {
                write(
                    root.path(),
                    &format!("{folder}/{name}"),
                    &format!("{text}\n"),
                );
            }
        }
        let level = |name: &str, bytes, shared_by| CacheLevel {
            name: name.to_owned(),
            bytes,
            shared_by,
        };
        assert_eq!(
            Machine::look(root.path()),
            Machine {
                model: Some("A: B".to_owned()),
                cores: Some(2),
                hardware_threads: Some(4),
                caches: vec![level("L1d", 32 << 10, 2), level("L3", 4 << 20, 5)],
                memory: Some(2 << 20),
                huge_pages: Some("madvise".to_owned()),
            }
        );
    }

    #[test]
    fn a_system_that_says_nothing_leaves_everything_unknown() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Machine::look(root.path()), Machine::default());
        assert!(cuda(root.path()).ends_with("no NVIDIA driver"));
    }

    #[test]
    fn the_driver_is_named_when_there_is_one() {
        let root = tempfile::tempdir().unwrap();
        let text =
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5\nGCC version:\n";
        write(root.path(), "proc/driver/nvidia/version", text);
        assert!(cuda(root.path()).ends_with("driver 550.54.15"));
    }
}
