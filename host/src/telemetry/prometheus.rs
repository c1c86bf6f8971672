//! The registry in Prometheus' text format, under the names that the Go collector's exporter makes of its own.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::metrics::{Cell, Desc, Family, HistogramData, Labels, Metrics};
use super::settings::{MetricLevel, Prometheus};

/// What the Go collector answers with, also to those who ask for `OpenMetrics`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// Families that only show up from a level on; all others do from `basic`.
const MINIMUM_LEVELS: &[(&str, MetricLevel)] = &[
    ("processor_batch_batch_send_size_bytes", MetricLevel::Detailed),
    ("processor_batch_", MetricLevel::Normal),
    ("processor_internal_duration", MetricLevel::Detailed),
    ("exporter_enqueue_size", MetricLevel::Detailed),
    ("exporter_queue_batch_send_size", MetricLevel::Detailed),
    ("http_server_", MetricLevel::Detailed),
    ("http_client_", MetricLevel::Detailed),
    ("rpc_server_", MetricLevel::Detailed),
    ("rpc_client_", MetricLevel::Detailed),
];

/// Everything in `metrics` that `level` lets through, and `target_info` with the attributes of `resource`.
pub fn render(
    metrics: &Metrics,
    level: MetricLevel,
    reader: &Prometheus,
    resource: &BTreeMap<String, String>,
) -> String {
    let mut out = String::with_capacity(16 * 1024);
    metrics.each_family(|family| {
        if level >= minimum_level(family.desc.name) {
            write_family(&mut out, family, reader);
        }
    });
    out.push_str("# HELP promhttp_metric_handler_errors_total Total number of internal errors encountered by the promhttp metric handler.\n# TYPE promhttp_metric_handler_errors_total counter\n");
    for cause in ["encoding", "gathering"] {
        let _ = writeln!(out, "promhttp_metric_handler_errors_total{{cause=\"{cause}\"}} 0");
    }
    out.push_str("# HELP target_info Target metadata\n# TYPE target_info gauge\n");
    let labels: Vec<_> = resource.iter().map(|(name, value)| (label_name(name), value.as_str())).collect();
    write_sample(&mut out, "target_info", labels.iter().map(|(name, value)| (name.as_str(), *value)), 1.0);
    out
}

fn minimum_level(name: &str) -> MetricLevel {
    let row = MINIMUM_LEVELS.iter().find(|(prefix, _)| name.starts_with(prefix));
    row.map_or(MetricLevel::Basic, |(_, level)| *level)
}

/// What the samples of a family have in common.
struct Names<'a> {
    name: String,
    scope: &'a [(&'static str, &'static str)],
}

fn write_family(out: &mut String, family: &Family, reader: &Prometheus) {
    let cells: Vec<_> = family.series.iter().filter(|(_, cell)| shows(cell)).collect();
    let Some((_, first)) = cells.first() else { return };
    let kind = match first {
        Cell::Counter(_) | Cell::Read(_, true) => "counter",
        Cell::Gauge(_) | Cell::Read(_, false) => "gauge",
        Cell::Histogram(_) => "histogram",
    };
    let scope: &[_] = if reader.without_scope_info {
        &[]
    } else {
        &[
            ("otel_scope_name", "tailrace"),
            ("otel_scope_schema_url", ""),
            ("otel_scope_version", env!("CARGO_PKG_VERSION")),
        ]
    };
    let names = Names { name: full_name(family.desc, kind == "counter", reader), scope };
    let _ = writeln!(out, "# HELP {} {}", names.name, escape_help(family.desc.help));
    let _ = writeln!(out, "# TYPE {} {kind}", names.name);
    for (labels, cell) in cells {
        write_cell(out, &names, labels, cell);
    }
}

/// Whether there is something to say: a counter nobody has added to is left out, as the Go collector's are.
fn shows(cell: &Cell) -> bool {
    match cell {
        Cell::Counter(counter) => counter.is_touched(),
        Cell::Gauge(_) | Cell::Read(..) => true,
        Cell::Histogram(histogram) => histogram.snapshot().1.count > 0,
    }
}

