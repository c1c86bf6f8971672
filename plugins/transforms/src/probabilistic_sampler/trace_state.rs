//! The W3C `tracestate` of a span, and in its member `ot` what OpenTelemetry's sampling keeps there. As strict as the Go
//! collector: one bad member makes the whole of it bad.

use super::sampler::Marks;
use super::threshold::{Randomness, Threshold};

const MAX_BYTES: usize = 1024;
/// One less than what W3C allows, as in the Go collector; empty ones count.
const MAX_MEMBERS: usize = 31;
const MAX_MEMBER_BYTES: usize = 256;

/// A trace state; what is not changed is written as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TraceState<'a> {
    randomness: Option<Field<'a, Randomness>>,
    threshold: Option<Field<'a, Threshold>>,
    /// What else stands in `ot`.
    own: Vec<(&'a str, &'a str)>,
    /// The other members.
    others: Vec<(&'a str, &'a str)>,
}

/// A value, and how it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field<'a, T> {
    value: T,
    /// Unless it is new.
    written: Option<&'a str>,
}

impl<T> From<T> for Field<'_, T> {
    fn from(value: T) -> Self {
        Self { value, written: None }
    }
}

impl<'a> TraceState<'a> {
    /// `None` if any of it is not as it should be.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok().filter(|text| text.len() <= MAX_BYTES)?;
        let mut state = Self::default();
        for (place, member) in text.strip_suffix(',').unwrap_or(text).split(',').enumerate() {
            if place >= MAX_MEMBERS {
                return None;
            }
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=').filter(|(key, value)| is_key(key) && is_value(value))?;
            match key {
                "ot" => state.parse_own(value)?,
                _ => state.others.push((key, value)),
            }
        }
        Some(state)
    }

    /// The member `ot`; of several the last counts.
    fn parse_own(&mut self, text: &'a str) -> Option<()> {
        (self.randomness, self.threshold, self.own) = (None, None, Vec::new());
        for member in text.split(';') {
            let (key, value) = member.split_once(':').filter(|(key, value)| is_own_key(key) && is_own_value(value))?;
            match key {
                "rv" => self.randomness = Some(Field { value: Randomness::parse(value)?, written: Some(value) }),
                "th" => self.threshold = Some(Field { value: Threshold::parse(value)?, written: Some(value) }),
                _ => self.own.push((key, value)),
            }
        }
        Some(())
    }

    /// What it says of the sampling.
    pub(super) fn marks(&self) -> Marks {
        Marks {
            randomness: self.randomness.as_ref().map(|field| field.value),
            threshold: self.threshold.as_ref().map(|field| field.value),
        }
    }

    /// Writes what is there of `marks` into it.
    pub(super) fn mark(&mut self, marks: Marks) {
        self.randomness = marks.randomness.map(Field::from).or(self.randomness);
        self.threshold = marks.threshold.map(Field::from).or(self.threshold);
    }

    /// As it goes into the span.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut own = self.own_text();
        if !own.is_empty() {
            own.insert_str(0, "ot=");
            text.push_str(&own);
        }
        for (key, value) in &self.others {
            separate(&mut text, ',');
            text.extend([key, "=", value]);
        }
        text
    }

    fn own_text(&self) -> String {
        let mut text = String::new();
        if let Some(Field { value, written }) = self.randomness {
            text.push_str("rv:");
            text.push_str(&written.map_or_else(|| value.text(), str::to_owned));
        }
        if let Some(Field { value, written }) = self.threshold {
            separate(&mut text, ';');
            text.push_str("th:");
            text.push_str(&written.map_or_else(|| value.text(), str::to_owned));
        }
        for (key, value) in &self.own {
            separate(&mut text, ';');
            text.extend([key, ":", value]);
        }
        text
    }
}

fn separate(text: &mut String, with: char) {
    if !text.is_empty() {
        text.push(with);
    }
}

/// `key`, or `tenant@system`.
fn is_key(key: &str) -> bool {
    match key.split_once('@') {
        None => key.len() <= MAX_MEMBER_BYTES && is_key_part(key, |first| first.is_ascii_lowercase()),
        Some((tenant, system)) => {
            key.len() <= MAX_MEMBER_BYTES
                && tenant.len() <= 241
                && system.len() <= 14
                && is_key_part(tenant, |first| first.is_ascii_lowercase() || first.is_ascii_digit())
                && is_key_part(system, |first| first.is_ascii_lowercase())
        }
    }
}

fn is_key_part(part: &str, first: impl Fn(u8) -> bool) -> bool {
    let rest = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
    part.bytes().next().is_some_and(first) && part.as_bytes().iter().skip(1).all(rest)
}

fn is_value(value: &str) -> bool {
    let inner = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=MAX_MEMBER_BYTES).contains(&value.len()) && value.bytes().all(inner) && !value.ends_with(' ')
}

fn is_own_key(key: &str) -> bool {
    key.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_own_value(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn states_are_read_and_written() {
        for (text, expected) in [
            ("", Some("")),
            ("a=1", Some("a=1")),
            ("a=1, b=2 ,,", Some("a=1,b=2")),
            ("a=1,ot=th:8", Some("ot=th:8,a=1")),
            ("ot=th:8;rv:0123456789abcd;x:1", Some("ot=rv:0123456789abcd;th:8;x:1")),
            ("ot=th:80", Some("ot=th:80")),
            ("ot=th:AB", Some("ot=th:AB")),
            ("ot=th:8,ot=x:y", Some("ot=x:y")),
            ("ot=x:", Some("ot=x:")),
            ("1t@sys=v", Some("1t@sys=v")),
            ("ot=", None),
            ("ot=th:", None),
            ("ot=th:8;", None),
            ("ot=th", None),
            ("ot=rv:8", None),
            ("ot=th:xyz", None),
            ("ot=T:1", None),
            ("a", None),
            ("=1", None),
            ("A=1", None),
            ("a=é", None),
            ("a=1=2", None),
        ] {
            let state = TraceState::parse(text.as_bytes()).map(|state| state.text());
            assert_eq!(state.as_deref(), expected, "{text:?}");
        }
        let many = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        assert!(TraceState::parse(many(31).as_bytes()).is_some());
        assert!(TraceState::parse(many(32).as_bytes()).is_none());
        assert!(TraceState::parse(format!("{}=v", "k".repeat(257)).as_bytes()).is_none());
        assert!(TraceState::parse("a=1,".repeat(257).as_bytes()).is_none(), "longer than 1024");
        assert!(TraceState::parse(b"\xff=1").is_none());
    }

    proptest! {
        #[test]
        fn takes_any_text(text in "[a-z0-9=:;,@ \\PC]{0,40}") {
            if let Some(state) = TraceState::parse(text.as_bytes()) {
                let written = state.text();
                let again = TraceState::parse(written.as_bytes()).map(|state| state.text());
                prop_assert_eq!(again.as_deref(), Some(written.as_str()));
            }
        }
    }
}
