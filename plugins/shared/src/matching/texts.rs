//! A list of texts or expressions, one of which has to match.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use regex::bytes::{Regex, RegexSet};
use serde::Deserialize;
use tailrace_sdk::{Diagnostics, JsonSchema};

use crate::re2;

/// How texts are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatchType {
    /// They are equal.
    #[default]
    Strict,
    /// The expression matches, wherever in the text.
    Regexp,
}

impl MatchType {
    /// From the block's `match_type`; adds what is wrong with it.
    pub fn parse(name: &str, path: &str, is_needed: bool, problems: &mut Diagnostics) -> Self {
        match name {
            "strict" => Self::Strict,
            "regexp" => Self::Regexp,
            "" if !is_needed => Self::default(),
            "" => {
                problems.push(path, "match_type is missing: it is strict or regexp");
                Self::default()
            }
            other => {
                let message = format!("unrecognized match_type: '{other}', valid types are: [regexp strict]");
                problems.push(format!("{path}/match_type"), message);
                Self::default()
            }
        }
    }
}

/// Options of `match_type: regexp`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct RegexpOptions {
    /// Whether results are remembered by text.
    pub cacheenabled: bool,
    /// How many; 0, and whatever is more, means 10,000.
    pub cachemaxnumentries: usize,
}

/// Texts that are remembered at most, however many are asked for: memory has a bound.
const MAX_REMEMBERED: usize = 10_000;
/// Longer ones are not remembered.
const MAX_REMEMBERED_BYTES: usize = 1024;

/// Texts or expressions, one of which has to match.
#[derive(Debug)]
pub enum Texts {
    /// One of them is the text.
    Strict(HashSet<Vec<u8>>),
    /// One of them matches.
    Regexp(RegexSet, Option<Memory>),
}

/// What texts were compared to before.
#[derive(Debug)]
pub struct Memory {
    known: RefCell<HashMap<Vec<u8>, bool>>,
    max: usize,
}

impl Texts {
    /// From the list at `path`; adds what is wrong with it.
    pub fn list(
        texts: &[String],
        how: MatchType,
        options: Option<&RegexpOptions>,
        path: &str,
        problems: &mut Diagnostics,
    ) -> Self {
        Self::new(texts, how, options, &|place| format!("{path}/{place}"), problems)
    }

    /// From the text at `path`; adds what is wrong with it.
    pub fn one(
        text: &str,
        how: MatchType,
        options: Option<&RegexpOptions>,
        path: &str,
        problems: &mut Diagnostics,
    ) -> Self {
        Self::new(&[text.to_owned()], how, options, &|_| path.to_owned(), problems)
    }

    fn new(
        texts: &[String],
        how: MatchType,
        options: Option<&RegexpOptions>,
        at: &dyn Fn(usize) -> String,
        problems: &mut Diagnostics,
    ) -> Self {
        if how == MatchType::Strict {
            return Self::Strict(texts.iter().map(|text| text.clone().into_bytes()).collect());
        }
        let patterns: Vec<String> = texts.iter().map(|text| re2::to_rust(text)).collect();
        for (place, pattern) in patterns.iter().enumerate() {
            if let Err(error) = Regex::new(pattern) {
                problems.push(at(place), error.to_string());
            }
        }
        let set = RegexSet::new(&patterns).unwrap_or_else(|_| RegexSet::empty());
        let remembers = options.filter(|options| options.cacheenabled);
        Self::Regexp(set, remembers.map(|options| Memory::of(options.cachemaxnumentries)))
    }

    /// Whether one of them matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Strict(texts) => texts.contains(text),
            Self::Regexp(set, None) => set.is_match(text),
            Self::Regexp(set, Some(memory)) => memory.recall(text, || set.is_match(text)),
        }
    }
}

impl Memory {
    fn of(max: usize) -> Self {
        let max = if (1..MAX_REMEMBERED).contains(&max) { max } else { MAX_REMEMBERED };
        Self { known: RefCell::default(), max }
    }

    fn recall(&self, text: &[u8], compare: impl FnOnce() -> bool) -> bool {
        let mut known = self.known.borrow_mut();
        if let Some(matched) = known.get(text) {
            return *matched;
        }
        let matched = compare();
        if text.len() <= MAX_REMEMBERED_BYTES {
            if known.len() >= self.max {
                known.clear();
            }
            known.insert(text.to_vec(), matched);
        }
        matched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_remembered_within_a_bound() {
        let options = RegexpOptions { cacheenabled: true, cachemaxnumentries: 2 };
        let mut problems = Diagnostics::none();
        let list = ["^a".to_owned(), r"\d$".to_owned()];
        let texts = Texts::list(&list, MatchType::Regexp, Some(&options), "/services", &mut problems);
        assert_eq!(problems, Diagnostics::none());
        for _ in 0..2 {
            for (text, expected) in [("abc", true), ("b1", true), ("bc", false), ("", false)] {
                assert_eq!(texts.matches(text.as_bytes()), expected, "{text}");
            }
        }
        let Texts::Regexp(_, Some(memory)) = texts else { panic!("it remembers") };
        assert!(memory.known.borrow().len() <= 2);
    }
}
