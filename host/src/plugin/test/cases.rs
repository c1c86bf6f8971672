//! `cases.yaml`: what is asked of a plugin and what it should answer, read with the place of every mistake.

use std::path::Path as FilePath;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

use super::expect::Expect;
use super::spans::ShortSpan;
use crate::config::node::SourceText;
use crate::config::{Check, Node, Path, Problems, decode, yaml};
use crate::plugin::budget::Budget;

/// A file larger than this is no list of cases; OTLP files are named in it, not part of it.
const MAX_BYTES: u64 = 16 << 20;

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::plugin) struct Cases {
    /// Which of the plugin's kinds is meant; may be left out if it has one.
    pub(in crate::plugin) policy: Option<String>,
    /// The same of transforms.
    pub(in crate::plugin) transform: Option<String>,
    /// Its configuration where a case gives none.
    pub(in crate::plugin) config: Value,
    /// What `plugin bench` may measure at most.
    pub(in crate::plugin) budget: Option<Budget>,
    #[serde(rename = "cases")]
    pub(super) list: Vec<Case>,
}

/// One question and its answer.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) policy: Option<String>,
    pub(super) transform: Option<String>,
    pub(super) config: Option<Value>,
    /// One trace, its spans written short.
    pub(super) trace: Option<Vec<ShortSpan>>,
    /// Several that are decided at once.
    pub(super) traces: Option<Vec<Vec<ShortSpan>>>,
    /// A file of OTLP, beside the cases.
    pub(super) otlp: Option<String>,
    pub(super) expect: Option<Expect>,
    /// Of what `input` is a request, where its fields do not show it.
    pub(super) signal: Option<String>,
    /// A request for a transform: OTLP/JSON, or a file's name.
    pub(super) input: Option<Value>,
    /// What the transform makes of it: OTLP/JSON, `unchanged` or `discarded`.
    pub(super) output: Option<Value>,
    /// The line that it begins on.
    #[serde(skip)]
    pub(super) line: usize,
}

impl Cases {
    /// Reads the file, or says all that is wrong with it.
    pub(in crate::plugin) fn read(path: &FilePath) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let can_not = || format!("can not read {name}");
        let file = std::fs::File::open(path).with_context(can_not)?;
        let text = std::io::read_to_string(std::io::Read::take(file, MAX_BYTES + 1)).with_context(can_not)?;
        anyhow::ensure!(text.len() as u64 <= MAX_BYTES, "{name} is larger than {} MiB", MAX_BYTES >> 20);
        Self::parse(name, text)
    }

    pub(super) fn parse(name: String, text: String) -> anyhow::Result<Self> {
        let source = Arc::new(SourceText { name, text, quote: true });
        let node = yaml::parse(&source).map_err(|invalid| anyhow::anyhow!("{}: {}", invalid.at, invalid.message))?;
        let mut problems = Problems::default();
        let cases = decode::<Self>(Some(&node), &Path::root(), &mut problems);
        if let Some(cases) = &cases {
            let decoding = problems.clone();
            let at = Path::root();
            decode::check(Some(&node), &at, &decoding, &mut problems, |mut check| cases.check(&mut check));
        }
        problems.sort();
        match cases {
            Some(cases) if !problems.has_errors() => Ok(cases.with_lines(&node)),
            _ => Err(anyhow::Error::msg(without_prefix(&problems.render(false)))),
        }
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.list.is_empty() && self.budget.is_none() {
            check.problem("cases", "there are no cases");
        }
        for (at, case) in self.list.iter().enumerate() {
            case.check(&format!("cases.{at}"), check);
        }
    }

    fn with_lines(mut self, node: &Node) -> Self {
        let nodes = node.find(["cases"]).and_then(Node::as_list).unwrap_or_default();
        for (case, node) in self.list.iter_mut().zip(nodes) {
            case.line = node.at.line;
        }
        self
    }
}

/// The caller writes `Error: ` in front of it.
fn without_prefix(text: &str) -> String {
    text.strip_prefix("Error: ").or(text.strip_prefix("error: ")).unwrap_or(text).to_owned()
}

impl Case {
    fn check(&self, path: &str, check: &mut Check<'_>) {
        if self.name.is_empty() {
            check.problem(path, "a case needs a name");
        }
        let given = [self.trace.is_some(), self.traces.is_some(), self.otlp.is_some(), self.input.is_some()];
        match given.iter().filter(|is| **is).count() {
            1 => {}
            0 => check.problem(path, "a case needs a trace, traces, otlp (a file), or an input for a transform"),
            _ => check.problem(path, "of trace, traces, otlp and input a case has one"),
        }
        if self.input.is_some() {
            return super::transforms::check(self, path, check);
        }
        for (key, trace) in self.written() {
            super::spans::check(trace, &format!("{path}.{key}"), check);
        }
        match &self.expect {
            None => check.problem(path, "a case needs expect: sample, no, drop or error"),
            Some(expect) => {
                let traces = self.otlp.is_none().then(|| self.written().count());
                if let Err(why) = expect.fits(traces) {
                    check.problem(&format!("{path}.expect"), why);
                }
            }
        }
    }

    /// The traces that are written here, and under which keys.
    pub(super) fn written(&self) -> impl Iterator<Item = (String, &[ShortSpan])> {
        let one = self.trace.iter().map(|trace| ("trace".to_owned(), trace.as_slice()));
        let several = self.traces.iter().flatten().enumerate();
        one.chain(several.map(|(at, trace)| (format!("traces.{at}"), trace.as_slice())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        Cases::parse("cases.yaml".to_owned(), text.to_owned()).expect_err(text).to_string()
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, place, message) in [
            ("cases:\n- {name: a, trace: [{}], expect: smaple}", ":2:", "is no verdict"),
            ("cases:\n- {name: a, trace: [{}], expct: no}", ":2:", "did you mean \"expect\""),
            ("cases:\n- {name: a, trace: [{kind: srver}], expect: no}", ":2:", "is no kind of span"),
            ("cases:\n- {name: a, trace: [{duration: 12q}], expect: no}", ":2:", "unknown unit \"q\""),
            ("cases:\n- {name: a, trace: [{name: x, parent: y}], expect: no}", ":2:", "no span \"y\""),
            ("cases:\n- {name: a, trace: [], expect: no}", ":2:", "a trace needs a span"),
            ("cases:\n- {name: a, traces: [[{}], [{}]], expect: [no]}", ":2:", "1 verdict for 2 traces"),
            ("cases:\n- {name: a, expect: no}", ":2:", "a case needs a trace"),
            ("cases:\n- {trace: [{}], expect: no}", ":2:", "a case needs a name"),
            ("cases:\n- {name: a, trace: [{}]}", ":2:", "a case needs expect"),
            ("cases: []", "", "there are no cases"),
            ("cases: [", ":1:", "yaml"),
        ] {
            let said = said(text);
            assert!(said.contains(message) && said.contains(&format!("cases.yaml{place}")), "{text}: {said}");
        }
    }

    #[test]
    fn cases_know_their_line() {
        let text =
            "cases:\n  - name: a\n    trace: [{}]\n    expect: no\n  - {name: b, otlp: x.json, expect: {no: 2}}\n";
        let cases = Cases::parse(String::new(), text.to_owned()).expect("good");
        assert_eq!(cases.list.iter().map(|case| case.line).collect::<Vec<_>>(), [2, 5]);
    }
}
