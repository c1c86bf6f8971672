//! What a case expects.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// A verdict on a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    No,
    Sample,
    Drop,
}

impl Answer {
    const ALL: [Self; 3] = [Self::No, Self::Sample, Self::Drop];

    /// As votes have it.
    pub(super) fn of_vote(verdict: u8) -> Self {
        Self::ALL.get(usize::from(verdict)).copied().unwrap_or(Self::No)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Sample => "sample",
            Self::Drop => "drop",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|answer| answer.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is no verdict: sample, no, drop, or error for the case as a whole"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a case expects.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(super) enum Expect {
    /// Of every trace.
    All(Answer),
    /// Of each trace, in order.
    Each(Vec<Answer>),
    /// Of some traces, by id in hex.
    ById(BTreeMap<String, Answer>),
    /// How many of each.
    Counts(BTreeMap<Answer, usize>),
    /// The configuration is refused, or the policy gives no votes; with this in the message.
    Error(String),
}

impl TryFrom<Value> for Expect {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) if text == "error" => Ok(Self::Error(String::new())),
            Value::String(text) => Answer::parse(&text).map(Self::All),
            Value::Array(list) => list.iter().map(answer).collect::<Result<_, _>>().map(Self::Each),
            Value::Object(map) => of_map(&map),
            other => Err(format!("{other} is nothing to expect: a verdict, a list of them, or a map")),
        }
    }
}

fn answer(value: &Value) -> Result<Answer, String> {
    // YAML 1.1 habits: `no` without quotes is text here, but a bool to other tools that write this file.
    match value {
        Value::String(text) => Answer::parse(text),
        Value::Bool(false) => Ok(Answer::No),
        other => Err(format!("{other} is no verdict: sample, no or drop")),
    }
}

fn of_map(map: &serde_json::Map<String, Value>) -> Result<Expect, String> {
    if let Some(Value::String(message)) = map.get("error").filter(|_| map.len() == 1) {
        return Ok(Expect::Error(message.clone()));
    }
    if map.values().all(Value::is_u64) && !map.is_empty() {
        let count = |(key, value): (&String, &Value)| Ok((Answer::parse(key)?, value.as_u64().unwrap_or(0) as usize));
        return map.iter().map(count).collect::<Result<_, String>>().map(Expect::Counts);
    }
    let by_id = |(id, value): (&String, &Value)| {
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("{id:?} is no trace id, which has 32 hexadecimal digits"));
        }
        Ok((id.to_ascii_lowercase(), answer(value)?))
    };
    map.iter().map(by_id).collect::<Result<_, String>>().map(Expect::ById)
}

impl Expect {
    /// Whether it can be met by so many traces, where that is known.
    pub(super) fn fits(&self, traces: Option<usize>) -> Result<(), String> {
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        match (self, traces) {
            (Self::Each(list), Some(traces)) if list.len() != traces => {
                let (verdicts, s, z) = (list.len(), plural(list.len()), plural(traces));
                Err(format!("{verdicts} verdict{s} for {traces} trace{z}"))
            }
            (Self::Counts(counts), Some(traces)) if counts.values().sum::<usize>() != traces => {
                Err(format!("the counts do not add up to {traces} trace{}", plural(traces)))
            }
            (Self::ById(map), _) if map.is_empty() => Err("nothing is expected".to_owned()),
            _ => Ok(()),
        }
    }
}
