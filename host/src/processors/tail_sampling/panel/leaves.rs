//! From the settings' policies to what is asked: rules, and the evaluators and budgets that these stand on.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::config::{Fault, Path};
use crate::pipeline::{BuildError, Cx};
use crate::processors::tail_sampling::composite::{self, Budget, Composite};
use crate::processors::tail_sampling::core::Names;
use crate::processors::tail_sampling::rules::Rule;
use crate::processors::tail_sampling::settings::{CanaryPolicy, Frame, Kind, Policy, Settings, Strategy, WasmPolicy};
use crate::recording::Leaf;
use crate::wasm::module::Remote;
use crate::wasm::policy::{OnError, Policies, PolicyProblem, PolicySpec};
use crate::wasm::{Embedded, Plugin, PluginError};

/// The settings' check knows that no policy falls back on itself; this bounds what a chain of them may cost.
pub(super) const MAX_FALLBACKS: usize = 16;

/// What YAML has as nothing, plugins take as no options.
fn options(config: &serde_json::Value) -> serde_json::Value {
    if config.is_null() { serde_json::json!({}) } else { config.clone() }
}

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Origin {
    /// With the host.
    Host(Embedded),
    /// A file, or a registry.
    Module(String),
}

/// The component that has a standard policy.
fn component(kind: &str) -> Embedded {
    if kind == "ottl_condition" { Embedded::Statements } else { Embedded::Policies }
}

/// The leaves of all rules, in the making.
pub(super) struct Leaves<'a> {
    cx: &'a Cx,
    names: &'a Names,
    frame: Frame,
    /// Whether policies are asked as spans come.
    on_ingest: bool,
    plugins: HashMap<Origin, Option<Arc<Plugin>>>,
    pub(super) specs: Vec<PolicySpec>,
    /// In the order in which composites were met.
    composites: Vec<(Budget, Leaf)>,
    /// Where each spec's configuration stands.
    paths: Vec<Path>,
    /// By leaf: the policy that is asked in its place, and whether for every vote that is missing.
    fallbacks: HashMap<usize, (String, bool)>,
    faults: Vec<Fault>,
}

impl<'a> Leaves<'a> {
    pub(super) fn new(settings: &Settings, cx: &'a Cx, names: &'a Names) -> Self {
        Self {
            cx,
            names,
            frame: settings.frame(),
            on_ingest: settings.sampling_strategy == Strategy::SpanIngest,
            composites: Vec::new(),
            plugins: HashMap::new(),
            specs: Vec::new(),
            paths: Vec::new(),
            fallbacks: HashMap::new(),
            faults: Vec::new(),
        }
    }

