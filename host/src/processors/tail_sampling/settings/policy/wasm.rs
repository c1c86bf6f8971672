//! `type: wasm`: the plugin, what it may take, and how much its votes count.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::Strategy;
use super::{Kind, Policy};
use crate::config::{Check, Duration};
use crate::wasm::Bounds;
use crate::wasm::module::Remote;
use crate::wasm::policy::{Limits, OnError, Share};

/// `wasm`: a policy in a plugin's file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct WasmPolicy {
    /// Path of the component, or of a directory with no other `.wasm` file. It is watched; a new version is tried over the last
    /// batches, then takes over between two ticks. Or `oci://registry/name:tag@sha256:…`.
    pub(in super::super::super) module: String,
    /// How an artefact in a registry is fetched, and what vouches for it.
    #[serde(skip_serializing_if = "Remote::is_default")]
    pub(in super::super::super) registry: Remote,
    /// SHA-256 in hex that the file must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) digest: Option<String>,
    /// Which of the plugin's policies; may be left out if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) policy: Option<String>,
    /// The policy's own configuration.
    pub(in super::super::super) config: Value,
    /// What counts when it fails: by default nothing, as the Go processor takes a policy's error.
    pub(in super::super::super) on_error: OnError,
    /// The policy of this processor whose votes count while this one failed so often that it is not asked; with `on_error: fallback`
    /// also instead of each vote that is missing. It is asked beside its own turn, which a limiter counts twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) fallback: Option<String>,
    /// What it may take; unset ones are those that the standard policies run under.
    pub(in super::super::super) limits: WasmLimits,
    /// Whether its votes count.
    pub(in super::super::super) mode: Mode,
    /// In mode shadow: the policy whose votes it is compared with. Unset: the decision itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) against: Option<String>,
    /// In mode canary: the new version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) canary: Option<CanaryPolicy>,
}

/// Whether the votes of a policy count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super::super) enum Mode {
    /// They do.
    #[default]
    Active,
    /// It is asked and compared; its votes do not count.
    Shadow,
    /// A share of the traces is judged by a new version.
    Canary,
}

/// `canary`: a new version that judges a share of the traces. Once it failed `limits.max_failures` times in a row, the old one judges
/// all of them again, until the new one's file changes or the configuration is loaded again. What it fails on, the old one judges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct CanaryPolicy {
    /// As in [`WasmPolicy`].
    pub(in super::super::super) module: String,
    /// As in [`WasmPolicy`].
    #[serde(skip_serializing_if = "Remote::is_default")]
    pub(in super::super::super) registry: Remote,
    /// As in [`WasmPolicy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) digest: Option<String>,
    /// Its configuration; unset, that of the old one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) config: Option<Value>,
    /// Of all trace ids: `10%`.
    pub(in super::super::super) share: Share,
}

/// What a plugin's policy may take, and when it is given up on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct WasmLimits {
    /// Memory of its instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) memory_mib: Option<u64>,
    /// Time of one call, whatever it is asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) evaluate: Option<Duration>,
    /// Time beyond that for each trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) evaluate_per_trace: Option<Duration>,
    /// Time to take a batch in, to save its state and to take it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) load: Option<Duration>,
    /// Time to start and configure it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) configure: Option<Duration>,
    /// Lines that it may log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) log_lines_per_second: Option<u32>,
    /// Failures in a row after which it is not asked for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) max_failures: Option<u32>,
    /// How long that while is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) retry_after: Option<Duration>,
    /// Traces that it is asked about first when it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) retry_traces: Option<u32>,
    /// State that is kept of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) state_kib: Option<u64>,
    /// Share of its memory from which on an instance that has grown is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) recycle_percentage: Option<u32>,
    /// The last batches that a new version of its file is tried on; 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) trial_batches: Option<usize>,
    /// All of them together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super::super) trial_mib: Option<u64>,
}

/// What a guest can address at all.
const MAX_MEMORY_MIB: u64 = 4096;

impl WasmLimits {
    /// These limits, the rest as by default.
    pub(in super::super::super) fn limits(&self) -> Limits {
        let usual = Limits::default();
        let time = |time: Option<Duration>, default| time.map_or(default, |time| time.0);
        let bytes = |number: Option<u64>, unit, default| number.map_or(default, |n| (n as usize).saturating_mul(unit));
        Limits {
            memory_bytes: bytes(self.memory_mib, 1 << 20, usual.memory_bytes),
            evaluate: time(self.evaluate, usual.evaluate),
            evaluate_per_trace: time(self.evaluate_per_trace, usual.evaluate_per_trace),
            load: time(self.load, usual.load),
            configure: time(self.configure, usual.configure),
            log_lines_per_second: self.log_lines_per_second.unwrap_or(usual.log_lines_per_second),
            max_failures: self.max_failures.unwrap_or(usual.max_failures),
            retry_after: time(self.retry_after, usual.retry_after),
            retry_traces: self.retry_traces.unwrap_or(usual.retry_traces),
            state_bytes: bytes(self.state_kib, 1 << 10, usual.state_bytes),
            recycle_percentage: self.recycle_percentage.unwrap_or(usual.recycle_percentage),
            trial: Bounds {
                items: self.trial_batches.unwrap_or(usual.trial.items),
                bytes: bytes(self.trial_mib, 1 << 20, usual.trial.bytes),
            },
        }
    }

