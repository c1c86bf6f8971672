//! The policies' evaluators: plugins, asked on the evaluator thread. All leaf policies are such; what ships with the host is one
//! component, so that a tick's columns are copied in once.

mod fault;

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use self::fault::Fault;
use super::core::Core;
use super::judge::Court;
use super::metrics::PolicyMetrics;
use super::rules::{self, Panel, Rule, Rules, Vote};
use super::settings::{Kind, Policy, Settings, WasmPolicy};
use crate::config::{ComponentId, Path};
use crate::pipeline::{BuildError, Cx};
use crate::wasm::policy::{Columns, Limits, Needs, OnError, Policies, PolicyProblem, PolicySpec, Watch};
use crate::wasm::{Plugin, PluginError};

/// Evaluators in plugins.
struct Plugins {
    policies: Policies,
    /// Of plugins' files, if there are any.
    watch: Option<Watch>,
}

impl Panel for Plugins {
    fn refresh(&mut self) {
        if let Some(mut fresh) = self.watch.as_ref().and_then(Watch::take) {
            fresh.adopt(&mut self.policies);
            self.policies = fresh;
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
        match self.policies.evaluate(leaf, candidates) {
            Ok(votes) => votes.verdicts.into_iter().map(vote).collect(),
            Err(failure) => vec![failure.verdict.map_or(Vote::Missing, vote); candidates.len()],
        }
    }
}

fn vote(verdict: u8) -> Vote {
    match verdict {
        0 => Vote::No,
        1 => Vote::Sample,
        _ => Vote::Drop,
    }
}

/// Makes what the settings' policies are: the court, and a line in words for each.
pub(super) fn convene(settings: &Settings, core: &Core) -> Result<(Court, Vec<String>), BuildError> {
    let mut leaves = Leaves::new(&core.cx);
    let mut policies = Vec::new();
    for (place, policy) in settings.policies.iter().enumerate() {
        let rule = leaves.rule(policy, &policy.name, &place_of(place));
        let label = label(&core.cx.id, &policy.name);
        let metrics = Arc::new(PolicyMetrics::new(&core.cx, &label));
        policies.push(rules::Policy { name: core.names.number(&policy.name), rule, metrics });
    }
    let described = settings.policies.iter().map(|policy| leaves.describe(policy)).collect();
    let panel = Box::new(leaves.configure()?);
    Ok((Court { panel, rules: Rules::new(policies, settings.sample_on_first_match) }, described))
}

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
    faults: Vec<Fault>,
}

impl<'a> Leaves<'a> {
    fn new(cx: &'a Cx) -> Self {
        Self { cx, plugins: HashMap::new(), specs: Vec::new(), paths: Vec::new(), faults: Vec::new() }
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
        let kind = policy.kind.clone();
        let (config, limits, on_error) = (policy.config(), Limits::default(), OnError::default());
        self.add(PolicySpec { policy: self.unique(name), plugin, kind, config, limits, on_error }, path)
    }

    fn of_file(&mut self, block: Option<&WasmPolicy>, name: &str, path: &Path) -> Rule {
        let path = path.join("wasm");
        let Some(block) = block else { return Rule::Leaf(0) };
        let WasmPolicy { module, digest, policy, config, on_error, limits } = block;
        let load = |cx: &Cx| cx.host.wasm.load(std::path::Path::new(module), digest.as_deref());
        let Some(plugin) = self.plugin(module, &path, load) else { return Rule::Leaf(0) };
        let kind = match (policy, plugin.kinds.as_slice()) {
            (Some(kind), _) => kind.clone(),
            (None, [only]) => only.name.clone(),
            (None, []) => {
                self.faults.push(Fault::new(&path.join("module"), format!("{module} offers no policies")));
                return Rule::Leaf(0);
            }
            (None, kinds) => {
                let kinds: Vec<_> = kinds.iter().map(|kind| kind.name.as_str()).collect();
                let message = format!("{module} has several policies: name one as policy: {}", kinds.join(", "));
                self.faults.push(Fault::new(&path, message));
                return Rule::Leaf(0);
            }
        };
        // What YAML has as nothing, plugins take as no options.
        let config = if config.is_null() { serde_json::json!({}) } else { config.clone() };
        let (limits, on_error) = (limits.limits(), *on_error);
        let spec = PolicySpec { policy: self.unique(name), plugin, kind, config, limits, on_error };
        let path = path.join("config");
        self.faults.extend(fault::of_schema(&spec, &path));
        self.add(spec, path)
    }

    fn add(&mut self, spec: PolicySpec, path: Path) -> Rule {
        self.specs.push(spec);
        self.paths.push(path);
        Rule::Leaf(self.specs.len() - 1)
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
    fn configure(self) -> Result<Plugins, BuildError> {
        let (cx, watched) = (self.cx, self.specs.clone());
        let (policies, faults) = self.try_configure();
        for warning in faults.iter().filter(|fault| fault.is_warning) {
            tracing::warn!(processor = %cx.id, "{warning}");
        }
        if let Some(mut policies) = policies {
            let watch = Watch::start(watched, cx);
            if let Some(watch) = &watch {
                policies.watched_by(watch);
            }
            return Ok(Plugins { policies, watch });
        }
        let errors = faults.iter().filter(|fault| !fault.is_warning).map(ToString::to_string);
        Err(BuildError::new(errors.collect::<Vec<_>>().join("\n")))
    }

    /// The configured leaves, unless something is wrong beyond a warning.
    fn try_configure(mut self) -> (Option<Policies>, Vec<Fault>) {
        if self.faults.iter().any(|fault| !fault.is_warning) {
            return (None, self.faults);
        }
        match Policies::new(self.specs, self.cx) {
            Ok(policies) => (Some(policies), self.faults),
            Err(problems) => {
                let fault = |problem: &PolicyProblem| Fault::of_plugin(&self.paths[problem.spec], problem);
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
