//! One of the two that are compared.

use serde_json::{Value, json};

use super::decided;
use crate::pipeline::Cx;
use crate::processors::tail_sampling::Settings;
use crate::processors::tail_sampling::replay::Replay;
use crate::recording::{Asked, Leaf, Roster, Slice};

/// What a policy, or all of a processor's together, said of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// sample, drop, no, missing, not asked.
    pub(super) vote: &'static str,
    /// The reason of the vote, the policy that decided, or why it is missing.
    pub(super) why: Option<String>,
}

impl Answer {
    pub(super) fn not_asked() -> Self {
        Self { vote: "not asked", why: None }
    }

    /// Whether it decides about a trace that is shown as its spans come.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.vote, "sample" | "drop")
    }
}

/// What is asked.
pub(super) struct Side {
    name: String,
    replay: Replay,
    /// All policies of a processor with their rules, or one evaluator alone.
    is_whole: bool,
    /// The name of the recorded policy that it stands for.
    stands_for: Option<String>,
    /// By evaluator: its place in the roster of the recording, and whether it is the very same.
    recorded: Vec<Option<(usize, bool)>>,
    has_met: bool,
}

impl Side {
    /// The policies of a processor.
    pub(super) fn of_processor(file: &str, settings: &Settings) -> anyhow::Result<Self> {
        let replay = Replay::new(settings, &Cx::offline()).map_err(|error| anyhow::anyhow!("{file}: {error}"))?;
        Ok(Self::new(file.to_owned(), replay, true, None))
    }

    /// A plugin's policy.
    pub(super) fn of_plugin(
        module: &str,
        kind: Option<&str>,
        config: Value,
        stands_for: Option<String>,
    ) -> anyhow::Result<Self> {
        // A mistake in a policy's name shows in messages; a colon and a slash are what modules have.
        let policy =
            json!({"name": "policy", "type": "wasm", "wasm": {"module": module, "policy": kind, "config": config}});
        let settings: Settings = serde_json::from_value(json!({"policies": [policy]}))?;
        let replay = Replay::new(&settings, &Cx::offline()).map_err(|error| {
            let said = error.to_string();
            anyhow::anyhow!(
                "{module}: {}",
                said.strip_prefix("policies::0::wasm").unwrap_or(&said).trim_start_matches([':', ' '])
            )
        })?;
        Ok(Self::new(module.to_owned(), replay, false, stands_for))
    }

    fn new(name: String, replay: Replay, is_whole: bool, stands_for: Option<String>) -> Self {
        let recorded = vec![None; replay.leaves().len()];
        Self { name, replay, is_whole, stands_for, recorded, has_met: false }
    }

    /// These were asked when what follows was recorded.
    pub(super) fn meet(&mut self, roster: &Roster) -> anyhow::Result<()> {
        let is_first = !std::mem::replace(&mut self.has_met, true);
        let leaves = self.replay.leaves().to_vec();
        for (at, own) in leaves.iter().enumerate() {
            let found = self.counterpart(own, &roster.leaves)?;
            self.recorded[at] = found.map(|place| (place, is_same(own, &roster.leaves[place])));
            let Some((place, is_same)) = self.recorded[at] else { continue };
            let other = &roster.leaves[place];
            // What stands for another goes on from its own state, once it has one.
            if let Some(state) = other.state.as_ref().filter(|_| (is_first || is_same) && takes_state(own, other)) {
                self.replay.restore(at, state.clone());
            }
        }
        Ok(())
    }

    /// The place of the recorded evaluator that `own` stands for.
    fn counterpart(&self, own: &Leaf, recorded: &[Leaf]) -> anyhow::Result<Option<usize>> {
        if self.is_whole {
            return Ok(recorded.iter().position(|leaf| leaf.name == own.name && leaf.kind == own.kind));
        }
        if let Some(name) = &self.stands_for {
            let found = recorded.iter().position(|leaf| leaf.name == *name);
            let names: Vec<_> = recorded.iter().map(|leaf| leaf.name.as_str()).collect();
            anyhow::ensure!(found.is_some(), "no policy {name:?} was recorded, but: {}", names.join(", "));
            return Ok(found);
        }
        let only = |like: &dyn Fn(&Leaf) -> bool| {
            let mut places = (0..recorded.len()).filter(|place| like(&recorded[*place]));
            places.next().filter(|_| places.next().is_none())
        };
        Ok(recorded
            .iter()
            .position(|leaf| is_same(own, leaf))
            .or_else(|| only(&|leaf| leaf.digest == own.digest && leaf.kind == own.kind))
            .or_else(|| only(&|leaf| leaf.plugin == own.plugin && leaf.kind == own.kind)))
    }

