//! Batches for traces that no host recorded: from files of plain OTLP.
//!
//! The rule: a trace arrives when its first span starts, in whole seconds of Unix time. It is decided at the end of the tick that begins
//! `decision_wait` later, as on a host: `now` is arrival + `decision_wait` + 1 s. Traces of one tick are judged in the order of (first
//! start, trace id), in batches of at most 1,024. Spans of a trace stay in the order of the file. Nothing is late.

use std::collections::HashMap;
use std::time::Duration;

use tailrace_otlp::{Signal, check, json};

use super::{Decision, Occasion, Slice, Trace};
use crate::processors::tail_sampling::recorded;

const MAX_SLICE: usize = 1024;

/// How batches are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// From a trace's first span to its decision, in whole seconds, at least one.
    pub decision_wait: Duration,
}

/// The batches that a host would have made of a file's traces.
pub(super) fn slices(file: &[u8], rule: Rule) -> Result<Vec<Slice>, String> {
    let mut traces: Vec<(u64, Trace)> = Vec::new();
    let mut places = HashMap::new();
    for request in requests(file)? {
        for (id, otlp) in recorded::traces(&request) {
            let at = *places.entry(id).or_insert_with(|| {
                traces.push((0, Trace { id: id.to_vec(), ..Trace::default() }));
                traces.len() - 1
            });
            // Requests are joined by joining their bytes.
            traces[at].1.otlp.extend_from_slice(&otlp);
        }
    }
    if traces.is_empty() {
        return Err("there is no span in it".to_owned());
    }
    let wait = rule.decision_wait.as_secs().max(1);
    for (tick, trace) in &mut traces {
        recorded::digest(trace);
        trace.decision = Decision::Unknown.into();
        *tick = (trace.start / 1_000_000_000).saturating_add(wait + 1);
    }
    traces.sort_by(|(a_tick, a), (b_tick, b)| (a_tick, a.start, &a.id).cmp(&(b_tick, b.start, &b.id)));
    let mut slices: Vec<Slice> = Vec::new();
    for (tick, trace) in traces {
        let now = tick.saturating_mul(1_000_000_000);
        match slices.last_mut().filter(|last| last.now == now && last.traces.len() < MAX_SLICE) {
            Some(last) => last.traces.push(trace),
            None => slices.push(Slice { now, occasion: Occasion::Due.into(), traces: vec![trace], asked: Vec::new() }),
        }
    }
    Ok(slices)
}

/// The requests of a file: one in protobuf or JSON, or one in JSON a line.
fn requests(file: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let is_json = file.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !is_json {
        check(Signal::Traces, file).map_err(|error| format!("not protobuf: {error}"))?;
        return Ok(vec![file.to_vec()]);
    }
    let lines = || file.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    let decode = |json: &[u8]| json::decode(Signal::Traces, json).map_err(|error| error.to_string());
    match decode(file) {
        Ok(request) => Ok(vec![request]),
        Err(error) if lines().count() < 2 => Err(format!("not JSON: {error}")),
        Err(whole) => {
            let line = |(at, line)| decode(line).map_err(|error| (at, error));
            lines().map(line).collect::<Result<_, _>>().map_err(|(at, error)| match at {
                // A first line that is none by itself is of one document.
                0 => format!("not JSON: {whole}"),
                _ => format!("line {}: not JSON: {error}", at + 1),
            })
        }
    }
}
