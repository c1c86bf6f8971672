//! Samples traces in which a span's W3C trace state has a member of the given key and one of the values. A trace state is parsed
//! once per batch, however many spans carry it, and strictly: one bad member makes the whole of it count for nothing.

use serde::Deserialize;
use tailrace_sdk::{Batch, Code, Diagnostics, Memo, Needs, Policy, Votes};

/// `trace_state`
pub struct TraceState {
    key: String,
    values: Vec<String>,
    memo: Memo,
}

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The member's key.
    pub key: String,
    /// Its value is to be one of these.
    pub values: Vec<String>,
}

/// Key, `=` and value together; what is longer can not be in a trace state.
const MAX_MEMBER_BYTES: usize = 256;
const MAX_MEMBERS: usize = 32;

impl Policy for TraceState {
    const KIND: &'static str = "trace_state";
    const SUMMARY: &'static str =
        "Samples traces in which a span's W3C trace state has a member with one of the values.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"key":{"type":"string"},"values":{"type":"array","items":{"type":"string"}}},"additionalProperties":false}"#;
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        let fits = |value: &String| !value.is_empty() && config.key.len() + value.len() < MAX_MEMBER_BYTES;
        let values = config.values.into_iter().filter(fits).collect();
        Ok(Self { key: config.key, values, memo: Memo::default() })
    }

    fn needs(&self) -> Needs {
        Needs::nothing().trace_state()
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let Self { key, values, memo } = self;
        memo.start(batch);
        let codes = &batch.columns().span_trace_state;
        for &trace in candidates {
            let spans = &codes[batch.span_range(trace)];
            votes.push(spans.iter().any(|&code| memo.is(batch, Code(code), |state| matches(state, key, values))));
        }
        Ok(())
    }
}

fn matches(state: &[u8], key: &str, values: &[String]) -> bool {
    let value = str::from_utf8(state).ok().and_then(|state| member(state, key));
    value.is_some_and(|value| values.iter().any(|wanted| wanted == value))
}

/// The value of the member `key`, if the whole of `state` is well-formed.
fn member<'a>(state: &'a str, key: &str) -> Option<&'a str> {
    let mut keys: Vec<&str> = Vec::new();
    let mut found = None;
    for member in state.split(',').filter(|member| !member.is_empty()) {
        let (name, value) = member.split_once('=')?;
        let (name, value) = (name.trim_start_matches([' ', '\t']), value.trim_end_matches([' ', '\t']));
        if !is_key(name) || !is_value(value) || keys.contains(&name) || keys.len() == MAX_MEMBERS {
            return None;
        }
        keys.push(name);
        if name == key {
            found = Some(value);
        }
    }
    found
}

/// `key`, or `tenant@system`.
fn is_key(key: &str) -> bool {
    match key.split_once('@') {
        None => is_key_part(key, 256, |first| first.is_ascii_lowercase()),
        Some((tenant, system)) => {
            is_key_part(tenant, 241, |first| first.is_ascii_lowercase() || first.is_ascii_digit())
                && is_key_part(system, 14, |first| first.is_ascii_lowercase())
        }
    }
}

fn is_key_part(part: &str, max_bytes: usize, first: impl Fn(u8) -> bool) -> bool {
    let rest = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
    part.len() <= max_bytes && part.bytes().next().is_some_and(first) && part.as_bytes().iter().skip(1).all(rest)
}

fn is_value(value: &str) -> bool {
    let inner = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(inner) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tailrace_sdk::Verdict::{No, Sample};
    use tailrace_sdk::testing::{TestSpan, evaluate};

    use super::*;

    #[test]
    fn members_are_found_in_well_formed_states_only() {
        let cases = [
            ("k=v", Some("v")),
            ("a=1,k=v", Some("v")),
            ("a=1, k=v ,,b=2", Some("v")),
            (" k=v w", Some("v w")),
            ("k=", None),
            ("k", None),
            ("K=v", None),
            ("k=v,k=v", None),
            ("k=v,bad", None),
            ("k=a=b", None),
            ("k=é", None),
            ("1a@sys=x,k=v", Some("v")),
            ("a@1s=x,k=v", None),
            ("", None),
        ];
        for (state, expected) in cases {
            assert_eq!(member(state, "k"), expected, "{state:?}");
        }
        let many = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(member(&many(32), "k31"), Some("v"));
        assert_eq!(member(&many(33), "k31"), None);
        assert_eq!(member(&format!("{}=v", "k".repeat(257)), &"k".repeat(257)), None);
    }

    #[test]
    fn one_span_is_enough() {
        let span = |state: &str| TestSpan { trace_state: state.to_owned(), ..TestSpan::default() };
        let traces = [vec![span("a=1"), span("k=w")], vec![span("k=x")], vec![span("")], vec![]];
        let verdicts = evaluate::<TraceState>(r#"{"key": "k", "values": ["v", "w", ""]}"#, &traces);
        assert_eq!(verdicts, Ok(vec![Sample, No, No, No]));
    }

    proptest! {
        #[test]
        fn takes_any_text(state: String, key: String) {
            member(&state, &key);
        }

        #[test]
        fn votes_as_the_plain_rule(
            values in prop::collection::vec("[ab]{0,2}", 0..3),
            traces in prop::collection::vec(prop::collection::vec(prop::option::of("[ab]{1,2}"), 0..4), 0..6),
        ) {
            let span = |value: &Option<String>| TestSpan {
                trace_state: value.as_ref().map_or("x=a".to_owned(), |value| format!("x=b,k={value}")),
                ..TestSpan::default()
            };
            let batch: Vec<Vec<_>> = traces.iter().map(|spans| spans.iter().map(span).collect()).collect();
            let found = |value: &Option<String>| value.as_ref().is_some_and(|value| values.contains(value));
            let expected: Vec<tailrace_sdk::Verdict> = traces.iter().map(|spans| spans.iter().any(found).into()).collect();
            let config = format!(r#"{{"key": "k", "values": {values:?}}}"#);
            prop_assert_eq!(evaluate::<TraceState>(&config, &batch), Ok(expected));
        }

        #[test]
        fn finds_what_was_written(members in proptest::collection::btree_map("[a-z][a-z0-9_*/-]{0,8}", "[!-+--<>-~]{1,8}", 1..10)) {
            let state = members.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
            for (key, value) in &members {
                prop_assert_eq!(member(&state, key), Some(value.as_str()));
            }
        }
    }
}
