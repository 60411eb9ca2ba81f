//! `lazuli bench ops`: array operations, beside their floor and beside other libraries.
//!
//! The floor of an operation is what the machine could do at most, measured between the very repeats
//! ([`super::limits`]); results are compared before anything is timed, and every library takes its turn
//! in every repeat.

pub(super) mod cases;
mod peer;
mod report;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use lazuli::core::memory;
use lazuli::cpu::bandwidth::Pages;
use lazuli::cpu::{Isa, Options, Pool};
use lazuli::{Array, Dtype};

use self::cases::{CASES, Case, N, Operands};
use self::peer::{Library, Peer, Why};
use super::args::SEED;
use super::limits::{Floor, Limits, Reached, Work};
use super::spread::Spread;
use crate::failure::usage;
use crate::output;

pub(super) const EXAMPLES: &str = "\
Examples:
  lazuli bench ops --filter softmax
  lazuli bench ops --compare torch,mlx --dtype bfloat16
  PYTHON=./venv/bin/python lazuli bench ops --compare torch --json";

/// Flags of `lazuli bench ops`.
#[derive(Args, Debug)]
pub(super) struct OpsArgs {
    /// Operations whose name has one of these in it, such as sum,norm [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    filter: Vec<String>,

    /// Dtypes: float32, bfloat16, float16
    #[arg(
        long,
        value_name = "DTYPE",
        value_delimiter = ',',
        default_value = "float32,bfloat16"
    )]
    dtype: Vec<String>,

    /// Libraries of Python to take turns with, run by the interpreter in PYTHON or by python3
    #[arg(long, value_name = "LIBRARY", value_delimiter = ',')]
    compare: Vec<Library>,

    /// First axis of operands of [N, 1024, 1024]
    #[arg(long, value_name = "N", default_value = "16")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    batch: u16,

    /// Threads to compute with [default: LAZULI_THREADS, else all cores]
    #[arg(short, long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Measurements of each kind, of which the median counts
    #[arg(short, long, value_name = "N", default_value = "7")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeats: u16,

    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// What was measured of one operation in one dtype.
struct Row {
    case: &'static Case,
    dtype: Dtype,
    work: Work,
    /// Where the operands lie.
    pages: Pages,
    ours: Spread,
    peak_bytes: usize,
    /// Each peer's time, or why it has none.
    peers: Vec<Result<Spread, Why>>,
}

/// All rows, and what they are to be seen beside.
struct Table {
    isa: Isa,
    threads: usize,
    batch: usize,
    repeats: usize,
    limits: Vec<Reached>,
    /// Names and versions.
    peers: Vec<(Library, String)>,
    /// Each with its floor.
    rows: Vec<(Row, Floor)>,
}

/// Runs the command.
pub(super) fn run(args: &OpsArgs) -> Result<()> {
    let dtypes = args.dtypes()?;
    let cases = args.cases()?;
    let mut options = Options::from_environment()?;
    if let Some(threads) = args.threads {
        options.threads = threads.into();
    }
    let (isa, threads) = (options.isa, options.threads);
    lazuli::init_with(options)?;
    let mut machine = Machine {
        pool: Pool::new(threads),
        limits: Limits::new(isa),
    };
    let (batch, repeats) = (args.batch.into(), args.repeats.into());
    let (mut rows, mut versions) = (Vec::new(), Vec::new());
    for &dtype in &dtypes {
        let operands = Operands::new(batch, dtype, SEED)?;
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let mut peers = Vec::new();
        if !args.compare.is_empty() {
            write(&operands, folder.path())?;
            for &library in &args.compare {
                peers.push(Peer::start(library, folder.path(), dtype, threads)?);
            }
        }
        let version = |peer: &Peer| (peer.library, peer.version.clone());
        versions = peers.iter().map(version).collect();
        for &case in &cases {
            let work = case.work(elements(batch), dtype, isa);
            let row = measure(case, work, &operands, &mut peers, repeats, &mut machine);
            rows.push(row.with_context(|| case.name)?);
        }
    }
    let limits = &machine.limits;
    let with_floor = |row: Row| {
        let floor = limits.floor(&row.work, row.pages, threads)?;
        Ok((row, floor))
    };
    let table = Table {
        isa,
        threads,
        batch,
        repeats,
        limits: limits.reached(&[threads]),
        peers: versions,
        rows: rows.into_iter().map(with_floor).collect::<Result<_>>()?,
    };
    let text = match args.json {
        true => report::json(&table)?,
        false => report::table(&table),
    };
    Ok(output::print(&text)?)
}

