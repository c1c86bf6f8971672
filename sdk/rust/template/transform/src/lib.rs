//! Masks the values of the attributes that the configuration lists.

use std::collections::HashSet;

use serde::Deserialize;
use tailrace_sdk::otlp::Signal;
use tailrace_sdk::otlp::edit::{self, Change, NewValue};
use tailrace_sdk::{Diagnostics, JsonSchema, Outcome, Transform, count, export};

/// A configured transform.
struct MaskKeys {
    keys: HashSet<Vec<u8>>,
}

/// What stands in YAML below `config:` is read into it; comments end up in its JSON Schema.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields)]
struct Config {
    /// Keys of attributes whose values are masked.
    keys: Vec<String>,
}

impl Transform for MaskKeys {
    const KIND: &'static str = "mask_keys";
    const SUMMARY: &'static str = "Masks the values of listed attributes.";
    const COUNTERS: &'static [&'static str] = &["masked"];
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        if config.keys.is_empty() {
            return Err(Diagnostics::one("/keys", "must not be empty"));
        }
        Ok(Self { keys: config.keys.into_iter().map(String::into_bytes).collect() })
    }

    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String> {
        let edited = edit::attributes(signal, request, |key, _value| {
            if !self.keys.contains(key) {
                return Change::Keep;
            }
            count("masked", 1);
            Change::Set(NewValue::Str("***".to_owned()))
        });
        Ok(edited.into())
    }
}

export!(transforms: [MaskKeys]);

#[cfg(test)]
mod tests {
    use tailrace_sdk::otlp::wire::put_bytes;
    use tailrace_sdk::testing::apply;

    use super::*;

    fn nest(number: u32, inner: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes(&mut out, number, inner);
        out
    }

    /// A request whose resource has the attribute `password`.
    fn request(value: &str) -> Vec<u8> {
        let pair = [nest(1, b"password"), nest(2, &nest(1, value.as_bytes()))].concat();
        nest(1, &nest(1, &nest(1, &pair)))
    }

    #[test]
    fn masks_what_is_listed() {
        let outcome = apply::<MaskKeys>(r#"{"keys": ["password"]}"#, Signal::Logs, &request("hunter2")).unwrap();
        assert_eq!(outcome, Outcome::Replaced(request("***")));
        let outcome = apply::<MaskKeys>(r#"{"keys": ["token"]}"#, Signal::Logs, &request("hunter2")).unwrap();
        assert_eq!(outcome, Outcome::Unchanged);
    }

    #[test]
    fn wants_keys() {
        let problems = apply::<MaskKeys>(r#"{"keys": []}"#, Signal::Logs, &[]).unwrap_err();
        assert_eq!(problems.iter().collect::<Vec<_>>(), [("/keys", "must not be empty")]);
    }
}
