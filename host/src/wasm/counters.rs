//! What plugins count, and under which names the host shows it.

use serde_json::Value;

use crate::pipeline::Cx;
use crate::telemetry::Counter;
use crate::telemetry::metrics::Desc;

/// A metric that shows one of a plugin's counters, in the place of `tailrace_plugin_counter`: processors that ship with the
/// host have the names and labels that the Go collector's have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// The plugin's counter, up to the first slash of its name: `spans` stands for `spans/trace_id_hash/true` too.
    pub counter: &'static str,
    /// The metric.
    pub desc: Desc,
    /// The label that holds the processor's id.
    pub id_label: Option<&'static str>,
    /// Names of the labels whose values are the parts of the counter's name behind the first slash. A part with a `$` in front
    /// means the text that stands under that key of the configuration.
    pub labels: &'static [&'static str],
}

/// The cells that each of a plugin's counters adds to, in the order of its description.
#[derive(Clone, Default)]
pub(super) struct Counters(Vec<Vec<Counter>>);

impl Counters {
    /// One cell for each.
    pub(super) fn single(counters: impl IntoIterator<Item = Counter>) -> Self {
        Self(counters.into_iter().map(|counter| vec![counter]).collect())
    }

    /// Puts the metrics of `series` in the place of those that they show, for the processor of that id.
    pub(super) fn show(&mut self, names: &[String], series: &[Series], processor: &str, config: &Value, cx: &Cx) {
        for (cells, name) in self.0.iter_mut().zip(names) {
            let mut parts = name.split('/');
            let counter = parts.next().unwrap_or_default();
            let values: Vec<&str> = parts.map(|part| value(part, config)).collect();
            let shown = series.iter().filter(|series| series.counter == counter);
            let shown: Vec<_> = shown.map(|series| series.cell(&values, processor, cx)).collect();
            if !shown.is_empty() {
                *cells = shown;
            }
        }
    }

    /// Adds to the counter in place `id` of the description.
    pub(super) fn add(&self, id: u32, delta: u32) {
        for cell in self.0.get(id as usize).into_iter().flatten() {
            cell.add(u64::from(delta));
        }
    }
}

impl Series {
    fn cell(&self, values: &[&str], processor: &str, cx: &Cx) -> Counter {
        let id = self.id_label.map(|label| (label, processor));
        let labels: Vec<_> = id.into_iter().chain(self.labels.iter().copied().zip(values.iter().copied())).collect();
        cx.metrics.counter(self.desc, &labels)
    }
}

/// What a part of a counter's name stands for.
fn value<'a>(part: &'a str, config: &'a Value) -> &'a str {
    match part.strip_prefix('$') {
        Some(key) => config.get(key).and_then(Value::as_str).unwrap_or_default(),
        None => part,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wasm::metrics::CUSTOM;
    use crate::wasm::testing::{count, cx};

    #[test]
    fn counters_are_shown_under_the_names_of_their_series() {
        const DESC: Desc = Desc { name: "processor_filter_spans_filtered", unit: "1", help: "" };
        const TWIN: Desc = Desc { name: "processor_filter_spans", unit: "1", help: "" };
        let series = [
            Series { counter: "spans", desc: DESC, id_label: Some("filter"), labels: &["policy", "sampled"] },
            Series { counter: "spans", desc: TWIN, id_label: None, labels: &[] },
        ];
        let cx = cx();
        let names = ["other", "spans/hash/true", "spans/$key/false"].map(str::to_owned);
        let custom = |name: &String| cx.metrics.counter(CUSTOM, &[("counter", name)]);
        let mut counters = Counters::single(names.iter().map(custom));
        counters.show(&names, &series, "filter/x", &json!({"key": "tier"}), &cx);
        for (id, delta) in [(0, 1), (1, 2), (2, 4), (3, 8)] {
            counters.add(id, delta);
        }
        let id = ("filter", "filter/x");
        for (name, labels, expected) in [
            (DESC.name, &[id, ("policy", "hash"), ("sampled", "true")][..], 2),
            (DESC.name, &[id, ("policy", "tier"), ("sampled", "false")], 4),
            (TWIN.name, &[], 6),
            (CUSTOM.name, &[("counter", "other")], 1),
            (CUSTOM.name, &[("counter", "spans/hash/true")], 0),
        ] {
            assert_eq!(count(&cx, name, labels), expected, "{name} {labels:?}");
        }
    }
}
