//! `tailrace plugin replay`: asks policies again about recorded traces.
//!
//! The batches of a recording are shown in their order, each at its own time, to the same evaluators as on a live host; so a policy gives the
//! votes that it gave, also one that draws lots by trace id, counts, or limits. A policy of the recording (`--as`, or the one with the same
//! plugin, kind and configuration, else with the same plugin and kind) is asked about the traces that it was asked about then, begins with
//! the state it had, and where it gave no vote then, for a reason that lay in the machine, it gives none now. Any other policy is asked
//! about all traces. Of plain OTLP files, batches are made up, see [`crate::recording::Rule`].
//!
//! A redacted recording has no state of policies in it, as that may hold what was redacted: those that keep some begin anew, which the
//! report says with their names.

mod report;
mod side;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::Value;

use self::report::{Disagreement, Report};
use self::side::{Answer, Side};
use super::{Format, config_argument};
use crate::config::types::Duration;
use crate::config::{self, Source};
use crate::console;
use crate::processors::tail_sampling::Settings;
use crate::recording::{Content, Decision, Occasion, Reader, Roster, Rule, Slice, Trace};

/// `tailrace plugin replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// A recording of `tailrace capture`, or a file of OTLP traces (JSON, JSON lines, protobuf).
    #[arg(long, value_name = "FILE")]
    recording: PathBuf,
    /// The plugin to ask.
    #[arg(long, value_name = "FILE", required_unless_present = "processor_config")]
    policy: Option<String>,
    /// Which of its policies; may be left out if it has one.
    #[arg(long)]
    kind: Option<String>,
    /// The policy's configuration: JSON, or @ and a file of it.
    #[arg(long, value_name = "JSON", value_parser = config_argument)]
    config: Option<Value>,
    /// Asks all policies of the `tail_sampling` processor of this configuration instead.
    #[arg(long, value_name = "YAML", conflicts_with = "policy")]
    processor_config: Option<String>,
    /// Which of several processors in there.
    #[arg(long, value_name = "ID")]
    processor: Option<String>,
    /// The name of the recorded policy that the plugin stands for; found by itself where it is the same plugin.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Another plugin to compare with, instead of with what was recorded.
    #[arg(long, value_name = "FILE")]
    against: Option<String>,
    /// Which of its policies; without it, the kind of the first.
    #[arg(long, value_name = "KIND", requires = "against")]
    against_kind: Option<String>,
    /// Its configuration; without it, the configuration of the first.
    #[arg(long, value_name = "JSON", requires = "against", value_parser = config_argument)]
    against_config: Option<Value>,
    /// Compares with all policies of the `tail_sampling` processor of this configuration.
    #[arg(long, value_name = "YAML", conflicts_with = "against")]
    against_processor_config: Option<String>,
    /// For plain OTLP: how long after its first span a trace is decided. Without it, what --processor-config has, else 30s.
    #[arg(long, value_name = "DURATION")]
    decision_wait: Option<Duration>,
    /// How many disagreements are shown; 0: all.
    #[arg(long, default_value_t = 20, value_name = "N")]
    examples: usize,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit code 1 if there is any disagreement.
    #[arg(long)]
    fail_on_disagreement: bool,
}

impl Replay {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let (mut a, wait) = self.first()?;
        let mut b = self.second()?;
        let rule = Rule { decision_wait: self.decision_wait.or(wait).unwrap_or(Duration::from_secs(30)).0 };
        let mut reader = Reader::open(&self.recording, rule)?;
        let mut run =
            Run { report: Report::new(&self.recording, reader.is_made_up(), self.examples), ..Run::default() };
        while let Some(content) = reader.read()? {
            match content {
                Content::Head(head) => run.report.redacted = head.redacted,
                Content::Roster(roster) => {
                    run.report.note_stateless(&roster);
                    a.meet(&roster)?;
                    b.as_mut().map_or(Ok(()), |b| b.meet(&roster))?;
                    run.roster = roster;
                }
                Content::Slice(slice) => run.slice(&slice, &mut a, b.as_mut()),
                Content::Trailer(trailer) => run.report.trailer = Some(trailer),
            }
        }
        let report = run.end(&a, b.as_ref());
        let said = match self.format {
            Format::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
            Format::Text => report.told(),
        };
        console::out(&said)?;
        let failed = self.fail_on_disagreement && report.disagreements > 0;
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn first(&self) -> anyhow::Result<(Side, Option<Duration>)> {
        if let Some(file) = &self.processor_config {
            let settings = processor(file, self.processor.as_deref())?;
            let wait = settings.decision_wait;
            return Ok((Side::of_processor(file, &settings)?, Some(wait)));
        }
        let Some(module) = &self.policy else { bail!("name a plugin: --policy FILE") };
        let config = self.config.clone().unwrap_or_default();
        Ok((Side::of_plugin(module, self.kind.as_deref(), config, self.name.clone())?, None))
    }

