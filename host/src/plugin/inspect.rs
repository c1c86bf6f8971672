//! `tailrace plugin inspect`: what a component is, from its file alone. Where its manifest is silent on what it offers, and where
//! `--run` or `--config` ask for it, the guest is asked, in the sandbox that it would run in.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{Format, config_argument};
use crate::console;
use crate::pipeline::Cx;
use crate::wasm::policy::{Fields, Limits, Needs, OnError, Policies, PolicySpec, Scope};
use crate::wasm::{Inspected, ManifestKind, Plugin, Wasm};

/// `tailrace plugin inspect FILE`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The component.
    file: PathBuf,
    /// Asks the guest what it offers, whatever its manifest says.
    #[arg(long)]
    run: bool,
    /// Configures the guest, JSON or @FILE, and says which columns it then needs.
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
    /// Which of its kinds to configure, if it has several.
    #[arg(long, requires = "config")]
    kind: Option<String>,
    /// How to say it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// All that is said.
#[derive(Debug, Serialize)]
struct Report {
    name: Option<String>,
    version: Option<String>,
    digest: String,
    bytes: usize,
    /// Policies.
    kinds: Vec<KindReport>,
    transforms: Vec<KindReport>,
    counters: Vec<String>,
    reasons: Vec<String>,
    exports: Vec<String>,
    imports: Vec<Import>,
    /// Why this host would not load it.
    refused: Option<String>,
    /// Where `kinds`, `counters` and `reasons` come from.
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct KindReport {
    name: String,
    summary: String,
    state_schema: String,
    /// The schema, or its text where that is no JSON.
    schema: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<Value>,
}

#[derive(Debug, Serialize)]
struct Import {
    name: String,
    granted: bool,
}

const MANIFEST: &str = "the manifest; the guest did not run";
const GUEST: &str = "the guest, which was asked";
const GUEST_FOR_WANT: &str =
    "the guest, which was asked since its manifest does not say it all; `tailrace plugin build` writes one that does";

impl Inspect {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let inspected = Inspected::read(&self.file)?;
        let refused = inspected.refused.is_some();
        let wanted = self.run || self.config.is_some();
        let mut report = Report::of_file(inspected);
        if !refused && (wanted || report.source != MANIFEST) {
            report.source = if wanted { GUEST } else { GUEST_FOR_WANT };
            let plugin = Wasm::default().load(&self.file, None)?;
            report.ask(&plugin);
            if let Some(config) = &self.config {
                report.need(plugin, self.kind.as_deref(), config_argument(config)?)?;
            }
        }
        match self.format {
            Format::Text => console::out(&report.text())?,
            Format::Json => console::out(&format!("{}\n", serde_json::to_string_pretty(&report)?))?,
        }
        Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

impl Report {
    fn of_file(inspected: Inspected) -> Self {
        let Inspected { manifest, is_complete, digest, bytes, imports, exports, refused } = inspected;
        let source = if is_complete { MANIFEST } else { "the manifest, which does not say it all" };
        let mut counters: Vec<String> = Vec::new();
        let all = manifest.kinds.iter().chain(&manifest.transforms);
        for counter in all.flat_map(|kind| &kind.counters) {
            if !counters.contains(counter) {
                counters.push(counter.clone());
            }
        }
        Self {
            name: manifest.name,
            version: manifest.version,
            digest: format!("sha256:{digest}"),
            bytes,
            reasons: manifest.kinds.iter().flat_map(|kind| kind.reasons.clone()).collect(),
            kinds: manifest.kinds.into_iter().map(KindReport::from).collect(),
            transforms: manifest.transforms.into_iter().map(KindReport::from).collect(),
            counters,
            exports,
            imports: imports.into_iter().map(|(name, granted)| Import { name, granted }).collect(),
            refused,
            source,
        }
    }

    /// Puts what the guest says of itself in the place of what its manifest says.
    fn ask(&mut self, plugin: &Plugin) {
        let kind = |kind: &crate::wasm::Kind| KindReport {
            name: kind.name.clone(),
            summary: kind.summary.clone(),
            state_schema: kind.state_schema.clone(),
            schema: schema(&kind.schema),
            needs: None,
        };
        self.kinds = plugin.kinds.iter().map(kind).collect();
        self.transforms = plugin.transforms.iter().map(kind).collect();
        self.counters.clone_from(&plugin.counters);
        self.reasons.clone_from(&plugin.reasons);
        // Where there is no manifest, the host calls it by its file.
        self.name.get_or_insert_with(|| plugin.name.clone());
    }

