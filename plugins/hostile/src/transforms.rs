//! Transforms that behave and misbehave, one kind each.

use serde::Deserialize;
use tailrace_sdk::otlp::Signal;
use tailrace_sdk::{Diagnostics, Level, Outcome, Transform, log};

use crate::None;

macro_rules! transform {
    ($name:ident, $kind:literal, $doc:literal, |$signal:ident, $request:ident| $body:expr) => {
        #[doc = $doc]
        pub struct $name;
        impl Transform for $name {
            const KIND: &'static str = $kind;
            const SUMMARY: &'static str = $doc;
            type Config = None;
            fn new(_: None) -> Result<Self, Diagnostics> {
                Ok(Self)
            }
            fn apply(&mut self, $signal: Signal, $request: &[u8]) -> Result<Outcome, String> {
                $body
            }
        }
    };
}

transform!(Passes, "passes", "Leaves everything as it is.", |_signal, _request| Ok(Outcome::Unchanged));
transform!(Copies, "copies", "Gives back what it gets.", |_signal, request| Ok(Outcome::Replaced(request.to_vec())));
transform!(Doubles, "doubles", "Gives everything back twice.", |_signal, request| Ok(Outcome::Replaced(
    [request, request].concat()
)));
transform!(Discards, "discards", "Discards everything.", |_signal, _request| Ok(Outcome::Discarded));
transform!(Empties, "empties", "Gives back a request with nothing in it.", |_signal, _request| Ok(Outcome::Replaced(
    Vec::new()
)));
transform!(Panics, "panics", "Panics.", |signal, _request| panic!("shown {signal}"));
transform!(Loops, "loops", "Never returns.", |_signal, _request| loop {
    std::hint::black_box(0);
});
transform!(Hogs, "hogs", "Allocates without end.", |_signal, _request| {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1u8; 1 << 20]));
    }
});
transform!(Garbles, "garbles", "Gives back what is no request.", |_signal, request| Ok(Outcome::Replaced(
    request.iter().map(|byte| !byte).collect()
)));
transform!(Bloats, "bloats", "Gives back 30 MiB.", |_signal, _request| Ok(Outcome::Replaced(vec![0x0a; 30 << 20])));
transform!(Errs, "errs", "Answers with an error.", |signal, _request| Err(format!("no opinion on {signal}")));
transform!(Chatters, "chatters", "Logs a line.", |signal, _request| {
    log(Level::Info, &format!("shown {signal}"));
    Ok(Outcome::Unchanged)
});

/// Leaves everything as it is, under the name of the example that masks; panics if it is to mask `panic`.
pub struct Contrary {
    panics: bool,
}

/// The example's.
#[derive(Clone, Debug, Deserialize)]
pub struct ContraryConfig {
    keys: Vec<String>,
}

impl Transform for Contrary {
    const KIND: &'static str = "redact";
    type Config = ContraryConfig;

    fn new(ContraryConfig { keys }: ContraryConfig) -> Result<Self, Diagnostics> {
        Ok(Self { panics: keys.iter().any(|key| key == "panic") })
    }

    fn apply(&mut self, _signal: Signal, request: &[u8]) -> Result<Outcome, String> {
        assert!(!self.panics, "shown {} bytes", request.len());
        Ok(Outcome::Unchanged)
    }
}

/// Finds fault with parts of its configuration: each `wrong` in a statement.
pub struct Picky;

/// Its texts.
#[derive(Clone, Debug, Deserialize)]
pub struct PickyConfig {
    statements: Vec<String>,
}

impl Transform for Picky {
    const KIND: &'static str = "picky";
    const SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {"statements": {"type": "array", "items": {"type": "string"}}},
        "required": ["statements"],
        "additionalProperties": false
    }"#;
    type Config = PickyConfig;

    fn new(PickyConfig { statements }: PickyConfig) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        for (place, statement) in statements.iter().enumerate() {
            for (at, found) in statement.match_indices("wrong") {
                let path = format!("/statements/{place}");
                problems.push_part(path, at..at + found.len(), "there is nothing like that");
            }
        }
        problems.or(Self)
    }

    fn apply(&mut self, _signal: Signal, _request: &[u8]) -> Result<Outcome, String> {
        Ok(Outcome::Unchanged)
    }
}
