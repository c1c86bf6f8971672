//! What stands in the place of what matched: with references to groups, through a converter, in a format.

use std::borrow::Cow;
use std::ops::Range;

use regex::{Captures, Regex};

use super::Bound;
use super::arguments::{Handed, text_of};
use crate::expr::{Cx, Expr};
use crate::{Env, Item, Problem, Value};

/// The last three parameters of the `replace_…` family.
pub(super) struct Replacement {
    text: Expr,
    function: Option<Handed>,
    format: Option<Expr>,
}

/// The same, with its texts known.
pub(super) struct Known<'v> {
    text: Cow<'v, str>,
    function: Option<&'v Handed>,
    /// What stands before and after it.
    format: (String, String),
    env: &'v Env<'v>,
}

impl Replacement {
    /// That of the arguments from `at` on.
    pub(super) fn of(bound: &mut Bound, at: usize) -> Result<Self, Problem> {
        let text = bound.required(at)?;
        let function = bound.function(at + 1);
        let format = bound.value(at + 2);
        if let Some(Expr::Literal(Value::Str(format))) = &format {
            split(format).map_err(|message| bound.problem(at + 2, message))?;
        }
        Ok(Self { text, function, format })
    }

    /// For an item, of which nothing stays borrowed.
    pub(super) fn known<'v>(&'v self, item: &Item<'_, '_>, env: &'v Env<'v>) -> Result<Known<'v>, String> {
        let format = match &self.format {
            // Without a function the collector does not look at the format.
            Some(format) if self.function.is_some() => {
                let format = text_of(format, Cx { source: item, env })?;
                let (before, after) = split(&format)?;
                (before.to_owned(), after.to_owned())
            }
            _ => Default::default(),
        };
        let text = match &self.text {
            Expr::Literal(Value::Str(text)) => Cow::Borrowed(&**text),
            text => Cow::Owned(text_of(text, Cx { source: item, env })?.into_owned()),
        };
        Ok(Known { text, function: self.function.as_ref(), format, env })
    }
}

/// What stands before and after the place of a format.
fn split(format: &str) -> Result<(&str, &str), String> {
    let invalid = "replacementFormat must be format string containing a single %s and no other format specifiers";
    match format.split_once("%s") {
        Some((before, after)) if !before.contains('%') && !after.contains('%') => Ok((before, after)),
        _ => Err(invalid.to_owned()),
    }
}

impl Known<'_> {
    /// The text with every match replaced; none if nothing matches.
    pub(super) fn all(&self, pattern: &Regex, text: &str) -> Result<Option<String>, String> {
        let mut out = String::new();
        let mut read = 0;
        let mut put = |found: Range<usize>, captures: Option<&Captures<'_>>| {
            out.push_str(text.get(read..found.start).unwrap_or_default());
            read = found.end;
            self.put(&mut out, captures)
        };
        let mut has_match = false;
        // To know where the groups of a match lie costs more than to find it.
        if self.text.contains('$') {
            for captures in pattern.captures_iter(text) {
                let Some(whole) = captures.get(0) else { continue };
                put(whole.range(), Some(&captures))?;
                has_match = true;
            }
        } else {
            for found in pattern.find_iter(text) {
                put(found.range(), None)?;
                has_match = true;
            }
        }
        out.push_str(text.get(read..).unwrap_or_default());
        Ok(has_match.then_some(out))
    }

    /// The replacement of a whole text.
    pub(super) fn whole(&self) -> Result<String, String> {
        let mut out = String::new();
        self.converted(&mut out, &self.text)?;
        Ok(out)
    }

    fn put(&self, out: &mut String, captures: Option<&Captures<'_>>) -> Result<(), String> {
        let Some(captures) = captures else { return self.converted(out, &self.text) };
        let mut expanded = String::new();
        captures.expand(&self.text, &mut expanded);
        self.converted(out, &expanded)
    }

    fn converted(&self, out: &mut String, text: &str) -> Result<(), String> {
        let Some(function) = self.function else {
            out.push_str(text);
            return Ok(());
        };
        match function.call(Value::Str(text.into()), self.env)? {
            Value::Str(converted) => {
                out.push_str(&self.format.0);
                out.push_str(&converted);
                out.push_str(&self.format.1);
                Ok(())
            }
            other => Err(format!("the replacement value must be a string but got {}", other.type_name())),
        }
    }
}
