//! What becomes of a statement or condition that can not be evaluated for an item.

use serde::{Deserialize, Deserializer};
use tailrace_ottl::{Condition, Env, Failure, Source, Then};
use tailrace_sdk::{JsonSchema, Level, log};

/// As in the collector's YAML, in letters of either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars", with = "String")]
pub(crate) enum ErrorMode {
    /// It is logged, a condition counts as false, and the next one is up.
    #[default]
    Ignore,
    /// The same without a line in the log.
    Silent,
    /// The request is refused as a whole.
    Propagate,
}

impl<'de> Deserialize<'de> for ErrorMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        match name.to_ascii_lowercase().as_str() {
            "ignore" => Ok(Self::Ignore),
            "silent" => Ok(Self::Silent),
            "propagate" => Ok(Self::Propagate),
            _ => Err(serde::de::Error::custom(format!("unknown error mode {name}"))),
        }
    }
}

/// The failures of one pass over a request.
#[derive(Debug)]
pub(crate) struct Failures {
    mode: ErrorMode,
    first: Option<Failure>,
    more: u32,
}

impl Failures {
    pub(crate) fn new(mode: ErrorMode) -> Self {
        Self { mode, first: None, more: 0 }
    }

    /// Takes a failure.
    #[cold]
    fn add(&mut self, failure: Failure) {
        if self.mode != ErrorMode::Silent {
            match self.first {
                None => self.first = Some(failure),
                Some(_) => self.more += 1,
            }
        }
    }

    /// Takes a failure; tells whether to go on.
    pub(crate) fn take(&mut self, failure: Failure) -> Then {
        self.add(failure);
        if self.is_fatal() { Then::Stop } else { Then::GoOn }
    }

    /// Whether a condition is true of an item; one that fails is not.
    pub(crate) fn holds(&mut self, condition: &Condition, item: &dyn Source, env: &Env<'_>) -> bool {
        match condition.holds(item, env) {
            Ok(answer) => answer,
            Err(failure) => {
                self.add(failure);
                false
            }
        }
    }

    /// Whether a failure ends the pass.
    pub(crate) fn is_fatal(&self) -> bool {
        self.mode == ErrorMode::Propagate && self.first.is_some()
    }

    /// In the log, where nothing can be refused.
    pub(crate) fn report(self) {
        let level = if self.mode == ErrorMode::Propagate { Level::Error } else { Level::Warn };
        if let Some(first) = &self.first {
            log(level, &format!("{first}{}", self.others()));
        }
    }

    fn others(&self) -> String {
        match self.more {
            0 => String::new(),
            more => format!(" (and {more} more failures at the same time)"),
        }
    }

    /// At the end of the pass: the error that refuses the request, or a line in the log. One for all items of a request, since a
    /// condition that fails for one commonly fails for each.
    pub(crate) fn finish(self) -> Result<(), String> {
        if let Some(first) = self.first.as_ref().filter(|_| self.mode == ErrorMode::Propagate) {
            return Err(first.to_string());
        }
        self.report();
        Ok(())
    }
}
