//! The policies' evaluators: plugins, asked on the evaluator thread. All leaf policies are such; what ships with the host is one
//! component, so that a tick's columns are copied in once.

mod leaves;

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use self::leaves::{Leaves, MAX_FALLBACKS, Seated};
use super::composite::{Budget, Claim, Settled};
use super::core::{Core, Names};
use super::hash::TraceId;
use super::judge::Court;
use super::metrics::PolicyMetrics;
use super::rules::{self, Panel, Rule, Rules};
use super::settings::{Policy, Settings};
use super::shadow::Shadow;
use super::vote::Vote;
use super::witness::{Asked, Roster};
use crate::config::{ComponentId, Fault, Path};
use crate::pipeline::{BuildError, Cx};
use crate::recording::Leaf;
use crate::wasm::Plugin;
use crate::wasm::policy::{Columns, Failure, Limits, Needs, Policies, PolicySpec, Reason, Votes, Watch};

/// Evaluators in plugins.
pub(super) struct Plugins {
    policies: Policies,
    /// Of the composites: the leaves that follow those of evaluators.
    budgets: Vec<Budget>,
    /// The batch at hand.
    columns: Arc<Columns>,
    /// Leaves with a fallback, and whether it takes the place of every vote that is missing.
    fallbacks: HashMap<usize, bool>,
    /// Of plugins' files, if there are any.
    watch: Option<Watch>,
    /// What was asked and answered, where that is wanted.
    notes: Option<Vec<Asked>>,
    roster: Arc<Roster>,
}

impl Panel for Plugins {
    fn refresh(&mut self) {
        if let Some(mut fresh) = self.watch.as_ref().and_then(Watch::take) {
            fresh.adopt(&mut self.policies);
            self.policies = fresh;
            self.call_the_roll();
        }
    }

    fn needs(&self) -> &Needs {
        self.policies.needs()
    }

    fn load(&mut self, columns: Columns) {
        self.columns = Arc::new(columns);
        self.policies.load(self.columns.clone());
    }

    fn succeed(&mut self, old: &mut dyn Panel) {
        if let Some(old) = old.as_any().downcast_mut::<Self>() {
            self.policies.adopt(&mut old.policies);
            let composites = old.roster.leaves.iter().skip(old.evaluators());
            for (leaf, budget) in composites.zip(&old.budgets) {
                let own = self.roster.leaves.iter().skip(self.evaluators());
                let same = own.zip(&mut self.budgets).find(|(own, _)| own.name == leaf.name);
                if let Some((_, own)) = same {
                    own.restore(&budget.save());
                }
            }
        }
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn ask(&mut self, leaf: usize, candidates: &[u32]) -> Vec<Vote> {
        let answer = self.policies.evaluate(leaf, candidates);
        let votes = match &answer {
            Ok(Votes { verdicts, thresholds, .. }) => {
                let thresholds = thresholds.as_chunks().0;
                verdicts.iter().enumerate().map(|(at, verdict)| Vote::with(*verdict, thresholds.get(at))).collect()
            }
            Err(failure) => vec![self.instead(leaf, failure); candidates.len()],
        };
        if self.notes.is_some() {
            self.add_note(leaf, candidates, answer);
        }
        votes
    }

    fn admit(&mut self, leaf: usize, claims: &[Claim]) -> Vec<bool> {
        let (at, columns) = (leaf - self.evaluators(), self.columns.clone());
        let ids = columns.trace_ids.as_chunks().0;
        let admit = |claim: &Claim| {
            let candidate = claim.candidate as usize;
            let spans = columns.span_count[candidate].into();
            self.budgets[at].admit(columns.now, TraceId::from_bytes(ids[candidate]), claim.member, spans)
        };
        claims.iter().map(admit).collect()
    }

    fn settled(&mut self, leaf: usize, settled: &[Settled]) {
        let Some(notes) = &mut self.notes else { return };
        if settled.is_empty() {
            return;
        }
        // Of several claims on a trace, the last is what became of it.
        let last: std::collections::BTreeMap<_, _> = settled.iter().map(|one| (one.claim.candidate, *one)).collect();
        let votes = Votes {
            verdicts: last.values().map(|one| one.is_admitted.into()).collect(),
            thresholds: Vec::new(),
            reasons: last.values().map(|one| one.reason()).collect(),
        };
        notes.push(Asked { leaf, candidates: last.into_keys().collect(), answer: Ok(votes), defers: false });
    }

    fn note(&mut self, is_noting: bool) {
        self.notes = is_noting.then(Vec::new);
    }

    fn noted(&mut self) -> Vec<Asked> {
        self.notes.take().unwrap_or_default()
    }

    fn roster(&self) -> Option<Arc<Roster>> {
        Some(self.roster.clone())
    }

    fn states(&self) -> Vec<Option<Vec<u8>>> {
        let of_evaluators = (0..self.evaluators()).map(|leaf| self.policies.state(leaf).map(<[u8]>::to_vec));
        of_evaluators.chain(self.budgets.iter().map(|budget| Some(budget.save()))).collect()
    }
}

impl Plugins {
    fn new(policies: Policies, seated: Seated, rules: Vec<(String, Rule)>) -> Self {
        let Seated { specs, fallbacks, composites } = seated;
        let leaves = specs.iter().map(|spec| Leaf {
            name: spec.policy.clone(),
            kind: spec.kind.clone(),
            config_digest: hex::encode(Sha256::digest(spec.config.to_string())),
            ..Leaf::default()
        });
        let leaves = leaves.enumerate().map(|(at, leaf)| of_plugin(leaf, policies.plugin(at)));
        let (budgets, of_composites): (Vec<_>, Vec<_>) = composites.into_iter().unzip();
        let roster = Arc::new(Roster { policies: rules, leaves: leaves.chain(of_composites).collect() });
        Self { policies, budgets, columns: Arc::default(), fallbacks, watch: None, notes: None, roster }
    }

