//! Masks the values of listed attributes: of resources, scopes, spans, events, links, data points, log records, and inside maps.
//!
//! ```
//! use redact::Redact;
//! use tailrace_sdk::otlp::{Signal, wire};
//! use tailrace_sdk::{Outcome, testing};
//!
//! // A request whose resource has the attribute `password`.
//! let nest = |number, inner: &[u8]| {
//!     let mut out = Vec::new();
//!     wire::put_bytes(&mut out, number, inner);
//!     out
//! };
//! let request = |value: &str| {
//!     let pair = [nest(1, b"password"), nest(2, &nest(1, value.as_bytes()))].concat();
//!     nest(1, &nest(1, &nest(1, &pair)))
//! };
//!
//! let config = r#"{"keys": ["password"], "mask": "?"}"#;
//! let outcome = testing::apply::<Redact>(config, Signal::Logs, &request("hunter2")).unwrap();
//! assert_eq!(outcome, Outcome::Replaced(request("?")));
//!
//! let other = r#"{"keys": ["token"]}"#;
//! assert_eq!(testing::apply::<Redact>(other, Signal::Logs, &request("hunter2")).unwrap(), Outcome::Unchanged);
//! assert!(testing::apply::<Redact>(r#"{"keys": []}"#, Signal::Logs, &[]).is_err());
//! ```

use std::collections::HashSet;

use serde::Deserialize;
use tailrace_sdk::otlp::Signal;
use tailrace_sdk::otlp::edit::{self, Change, NewValue};
use tailrace_sdk::{Diagnostics, JsonSchema, Outcome, Transform, count, export};

/// The transform.
pub struct Redact {
    keys: HashSet<Vec<u8>>,
    mask: String,
}

/// Its configuration. The comments end up in the schema that `tailrace plugin inspect` shows.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Keys of attributes whose values are masked.
    keys: Vec<String>,
    /// What is put in their place.
    #[serde(default = "stars")]
    mask: String,
}

fn stars() -> String {
    "***".to_owned()
}

impl Transform for Redact {
    const KIND: &str = "redact";
    const SUMMARY: &str = "Masks the values of listed attributes.";
    const COUNTERS: &[&str] = &["masked"];
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        if config.keys.is_empty() {
            return Err(Diagnostics::one("/keys", "no keys: nothing would be masked"));
        }
        Ok(Self { keys: config.keys.into_iter().map(String::into_bytes).collect(), mask: config.mask })
    }

    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String> {
        let mut masked = 0;
        let edited = edit::attributes(signal, request, |key, _value| {
            if !self.keys.contains(key) {
                return Change::Keep;
            }
            masked += 1;
            Change::Set(NewValue::Str(self.mask.clone()))
        });
        if masked > 0 {
            count("masked", masked);
        }
        Ok(edited.into())
    }
}

export!(transforms: [Redact]);
