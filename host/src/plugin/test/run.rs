//! Asks a plugin what the cases say, through the very code that asks it on a live host.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tailrace_otlp::Signal;

use super::cases::{Case, Cases};
use super::expect::{Answer, Expect};
use super::{report::Outcome, spans};
use crate::pipeline::Cx;
use crate::plugin::capture::Capture;
use crate::plugin::otlp;
use crate::processors::tail_sampling::offline::{MAX_BATCH, Offline};
use crate::wasm::Plugin;
use crate::wasm::policy::{Limits, OnError, Policies, PolicySpec};

/// Differences of one case that are told; of a file with a million traces that is enough.
const MAX_DIFFERENCES: usize = 20;

/// What it takes to ask.
pub(super) struct Runner<'a> {
    pub(super) plugin: Arc<Plugin>,
    pub(super) cases: &'a Cases,
    /// Where files that cases name lie.
    pub(super) folder: &'a Path,
    pub(super) capture: Capture,
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Verdicts(Vec<Verdict>),
    /// A configuration refused, or no votes.
    Error(String),
}

#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    id: String,
    answer: Answer,
    reason: Option<String>,
}

impl Runner<'_> {
    pub(super) fn run(&self) -> Vec<Outcome> {
        let cx = Cx::offline();
        self.cases.list.iter().map(|case| self.case(case, &cx)).collect()
    }

    fn case(&self, case: &Case, cx: &Cx) -> Outcome {
        let started = Instant::now();
        self.capture.take();
        let differences = if case.input.is_some() { self.transform(case, cx) } else { self.policy(case, cx) };
        let differences = cut(differences.unwrap_or_else(|error| vec![format!("{error:#}")]));
        Outcome {
            name: case.name.clone(),
            line: case.line,
            differences,
            log: self.capture.take(),
            took: started.elapsed(),
        }
    }

    /// What is not as expected. An error is a mistake in the case, not the plugin's.
    fn policy(&self, case: &Case, cx: &Cx) -> anyhow::Result<Vec<String>> {
        let got = self.ask(case, cx)?;
        Ok(case.expect.as_ref().map_or_else(Vec::new, |expect| differences(expect, &got)))
    }

    /// The case's configuration, else that of all; what YAML has as nothing is no options.
    pub(super) fn config(&self, case: &Case) -> Value {
        let config = case.config.as_ref().unwrap_or(&self.cases.config);
        if config.is_null() { json!({}) } else { config.clone() }
    }

    fn ask(&self, case: &Case, cx: &Cx) -> anyhow::Result<Got> {
        let name = case.policy.as_deref().or(self.cases.policy.as_deref());
        let kind = self.plugin.choose(name)?.name.clone();
        let requests = self.requests(case)?;
        let spec = PolicySpec {
            policy: kind.clone(),
            plugin: self.plugin.clone(),
            kind,
            config: self.config(case),
            limits: generous(),
            on_error: OnError::default(),
            whole_size: false,
            canary_of: None,
        };
        let mut policies = match Policies::new(vec![spec], cx) {
            Ok(policies) => policies,
            Err(problems) => {
                let said = problems.iter().map(|problem| format!("{} {}", problem.path, problem.message));
                let said = said.collect::<Vec<_>>().join("; ");
                return Ok(Got::Error(format!("the configuration is refused: {}", said.trim())));
            }
        };
        let traces = Offline::new(&requests);
        let mut verdicts = Vec::with_capacity(traces.len());
        for from in (0..traces.len()).step_by(MAX_BATCH) {
            let slice = from..traces.len().min(from + MAX_BATCH);
            match self.slice(&mut policies, &traces, slice) {
                Ok(more) => verdicts.extend(more),
                Err(error) => return Ok(Got::Error(error)),
            }
        }
        Ok(Got::Verdicts(verdicts))
    }

    fn requests(&self, case: &Case) -> anyhow::Result<Vec<Bytes>> {
        if let Some(file) = &case.otlp {
            return otlp::read(&self.folder.join(file), Signal::Traces);
        }
        let (request, ids) = spans::request(case.written().map(|(_, trace)| trace));
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        anyhow::ensure!(distinct.len() == ids.len(), "two traces of the case have one trace_id");
        Ok(vec![request])
    }

    fn slice(&self, policies: &mut Policies, traces: &Offline, slice: Range<usize>) -> Result<Vec<Verdict>, String> {
        let columns = Arc::new(traces.columns(slice, policies.needs(), spans::NOW));
        let candidates: Vec<u32> = (0..columns.len() as u32).collect();
        policies.load(columns.clone());
        let votes = policies.evaluate(0, &candidates).map_err(|failure| failure.to_string())?;
        let reason = |at: usize| self.plugin.reasons.get(usize::from(*votes.reasons.get(at)?)).cloned();
        let ids = columns.trace_ids.chunks_exact(16).map(hex::encode);
        let verdicts = ids.zip(&votes.verdicts).enumerate();
        let verdict = |(at, (id, vote)): (usize, (String, &u8))| Verdict {
            id,
            answer: Answer::of_vote(*vote),
            reason: reason(at),
        };
        Ok(verdicts.map(verdict).collect())
    }
}

/// The usual limits, with more of the guest's log than a gateway would write.
fn generous() -> Limits {
    Limits { log_lines_per_second: 10_000, ..Limits::default() }
}