    /// How many leaves are evaluators.
    fn evaluators(&self) -> usize {
        self.roster.leaves.len() - self.budgets.len()
    }

    /// Makes the roster that of the plugins that run now.
    fn call_the_roll(&mut self) {
        let Roster { policies, leaves } = &*self.roster;
        let leaves = leaves.iter().cloned().enumerate().map(|(at, leaf)| match at < self.evaluators() {
            true => of_plugin(leaf, self.policies.plugin(at)),
            false => leaf,
        });
        self.roster = Arc::new(Roster { policies: policies.clone(), leaves: leaves.collect() });
    }

    /// What counts instead of a vote that is missing.
    pub(super) fn instead(&self, leaf: usize, failure: &Failure) -> Vote {
        match failure.verdict {
            _ if self.defers(leaf, failure) => Vote::Deferred,
            Some(verdict) => Vote::of(verdict),
            None => Vote::Missing,
        }
    }

    fn defers(&self, leaf: usize, failure: &Failure) -> bool {
        self.fallbacks.get(&leaf).is_some_and(|always| *always || failure.reason == Reason::BreakerOpen)
    }

    pub(super) fn add_note(&mut self, leaf: usize, candidates: &[u32], answer: Result<Votes, Failure>) {
        let defers = answer.as_ref().is_err_and(|failure| self.defers(leaf, failure));
        if let Some(notes) = &mut self.notes {
            notes.push(Asked { leaf, candidates: candidates.to_vec(), answer, defers });
        }
    }

    /// The evaluator at `leaf` goes on from this state.
    pub(super) fn restore(&mut self, leaf: usize, state: Vec<u8>) {
        match leaf.checked_sub(self.evaluators()) {
            None => self.policies.restore(leaf, state),
            Some(composite) => self.budgets[composite].restore(&state),
        }
    }
}

/// A leaf of this plugin.
fn of_plugin(leaf: Leaf, plugin: &Plugin) -> Leaf {
    let kind = plugin.kind(&leaf.kind);
    Leaf {
        plugin: plugin.name.clone(),
        digest: plugin.digest.clone(),
        state_schema: kind.map(|kind| kind.state_schema.clone()).unwrap_or_default(),
        reasons: plugin.reasons.clone(),
        ..leaf
    }
}

/// Makes what the settings' policies are: the court, and a line in words for each.
pub(super) fn convene(settings: &Settings, core: &Core) -> Result<(Court, Vec<String>), BuildError> {
    let Bench { specs, mut panel, rules, described } = seat(settings, &core.cx, &core.names, Occupation::Live)?;
    panel.watch = Watch::start(specs, &core.cx);
    if let Some(watch) = &panel.watch {
        panel.policies.watched_by(watch);
    }
    Ok((Court { panel: Box::new(panel), rules }, described))
}

/// What policies are seated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occupation {
    /// To decide about traffic.
    Live,
    /// To decide again about recorded traces: nothing waits for them, so they get time, and each failure is one of its own.
    Replay,
}

