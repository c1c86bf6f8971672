//! Deciding again about recorded traces: the same columns, panel and rules as on a live host.

use std::any::Any;
use std::cell::OnceCell;
use std::collections::HashMap;

use super::columns::Builder;
use super::composite::{Claim, Settled};
use super::core::Names;
use super::panel::{Bench, Occupation, Plugins, seat};
use super::recorded::{self, Opened};
use super::rules::{Keep, Panel, Rules, Verdict};
use super::settings::Settings;
use super::vote::Vote;
use super::witness::{Asked, record_asked};
use crate::pipeline::{BuildError, Cx};
use crate::recording::{self, Decision, Leaf, Slice};
use crate::wasm::policy::{Columns, Failure, Needs, OnError, Reason};

/// The policies of a processor, to be asked about recorded traces.
pub(crate) struct Replay {
    panel: Replayed,
    rules: Rules,
    names: Names,
    on_error: Vec<OnError>,
    leaves: Vec<Leaf>,
}

impl Replay {
    pub(crate) fn new(settings: &Settings, cx: &Cx) -> Result<Self, BuildError> {
        let names = Names::default();
        let Bench { specs, panel, rules, .. } = seat(settings, cx, &names, Occupation::Replay)?;
        let leaves = panel.roster().map(|roster| roster.leaves.clone()).unwrap_or_default();
        let on_error = specs.iter().map(|spec| spec.on_error).collect();
        Ok(Self { panel: Replayed { inner: panel, missing: HashMap::new() }, rules, names, on_error, leaves })
    }

    /// The evaluators.
    pub(crate) fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// An evaluator goes on from this state.
    pub(crate) fn restore(&mut self, leaf: usize, state: Vec<u8>) {
        self.panel.inner.restore(leaf, state);
    }

    /// Shows a batch. The evaluators in `missing` give no votes on it, for those reasons: they failed when it was recorded.
    pub(crate) fn load(&mut self, slice: &Slice, missing: impl Iterator<Item = (usize, String)>) {
        let on_error = &self.on_error;
        let failure = |(leaf, word): (usize, String)| {
            let reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == word).unwrap_or(Reason::Unavailable);
            let verdict = on_error.get(leaf).and_then(|on_error| on_error.verdict());
            (leaf, Failure { reason, message: "as recorded".to_owned(), verdict })
        };
        self.panel.missing = missing.map(failure).collect();
        let mut builder = Builder::new(self.panel.needs(), slice.now, slice.traces.len());
        for trace in &slice.traces {
            let opened = OnceCell::new();
            let open = || Opened::new(trace.otlp.clone());
            builder.add(&recorded::entry(trace), || opened.get_or_init(open).pieces());
        }
        let columns = builder.finish();
        self.panel.load(columns);
    }

    /// What becomes of the `count` traces of the batch, and who said what.
    pub(crate) fn decide(&mut self, count: usize) -> (Vec<(Decision, String)>, Vec<recording::Asked>) {
        self.panel.note(true);
        let verdicts = self.rules.decide(&mut self.panel, count);
        let decisions = verdicts.into_iter().map(|verdict| match verdict {
            Verdict::Keep(Keep { policy, .. }) => (Decision::Kept, self.names.get(policy).to_string()),
            Verdict::Dropped => (Decision::Dropped, String::new()),
            Verdict::NotSampled => (Decision::NotSampled, String::new()),
        });
        let decisions = decisions.collect();
        (decisions, self.panel.noted().into_iter().map(record_asked).collect())
    }

    /// What one evaluator says of the traces at these places of the batch.
    pub(crate) fn ask(&mut self, leaf: usize, candidates: &[u32]) -> recording::Asked {
        self.panel.note(true);
        self.panel.ask(leaf, candidates);
        self.panel.noted().into_iter().map(record_asked).next().unwrap_or_default()
    }
}

/// Evaluators, some of which fail as they did before.
struct Replayed {
    inner: Plugins,
    missing: HashMap<usize, Failure>,
}

impl Panel for Replayed {
    fn refresh(&mut self) {}

    fn needs(&self) -> &Needs {
        self.inner.needs()
    }

    fn load(&mut self, columns: Columns) {
        self.inner.load(columns);
    }

    fn succeed(&mut self, _: &mut dyn Panel) {}

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn ask(&mut self, leaf: usize, candidates: &[u32]) -> Vec<Vote> {
        let Some(failure) = self.missing.get(&leaf) else { return self.inner.ask(leaf, candidates) };
        let instead = self.inner.instead(leaf, failure);
        self.inner.add_note(leaf, candidates, Err(failure.clone()));
        vec![instead; candidates.len()]
    }

    fn admit(&mut self, leaf: usize, claims: &[Claim]) -> Vec<bool> {
        self.inner.admit(leaf, claims)
    }

    fn settled(&mut self, leaf: usize, settled: &[Settled]) {
        self.inner.settled(leaf, settled);
    }

    fn note(&mut self, is_noting: bool) {
        self.inner.note(is_noting);
    }

    fn noted(&mut self) -> Vec<Asked> {
        self.inner.noted()
    }
}