fn write_cell(out: &mut String, names: &Names<'_>, labels: &Labels, cell: &Cell) {
    let labels = labels.iter().map(|(name, value)| (*name, value.as_str())).chain(names.scope.iter().copied());
    match cell {
        Cell::Counter(counter) => write_sample(out, &names.name, labels, counter.get() as f64),
        Cell::Gauge(gauge) => write_sample(out, &names.name, labels, gauge.get() as f64),
        Cell::Read(read, _) => write_sample(out, &names.name, labels, read()),
        Cell::Histogram(histogram) => {
            let (bounds, data) = histogram.snapshot();
            write_histogram(out, &names.name, &labels.collect::<Vec<_>>(), bounds, &data);
        }
    }
}

fn write_histogram(out: &mut String, name: &str, labels: &[(&str, &str)], bounds: &[f64], data: &HistogramData) {
    let bucket = format!("{name}_bucket");
    let mut below = 0;
    for (place, count) in data.buckets.iter().enumerate() {
        below += count;
        let le = bounds.get(place).map_or_else(|| "+Inf".to_owned(), f64::to_string);
        write_sample(out, &bucket, labels.iter().copied().chain([("le", le.as_str())]), below as f64);
    }
    write_sample(out, &format!("{name}_sum"), labels.iter().copied(), data.sum);
    write_sample(out, &format!("{name}_count"), labels.iter().copied(), data.count as f64);
}

fn write_sample<'a>(out: &mut String, name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>, value: f64) {
    out.push_str(name);
    let mut separator = '{';
    for (label, text) in labels {
        out.push(separator);
        separator = ',';
        out.push_str(label);
        out.push_str("=\"");
        escape_label(out, text);
        out.push('"');
    }
    if separator == ',' {
        out.push('}');
    }
    let _ = writeln!(out, " {value}");
}

/// `receiver_accepted_spans` → `otelcol_receiver_accepted_spans`, with unit and `_total` where the reader wants them.
fn full_name(desc: Desc, is_counter: bool, reader: &Prometheus) -> String {
    let mut name = format!("otelcol_{}", desc.name);
    if !reader.without_units {
        let unit = unit_suffix(desc.unit);
        if !unit.is_empty() && !name.ends_with(unit) {
            name.push('_');
            name.push_str(unit);
        }
    }
    if is_counter && !reader.without_type_suffix && !name.ends_with("_total") {
        name.push_str("_total");
    }
    name
}

/// The word that Prometheus uses for a unit; annotations in braces have none.
fn unit_suffix(unit: &str) -> &str {
    match unit {
        "By" => "bytes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "%" => "percent",
        _ => "",
    }
}

fn label_name(attribute: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let name: String = attribute.chars().map(word).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("key_{name}") } else { name }
}

