//! The measurement: bandwidth, prefill and decode in turn, `repeats` times.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use lazuli::Device;
use lazuli::core::device::{register, with_device};
use lazuli::core::{Role, Rows, memory};
use lazuli::cpu::bandwidth::{Meter, Pages, Reading, buffer_bytes};
use lazuli::cpu::{Cpu, CpuBackend, Isa, Options, Pool};
use lazuli::lm::cache::{CacheOptions, Caches, Checkpoint};
use lazuli::lm::model::{Info, Model};
use serde_json::{Value, json};

use super::args::SEED;
use super::floor::{self, Traffic};
use crate::failure::usage;
use crate::memory::in_huge_pages;

/// What to measure.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) isa: Isa,
    pub(super) threads: Vec<usize>,
    pub(super) prompt_tokens: usize,
    pub(super) decode_tokens: usize,
    pub(super) depth: usize,
    pub(super) repeats: usize,
    pub(super) caches: CacheOptions,
}

impl Plan {
    pub(super) fn most_threads(&self) -> usize {
        self.threads.iter().copied().max().unwrap_or(1)
    }

    /// A CPU with so many threads.
    pub(super) fn device(&self, threads: usize) -> Options {
        Options {
            isa: self.isa,
            threads,
        }
    }

    /// The longest that the sequence gets.
    fn longest(&self) -> usize {
        self.depth + self.prompt_tokens.max(self.decode_tokens)
    }
}

/// What is measured.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) model: Model,
    pub(super) info: Info,
    pub(super) traffic: Traffic,
    /// Where the weights lie.
    pub(super) pages: Pages,
    /// Bytes of weights that are not buffers of ours: mapped files.
    mapped: usize,
}

impl Subject {
    /// `before`: bytes of buffers, and of huge pages, before the model was loaded. Refuses lengths
    /// that the model has no positions for.
    pub(super) fn new(
        name: String,
        model: Model,
        plan: &Plan,
        before: (usize, Option<u64>),
    ) -> Result<Subject> {
        let most = model.config().max_positions;
        if plan.longest() > most {
            return Err(usage(format!(
                "a sequence of {} tokens is longer than the {most} that the model is for",
                plan.longest()
            )));
        }
        let info = model.info(&plan.caches)?;
        let own = memory::active().saturating_sub(before.0);
        Ok(Subject {
            traffic: Traffic::new(model.config(), model.dtype(), &info, &plan.caches)?,
            pages: floor::pages(info.bytes, before.1, in_huge_pages()),
            mapped: info.bytes.saturating_sub(own),
            name,
            model,
            info,
        })
    }
}

/// Median, least and most of some measurements.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// As reports have it.
    pub(super) fn json(&self) -> Value {
        json!({"median": self.median, "min": self.min, "max": self.max})
    }

    /// None of nothing.
    pub(super) fn of(mut rates: Vec<f64>) -> Option<Spread> {
        rates.sort_by(f64::total_cmp);
        Some(Spread {
            median: *rates.get(rates.len() / 2)?,
            min: *rates.first()?,
            max: *rates.last()?,
        })
    }
}

/// The result for one number of threads. Rates are per second.
pub(super) struct Run {
    pub(super) threads: usize,
    pub(super) prefill_tps: Option<Spread>,
    pub(super) decode_tps: Option<Spread>,
    /// The best reader of the weights' page kind.
    pub(super) bandwidth: Reading,
    /// Mean bytes that a decoded token must move.
    pub(super) token_bytes: f64,
    pub(super) peak_bytes: usize,
}

impl Run {
    /// The most tokens per second that the bandwidth allows.
    pub(super) fn decode_floor_tps(&self) -> f64 {
        self.bandwidth.median * 1e9 / self.token_bytes
    }

    /// The measured part of that.
    pub(super) fn decode_floor_share(&self) -> Option<f64> {
        Some(self.decode_tps?.median / self.decode_floor_tps())
    }
}

/// One number of threads: a device, and threads to measure bandwidth with.
struct Lane {
    threads: usize,
    device: Device,
    pool: Pool,
    prefill: Vec<f64>,
    decode: Vec<f64>,
    peak: usize,
}