    /// An answer for each trace; `None` where it is not asked.
    pub(super) fn ask(&mut self, slice: &Slice) -> Vec<Option<Answer>> {
        let recorded = &self.recorded;
        let missing = slice.asked.iter().filter(|asked| !asked.failure.is_empty()).filter_map(|asked| {
            let of = |counterpart: &Option<(usize, bool)>| *counterpart == Some((asked.leaf as usize, true));
            Some((recorded.iter().position(of)?, asked.failure.clone()))
        });
        // Looked up before the batch is shown: both look at the same evaluators.
        let missing: Vec<_> = missing.collect();
        self.replay.load(slice, missing.into_iter());
        if self.is_whole {
            return self.decide(slice);
        }
        let all: Vec<u32> = (0..slice.traces.len() as u32).collect();
        let candidates = match self.recorded.first() {
            Some(Some((place, _))) => {
                let then = slice.asked.iter().find(|asked| asked.leaf as usize == *place);
                then.map(|asked| asked.candidates.clone()).unwrap_or_default()
            }
            _ => all,
        };
        let candidates: Vec<u32> =
            candidates.into_iter().filter(|place| (*place as usize) < slice.traces.len()).collect();
        if candidates.is_empty() {
            return vec![None; slice.traces.len()];
        }
        let asked = self.replay.ask(0, &candidates);
        answers(&asked, &self.replay.leaves()[0].reasons, slice.traces.len())
    }

    fn decide(&mut self, slice: &Slice) -> Vec<Option<Answer>> {
        use crate::recording::Decision;
        let (decisions, _) = self.replay.decide(slice.traces.len());
        let answer = |(decision, policy)| match decision {
            Decision::Kept => Answer { vote: "sample", why: Some(policy) },
            Decision::Dropped => Answer { vote: "drop", why: None },
            _ => Answer { vote: "no", why: None },
        };
        decisions.into_iter().map(answer).map(Some).collect()
    }

    /// What was recorded of each trace: of the policy that this stands for, else what was decided.
    pub(super) fn recorded(&self, slice: &Slice, roster: &Roster) -> Vec<Option<Answer>> {
        match self.recorded.first() {
            Some(Some((place, _))) if !self.is_whole => {
                let none = Vec::new();
                let reasons = roster.leaves.get(*place).map_or(&none, |leaf| &leaf.reasons);
                match slice.asked.iter().find(|asked| asked.leaf as usize == *place) {
                    Some(asked) => answers(asked, reasons, slice.traces.len()),
                    None => vec![None; slice.traces.len()],
                }
            }
            _ => slice.traces.iter().map(decided).collect(),
        }
    }

    /// What [`Side::recorded`] gives, in words.
    pub(super) fn recorded_label(&self) -> String {
        match (self.is_whole, self.recorded.first()) {
            (false, Some(Some(_))) => "the recorded votes of the policy it stands for".to_owned(),
            _ => "the recorded decisions".to_owned(),
        }
    }

    /// What it is.
    pub(super) fn label(&self) -> String {
        match self.replay.leaves() {
            [leaf] if !self.is_whole => {
                let digest = leaf.digest.get(..12).unwrap_or_default();
                format!("{} ({} of {}@sha256:{digest})", self.name, leaf.kind, leaf.plugin)
            }
            leaves => format!("{} ({} policies)", self.name, leaves.len()),
        }
    }
}

fn is_same(a: &Leaf, b: &Leaf) -> bool {
    (&a.digest, &a.kind, &a.config_digest) == (&b.digest, &b.kind, &b.config_digest)
}

fn takes_state(own: &Leaf, other: &Leaf) -> bool {
    !own.state_schema.is_empty() && own.state_schema == other.state_schema && own.kind == other.kind
}

/// Of each of `traces` what an evaluator said.
fn answers(asked: &Asked, reasons: &[String], traces: usize) -> Vec<Option<Answer>> {
    let mut all = vec![None; traces];
    for (at, place) in asked.candidates.iter().enumerate() {
        let vote = match asked.verdicts.get(at) {
            _ if !asked.failure.is_empty() => "missing",
            Some(0) => "no",
            Some(1) => "sample",
            Some(_) => "drop",
            None => "missing",
        };
        let reason = asked.reasons.get(at).and_then(|reason| reasons.get(*reason as usize)).cloned();
        let why = if asked.failure.is_empty() { reason } else { Some(asked.failure.clone()) };
        if let Some(answer) = all.get_mut(*place as usize) {
            *answer = Some(Answer { vote, why });
        }
    }
    all
}
