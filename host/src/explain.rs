//! `tailrace explain`: why a running host decided as it did.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::config::types::Duration;
use crate::console;
use crate::plugin::Format;
use crate::remote::Admin;

/// A decision with all votes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// In hex.
    pub trace_id: String,
    /// The id of the processor that decided.
    pub processor: String,
    /// `kept`, `dropped` (by a policy), `not sampled` (by none).
    pub decision: String,
    /// The policy that kept or dropped it.
    pub decided_by: Option<String>,
    /// The batch's time.
    pub decided_at_unix_ns: u64,
    /// `due`, `early` (for want of room), `ingest` (as spans came).
    pub occasion: String,
    /// Earliest start of its spans.
    pub start_unix_ns: u64,
    /// From there to the latest end.
    pub duration_ns: u64,
    /// That were there.
    pub spans: u32,
    /// Of the spans.
    pub bytes: u32,
    /// Whether a span had the status Error.
    pub error: bool,
    /// Whether the root was there.
    pub root: bool,
    /// In the order in which they are asked.
    pub policies: Vec<PolicyVote>,
}

/// What a policy of the configuration voted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVote {
    /// Its name.
    pub name: String,
    /// `sample`, `drop`, `no`, `missing`, `not asked`.
    pub vote: String,
    /// What that consists of: one, or what the members of a combination said.
    pub casts: Vec<Cast>,
}

/// What an evaluator voted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cast {
    /// Its name.
    pub evaluator: String,
    /// Which of its plugin's policies it is.
    pub kind: String,
    /// Its plugin.
    pub plugin: String,
    /// SHA-256 of that in hex.
    pub digest: String,
    /// As in [`PolicyVote`].
    pub vote: String,
    /// In the plugin's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The `th` that the vote amounts to: 14 digits in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<String>,
    /// Why there is no vote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What counts instead (`on_error`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts_as: Option<String>,
}

/// `tailrace explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The trace's id in hex, or how it begins.
    trace_id: String,
    #[command(flatten)]
    admin: Admin,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Explain {
    /// Asks and prints; the exit code is a failure if nothing is known of the trace.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let id = self.trace_id.to_ascii_lowercase();
        anyhow::ensure!(
            !id.is_empty() && id.len() <= 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{:?} is no trace id: up to 32 digits in hex",
            self.trace_id
        );
        let found: Vec<Explanation> = self.admin.get(&format!("/v1/explain/{id}"))?;
        match self.format {
            Format::Json => console::out(&format!("{}\n", serde_json::to_string_pretty(&found)?))?,
            Format::Text if found.is_empty() => {
                console::err(format_args!(
                    "Error: no decision on a trace {id}… is remembered: it is undecided, decided too long ago, or never came"
                ));
            }
            Format::Text => console::out(&found.iter().map(Explanation::told).collect::<Vec<_>>().join("\n"))?,
        }
        Ok(if found.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl Explanation {
    /// In words.
    fn told(&self) -> String {
        let by = self.decided_by.as_ref().map(|policy| format!(" by {policy}")).unwrap_or_default();
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(self.decided_at_unix_ns);
        let occasion = match self.occasion.as_str() {
            "due" => "due: its wait was over",
            "early" => "early: there was no room for it to wait",
            "ingest" => "ingest: spans had come",
            other => other,
        };
        let duration = Duration(std::time::Duration::from_nanos(self.duration_ns));
        let mut out = format!(
            "trace     {}\ndecision  {}{by}\nwhen      {} ({occasion}), {}\ntrace was {} spans, {} bytes, {duration}{}{}\n",
            self.trace_id,
            self.decision,
            crate::telemetry::clock::rfc3339(at),
            self.processor,
            self.spans,
            self.bytes,
            if self.error { ", with an error" } else { "" },
            if self.root { "" } else { ", without its root" },
        );
        if self.policies.is_empty() {
            out.push_str("votes     none: no policy wanted it while its spans came\n");
        }
        for policy in &self.policies {
            // Writing to a string does not fail.
            let _ = writeln!(out, "policy    {}: {}", policy.name, policy.vote);
            for cast in &policy.casts {
                let _ = writeln!(out, "            {}", cast.told());
            }
        }
        out
    }
}

impl Cast {
    fn told(&self) -> String {
        let digest = self.digest.get(..12).unwrap_or_default();
        // A combination is the host's own.
        let of = if self.plugin.is_empty() { String::new() } else { format!(" of {}@sha256:{digest}", self.plugin) };
        let mut out = format!("{} ({}{of}): {}", self.evaluator, self.kind, self.vote);
        if let Some(reason) = &self.reason {
            let _ = write!(out, ", {reason}");
        }
        if let Some(threshold) = &self.threshold {
            let _ = write!(out, ", th:{}", shortened(threshold));
        }
        if let Some(failure) = &self.failure {
            let _ = write!(out, ", {failure}");
        }
        if let Some(verdict) = &self.counts_as {
            let _ = write!(out, "; counts as {verdict}");
        }
        out
    }
}

/// A threshold as `tracestate` has it: without zeros at its end.
fn shortened(threshold: &str) -> &str {
    let short = threshold.trim_end_matches('0');
    if short.is_empty() { "0" } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_in_words() {
        let cast = Cast {
            evaluator: "tenth".to_owned(),
            kind: "probabilistic".to_owned(),
            plugin: "policies".to_owned(),
            digest: "0123456789abcdef".to_owned(),
            vote: "sample".to_owned(),
            reason: Some("below the threshold".to_owned()),
            threshold: Some("e6666000000000".to_owned()),
            ..Cast::default()
        };
        let explanation = Explanation {
            trace_id: "ab".repeat(16),
            processor: "tail_sampling".to_owned(),
            decision: "kept".to_owned(),
            decided_by: Some("tenth".to_owned()),
            occasion: "due".to_owned(),
            duration_ns: 1_500_000_000,
            spans: 3,
            bytes: 700,
            error: true,
            root: true,
            policies: vec![PolicyVote { name: "tenth".to_owned(), vote: "sample".to_owned(), casts: vec![cast] }],
            ..Explanation::default()
        };
        let told = explanation.told();
        for part in [
            "decision  kept by tenth",
            "due: its wait was over",
            "3 spans, 700 bytes, 1.5s, with an error\n",
            "tenth (probabilistic of policies@sha256:0123456789ab): sample, below the threshold, th:e6666\n",
        ] {
            assert!(told.contains(part), "no {part:?} in\n{told}");
        }
        assert_eq!(shortened("00000000000000"), "0");
    }
}
