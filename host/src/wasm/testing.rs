//! What the tests of the plugin host share.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::policy::{Columns, Limits, OnError, Policies, PolicySpec};
use super::{Embedded, Plugin, Wasm};
use crate::config::ComponentId;
use crate::host::Host;
use crate::pipeline::Cx;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Cell;

/// Policies that misbehave; see `plugins/hostile`.
pub(super) const HOSTILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hostile.wasm"));

/// A processor's place in a host of its own.
pub(super) fn cx() -> Cx {
    Cx {
        id: ComponentId { kind: "tail_sampling".to_owned(), name: None },
        pipeline: None,
        signal: None,
        metrics: Metrics::default(),
        host: Host::new(),
    }
}

/// A directory that is gone at the end of the test.
pub(super) struct Dir(pub(super) tempfile::TempDir);

impl Dir {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(super) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        let mut file = std::fs::File::create(&path).expect("a new file");
        file.write_all(bytes).expect("room for it");
        path
    }
}

/// One engine for all tests: compiling takes a second, and tests run at once.
static WASM: LazyLock<Wasm> = LazyLock::new(Wasm::default);

pub(super) fn hostile() -> Arc<Plugin> {
    static HOSTILE_PLUGIN: LazyLock<Arc<Plugin>> = LazyLock::new(|| {
        let dir = Dir::new();
        WASM.load(&dir.file("hostile.wasm", HOSTILE), None).expect("it loads, if nothing else")
    });
    HOSTILE_PLUGIN.clone()
}

pub(super) fn embedded() -> Arc<Plugin> {
    static EMBEDDED_PLUGIN: LazyLock<Arc<Plugin>> =
        LazyLock::new(|| WASM.embedded(Embedded::Policies).expect("the embedded plugin works"));
    EMBEDDED_PLUGIN.clone()
}

/// Does something while whatever guests log makes the host panic: a bug in what runs below a call into a guest.
pub(super) fn with_broken_log<T>(work: impl FnOnce() -> T) -> T {
    tracing::subscriber::with_default(BrokenLog, work)
}

struct BrokenLog;

impl tracing::Subscriber for BrokenLog {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        assert!(event.metadata().target() != "tailrace::wasm::state", "the log is broken");
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// A policy named like its kind.
pub(super) fn spec(plugin: &Arc<Plugin>, kind: &str, config: Value) -> PolicySpec {
    PolicySpec {
        policy: kind.to_owned(),
        plugin: plugin.clone(),
        kind: kind.to_owned(),
        config,
        limits: Limits::default(),
        on_error: OnError::Abstain,
        whole_size: false,
        canary_of: None,
    }
}

pub(super) fn specs(plugin: &Arc<Plugin>, kinds: &[&str]) -> Vec<PolicySpec> {
    kinds.iter().map(|kind| spec(plugin, kind, json!({}))).collect()
}

pub(super) fn policies(cx: &Cx, specs: Vec<PolicySpec>) -> Policies {
    Policies::new(specs, cx).expect("good configurations")
}

/// Traces of 20 spans: every third with an error, every fourth slower than 5 s, ids that are spread evenly.
pub(super) fn columns(traces: u32) -> Arc<Columns> {
    let id = |n: u32| u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
    Arc::new(Columns {
        now: 1_700_000_000_000_000_000,
        trace_ids: (0..traces).flat_map(id).collect(),
        start: (0..traces).map(|_| -10_000_000_000).collect(),
        duration: (0..traces).map(|n| if n % 4 == 0 { 6_000_000_000 } else { 1_000_000 }).collect(),
        size: (0..traces).map(|_| 6000).collect(),
        seen: (0..traces).map(|n| if n % 3 == 0 { 1 | 4 } else { 1 }).collect(),
        span_count: (0..traces).map(|_| 20).collect(),
        ..Columns::default()
    })
}

/// The places of all traces of `columns`.
pub(super) fn all(columns: &Columns) -> Vec<u32> {
    (0..columns.len() as u32).collect()
}

/// The sum of a family's counters whose labels contain all of `labels`.
pub(super) fn count(cx: &Cx, name: &str, labels: &[(&str, &str)]) -> u64 {
    let mut sum = 0;
    cx.metrics.each_family(|family| {
        let series = family.series.iter().filter(|_| family.desc.name == name);
        let wanted =
            series.filter(|(own, _)| labels.iter().all(|(key, value)| own.iter().any(|(k, v)| k == key && v == value)));
        for (_, cell) in wanted {
            if let Cell::Counter(counter) = cell {
                sum += counter.get();
            }
        }
    });
    sum
}
