//! Measures a configured transform on requests of several sizes.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use tailrace_otlp::{Cutter, Rope, count};

use super::fit::fit;
use super::report::{Line, Report, Upkeep, Verdict};
use super::{Bench, MAX_CALLS, MAX_VARIANTS, MEMORY_BYTES, MIN_CALLS, NOW, PATIENCE, STARTS, TIME, median};
use crate::generate;
use crate::pipeline::{Cx, Signal};
use crate::plugin::otlp;
use crate::plugin::test::cases::Cases;
use crate::wasm::Plugin;
use crate::wasm::transform::{Outcome, Transform, TransformLimits, TransformSpec};

/// Items that are made up for each in the largest request, so that there are several of it.
const REQUESTS_OF_LARGEST: usize = 4;

/// Bytes of a request while it is measured.
const REQUEST_BYTES: usize = 256 << 20;

/// What one size of request costs.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Sample {
    /// Spans, data points or records in a request.
    items: usize,
    /// Of a request, on average.
    bytes: usize,
    /// Nanoseconds a request.
    apply_ns: f64,
    /// Instructions a request.
    instructions: Option<f64>,
    /// Requests that were left as they were, put another in the place of, or discarded: of the different ones.
    unchanged: usize,
    replaced: usize,
    discarded: usize,
}

impl Sample {
    fn an_item(&self, cost: f64) -> f64 {
        cost / self.items as f64
    }
}

impl Bench {
    /// Of a transform; `counting` is the plugin in an engine that counts instructions.
    pub(super) fn transform(
        &self,
        kind: &str,
        plugin: &Arc<Plugin>,
        counting: &Arc<Plugin>,
        cases: &Cases,
    ) -> anyhow::Result<Report> {
        let spec = TransformSpec {
            name: kind.to_owned(),
            plugin: plugin.clone(),
            kind: kind.to_owned(),
            config: self.config(cases)?,
            limits: TransformLimits {
                apply: PATIENCE,
                configure: PATIENCE,
                memory_bytes: MEMORY_BYTES,
                request_bytes: REQUEST_BYTES,
                ..TransformLimits::default()
            },
            series: &[],
        };
        let sizes = self.requests()?;
        let (mut samples, upkeep) = time(&spec, self.signal, &sizes)?;
        let counted = TransformSpec { plugin: counting.clone(), ..spec };
        for (sample, requests) in samples.iter_mut().zip(&sizes) {
            sample.instructions = Some(instructions(&counted, self.signal, requests)?);
        }

        let budget = self.budget(cases);
        let largest = |of: fn(&Sample) -> Option<f64>| samples.last().and_then(|last| Some(last.an_item(of(last)?)));
        let verdicts = Verdict::all([
            ("ns_per_item", largest(|sample| Some(sample.apply_ns)), budget.ns_per_item),
            ("instructions_per_item", largest(|sample| sample.instructions), budget.instructions_per_item),
            ("memory", Some(upkeep.memory_bytes as f64), budget.memory.map(|bytes| bytes.0 as f64)),
        ]);
        Ok(Report {
            plugin: plugin.clone(),
            kind: kind.to_owned(),
            row: "an item",
            table: table(&samples),
            lines: lines(&samples),
            samples: ("requests", json!(samples)),
            upkeep,
            verdicts,
        })
    }

    /// Different requests of each size.
    fn requests(&self) -> anyhow::Result<Vec<Vec<Bytes>>> {
        let mut sizes = self.sizes();
        let largest = sizes.last().copied().unwrap_or(1);
        let all = match &self.input {
            // By protobuf's rule that repeated fields concatenate, one after the other is one request.
            Some(file) => otlp::read(file, self.signal)?.concat(),
            None => {
                let spans = if self.signal == Signal::Traces { self.spans as usize } else { 1 };
                let units = (largest * REQUESTS_OF_LARGEST).div_ceil(spans);
                generate::request(self.signal, units, spans, NOW)?
            }
        };
        let all = Rope::from(all);
        let items = count(self.signal, &all);
        ensure!(items > 0, "the input has no {}", self.signal);
        // More than there is can not be in a request.
        for size in &mut sizes {
            *size = (*size).min(items);
        }
        sizes.dedup();
        let cut = |size: usize| {
            let mut cutter = Cutter::new(self.signal, all.clone());
            let pieces = std::iter::from_fn(|| cutter.next(size)).filter(|(_, items)| *items == size);
            pieces.take(MAX_VARIANTS).map(|(piece, _)| piece.into_bytes()).collect()
        };
        Ok(sizes.into_iter().map(cut).collect())
    }
}

