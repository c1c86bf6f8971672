//! `tailrace plugin reload`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::Format;
use crate::console;
use crate::remote::Admin;

/// `tailrace plugin reload`.
#[derive(Debug, Args)]
pub struct Reload {
    /// Only what this component loaded, by its id: `tail_sampling`.
    component: Option<String>,
    #[command(flatten)]
    admin: Admin,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Reload {
    /// Has the host look at its plugins' files; the exit code is a failure if one of them is not used.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let checked: Vec<Value> = self.admin.post("/v1/plugins/reload", &json!({"component": self.component}))?;
        let is_refused = checked.iter().any(|checked| checked["outcome"] == "refused");
        match self.format {
            Format::Json => console::out(&format!("{}\n", serde_json::to_string_pretty(&checked)?))?,
            Format::Text if checked.is_empty() => console::out("no plugins from files\n")?,
            Format::Text => console::out(&checked.iter().map(told).collect::<String>())?,
        }
        Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn told(checked: &Value) -> String {
    let text = |key: &str| checked[key].as_str().unwrap_or_default();
    let short = |key: &str| text(key).get(..12).unwrap_or_default().to_owned();
    let outcome = match text("outcome") {
        "swapped" => {
            let tried = match (checked["tried"].as_u64(), checked["disagreements"].as_u64()) {
                (Some(tried @ 1..), Some(disagreements)) => {
                    format!(" (tried on {tried} recorded traces: {disagreements} voted on otherwise)")
                }
                _ => String::new(),
            };
            format!("swapped from {} to {}{tried}", short("from"), short("to"))
        }
        "refused" => format!("{} goes on: {}", short("digest"), text("message")),
        other => format!("{other}, {}", short("digest")),
    };
    format!("{}  {}  {outcome}\n", text("component"), text("file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_in_words() {
        let digest = "0123456789abcdef";
        let base = json!({"component": "tail_sampling", "file": "/p.wasm", "policies": ["vip"]});
        let with = |more: Value| {
            let mut checked = base.clone();
            for (key, value) in more.as_object().unwrap() {
                checked[key] = value.clone();
            }
            told(&checked)
        };
        assert_eq!(
            with(
                json!({"outcome": "swapped", "from": digest, "to": "ffffffffffffffff", "tried": 4, "disagreements": 1})
            ),
            "tail_sampling  /p.wasm  swapped from 0123456789ab to ffffffffffff (tried on 4 recorded traces: 1 voted on otherwise)\n"
        );
        assert_eq!(
            with(json!({"outcome": "unchanged", "digest": digest})),
            "tail_sampling  /p.wasm  unchanged, 0123456789ab\n"
        );
        assert_eq!(
            with(json!({"outcome": "refused", "digest": digest, "reason": "compile", "message": "not WebAssembly"})),
            "tail_sampling  /p.wasm  0123456789ab goes on: not WebAssembly\n"
        );
    }
}