fn escape_label(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

fn escape_help(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPANS: Desc = Desc { name: "receiver_accepted_spans", unit: "{span}", help: "Spans taken in." };
    const UPTIME: Desc = Desc { name: "process_uptime", unit: "s", help: "Uptime." };
    const CPU: Desc = Desc { name: "process_cpu_seconds", unit: "s", help: "CPU." };
    const RSS: Desc = Desc { name: "process_memory_rss", unit: "By", help: "RSS." };
    const SEND: Desc = Desc { name: "processor_batch_batch_send_size", unit: "{unit}", help: "Sizes." };
    const BYTES: Desc = Desc { name: "processor_batch_batch_send_size_bytes", unit: "By", help: "Sizes." };

    fn samples(text: &str) -> Vec<&str> {
        text.lines().filter(|line| line.starts_with("otelcol_")).collect()
    }

    fn show(metrics: &Metrics, level: MetricLevel, reader: &Prometheus) -> Vec<String> {
        let text = render(metrics, level, reader, &BTreeMap::new());
        samples(&text).into_iter().map(str::to_owned).collect()
    }

    /// The names of core.md 5.1, bare and with every suffix.
    #[test]
    fn names_follow_the_reader() {
        let metrics = Metrics::default();
        metrics.counter(SPANS, &[("receiver", "otlp"), ("transport", "grpc")]).add(3);
        metrics.observe_counter(UPTIME, &[], || 1.5);
        metrics.observe_counter(CPU, &[], || 2.0);
        metrics.observe_gauge(RSS, &[], || 7.0);
        let bare = show(&metrics, MetricLevel::Normal, &Prometheus::default());
        let want = [
            "otelcol_process_cpu_seconds 2",
            "otelcol_process_memory_rss 7",
            "otelcol_process_uptime 1.5",
            "otelcol_receiver_accepted_spans{receiver=\"otlp\",transport=\"grpc\"} 3",
        ];
        assert_eq!(bare, want);
        let full = Prometheus { without_units: false, without_type_suffix: false, ..Prometheus::default() };
        let want = [
            "otelcol_process_cpu_seconds_total 2",
            "otelcol_process_memory_rss_bytes 7",
            "otelcol_process_uptime_seconds_total 1.5",
            "otelcol_receiver_accepted_spans_total{receiver=\"otlp\",transport=\"grpc\"} 3",
        ];
        assert_eq!(show(&metrics, MetricLevel::Normal, &full), want);
        let scoped = Prometheus { without_scope_info: false, ..Prometheus::default() };
        assert!(show(&metrics, MetricLevel::Normal, &scoped)[0].contains("{otel_scope_name=\"tailrace\","));
    }

    #[test]
    fn histograms_are_cumulative() {
        let metrics = Metrics::default();
        let sizes = metrics.histogram(SEND, &[("processor", "batch")], &[10.0, 25.0]);
        sizes.record(10.0);
        sizes.record(11.0);
        sizes.record(1000.0);
        let want = [
            "otelcol_processor_batch_batch_send_size_bucket{processor=\"batch\",le=\"10\"} 1",
            "otelcol_processor_batch_batch_send_size_bucket{processor=\"batch\",le=\"25\"} 2",
            "otelcol_processor_batch_batch_send_size_bucket{processor=\"batch\",le=\"+Inf\"} 3",
            "otelcol_processor_batch_batch_send_size_sum{processor=\"batch\"} 1021",
            "otelcol_processor_batch_batch_send_size_count{processor=\"batch\"} 3",
        ];
        assert_eq!(show(&metrics, MetricLevel::Normal, &Prometheus::default()), want);
    }

    #[test]
    fn levels_filter_families() {
        let metrics = Metrics::default();
        metrics.histogram(SEND, &[], &[1.0]).record(1.0);
        metrics.histogram(BYTES, &[], &[1.0]).record(1.0);
        metrics.counter(SPANS, &[]).add(0);
        let lines = |level| show(&metrics, level, &Prometheus::default()).len();
        assert_eq!([MetricLevel::Basic, MetricLevel::Normal, MetricLevel::Detailed].map(lines), [1, 5, 9]);
    }

    /// A counter that was never added to is absent: `send_failed_*` exists from the first failure on.
    #[test]
    fn untouched_counters_are_absent() {
        let metrics = Metrics::default();
        let counter = metrics.counter(SPANS, &[]);
        assert!(show(&metrics, MetricLevel::Normal, &Prometheus::default()).is_empty());
        counter.add(0);
        assert_eq!(show(&metrics, MetricLevel::Normal, &Prometheus::default()), ["otelcol_receiver_accepted_spans 0"]);
    }

    #[test]
    fn text_is_escaped() {
        let metrics = Metrics::default();
        metrics.counter(SPANS, &[("receiver", "a\"b\\c\nd")]).add(1);
        let want = r#"otelcol_receiver_accepted_spans{receiver="a\"b\\c\nd"} 1"#;
        assert_eq!(show(&metrics, MetricLevel::Normal, &Prometheus::default()), [want]);
        let resource = BTreeMap::from([("service.name".to_owned(), "x".to_owned())]);
        let text = render(&metrics, MetricLevel::Normal, &Prometheus::default(), &resource);
        assert!(text.ends_with("target_info{service_name=\"x\"} 1\n"), "{text}");
    }
}
