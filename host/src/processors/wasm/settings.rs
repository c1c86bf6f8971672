//! The section in the YAML.

use std::thread;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::pooled::OnError;
use crate::config::{Check, Duration, Fault, Path};
use crate::pipeline::Cx;
use crate::wasm::module::{Module, Remote};
use crate::wasm::transform::{self, TransformLimits, TransformSpec};
use crate::wasm::{Bounds, PluginError};

/// `wasm:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Path of the component, or `oci://registry/name:tag@sha256:…`.
    pub module: String,
    /// How an artefact in a registry is fetched, and what vouches for it.
    pub registry: Remote,
    /// SHA-256 in hex that it must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Which of the plugin's transforms; may be left out if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// The transform's own configuration.
    pub config: Value,
    /// What becomes of a request that the transform has no answer to.
    pub on_error: OnError,
    /// Threads, each with an instance when it is busy; 0: one for each core.
    pub instances: usize,
    /// How long a request waits for a thread.
    pub max_wait: Duration,
    /// What the transform may take.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            module: String::new(),
            registry: Remote::default(),
            digest: None,
            transform: None,
            config: Value::Null,
            on_error: OnError::default(),
            instances: 0,
            max_wait: Duration::from_secs(5),
            limits: Limits::default(),
        }
    }
}

/// What a transform may take; unset ones are [`TransformLimits::default`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory of each instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Bytes of a request, and of what becomes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_bytes: Option<usize>,
    /// Time of one call, whatever the size of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply: Option<Duration>,
    /// Time beyond that for each MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply_per_mib: Option<Duration>,
    /// Time to start and configure it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configure: Option<Duration>,
    /// Lines that each instance may log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_lines_per_second: Option<u32>,
    /// Failures in a row after which it is not asked for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failures: Option<u32>,
    /// How long that while is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
    /// Share of its memory from which on an instance that has grown is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recycle_percentage: Option<u32>,
    /// The last requests that a new version of its file is tried on; 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial_requests: Option<usize>,
    /// All of them together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial_mib: Option<u64>,
}

impl Limits {
    /// These limits, the rest as by default.
    pub(super) fn limits(&self) -> TransformLimits {
        let default = TransformLimits::default();
        let time = |time: Option<Duration>, default| time.map_or(default, |time| time.0);
        let mib = |mib: Option<u64>, default| mib.map_or(default, |mib| (mib as usize).saturating_mul(1 << 20));
        TransformLimits {
            memory_bytes: mib(self.memory_mib, default.memory_bytes),
            request_bytes: self.request_bytes.unwrap_or(default.request_bytes),
            apply: time(self.apply, default.apply),
            apply_per_mib: time(self.apply_per_mib, default.apply_per_mib),
            configure: time(self.configure, default.configure),
            log_lines_per_second: self.log_lines_per_second.unwrap_or(default.log_lines_per_second),
            max_failures: self.max_failures.unwrap_or(default.max_failures),
            retry_after: time(self.retry_after, default.retry_after),
            recycle_percentage: self.recycle_percentage.unwrap_or(default.recycle_percentage),
            trial: Bounds {
                items: self.trial_requests.unwrap_or(default.trial.items),
                bytes: mib(self.trial_mib, default.trial.bytes),
            },
        }
    }

    fn check(&self, check: &mut Check<'_>) {
        let mut ranged = |key: &str, value: Option<u64>, most: u64| {
            if value.is_some_and(|value| !(1..=most).contains(&value)) {
                check.problem(&format!("limits.{key}"), format!("'{key}' must be from 1 to {most}"));
            }
        };
        ranged("memory_mib", self.memory_mib, MAX_MEMORY_MIB);
        ranged("recycle_percentage", self.recycle_percentage.map(u64::from), 100);
        let zero = |time: Option<Duration>| time.is_some_and(Duration::is_zero);
        let nothing = [
            ("request_bytes", self.request_bytes == Some(0)),
            ("apply", zero(self.apply)),
            ("configure", zero(self.configure)),
            ("max_failures", self.max_failures == Some(0)),
            ("retry_after", zero(self.retry_after)),
        ];
        for (key, _) in nothing.into_iter().filter(|(_, is_nothing)| *is_nothing) {
            check.problem(&format!("limits.{key}"), format!("'{key}' must be greater than zero"));
        }
    }
}

/// What a guest can address at all.
const MAX_MEMORY_MIB: u64 = 4096;

/// More threads than this are a mistake.
const MAX_INSTANCES: usize = 256;

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        if self.module.is_empty() {
            check.problem("", "wasm without 'module', the path of the plugin");
        } else if let Err(problem) = self.module.parse::<Module>() {
            check.problem("module", problem);
        }
        if self.instances > MAX_INSTANCES {
            check.problem("instances", format!("'instances' must be no more than {MAX_INSTANCES}"));
        }
        self.limits.check(check);
        if let Some(cx) = check.trial() {
            self.try_out(cx).iter().for_each(|fault| check.fault(fault));
        }
    }
}

impl Settings {
    /// The transform that is meant, its plugin loaded.
    pub(super) fn spec(&self, cx: &Cx) -> Result<TransformSpec, Fault> {
        let at =
            |key: &str, error: PluginError| Fault::new(&Path::root().join(key), format!("{}: {error}", self.module));
        let plugin = cx.host.wasm.load_module(&self.module, self.digest.as_deref(), &self.registry);
        let plugin = plugin.map_err(|error| at("module", error))?;
        // Without a name, there may be nothing to choose from: then the module is wrong.
        let key = if plugin.transforms.is_empty() { "module" } else { "transform" };
        let kind = plugin.choose_transform(self.transform.as_deref()).map_err(|error| at(key, error))?.name.clone();
        Ok(TransformSpec {
            name: cx.id.to_string(),
            plugin,
            kind,
            config: self.config.clone(),
            limits: self.limits.limits(),
            series: &[],
        })
    }

    /// What is wrong with the settings beyond what they show: loads the plugin and configures it, in an instance that is thrown away.
    fn try_out(&self, cx: &Cx) -> Vec<Fault> {
        match self.spec(cx) {
            Ok(spec) => transform::try_out(&spec, &Path::root().join("config"), cx),
            Err(fault) => vec![fault],
        }
    }

    pub(super) fn threads(&self) -> usize {
        match self.instances {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}