impl OpsArgs {
    fn dtypes(&self) -> Result<Vec<Dtype>> {
        let known = [Dtype::F32, Dtype::BF16, Dtype::F16];
        let of = |name: &String| {
            let dtype = known.into_iter().find(|dtype| dtype.name() == name);
            dtype.ok_or_else(|| usage(format!("--dtype {name}: float32, bfloat16 or float16")))
        };
        self.dtype.iter().map(of).collect()
    }

    fn cases(&self) -> Result<Vec<&'static Case>> {
        let named = |case: &&Case| {
            self.filter.is_empty()
                || self
                    .filter
                    .iter()
                    .any(|part| case.name.contains(part.as_str()))
        };
        let cases: Vec<&Case> = CASES.iter().filter(named).collect();
        if cases.is_empty() {
            let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
            return Err(usage(format!(
                "--filter {}: no such operation; there are {}",
                self.filter.join(","),
                names.join(", ")
            )));
        }
        Ok(cases)
    }
}

/// The operands in float32, which every dtype here rounds to itself, as the peers read them.
fn write(operands: &Operands, folder: &Path) -> Result<()> {
    for (name, array) in operands.named() {
        let plain = match array.dtype() {
            Dtype::U32 => array.clone(),
            _ => array.astype(Dtype::F32)?,
        };
        lazuli::io::arrays::save(folder.join(name).with_extension("npy"), &plain)?;
    }
    Ok(())
}

/// What the floors are measured with.
struct Machine {
    pool: Pool,
    limits: Limits,
}

/// Checks and times one operation.
fn measure(
    case: &'static Case,
    work: Work,
    operands: &Operands,
    peers: &mut [Peer],
    repeats: usize,
    Machine { pool, limits }: &mut Machine,
) -> Result<Row> {
    let dtype = operands.x.dtype();
    let call = case.compiled();
    let timed = || -> Result<(f64, Array)> {
        let start = Instant::now();
        let result = call(operands)?;
        result.eval()?;
        Ok((start.elapsed().as_secs_f64(), result))
    };
    let mean = mean_magnitude(&timed()?.1)?;
    let mut times: Vec<Result<Vec<f64>, Why>> = Vec::new();
    for peer in peers.iter_mut() {
        let answer = peer.call(case.name, true)?;
        times.push(answer.and_then(|answer| match answer.mean {
            Some(theirs) if near(mean, theirs, dtype) => Ok(Vec::new()),
            Some(theirs) => Err(Why::Failed(format!(
                "its mean magnitude is {theirs}, ours {mean}"
            ))),
            None => Err(Why::Failed("its result is not finite".to_owned())),
        }));
    }
    let pages = limits.pages();
    let mut ours = Vec::with_capacity(repeats);
    memory::reset_peak();
    let before = memory::active();
    for _ in 0..repeats {
        limits.round(&work, pages, pool)?;
        ours.push(timed()?.0);
        for (peer, times) in peers.iter_mut().zip(&mut times) {
            if let Ok(times) = times {
                match peer.call(case.name, false)? {
                    Ok(answer) => times.push(answer.seconds),
                    Err(why) => bail!("{} stopped answering: {why:?}", peer.library.name()),
                }
            }
        }
    }
    let spread = |times| Spread::of(times).ok_or(Why::Missing);
    Ok(Row {
        case,
        dtype,
        work,
        pages,
        ours: Spread::of(ours).context("nothing was timed")?,
        peak_bytes: memory::peak().saturating_sub(before),
        peers: times
            .into_iter()
            .map(|times| times.and_then(spread))
            .collect(),
    })
}

/// The mean of the absolute values, in float32.
fn mean_magnitude(result: &Array) -> Result<f64> {
    let plain = result.astype(Dtype::F32)?.abs()?;
    Ok(f64::from(plain.mean(.., false)?.item::<f32>()?))
}

/// Whether two means are the same but for rounding: half types round each element, at random.
fn near(ours: f64, theirs: f64, dtype: Dtype) -> bool {
    let step = match dtype {
        Dtype::F32 => 1e-3,
        _ => 2e-2,
    };
    (ours - theirs).abs() <= step * ours.abs().max(theirs.abs()).max(1e-6)
}

/// Elements of the largest operand.
fn elements(batch: usize) -> usize {
    batch * N * N
}