    /// The rule with the fallbacks of its leaves, and the leaves of composites behind those of all evaluators, which are known by now.
    pub(super) fn guarded(&self, rule: &Rule, policies: &HashMap<&str, &Rule>, depth: usize) -> Rule {
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
            Rule::Composite(Composite { leaf, mode, members }) => Rule::Composite(Composite {
                leaf: self.specs.len() + leaf,
                mode: *mode,
                members: members.iter().map(|(name, member)| (*name, guard(member))).collect(),
            }),
        }
    }

    pub(super) fn rule(&mut self, policy: &Policy, name: &str, path: &Path) -> Rule {
        let tracestate = self.frame.tracestate;
        let mut members = policy.members().iter().enumerate();
        let mut member = |(place, member): (usize, &Policy)| {
            let path = member_path(policy, path, place);
            self.rule(member, &format!("{name}/{}", called(member)), &path)
        };
        match policy.evaluated() {
            Some(Kind::And) => {
                let mut all: Vec<_> = members.map(|(at, one)| (one.is_limiter(), member((at, one)))).collect();
                if tracestate {
                    // A limiter that goes by randomness shares out among the traces that it is asked about.
                    all.sort_by_key(|(is_limiter, _)| *is_limiter);
                }
                Rule::And(all.into_iter().map(|(_, rule)| rule).collect())
            }
            Some(Kind::Drop) => Rule::Drop(members.map(member).collect()),
            Some(Kind::Not) => match members.next() {
                Some(only) => Rule::Not(Box::new(member(only))),
                None => Rule::And(Vec::new()),
            },
            Some(Kind::Composite) => {
                let rules = members.map(member).collect();
                self.composite(policy, rules)
            }
            Some(Kind::Wasm) => self.of_file(policy.wasm.as_ref(), name, path),
            _ => self.standard(policy, name, path),
        }
    }

    fn composite(&mut self, policy: &Policy, mut rules: Vec<Rule>) -> Rule {
        let Some(block) = &policy.composite else { return Rule::And(Vec::new()) };
        let order = block.order();
        let name = |place: &usize| called(&block.composite_sub_policy[*place]);
        let mut rule = |place: &usize| std::mem::replace(&mut rules[*place], Rule::And(Vec::new()));
        let members = order.iter().map(|place| (self.names.number(name(place)), rule(place))).collect();
        let frame = format!("{:?} {}", policy.config(Frame::default()), self.frame.shards);
        let leaf = Leaf {
            name: policy.name.clone(),
            kind: policy.kind.clone(),
            config_digest: hex::encode(Sha256::digest(frame)),
            state_schema: composite::STATE_SCHEMA.to_owned(),
            reasons: composite::reasons(order.iter().map(name)),
            ..Leaf::default()
        };
        let budget = Budget::new(block, &order, self.frame.shards.max(1) as usize);
        self.composites.push((budget, leaf));
        Rule::Composite(Composite { leaf: self.composites.len() - 1, mode: block.mode, members })
    }

    fn standard(&mut self, policy: &Policy, name: &str, path: &Path) -> Rule {
        let path = path.join(&policy.kind);
        let component = component(&policy.kind);
        let plugin = self.plugin(&Origin::Host(component), &path, |cx| cx.host.wasm.embedded(component));
        let Some(plugin) = plugin else { return Rule::Leaf(0) };
        let spec = PolicySpec {
            whole_size: policy.kind == "bytes_limiting",
            ..PolicySpec::new(self.unique(name), plugin, policy.kind.clone(), policy.config(self.frame))
        };
        Rule::Leaf(self.add(spec, path))
    }

    fn of_file(&mut self, block: Option<&WasmPolicy>, name: &str, path: &Path) -> Rule {
        let path = path.join("wasm");
        let Some(block) = block else { return Rule::Leaf(0) };
        let WasmPolicy { module, registry, digest, policy, config, on_error, limits, .. } = block;
        let Some(plugin) = self.file(module, digest.as_deref(), registry, &path) else { return Rule::Leaf(0) };
        let Some(kind) = self.kind(&plugin, policy.as_deref(), module, &path) else { return Rule::Leaf(0) };
        self.refuse_state(&plugin, &kind, &path.join("module"));
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
        self.refuse_state(&plugin, &active.kind, &path.join("module"));
        let config = block.config.as_ref().map_or_else(|| active.config.clone(), options);
        let policy = self.unique(&format!("{}/canary", active.policy));
        let canary_of = Some((leaf, block.share));
        self.add_checked(PolicySpec { policy, plugin, config, canary_of, ..active.clone() }, path.join("config"));
    }

    /// As spans come, a trace is asked about again and again: what is counted then means nothing.
    fn refuse_state(&mut self, plugin: &Plugin, kind: &str, path: &Path) {
        if self.on_ingest && plugin.kind(kind).is_some_and(|kind| !kind.state_schema.is_empty()) {
            let message =
                format!("{kind} of {} keeps state, so it can not be asked as spans come (span-ingest)", plugin.name);
            self.faults.push(Fault::new(path, message));
        }
    }

    fn file(&mut self, module: &str, digest: Option<&str>, remote: &Remote, path: &Path) -> Option<Arc<Plugin>> {
        self.plugin(&Origin::Module(module.to_owned()), path, |cx| cx.host.wasm.load_module(module, digest, remote))
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
        origin: &Origin,
        path: &Path,
        load: impl FnOnce(&Cx) -> Result<Arc<Plugin>, PluginError>,
    ) -> Option<Arc<Plugin>> {
        if let Some(known) = self.plugins.get(origin) {
            return known.clone();
        }
        let plugin = load(self.cx).map_err(|error| self.faults.push(Fault::new(path, error.to_string()))).ok();
        self.plugins.insert(origin.clone(), plugin.clone());
        plugin
    }

    /// One line on a policy and the plugins that it takes.
    pub(super) fn describe(&self, policy: &Policy) -> String {
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
        let origin = match policy.evaluated() {
            Some(Kind::Standard) => Some(Origin::Host(component(&policy.kind))),
            Some(Kind::Wasm) => policy.wasm.as_ref().map(|block| Origin::Module(block.module.clone())),
            _ => None,
        };
        if let Some(plugin) = origin.and_then(|origin| self.plugins.get(&origin)).and_then(Option::as_ref) {
            plugins.push(format!("{}@sha256:{}", plugin.name, plugin.digest));
        }
    }

    /// Configures all leaves, or says all that is wrong.
    pub(super) fn configure(mut self) -> Result<(Policies, Seated), BuildError> {
        let cx = self.cx;
        let seated = Seated {
            specs: self.specs.clone(),
            fallbacks: self.fallbacks.iter().map(|(leaf, (_, always))| (*leaf, *always)).collect(),
            composites: std::mem::take(&mut self.composites),
        };
        let (policies, faults) = self.try_configure();
        for warning in faults.iter().filter(|fault| fault.is_warning) {
            tracing::warn!(processor = %cx.id, "{warning}");
        }
        if let Some(policies) = policies {
            return Ok((policies, seated));
        }
        Err(BuildError::new(Fault::errors(&faults).unwrap_or_default()))
    }

    /// The configured leaves, unless something is wrong beyond a warning.
    pub(super) fn try_configure(mut self) -> (Option<Policies>, Vec<Fault>) {
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

/// What the policies of the settings have come to, beside their rules and evaluators.
pub(super) struct Seated {
    pub(super) specs: Vec<PolicySpec>,
    /// Leaves with a fallback, and whether it takes the place of every vote that is missing.
    pub(super) fallbacks: HashMap<usize, bool>,
    pub(super) composites: Vec<(Budget, Leaf)>,
}

/// What a member is called in names: its own need not be unique, nor given.
fn called(member: &Policy) -> &str {
    if member.name.is_empty() { &member.kind } else { &member.name }
}

/// Where a member of a policy stands.
fn member_path(policy: &Policy, path: &Path, place: usize) -> Path {
    let block = path.join(&policy.kind);
    match policy.evaluated() {
        Some(Kind::And) => block.join("and_sub_policy").join(place.to_string()),
        Some(Kind::Drop) => block.join("drop_sub_policy").join(place.to_string()),
        Some(Kind::Composite) => block.join("composite_sub_policy").join(place.to_string()),
        _ => block.join("not_sub_policy"),
    }
}