    fn check(&self, name: &str, path: &str, check: &mut Check<'_>) {
        if self.memory_mib.is_some_and(|mib| !(1..=MAX_MEMORY_MIB).contains(&mib)) {
            let message = format!("policy {name:?}: memory_mib must be from 1 to {MAX_MEMORY_MIB}");
            check.problem(&format!("{path}.memory_mib"), message);
        }
        if self.recycle_percentage.is_some_and(|share| !(1..=100).contains(&share)) {
            let message = format!("policy {name:?}: recycle_percentage must be from 1 to 100");
            check.problem(&format!("{path}.recycle_percentage"), message);
        }
        let zero = |time: Option<Duration>| time.is_some_and(Duration::is_zero);
        let nothing = [
            ("evaluate", zero(self.evaluate)),
            ("load", zero(self.load)),
            ("configure", zero(self.configure)),
            ("retry_after", zero(self.retry_after)),
            ("max_failures", self.max_failures == Some(0)),
            ("retry_traces", self.retry_traces == Some(0)),
            ("state_kib", self.state_kib == Some(0)),
        ];
        for (key, _) in nothing.into_iter().filter(|(_, is_nothing)| *is_nothing) {
            check.problem(&format!("{path}.{key}"), format!("policy {name:?}: {key} must be greater than 0"));
        }
    }
}

impl WasmPolicy {
    /// Checks what needs no other policy.
    pub(super) fn check(&self, name: &str, path: &str, check: &mut Check<'_>) {
        let mut problem = |key: &str, message: &str| {
            check.problem(&format!("{path}{key}"), format!("policy {name:?}: {message}"));
        };
        if self.module.is_empty() {
            problem("", "wasm without module, the path of the plugin");
        }
        if self.on_error == OnError::Fallback && self.fallback.is_none() {
            problem(".on_error", "on_error: fallback without fallback, the policy that is to be asked instead");
        }
        match (self.mode, &self.canary) {
            (Mode::Canary, None) => problem("", "mode: canary without canary, the new version"),
            (Mode::Canary, Some(canary)) if canary.module.is_empty() => {
                problem(".canary", "canary without module, the path of the new version");
            }
            (Mode::Canary, Some(canary)) if canary.share == Share::default() => {
                problem(".canary", "canary without share, as in share: 10%");
            }
            (Mode::Active | Mode::Shadow, Some(_)) => problem(".canary", "canary has an effect in mode: canary alone"),
            _ => {}
        }
        if self.mode == Mode::Shadow && self.fallback.is_some() {
            problem(".fallback", "a shadow's votes do not count, so it needs no fallback");
        }
        if self.mode != Mode::Shadow && self.against.is_some() {
            problem(".against", "against has an effect in mode: shadow alone");
        }
        self.limits.check(name, &format!("{path}.limits"), check);
    }
}

/// Checks what names other policies, and where shadows may stand.
pub(super) fn check_references(policies: &[Policy], strategy: Strategy, check: &mut Check<'_>) {
    let active: HashMap<&str, &Policy> =
        policies.iter().filter(|policy| !policy.is_shadow()).map(|policy| (policy.name.as_str(), policy)).collect();
    for (place, policy) in policies.iter().enumerate() {
        let path = format!("policies.{place}");
        for named in fallbacks(policy) {
            if !active.contains_key(named) {
                let message = format!("policy {:?}: there is no policy {named:?} to fall back on", policy.name);
                check.problem(&path, message);
            } else if leads_to(named, &policy.name, &active) {
                let message = format!("policy {:?}: its fallback {named:?} would fall back on itself", policy.name);
                check.problem(&path, message);
            }
        }
        if policy.members().iter().any(has_shadow) {
            let message = format!("policy {:?}: a shadow can not be a member of another policy", policy.name);
            check.problem(&path, message);
        }
        if let Some(block) = policy.wasm.as_ref().filter(|_| policy.is_shadow()) {
            check_shadow(policy, block, &active, strategy, &path, check);
        }
    }
    if !policies.is_empty() && active.is_empty() {
        check.problem("policies", "all policies are shadows: none would keep a trace");
    }
}

fn check_shadow(
    policy: &Policy,
    block: &WasmPolicy,
    active: &HashMap<&str, &Policy>,
    strategy: Strategy,
    path: &str,
    check: &mut Check<'_>,
) {
    if strategy == Strategy::SpanIngest {
        let message =
            format!("policy {:?}: a shadow needs whole traces, which span-ingest does not wait for", policy.name);
        check.problem(path, message);
    }
    if let Some(against) = block.against.as_deref().filter(|against| !active.contains_key(against)) {
        let message = format!("policy {:?}: there is no policy {against:?} to be compared with", policy.name);
        check.problem(&format!("{path}.wasm.against"), message);
    }
}

fn has_shadow(policy: &Policy) -> bool {
    policy.is_shadow() || policy.members().iter().any(has_shadow)
}

/// The policies that it or a member of it falls back on.
fn fallbacks(policy: &Policy) -> Vec<&str> {
    let own = policy.wasm.as_ref().filter(|_| policy.evaluated() == Some(Kind::Wasm));
    let own = own.and_then(|block| block.fallback.as_deref());
    own.into_iter().chain(policy.members().iter().flat_map(fallbacks)).collect()
}

/// Whether asking `from` may come to asking `to`.
fn leads_to(from: &str, to: &str, policies: &HashMap<&str, &Policy>) -> bool {
    let (mut open, mut seen) = (vec![from], Vec::new());
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if !seen.contains(&name) {
            seen.push(name);
            open.extend(policies.get(name).into_iter().flat_map(|policy| fallbacks(policy)));
        }
    }
    false
}

#[cfg(test)]
mod tests;
