//! What is wrong with a policy that only its plugin knows, and where in the processor's section it stands.

use std::fmt;

use serde_json::Value;

use crate::config::{Path, schema};
use crate::wasm::policy::{PolicyProblem, PolicySpec};

/// Something that is wrong with a policy.
#[derive(Clone, Debug)]
pub(in super::super) struct Fault {
    /// Below the processor's section.
    pub(in super::super) path: Path,
    pub(in super::super) message: String,
    /// What to do about it.
    pub(in super::super) help: Option<String>,
    /// Whether the policy works nevertheless.
    pub(in super::super) is_warning: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl Fault {
    pub(super) fn new(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.clone(), message: message.into(), help: None, is_warning: false }
    }

    /// What the plugin said when it was configured; `path` is the place of its configuration.
    pub(super) fn of_plugin(path: &Path, problem: &PolicyProblem) -> Self {
        let keys = problem.path.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~"));
        Self::new(&keys.fold(path.clone(), |path, key| path.join(key)), &problem.message)
    }
}

/// What the schema that the plugin itself gives has against a configuration, which stands at `path`.
pub(super) fn of_schema(spec: &PolicySpec, path: &Path) -> Vec<Fault> {
    let warning = |message| vec![Fault { is_warning: true, ..Fault::new(path, message) }];
    let Some(kind) = spec.plugin.kinds.iter().find(|kind| kind.name == spec.kind) else { return Vec::new() };
    match serde_json::from_str::<Value>(&kind.schema) {
        Ok(schema) if schema::restricts(&schema) => {
            let fault = |misfit: schema::Misfit| Fault {
                path: misfit.path.into_iter().fold(path.clone(), |path, key| path.join(key)),
                message: misfit.message,
                help: misfit.help,
                is_warning: false,
            };
            schema::check(&schema, &spec.config).into_iter().map(fault).collect()
        }
        Ok(_) => warning(format!(
            "the plugin {} has no schema of {}'s configuration: only the plugin itself can check it",
            spec.plugin.name, spec.kind
        )),
        Err(error) => {
            warning(format!("the plugin {}'s schema of {} is not JSON: {error}", spec.plugin.name, spec.kind))
        }
    }
}
