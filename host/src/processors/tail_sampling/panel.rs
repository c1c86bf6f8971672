//! The policies' evaluators: plugins, asked on the evaluator thread. All leaf policies are such; what ships with the host is one
//! component, so that a tick's columns are copied in once.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::core::{Core, Names};
use super::judge::Court;
use super::metrics::PolicyMetrics;
use super::rules::{self, Panel, Rule, Rules, Vote};
use super::settings::{CanaryPolicy, Kind, Policy, Settings, WasmPolicy};
use super::shadow::Shadow;
use super::witness::{Asked, Roster};
use crate::config::{ComponentId, Fault, Path};
use crate::pipeline::{BuildError, Cx};
use crate::recording::Leaf;
use crate::wasm::module::Remote;
use crate::wasm::policy::{
    Columns, Failure, Limits, Needs, OnError, Policies, PolicyProblem, PolicySpec, Reason, Votes, Watch,
};
use crate::wasm::{Plugin, PluginError};

/// Evaluators in plugins.
pub(super) struct Plugins {
    policies: Policies,
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
        self.policies.load(Arc::new(columns));
    }

    fn succeed(&mut self, old: &mut dyn Panel) {
        if let Some(old) = old.as_any().downcast_mut::<Self>() {
            self.policies.adopt(&mut old.policies);
        }
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn ask(&mut self, leaf: usize, candidates: &[u32]) -> Vec<Vote> {
        let answer = self.policies.evaluate(leaf, candidates);
        let votes = match &answer {
            Ok(votes) => votes.verdicts.iter().map(|verdict| Vote::of(*verdict)).collect(),
            Err(failure) => vec![self.instead(leaf, failure); candidates.len()],
        };
        if self.notes.is_some() {
            self.add_note(leaf, candidates, answer);
        }
        votes
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
        (0..self.roster.leaves.len()).map(|leaf| self.policies.state(leaf).map(<[u8]>::to_vec)).collect()
    }
}

impl Plugins {
    fn new(
        policies: Policies,
        fallbacks: HashMap<usize, bool>,
        specs: &[PolicySpec],
        rules: Vec<(String, Rule)>,
    ) -> Self {
        let leaves = specs.iter().map(|spec| Leaf {
            name: spec.policy.clone(),
            kind: spec.kind.clone(),
            config_digest: hex::encode(Sha256::digest(spec.config.to_string())),
            ..Leaf::default()
        });
        let leaves = leaves.enumerate().map(|(at, leaf)| of_plugin(leaf, policies.plugin(at))).collect();
        let roster = Arc::new(Roster { policies: rules, leaves });
        Self { policies, fallbacks, watch: None, notes: None, roster }
    }