/// Lines on what is not as expected; none if all is.
fn differences(expect: &Expect, got: &Got) -> Vec<String> {
    let verdicts = match (expect, got) {
        (Expect::Error(text), Got::Error(error)) if error.contains(text) => return Vec::new(),
        (Expect::Error(text), Got::Error(error)) => {
            return vec![format!("expected an error with {text:?}, got: {error}")];
        }
        (_, Got::Error(error)) => return vec![format!("expected verdicts, got an error: {error}")],
        (_, Got::Verdicts(verdicts)) => verdicts,
    };
    match expect {
        Expect::Error(_) => vec![format!("expected an error, got {}", counts_of(verdicts))],
        Expect::All(answer) => each(verdicts, |_| Some(*answer)),
        Expect::Each(answers) if answers.len() != verdicts.len() => {
            vec![format!("{} verdicts are expected, the file has {} traces", answers.len(), verdicts.len())]
        }
        Expect::Each(answers) => each(verdicts, |at| answers.get(at).copied()),
        Expect::ById(answers) => by_id(answers, verdicts),
        Expect::Counts(counts) => of_counts(counts, verdicts),
    }
}

/// As many lines as anybody reads.
fn cut(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MAX_DIFFERENCES);
    if more > 0 {
        lines.truncate(MAX_DIFFERENCES);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn each(verdicts: &[Verdict], expected: impl Fn(usize) -> Option<Answer>) -> Vec<String> {
    let wrong = verdicts.iter().enumerate().filter_map(|(at, verdict)| {
        let expected = expected(at).filter(|expected| *expected != verdict.answer)?;
        Some(format!("trace {} ({}): expected {expected}, got {}", at + 1, verdict.id, verdict.said()))
    });
    wrong.collect()
}

fn by_id(answers: &BTreeMap<String, Answer>, verdicts: &[Verdict]) -> Vec<String> {
    let wrong = answers.iter().filter_map(|(id, expected)| {
        let found = verdicts.iter().find(|verdict| verdict.id == *id);
        match found {
            None => Some(format!("trace {id}: expected {expected}, but it is not there")),
            Some(verdict) if verdict.answer == *expected => None,
            Some(verdict) => Some(format!("trace {id}: expected {expected}, got {}", verdict.said())),
        }
    });
    wrong.collect()
}

fn of_counts(counts: &BTreeMap<Answer, usize>, verdicts: &[Verdict]) -> Vec<String> {
    let count = |answer| verdicts.iter().filter(|verdict| verdict.answer == answer).count();
    // What is not mentioned is not expected to be there only if the rest adds up; so each is compared by itself.
    let wrong = counts.iter().filter(|(answer, expected)| count(**answer) != **expected);
    wrong.map(|(answer, expected)| format!("expected {expected} times {answer}, got {}", counts_of(verdicts))).collect()
}

fn counts_of(verdicts: &[Verdict]) -> String {
    let mut counts: BTreeMap<Answer, usize> = BTreeMap::new();
    for verdict in verdicts {
        *counts.entry(verdict.answer).or_default() += 1;
    }
    counts.iter().map(|(answer, count)| format!("{answer}: {count}")).collect::<Vec<_>>().join(", ")
}

impl Verdict {
    fn said(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{} ({reason})", self.answer),
            None => self.answer.to_string(),
        }
    }
}

impl Outcome {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "line": self.line,
            "passed": self.passed(),
            "differences": self.differences,
            "log": self.log,
            "seconds": seconds(self.took),
        })
    }
}

pub(super) fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn got(answers: &[Answer]) -> Got {
        let verdict = |(at, answer): (usize, &Answer)| Verdict {
            id: format!("{at:032x}"),
            answer: *answer,
            reason: Some("why not".to_owned()),
        };
        Got::Verdicts(answers.iter().enumerate().map(verdict).collect())
    }

    #[test]
    fn what_differs_is_told_and_nothing_else() {
        use Answer::{Drop, No, Sample};
        let got = got(&[Sample, No, Drop]);
        let id = |n: u8| format!("{n:032x}");
        let expect = |value: Value| Expect::try_from(value).expect("good");
        for good in [json!(["sample", "no", "drop"]), json!({"sample": 1, "no": 1}), json!({id(2): "drop"})] {
            assert_eq!(differences(&expect(good.clone()), &got), Vec::<String>::new(), "{good}");
        }
        for (bad, lines) in [
            (
                json!("sample"),
                vec![
                    format!("trace 2 ({}): expected sample, got no (why not)", id(1)),
                    format!("trace 3 ({}): expected sample, got drop (why not)", id(2)),
                ],
            ),
            (json!({"sample": 2}), vec!["expected 2 times sample, got no: 1, sample: 1, drop: 1".to_owned()]),
            (json!({id(7): "no"}), vec![format!("trace {}: expected no, but it is not there", id(7))]),
            (json!("error"), vec!["expected an error, got no: 1, sample: 1, drop: 1".to_owned()]),
        ] {
            assert_eq!(differences(&expect(bad.clone()), &got), lines, "{bad}");
        }
        let error = Got::Error("timeout: it ran".to_owned());
        assert_eq!(differences(&expect(json!({"error": "timeout"})), &error), Vec::<String>::new());
        assert_eq!(differences(&expect(json!("no")), &error).len(), 1);
    }
}
