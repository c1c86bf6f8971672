//! A configuration against the schema that the plugin itself gives of it.

use serde_json::Value;

use super::Kind;
use crate::config::{Fault, Path, schema};

impl Kind {
    /// What the schema has against `config`, which stands at `at`; of a plugin that is called `plugin`.
    pub fn misfits(&self, plugin: &str, config: &Value, at: &Path) -> Vec<Fault> {
        let schema = match serde_json::from_str::<Value>(&self.schema) {
            Ok(schema) if schema::restricts(&schema) => schema,
            Ok(_) => {
                let message = format!(
                    "the plugin {plugin} has no schema of {}'s configuration: only the plugin itself can check it",
                    self.name
                );
                return vec![Fault::warning(at, message)];
            }
            Err(error) => {
                let message = format!("the plugin {plugin}'s schema of {} is not JSON: {error}", self.name);
                return vec![Fault::warning(at, message)];
            }
        };
        let fault = |misfit: schema::Misfit| {
            let path = misfit.path.into_iter().fold(at.clone(), |path, key| path.join(key));
            Fault { help: misfit.help, ..Fault::new(&path, misfit.message) }
        };
        schema::check(&schema, config).into_iter().map(fault).collect()
    }
}
