//! What became of the cases: for people, for programs, for CI servers.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;

use super::run::seconds;

/// What became of a case.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) line: usize,
    /// What is not as expected; empty: it passed.
    pub(super) differences: Vec<String>,
    /// What the guest wrote.
    pub(super) log: Vec<String>,
    pub(super) took: Duration,
}

impl Outcome {
    pub(super) fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// All cases of a file.
pub(super) struct Report {
    pub(super) plugin: String,
    pub(super) file: String,
    pub(super) outcomes: Vec<Outcome>,
}

impl Report {
    pub(super) fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| !outcome.passed()).count()
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for outcome in &self.outcomes {
            if outcome.passed() {
                let _ = writeln!(text, "ok    {}", outcome.name);
                continue;
            }
            let _ = writeln!(text, "FAIL  {} ({}:{})", outcome.name, self.file, outcome.line);
            for difference in &outcome.differences {
                let _ = writeln!(text, "      {}", indented(difference));
            }
            for line in &outcome.log {
                let _ = writeln!(text, "      log: {}", indented(line));
            }
        }
        let failed = self.failed();
        let _ = writeln!(text, "{}: {} passed, {failed} failed", self.plugin, self.outcomes.len() - failed);
        text
    }

    pub(super) fn json(&self) -> String {
        let failed = self.failed();
        let report = json!({
            "plugin": self.plugin,
            "file": self.file,
            "passed": self.outcomes.len() - failed,
            "failed": failed,
            "cases": self.outcomes.iter().map(Outcome::to_json).collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }

    /// In the form that CI servers read.
    pub(super) fn junit(&self) -> String {
        let took: Duration = self.outcomes.iter().map(|outcome| outcome.took).sum();
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let (plugin, cases, failed) = (escape(&self.plugin), self.outcomes.len(), self.failed());
        let _ = writeln!(
            xml,
            "<testsuites><testsuite name=\"{plugin}\" tests=\"{cases}\" failures=\"{failed}\" time=\"{:.3}\">",
            seconds(took)
        );
        for outcome in &self.outcomes {
            let (name, time) = (escape(&outcome.name), seconds(outcome.took));
            let _ = write!(xml, "<testcase classname=\"{plugin}\" name=\"{name}\" time=\"{time:.3}\">");
            if let Some(first) = outcome.differences.first() {
                let (message, all) = (escape(first), escape(&outcome.differences.join("\n")));
                let _ = write!(xml, "<failure message=\"{message}\">{all}</failure>");
            }
            if !outcome.log.is_empty() {
                let _ = write!(xml, "<system-out>{}</system-out>", escape(&outcome.log.join("\n")));
            }
            xml.push_str("</testcase>\n");
        }
        xml.push_str("</testsuite></testsuites>\n");
        xml
    }
}

fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n        ")
}

/// Text as XML has it; control characters, which it can not have, become U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_with_their_place_and_log() {
        let outcome = |name: &str, differences: &[&str]| Outcome {
            name: name.to_owned(),
            line: 7,
            differences: differences.iter().map(|&line| line.to_owned()).collect(),
            log: vec!["INFO <hello>".to_owned()],
            took: Duration::ZERO,
        };
        let outcomes = vec![outcome("a", &[]), outcome("b & c", &["expected \"x\""])];
        let report = Report { plugin: "p".to_owned(), file: "cases.yaml".to_owned(), outcomes };
        let text = "ok    a\nFAIL  b & c (cases.yaml:7)\n      expected \"x\"\n      log: INFO <hello>\np: 1 passed, 1 failed\n";
        assert_eq!(report.text(), text);
        let xml = report.junit();
        assert!(xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
        assert!(xml.contains("<failure message=\"expected &quot;x&quot;\">"), "{xml}");
        assert!(xml.contains("name=\"b &amp; c\"") && xml.contains("INFO &lt;hello&gt;"), "{xml}");
    }
}