    /// Makes the roster that of the plugins that run now.
    fn call_the_roll(&mut self) {
        let Roster { policies, leaves } = &*self.roster;
        let leaves = leaves.iter().cloned().enumerate().map(|(at, leaf)| of_plugin(leaf, self.policies.plugin(at)));
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
        self.policies.restore(leaf, state);
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

/// The settings' check knows that no policy falls back on itself; this bounds what a chain of them may cost.
const MAX_FALLBACKS: usize = 16;

/// What YAML has as nothing, plugins take as no options.
fn options(config: &serde_json::Value) -> serde_json::Value {
    if config.is_null() { serde_json::json!({}) } else { config.clone() }
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
    let mut leaves = Leaves::new(cx);
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
    let rules = Rules::new(policies, settings.sample_on_first_match).watched_by(shadows);
    let fallbacks = leaves.fallbacks.iter().map(|(leaf, (_, always))| (*leaf, *always)).collect();
    let (policies, specs) = leaves.configure()?;
    let named = rules.in_order().map(|policy| (names.get(policy.name).to_string(), policy.rule.clone())).collect();
    Ok(Bench { panel: Plugins::new(policies, fallbacks, &specs, named), specs, rules, described })
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
    let mut leaves = Leaves::new(cx);
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

/// The leaves of all rules, in the making.
struct Leaves<'a> {
    cx: &'a Cx,
    /// By file; the standard policies' has no name.
    plugins: HashMap<String, Option<Arc<Plugin>>>,
    specs: Vec<PolicySpec>,
    /// Where each spec's configuration stands.
    paths: Vec<Path>,
    /// By leaf: the policy that is asked in its place, and whether for every vote that is missing.
    fallbacks: HashMap<usize, (String, bool)>,
    faults: Vec<Fault>,
}

impl<'a> Leaves<'a> {
    fn new(cx: &'a Cx) -> Self {
        Self {
            cx,
            plugins: HashMap::new(),
            specs: Vec::new(),
            paths: Vec::new(),
            fallbacks: HashMap::new(),
            faults: Vec::new(),
        }
    }

    /// The rule with the fallbacks of its leaves.
    fn guarded(&self, rule: &Rule, policies: &HashMap<&str, &Rule>, depth: usize) -> Rule {
        let guard = |rule: &Rule| self.guarded(rule, policies, depth);
        match rule {
            Rule::Leaf(leaf) | Rule::Guarded(leaf, _) => {
                let fallback = self.fallbacks.get(leaf).and_then(|(name, _)| policies.get(name.as_str()));
                match fallback.filter(|_| depth > 0) {
                    Some(fallback) => Rule::Guarded(*leaf, Box::new(self.guarded(fallback, policies, depth - 1))),
                    None => Rule::Leaf(*leaf),
                }
            }
            Rule::And(members) => Rule::And(members.iter().map(guard).collect()),
            Rule::Drop(members) => Rule::Drop(members.iter().map(guard).collect()),
            Rule::Not(member) => Rule::Not(Box::new(guard(member))),
        }
    }

    fn rule(&mut self, policy: &Policy, name: &str, path: &Path) -> Rule {
        let mut members = policy.members().iter().enumerate();
        let mut member = |(place, member): (usize, &Policy)| {
            let path = member_path(policy, path, place);
            // Members' names need not be unique, nor given.
            self.rule(
                member,
                &format!("{name}/{}", if member.name.is_empty() { &member.kind } else { &member.name }),
                &path,
            )
        };
        match policy.evaluated() {
            Some(Kind::And) => Rule::And(members.map(member).collect()),
            Some(Kind::Drop) => Rule::Drop(members.map(member).collect()),
            Some(Kind::Not) => match members.next() {
                Some(only) => Rule::Not(Box::new(member(only))),
                None => Rule::And(Vec::new()),
            },
            Some(Kind::Wasm) => self.of_file(policy.wasm.as_ref(), name, path),
            _ => self.standard(policy, name, path),
        }
    }

    fn standard(&mut self, policy: &Policy, name: &str, path: &Path) -> Rule {
        let path = path.join(&policy.kind);
        let Some(plugin) = self.plugin("", &path, |cx| cx.host.wasm.embedded()) else { return Rule::Leaf(0) };
        let spec = PolicySpec::new(self.unique(name), plugin, policy.kind.clone(), policy.config());
        Rule::Leaf(self.add(spec, path))
    }

    fn of_file(&mut self, block: Option<&WasmPolicy>, name: &str, path: &Path) -> Rule {
        let path = path.join("wasm");
        let Some(block) = block else { return Rule::Leaf(0) };
        let WasmPolicy { module, registry, digest, policy, config, on_error, limits, .. } = block;
        let Some(plugin) = self.file(module, digest.as_deref(), registry, &path) else { return Rule::Leaf(0) };
        let Some(kind) = self.kind(&plugin, policy.as_deref(), module, &path) else { return Rule::Leaf(0) };
        let spec = PolicySpec {
            limits: limits.limits(),
            on_error: *on_error,
            ..PolicySpec::new(self.unique(name), plugin, kind, options(config))
        };
        let leaf = self.add_checked(spec.clone(), path.join("config"));
        if let Some(fallback) = &block.fallback {
            self.fallbacks.insert(leaf, (fallback.clone(), *on_error == OnError::Fallback));
        }
        if let Some(canary) = &block.canary {
            self.canary(canary, &spec, leaf, &path.join("canary"));
        }
        Rule::Leaf(leaf)
    }

    /// The new version of a policy, beside it.
    fn canary(&mut self, block: &CanaryPolicy, active: &PolicySpec, leaf: usize, path: &Path) {
        let Some(plugin) = self.file(&block.module, block.digest.as_deref(), &block.registry, path) else { return };
        let config = block.config.as_ref().map_or_else(|| active.config.clone(), options);
        let policy = self.unique(&format!("{}/canary", active.policy));
        let canary_of = Some((leaf, block.share));
        self.add_checked(PolicySpec { policy, plugin, config, canary_of, ..active.clone() }, path.join("config"));
    }

    fn file(&mut self, module: &str, digest: Option<&str>, remote: &Remote, path: &Path) -> Option<Arc<Plugin>> {
        self.plugin(module, path, |cx| cx.host.wasm.load_module(module, digest, remote))
    }

    /// Which of the plugin's policies is meant.
    fn kind(&mut self, plugin: &Plugin, named: Option<&str>, module: &str, path: &Path) -> Option<String> {
        let fault = match (named, plugin.kinds.as_slice()) {
            (Some(kind), _) => return Some(kind.to_owned()),
            (None, [only]) => return Some(only.name.clone()),
            (None, []) => Fault::new(&path.join("module"), format!("{module} offers no policies")),
            (None, kinds) => {
                let kinds: Vec<_> = kinds.iter().map(|kind| kind.name.as_str()).collect();
                Fault::new(path, format!("{module} has several policies: name one as policy: {}", kinds.join(", ")))
            }
        };
        self.faults.push(fault);
        None
    }

    /// A user's configuration is held against the plugin's schema first.
    fn add_checked(&mut self, spec: PolicySpec, path: Path) -> usize {
        if let Some(kind) = spec.plugin.kind(&spec.kind) {
            self.faults.extend(kind.misfits(&spec.plugin.name, &spec.config, &path));
        }
        self.add(spec, path)
    }

    fn add(&mut self, spec: PolicySpec, path: Path) -> usize {
        self.specs.push(spec);
        self.paths.push(path);
        self.specs.len() - 1
    }

    /// A name that no other spec has.
    fn unique(&self, name: &str) -> String {
        let is_taken = |name: &str| self.specs.iter().any(|spec| spec.policy == name);
        let numbered = (2..).map(|number| format!("{name}#{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| !is_taken(name)).unwrap_or_default()
    }

    /// A plugin, loaded once however many policies it has.
    fn plugin(
        &mut self,
        file: &str,
        path: &Path,
        load: impl FnOnce(&Cx) -> Result<Arc<Plugin>, PluginError>,
    ) -> Option<Arc<Plugin>> {
        if let Some(known) = self.plugins.get(file) {
            return known.clone();
        }
        let plugin = load(self.cx).map_err(|error| self.faults.push(Fault::new(path, error.to_string()))).ok();
        self.plugins.insert(file.to_owned(), plugin.clone());
        plugin
    }

    /// One line on a policy and the plugins that it takes.
    fn describe(&self, policy: &Policy) -> String {
        let mut plugins: Vec<String> = Vec::new();
        self.note_plugins(policy, &mut plugins);
        plugins.sort_unstable();
        plugins.dedup();
        format!("{}: {} ({})", policy.name, policy.kind, plugins.join(", "))
    }

    fn note_plugins(&self, policy: &Policy, plugins: &mut Vec<String>) {
        for member in policy.members() {
            self.note_plugins(member, plugins);
        }
        let file = match policy.evaluated() {
            Some(Kind::Standard) => Some(""),
            Some(Kind::Wasm) => policy.wasm.as_ref().map(|block| block.module.as_str()),
            _ => None,
        };
        if let Some(plugin) = file.and_then(|file| self.plugins.get(file)).and_then(Option::as_ref) {
            plugins.push(format!("{}@sha256:{}", plugin.name, plugin.digest));
        }
    }

    /// Configures all leaves, or says all that is wrong.
    fn configure(self) -> Result<(Policies, Vec<PolicySpec>), BuildError> {
        let (cx, specs) = (self.cx, self.specs.clone());
        let (policies, faults) = self.try_configure();
        for warning in faults.iter().filter(|fault| fault.is_warning) {
            tracing::warn!(processor = %cx.id, "{warning}");
        }
        if let Some(policies) = policies {
            return Ok((policies, specs));
        }
        Err(BuildError::new(Fault::errors(&faults).unwrap_or_default()))
    }

    /// The configured leaves, unless something is wrong beyond a warning.
    fn try_configure(mut self) -> (Option<Policies>, Vec<Fault>) {
        if self.faults.iter().any(|fault| !fault.is_warning) {
            return (None, self.faults);
        }
        match Policies::new(self.specs, self.cx) {
            Ok(policies) => (Some(policies), self.faults),
            Err(problems) => {
                let fault = |PolicyProblem { spec, path, message }: &PolicyProblem| {
                    Fault::of_diagnostic(&self.paths[*spec], path, message)
                };
                self.faults.extend(problems.iter().map(fault));
                (None, self.faults)
            }
        }
    }
}

/// Where a member of a policy stands.
fn member_path(policy: &Policy, path: &Path, place: usize) -> Path {
    let block = path.join(&policy.kind);
    match policy.evaluated() {
        Some(Kind::And) => block.join("and_sub_policy").join(place.to_string()),
        Some(Kind::Drop) => block.join("drop_sub_policy").join(place.to_string()),
        _ => block.join("not_sub_policy"),
    }
}
