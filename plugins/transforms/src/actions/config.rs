//! An action in the YAML.

use regex::bytes::Regex;
use serde::Deserialize;
use serde_json::Value as Json;
use tailrace_sdk::{Diagnostics, JsonSchema};
use tailrace_shared::{any_value, re2};

use super::{Action, Constant, FromClient, Source, Target, When, Which};

/// What is done to which attribute.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct ActionConfig {
    /// The attribute.
    pub key: String,
    /// insert, update, upsert, delete, hash, extract or convert, in small letters or capitals.
    pub action: String,
    /// The value that is set.
    pub value: Option<Json>,
    /// The attribute whose value is set.
    pub from_attribute: String,
    /// What the client sent beside the data that is set: metadata.<name>.
    pub from_context: String,
    /// The value that is set if there is no other.
    pub default_value: Option<Json>,
    /// Of delete and hash: an expression for keys. Of extract: one for the value, with a named group for each attribute.
    pub pattern: String,
    /// Of convert: int, double or string.
    pub converted_type: String,
}

const ACTIONS: [&str; 7] = ["insert", "update", "upsert", "delete", "hash", "extract", "convert"];

impl ActionConfig {
    /// The action that stands at `path`; adds what is wrong with it.
    pub(super) fn compile(&self, path: &str, problems: &mut Diagnostics) -> Option<Action> {
        let mut reader = Reader { action: self, name: self.action.to_lowercase(), path, problems, is_sound: true };
        let action = reader.read();
        action.filter(|_| reader.is_sound)
    }

    /// Which options are given, of those that not every action has.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            ("value", self.value.is_some()),
            ("from_attribute", !self.from_attribute.is_empty()),
            ("from_context", !self.from_context.is_empty()),
            ("default_value", self.default_value.is_some()),
            ("pattern", !self.pattern.is_empty()),
            ("converted_type", !self.converted_type.is_empty()),
        ]
        .into_iter()
        .filter_map(|(key, is_given)| is_given.then_some(key))
    }
}

struct Reader<'a> {
    action: &'a ActionConfig,
    /// In small letters.
    name: String,
    path: &'a str,
    problems: &'a mut Diagnostics,
    is_sound: bool,
}

impl Reader<'_> {
    fn problem(&mut self, key: &str, message: impl Into<String>) {
        self.problems.push(format!("{}{key}", self.path), message);
        self.is_sound = false;
    }

    fn read(&mut self) -> Option<Action> {
        let action = self.action;
        let key = action.key.clone().into_bytes();
        Some(match self.name.as_str() {
            "insert" | "update" | "upsert" => {
                self.uses(&["value", "from_attribute", "from_context", "default_value"]);
                self.needs_key();
                Action::Set { key, when: self.when(), source: self.source() }
            }
            "delete" => Action::Delete(self.which()?),
            "hash" => Action::Hash(self.which()?),
            "extract" => {
                self.uses(&["pattern"]);
                self.needs_key();
                let (pattern, names) = self.groups()?;
                Action::Extract { key, pattern, names }
            }
            "convert" => {
                self.uses(&["converted_type"]);
                self.needs_key();
                Action::Convert { key, to: self.target()? }
            }
            "" => {
                self.problem("", format!("missing required field \"action\": one of {}", ACTIONS.join(", ")));
                return None;
            }
            other => {
                let message = format!("unsupported action {other:?}: it is one of {}", ACTIONS.join(", "));
                self.problem("/action", message);
                return None;
            }
        })
    }

    /// Complains about options that the action has no use for.
    fn uses(&mut self, used: &[&str]) {
        for key in self.action.given().filter(|key| !used.contains(key)) {
            let message = format!("action \"{}\" does not use the field \"{key}\": it must not be given", self.name);
            self.problem(&format!("/{key}"), message);
        }
    }

    fn needs_key(&mut self) {
        if self.action.key.is_empty() {
            self.problem("", format!("missing required field \"key\" of action \"{}\"", self.name));
        }
    }

    fn when(&self) -> When {
        match self.name.as_str() {
            "insert" => When::Missing,
            "update" => When::There,
            _ => When::Always,
        }
    }

    fn source(&mut self) -> Source {
        let action = self.action;
        let is_source = |key: &&str| ["value", "from_attribute", "from_context"].contains(key);
        let sources: Vec<_> = action.given().filter(is_source).collect();
        match (sources.as_slice(), &action.default_value) {
            ([], None) => self.problem(
                "",
                "either \"value\", \"from_attribute\", \"from_context\" or \"default_value\" must be specified",
            ),
            ([_, more, ..], _) => {
                let message = format!("multiple value sources are set: {}", sources.join(", "));
                self.problem(&format!("/{more}"), message);
            }
            _ => {}
        }
        let constant = |value: &Option<Json>| {
            value.as_ref().map(|value| Constant::new(action.key.as_bytes(), any_value::from_json(value)))
        };
        Source {
            value: constant(&action.value),
            from_client: self.client_source(),
            from_attribute: (!action.from_attribute.is_empty()).then(|| action.from_attribute.clone().into_bytes()),
            default: constant(&action.default_value),
        }
    }

    fn client_source(&mut self) -> Option<FromClient> {
        let context = &self.action.from_context;
        if context.is_empty() {
            return None;
        }
        let from = FromClient::parse(context);
        from.map_err(|message| self.problem("/from_context", message)).ok()
    }

    fn which(&mut self) -> Option<Which> {
        self.uses(&["pattern"]);
        let ActionConfig { key, pattern, .. } = self.action;
        if key.is_empty() && pattern.is_empty() {
            let message = format!("action \"{}\" needs \"key\", \"pattern\" or both", self.name);
            self.problem("", message);
        }
        let key = (!key.is_empty()).then(|| key.clone().into_bytes());
        let pattern = if pattern.is_empty() { None } else { Some(self.regex()?) };
        Some(Which { key, pattern })
    }

    fn regex(&mut self) -> Option<Regex> {
        let compiled = Regex::new(&re2::to_rust(&self.action.pattern));
        compiled.map_err(|error| self.problem("/pattern", format!("invalid pattern: {error}"))).ok()
    }

    fn groups(&mut self) -> Option<(Regex, Vec<Vec<u8>>)> {
        if self.action.pattern.is_empty() {
            self.problem("", "missing required field \"pattern\" of action \"extract\"");
            return None;
        }
        let pattern = self.regex()?;
        let names: Option<Vec<_>> =
            pattern.capture_names().skip(1).map(|name| Some(name?.as_bytes().to_vec())).collect();
        match names {
            Some(names) if !names.is_empty() => Some((pattern, names)),
            Some(_) => {
                self.problem("/pattern", "the pattern contains no named groups: (?P<attribute>…)");
                None
            }
            None => {
                self.problem(
                    "/pattern",
                    "the pattern contains at least one unnamed group: use (?P<attribute>…) or (?:…)",
                );
                None
            }
        }
    }

    fn target(&mut self) -> Option<Target> {
        let name = &self.action.converted_type;
        let target = Target::parse(name);
        match (target, name.as_str()) {
            (Some(_), _) => {}
            (None, "") => self.problem("", "missing required field \"converted_type\" of action \"convert\""),
            (None, other) => {
                let message = format!("invalid converted_type {other:?}: it is int, double or string");
                self.problem("/converted_type", message);
            }
        }
        target
    }
}