    fn second(&self) -> anyhow::Result<Option<Side>> {
        if let Some(file) = &self.against_processor_config {
            return Ok(Some(Side::of_processor(file, &processor(file, self.processor.as_deref())?)?));
        }
        let Some(module) = &self.against else { return Ok(None) };
        let kind = self.against_kind.as_deref().or(self.kind.as_deref());
        let config = self.against_config.clone().or(self.config.clone()).unwrap_or_default();
        Ok(Some(Side::of_plugin(module, kind, config, self.name.clone())?))
    }
}

/// The settings of a configuration's `tail_sampling`.
fn processor(file: &str, id: Option<&str>) -> anyhow::Result<Settings> {
    let loaded = config::load(&[Source::Uri(file.to_owned())]).map_err(|problems| {
        let text = problems.only_errors().render(false);
        anyhow::Error::msg(text.strip_prefix("Error: ").unwrap_or(&text).to_owned())
    })?;
    let all = loaded.config.processors.iter().filter_map(|(own, component)| {
        component.settings.get::<Settings>().map(|settings| (own.to_string(), settings.clone()))
    });
    let found: Vec<_> = all.filter(|(own, _)| id.is_none_or(|id| id == own)).collect();
    let ids: Vec<_> = found.iter().map(|(id, _)| id.as_str()).collect();
    ensure!(found.len() < 2, "{file} has several: say which with --processor: {}", ids.join(", "));
    found.into_iter().next().map(|(_, settings)| settings).with_context(|| format!("{file} has no such processor"))
}

/// A replay under way.
#[derive(Default)]
struct Run {
    report: Report,
    roster: Roster,
    /// Traces that were shown as their spans came, and are not decided: by side, each as it was last.
    pending: [HashMap<Vec<u8>, (Answer, Size)>; 2],
    /// Those that are.
    done: [HashSet<Vec<u8>>; 2],
}

/// What a trace amounts to.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    spans: u64,
    bytes: u64,
}

impl Run {
    fn slice(&mut self, slice: &Slice, a: &mut Side, b: Option<&mut Side>) {
        let of_a = a.ask(slice);
        let of_b = match b {
            Some(b) => b.ask(slice),
            None => a.recorded(slice, &self.roster),
        };
        self.report.batches += 1;
        for (trace, answers) in slice.traces.iter().zip(of_a.into_iter().zip(of_b)) {
            let size = Size { spans: trace.spans.into(), bytes: trace.bytes.into() };
            let (of_a, of_b) = answers;
            self.report.see(size);
            if let (Some(a), Some(b)) = (&of_a, &of_b) {
                self.report.compared += 1;
                if a.vote != b.vote {
                    self.report.disagree(|| Disagreement::new(trace, slice.now, a, b));
                }
            }
            for (side, answer) in [of_a, of_b].into_iter().enumerate() {
                let answer = answer.unwrap_or_else(Answer::not_asked);
                self.count(side, slice.occasion(), trace, answer, size);
            }
        }
    }

    /// What is judged as its spans come may be judged again, unless it is kept or dropped: the last word counts.
    fn count(&mut self, side: usize, occasion: Occasion, trace: &Trace, answer: Answer, size: Size) {
        if occasion != Occasion::Ingest {
            self.report.sides[side].count(&answer, size);
        } else if !self.done[side].contains(&trace.id) {
            self.pending[side].remove(&trace.id);
            if answer.is_final() {
                self.report.sides[side].count(&answer, size);
                self.done[side].insert(trace.id.clone());
            } else {
                self.pending[side].insert(trace.id.clone(), (answer, size));
            }
        }
    }

    fn end(mut self, a: &Side, b: Option<&Side>) -> Report {
        for (side, pending) in self.pending.iter_mut().enumerate() {
            for (answer, size) in pending.drain().map(|(_, last)| last) {
                self.report.sides[side].count(&answer, size);
            }
        }
        self.report.close();
        self.report.sides[0].label = a.label();
        self.report.sides[1].label = b.map_or_else(|| a.recorded_label(), Side::label);
        self.report
    }
}

/// What the host decided, if it is known.
fn decided(trace: &Trace) -> Option<Answer> {
    let vote = match trace.decision() {
        Decision::Unknown => return None,
        Decision::Kept => "sample",
        Decision::Dropped => "drop",
        Decision::NotSampled | Decision::Undecided => "no",
    };
    let why = (!trace.policy.is_empty()).then(|| trace.policy.clone());
    Some(Answer { vote, why })
}
