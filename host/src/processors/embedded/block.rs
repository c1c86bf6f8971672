//! The section in the YAML: the configuration of the plugin's kind, as it stands.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Kind, spec};
use crate::config::{Check, Path, Secret};
use crate::wasm::transform;

/// The section of a processor of kind `K`.
pub struct Block<K> {
    config: Value,
    kind: PhantomData<fn() -> K>,
}

impl<K> Block<K> {
    /// The configuration of its transform.
    pub(super) fn config(&self) -> &Value {
        &self.config
    }
}

impl<'de, K> Deserialize<'de> for Block<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let config = Value::deserialize(deserializer)?;
        // What YAML has as nothing, plugins take as no options.
        let config = if config.is_null() { Value::Object(Map::new()) } else { config };
        Ok(Self { config, kind: PhantomData })
    }
}

/// For people: secrets are not shown.
impl<K: Kind> Serialize for Block<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = self.config.clone();
        for key in K::SECRETS {
            if let Some(Value::String(secret)) = shown.get_mut(*key) {
                let printed = serde_json::to_value(Secret::from(secret.clone())).map_err(serde::ser::Error::custom)?;
                printed.as_str().unwrap_or_default().clone_into(secret);
            }
        }
        shown.serialize(serializer)
    }
}

impl<K> Clone for Block<K> {
    fn clone(&self) -> Self {
        Self { config: self.config.clone(), kind: PhantomData }
    }
}

impl<K> PartialEq for Block<K> {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

impl<K: Kind> fmt::Debug for Block<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(K::TYPE).finish_non_exhaustive()
    }
}

impl<K: Kind> crate::pipeline::Settings for Block<K> {
    fn check(&self, check: &mut Check<'_>) {
        let Some(cx) = check.trial() else { return };
        match spec(self, cx) {
            Ok(spec) => transform::try_out(&spec, &Path::root(), cx).iter().for_each(|fault| check.fault(fault)),
            Err(error) => check.problem("", error.to_string()),
        }
    }
}