/// The seated policies.
pub(super) struct Bench {
    pub(super) specs: Vec<PolicySpec>,
    pub(super) panel: Plugins,
    pub(super) rules: Rules,
    pub(super) described: Vec<String>,
}

/// Configures the policies.
pub(super) fn seat(settings: &Settings, cx: &Cx, names: &Names, occupation: Occupation) -> Result<Bench, BuildError> {
    let mut leaves = Leaves::new(settings, cx, names);
    let rule = |(place, policy): (usize, &Policy)| leaves.rule(policy, &policy.name, &place_of(place));
    let rules: Vec<Rule> = settings.policies.iter().enumerate().map(rule).collect();
    let by_name: HashMap<&str, &Rule> =
        settings.policies.iter().map(|policy| policy.name.as_str()).zip(&rules).collect();
    let (mut policies, mut shadows) = (Vec::new(), Vec::new());
    for (policy, rule) in settings.policies.iter().zip(&rules) {
        match (policy.is_shadow().then_some(&policy.wasm), rule) {
            (Some(Some(block)), Rule::Leaf(leaf)) => {
                let against = block.against.as_deref().map(|name| (names.number(name), name));
                shadows.push(Shadow::new(cx, &policy.name, *leaf, against));
            }
            _ => {
                let metrics = Arc::new(PolicyMetrics::new(cx, &label(&cx.id, &policy.name)));
                let rule = leaves.guarded(rule, &by_name, MAX_FALLBACKS);
                policies.push(rules::Policy { name: names.number(&policy.name), rule, metrics });
            }
        }
    }
    let described = settings.policies.iter().map(|policy| leaves.describe(policy)).collect();
    if occupation == Occupation::Replay {
        leaves.specs.iter_mut().for_each(|spec| be_patient(&mut spec.limits));
    }
    let rules = Rules::new(policies, settings.sample_on_first_match).by_threshold(settings.tracestate);
    let rules = rules.watched_by(shadows);
    let (policies, seated) = leaves.configure()?;
    let specs = seated.specs.clone();
    let named = rules.in_order().map(|policy| (names.get(policy.name).to_string(), policy.rule.clone())).collect();
    Ok(Bench { panel: Plugins::new(policies, seated, named), specs, rules, described })
}

fn be_patient(limits: &mut Limits) {
    limits.evaluate = limits.evaluate.max(REPLAY_PATIENCE);
    limits.configure = limits.configure.max(REPLAY_PATIENCE);
    limits.load = limits.load.max(REPLAY_PATIENCE);
    limits.max_failures = u32::MAX;
}

/// Ends a policy that loops.
const REPLAY_PATIENCE: Duration = Duration::from_secs(10);

/// What is wrong with the settings' policies beyond what the settings show: loads the plugins and configures them, in instances that
/// are thrown away.
pub(super) fn try_out(settings: &Settings, cx: &Cx) -> Vec<Fault> {
    let names = Names::default();
    let mut leaves = Leaves::new(settings, cx, &names);
    for (place, policy) in settings.policies.iter().enumerate() {
        leaves.rule(policy, &policy.name, &place_of(place));
    }
    leaves.try_configure().1
}

/// Where a policy stands below the processor's section.
fn place_of(policy: usize) -> Path {
    Path::root().join("policies").join(policy.to_string())
}

/// A policy's name in metrics: as the Go processor has it.
fn label(id: &ComponentId, policy: &str) -> String {
    match &id.name {
        Some(name) => format!("{name}.{policy}"),
        None => policy.to_owned(),
    }
}