fn table(samples: &[Sample]) -> String {
    let mut text = String::new();
    for [items, bytes, request, item, instructions, became] in [
        ["request", "request", "apply", "apply", "instructions", "unchanged/"],
        ["items", "bytes", "ns/request", "ns/item", "/item", "replaced/discarded"],
    ] {
        let _ = writeln!(text, "{items:>8} {bytes:>10} {request:>14} {item:>10} {instructions:>14} {became:>20}");
    }
    for sample in samples {
        let Sample { items, bytes, apply_ns, instructions, unchanged, replaced, discarded } = *sample;
        let (item, executed) = (sample.an_item(apply_ns), instructions.map_or(f64::NAN, |n| sample.an_item(n)));
        let became = format!("{unchanged}/{replaced}/{discarded}");
        let _ = writeln!(text, "{items:>8} {bytes:>10} {apply_ns:>14.0} {item:>10.1} {executed:>14.0} {became:>20}");
    }
    text
}

fn lines(samples: &[Sample]) -> Vec<Line> {
    let line = |what, unit, of: fn(&Sample) -> Option<f64>| {
        let points: Option<Vec<_>> = samples.iter().map(|sample| Some((sample.items, of(sample)?))).collect();
        Line { what, unit, fit: points.and_then(|points| fit(&points)) }
    };
    vec![
        line("apply", "ns", |sample| Some(sample.apply_ns)),
        line("executed", "instructions", |sample| sample.instructions),
    ]
}

/// Times calls.
fn time(spec: &TransformSpec, signal: Signal, sizes: &[Vec<Bytes>]) -> anyhow::Result<(Vec<Sample>, Upkeep)> {
    let cx = Cx::offline();
    let start_s = (0..STARTS).map(|_| {
        let begun = Instant::now();
        configured(spec, &cx).map(|_| begun.elapsed().as_secs_f64())
    });
    let start_s = start_s.collect::<Result<Vec<_>, _>>()?.into_iter().fold(f64::MAX, f64::min);
    let transform = configured(spec, &cx)?;
    let mut memory_bytes = 0;
    let mut samples = Vec::new();
    for requests in sizes {
        let bytes = requests.iter().map(Bytes::len).sum::<usize>() / requests.len();
        let items = count(signal, &Rope::from(requests[0].clone()));
        let mut sample = Sample { items, bytes, ..Sample::default() };
        let mut times = Vec::new();
        let begun = Instant::now();
        for (call, request) in requests.iter().cycle().take(MAX_CALLS).enumerate() {
            if begun.elapsed() > TIME && call >= MIN_CALLS.max(requests.len()) {
                break;
            }
            let (outcome, took) = ask(&transform, signal, request)?;
            times.push(took);
            if call < requests.len() {
                match outcome {
                    Outcome::Unchanged => sample.unchanged += 1,
                    Outcome::Replaced { .. } => sample.replaced += 1,
                    Outcome::Discarded => sample.discarded += 1,
                }
            }
            memory_bytes = memory_bytes.max(cx.host.memory.outside_bytes());
        }
        sample.apply_ns = median(times);
        samples.push(sample);
    }
    Ok((samples, Upkeep { memory_bytes, start_s }))
}

/// Instructions of a request, on average over one pass. The plugin of `spec` must come from an engine that counts.
fn instructions(spec: &TransformSpec, signal: Signal, requests: &[Bytes]) -> anyhow::Result<f64> {
    let transform = configured(spec, &Cx::offline())?;
    let before = transform.instructions();
    for request in requests {
        ask(&transform, signal, request)?;
    }
    Ok(transform.instructions().saturating_sub(before) as f64 / requests.len() as f64)
}

fn configured(spec: &TransformSpec, cx: &Cx) -> anyhow::Result<Transform> {
    Transform::new(spec.clone(), cx).map_err(|problems| {
        let said = problems.iter().map(|problem| format!("{} {}", problem.path, problem.message));
        let said = said.collect::<Vec<_>>().join("; ");
        anyhow::anyhow!("{} refuses the configuration (give one with --config): {}", spec.kind, said.trim())
    })
}

/// One call: what came of it, and nanoseconds.
fn ask(transform: &Transform, signal: Signal, request: &Bytes) -> anyhow::Result<(Outcome, f64)> {
    let begun = Instant::now();
    let outcome = transform.apply(signal, request);
    let took = begun.elapsed();
    let outcome = outcome.with_context(|| format!("shown a request of {} bytes it gives no answer", request.len()))?;
    Ok((outcome, took.as_nanos() as f64))
}