    /// Configures one kind, for what it then needs.
    fn need(&mut self, plugin: Arc<Plugin>, kind: Option<&str>, config: Value) -> anyhow::Result<()> {
        let kind = plugin.choose(kind)?.name.clone();
        let policy = kind.clone();
        let (limits, on_error) = (Limits::default(), OnError::default());
        let spec = PolicySpec {
            policy,
            plugin,
            kind: kind.clone(),
            config,
            limits,
            on_error,
            whole_size: false,
            canary_of: None,
        };
        let policies = Policies::new(vec![spec], &Cx::offline()).map_err(|problems| {
            let said = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
            anyhow::anyhow!("{kind} refuses the configuration: {}", said.collect::<Vec<_>>().join("; "))
        })?;
        if let Some(kind) = self.kinds.iter_mut().find(|known| known.name == kind) {
            kind.needs = Some(needs(policies.needs()));
        }
        Ok(())
    }

    fn text(&self) -> String {
        let unknown = || "unknown".to_owned();
        let mut lines = vec![
            ("name", self.name.clone().unwrap_or_else(unknown)),
            ("version", self.version.clone().unwrap_or_else(unknown)),
            ("digest", self.digest.clone()),
            ("size", format!("{} bytes", self.bytes)),
        ];
        let transforms = self.transforms.iter().map(|kind| ("transform", kind));
        for (what, kind) in self.kinds.iter().map(|kind| ("policy", kind)).chain(transforms) {
            lines.push((what, format!("{}{}{}", kind.name, colon(&kind.summary), kind.summary)));
            if !kind.state_schema.is_empty() {
                lines.push(("  state", kind.state_schema.clone()));
            }
            lines.push(("  schema", pretty(&kind.schema)));
            if let Some(needs) = &kind.needs {
                lines.push(("  needs", needs.to_string()));
            }
        }
        lines.extend((!self.counters.is_empty()).then(|| ("counters", self.counters.join(", "))));
        lines.extend((!self.reasons.is_empty()).then(|| ("reasons", self.reasons.join(", "))));
        lines.push(("exports", self.exports.join(", ")));
        for Import { name, granted } in &self.imports {
            lines.push(("import", format!("{name}{}", if *granted { "" } else { "  (refused)" })));
        }
        lines.extend(self.refused.iter().map(|why| ("refused", format!("this host would not load it: {why}"))));
        lines.push(("source", format!("kinds, counters and reasons are from {}", self.source)));
        let line = |(name, value): &(&str, String)| format!("{name:<10}{}", value.replace('\n', "\n          "));
        lines.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
    }
}

fn colon(summary: &str) -> &'static str {
    if summary.is_empty() { "" } else { ": " }
}

impl From<ManifestKind> for KindReport {
    fn from(kind: ManifestKind) -> Self {
        Self {
            name: kind.name,
            summary: kind.summary.unwrap_or_default(),
            state_schema: kind.state_schema.unwrap_or_default(),
            schema: schema(&kind.schema.unwrap_or_default()),
            needs: kind.needs,
        }
    }
}

fn schema(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn pretty(schema: &Value) -> String {
    match schema {
        Value::Object(map) if map.is_empty() => "none".to_owned(),
        Value::String(text) if text.is_empty() => "none".to_owned(),
        Value::String(text) => format!("not JSON: {text}"),
        schema => serde_json::to_string_pretty(schema).unwrap_or_default(),
    }
}

fn needs(needs: &Needs) -> Value {
    let fields = [
        (Fields::STATUS, "status"),
        (Fields::KIND, "kind"),
        (Fields::START, "start"),
        (Fields::DURATION, "duration"),
        (Fields::NAME, "name"),
        (Fields::PARENT, "parent"),
        (Fields::TRACE_STATE, "trace-state"),
        (Fields::OTLP, "otlp"),
    ];
    let fields: Vec<_> =
        fields.iter().filter(|(flag, _)| needs.fields.contains(*flag)).map(|(_, name)| *name).collect();
    let scope = |scope: Scope| match scope {
        Scope::Resource => "resource",
        Scope::Instrumentation => "instrumentation",
        Scope::Span => "span",
        Scope::Event => "event",
        Scope::Link => "link",
    };
    let attributes = needs.attributes.iter();
    let attributes: Vec<_> =
        attributes.map(|wanted| serde_json::json!({"scope": scope(wanted.scope), "key": wanted.key})).collect();
    serde_json::json!({"fields": fields, "attributes": attributes})
}