/// Measures. Everything takes turns, so that whatever else the machine does hits all alike.
pub(super) fn run(subject: &Subject, plan: &Plan) -> Result<Vec<Run>> {
    let mut lanes = Vec::with_capacity(plan.threads.len());
    for &threads in &plan.threads {
        let pool = Pool::new(threads);
        if pool.threads() != threads {
            bail!(
                "the system refused {threads} threads: only {} could be had",
                pool.threads()
            );
        }
        lanes.push(Lane {
            threads,
            device: register(Arc::new(CpuBackend(Arc::new(Cpu::new(
                plan.device(threads),
            )?))))?,
            pool,
            prefill: Vec::new(),
            decode: Vec::new(),
            peak: 0,
        });
    }
    let mut meter = Meter::new(subject.pages, buffer_bytes(true))?;
    let mut sequence = Sequence::new(subject, plan, &lanes)?;
    for lane in &mut lanes {
        // The first pass pays for pages, plans and sleeping threads; it does not count.
        with_device(lane.device, || {
            sequence.prefill()?;
            sequence.decode()
        })?;
    }
    for _ in 0..plan.repeats {
        for lane in &mut lanes {
            memory::reset_peak();
            meter.round(&lane.pool);
            if let Some(rate) = with_device(lane.device, || sequence.prefill())? {
                lane.prefill.push(rate);
            }
            meter.round(&lane.pool);
            if let Some(rate) = with_device(lane.device, || sequence.decode())? {
                lane.decode.push(rate);
            }
            lane.peak = lane.peak.max(memory::peak());
        }
    }
    lanes
        .into_iter()
        .map(|lane| {
            Ok(Run {
                threads: lane.threads,
                prefill_tps: Spread::of(lane.prefill),
                decode_tps: Spread::of(lane.decode),
                bandwidth: meter
                    .best(lane.threads)
                    .context("no bandwidth was measured")?,
                token_bytes: subject.traffic.mean(plan.depth, plan.decode_tokens),
                peak_bytes: lane.peak + subject.mapped,
            })
        })
        .collect()
}

/// A sequence of random tokens that returns to its depth after each measurement.
struct Sequence<'a> {
    subject: &'a Subject,
    plan: &'a Plan,
    caches: Caches,
    start: Checkpoint,
    tokens: Vec<u32>,
}

impl<'a> Sequence<'a> {
    fn new(subject: &'a Subject, plan: &'a Plan, lanes: &[Lane]) -> Result<Sequence<'a>> {
        let tokens = tokens(plan.longest(), subject.model.config().vocab);
        let fastest = lanes.iter().max_by_key(|lane| lane.threads);
        let fill = || filled(subject, plan, &tokens);
        let caches = match fastest {
            Some(lane) => with_device(lane.device, fill)?,
            None => fill()?,
        };
        let start = caches.checkpoint(0)?;
        Ok(Sequence {
            subject,
            plan,
            caches,
            start,
            tokens,
        })
    }

    /// Goes back to the depth: by cutting, or by filling the cache again where it cannot be cut so far.
    fn rewind(&mut self) -> Result<()> {
        if self.caches.return_to(&self.start).is_err() {
            self.caches = filled(self.subject, self.plan, &self.tokens)?;
            self.start = self.caches.checkpoint(0)?;
        }
        Ok(self.caches.eval_with(&[])?)
    }

    /// Prompt tokens per second; none if there are none to measure.
    fn prefill(&mut self) -> Result<Option<f64>> {
        let count = self.plan.prompt_tokens;
        if count == 0 {
            return Ok(None);
        }
        self.rewind()?;
        let prompt = &self.tokens[self.plan.depth..][..count];
        let step = self.plan.caches.prefill_step;
        let start = Instant::now();
        (self.subject.model).prefill(prompt, 0, &mut self.caches, step, |_| ())?;
        Ok(Some(count as f64 / start.elapsed().as_secs_f64()))
    }

    /// Tokens per second, fed one by one; none if there are none to measure.
    fn decode(&mut self) -> Result<Option<f64>> {
        let (depth, count) = (self.plan.depth, self.plan.decode_tokens);
        if count == 0 {
            return Ok(None);
        }
        self.rewind()?;
        let start = Instant::now();
        for (at, &token) in self.tokens.iter().enumerate().skip(depth).take(count) {
            let rows = Rows::single(at, 1, Role::Generated)?;
            self.subject.model.step(&[token], &rows, &mut self.caches)?;
        }
        Ok(Some(count as f64 / start.elapsed().as_secs_f64()))
    }
}

/// Caches that hold the first `depth` tokens.
fn filled(subject: &Subject, plan: &Plan, tokens: &[u32]) -> Result<Caches> {
    let mut caches = subject.model.caches(&plan.caches)?;
    let step = plan.caches.prefill_step;
    if plan.depth > 0 {
        subject
            .model
            .prefill(&tokens[..plan.depth], 0, &mut caches, step, |_| ())?;
    }
    Ok(caches)
}

/// Tokens from the seed, by SplitMix64.
fn tokens(len: usize, vocab: usize) -> Vec<u32> {
    let mut state = SEED;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % vocab.max(1) as u64) as u32
    };
    (0..len).map(|_| next()).collect()
}
