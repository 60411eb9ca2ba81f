//! The measurement: bandwidth, prefill and decode in turn, `repeats` times.

use std::time::Instant;

use anyhow::{Context, Result};
use lazuli::core::device::with_device;
use lazuli::core::{Role, Rows, Sequence, memory};
use lazuli::cpu::bandwidth::{Meter, Pages, Reading, buffer_bytes};
use lazuli::cpu::{Isa, Options};
use lazuli::lm::cache::{CacheOptions, Caches, Checkpoint};
use lazuli::lm::model::{Info, Model};

use super::draw;
use super::floor::{self, Traffic};
use super::lane::Lane;
use super::spread::Spread;
use crate::failure::usage;
use crate::memory::in_huge_pages;

/// What to measure.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) isa: Isa,
    pub(super) threads: Vec<usize>,
    pub(super) prompt_tokens: usize,
    pub(super) decode_tokens: usize,
    /// Sequences decoded together.
    pub(super) rows: usize,
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

    /// The longest that a sequence gets.
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

/// The result for one number of threads. Rates are per second.
pub(super) struct Run {
    pub(super) threads: usize,
    pub(super) prefill_tps: Option<Spread>,
    pub(super) decode_tps: Option<Spread>,
    /// The best reader of the weights' page kind.
    pub(super) bandwidth: Reading,
    /// Mean bytes that a decoded token must move: its share of the weights, its own cache.
    pub(super) token_bytes: f64,
    pub(super) peak_bytes: usize,
}

impl Run {
    /// The most tokens per second, of all sequences, that the bandwidth allows.
    pub(super) fn decode_floor_tps(&self) -> f64 {
        self.bandwidth.median * 1e9 / self.token_bytes
    }

    /// The measured part of that.
    pub(super) fn decode_floor_share(&self) -> Option<f64> {
        Some(self.decode_tps?.median / self.decode_floor_tps())
    }
}

/// What was measured with one number of threads.
struct Rates {
    prefill: Vec<f64>,
    decode: Vec<f64>,
    peak: usize,
}

/// Measures. Everything takes turns, so that whatever else the machine does hits all alike.
pub(super) fn run(subject: &Subject, plan: &Plan) -> Result<Vec<Run>> {
    let lanes = Lane::all(plan.isa, &plan.threads)?;
    let none = || Rates {
        prefill: Vec::new(),
        decode: Vec::new(),
        peak: 0,
    };
    let mut rates: Vec<Rates> = lanes.iter().map(|_| none()).collect();
    let mut meter = Meter::new(subject.pages, buffer_bytes(true))?;
    let mut sequences = Sequences::new(subject, plan, &lanes)?;
    for lane in &lanes {
        // The first pass pays for pages, plans and sleeping threads; it does not count.
        with_device(lane.device, || {
            sequences.prefill()?;
            sequences.decode()
        })?;
    }
    for _ in 0..plan.repeats {
        for (lane, rates) in lanes.iter().zip(&mut rates) {
            memory::reset_peak();
            meter.round(&lane.pool);
            if let Some(rate) = with_device(lane.device, || sequences.prefill())? {
                rates.prefill.push(rate);
            }
            meter.round(&lane.pool);
            if let Some(rate) = with_device(lane.device, || sequences.decode())? {
                rates.decode.push(rate);
            }
            rates.peak = rates.peak.max(memory::peak());
        }
    }
    lanes
        .iter()
        .zip(rates)
        .map(|(lane, rates)| {
            Ok(Run {
                threads: lane.threads,
                prefill_tps: Spread::of(rates.prefill),
                decode_tps: Spread::of(rates.decode),
                bandwidth: meter
                    .best(lane.threads)
                    .context("no bandwidth was measured")?,
                token_bytes: (subject.traffic).mean(plan.rows, plan.depth, plan.decode_tokens),
                peak_bytes: rates.peak + subject.mapped,
            })
        })
        .collect()
}

/// Sequences of random tokens, one in each slot, that return to their depth after each measurement.
struct Sequences<'a> {
    subject: &'a Subject,
    plan: &'a Plan,
    caches: Caches,
    starts: Vec<Checkpoint>,
    /// The past, which all sequences share, and the prompt after it.
    tokens: Vec<u32>,
    /// What each step decodes, a token of each sequence.
    decoded: Vec<u32>,
}

impl<'a> Sequences<'a> {
    fn new(subject: &'a Subject, plan: &'a Plan, lanes: &[Lane]) -> Result<Sequences<'a>> {
        let past = plan.depth + plan.prompt_tokens;
        let vocab = subject.model.config().vocab;
        let mut drawn = draw::below(vocab, past + plan.decode_tokens * plan.rows);
        let decoded = drawn.split_off(past);
        let tokens = drawn;
        let fastest = lanes.iter().max_by_key(|lane| lane.threads);
        let fill = || filled(subject, plan, &tokens);
        let caches = match fastest {
            Some(lane) => with_device(lane.device, fill)?,
            None => fill()?,
        };
        Ok(Sequences {
            subject,
            plan,
            starts: starts(&caches)?,
            caches,
            tokens,
            decoded,
        })
    }

    /// Goes back to the depth: by cutting, or by filling the cache again where it cannot be cut so far.
    fn rewind(&mut self) -> Result<()> {
        let caches = &mut self.caches;
        if { self.starts.iter() }.any(|start| caches.return_to(start).is_err()) {
            self.caches = filled(self.subject, self.plan, &self.tokens)?;
            self.starts = starts(&self.caches)?;
        }
        Ok(self.caches.eval_with(&[])?)
    }

    /// Prompt tokens of one sequence per second; none if there are none to measure.
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

    /// Tokens per second of all sequences, a token of each at a time; none if there are none to measure.
    fn decode(&mut self) -> Result<Option<f64>> {
        if self.decoded.is_empty() {
            return Ok(None);
        }
        self.rewind()?;
        let start = Instant::now();
        for (i, tokens) in self.decoded.chunks(self.plan.rows).enumerate() {
            let sequence = |slot| Sequence {
                slot,
                first: self.plan.depth + i,
                len: 1,
                role: Role::Generated,
            };
            let rows = Rows::new(&(0..self.plan.rows).map(sequence).collect::<Vec<_>>())?;
            self.subject.model.step(tokens, &rows, &mut self.caches)?;
        }
        Ok(Some(
            self.decoded.len() as f64 / start.elapsed().as_secs_f64(),
        ))
    }
}

/// The point of each sequence to return to.
fn starts(caches: &Caches) -> Result<Vec<Checkpoint>> {
    let of = |slot| Ok(caches.checkpoint(slot)?);
    (0..caches.slots()).map(of).collect()
}

/// Caches in which every sequence holds the first `depth` tokens.
fn filled(subject: &Subject, plan: &Plan, tokens: &[u32]) -> Result<Caches> {
    let mut caches = subject.model.caches(&plan.caches)?;
    let step = plan.caches.prefill_step;
    if plan.depth > 0 {
        subject
            .model
            .prefill(&tokens[..plan.depth], 0, &mut caches, step, |_| ())?;
        // Computed once: what the others would compute has the same bits.
        let filled = caches.snapshot(0)?;
        for slot in 1..plan.rows {
            caches.restore(slot, &filled)?;
            caches.eval_with(&[])?;
        }
    }
    Ok(caches)
}
