//! Processors that are transforms in the binary: the examples of the Go collector's documentation, told in our own words,
//! through the real binary and out at a backend.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::host::{Host, Setup, run};
use tailrace_tests::telemetry::{self, Trace, number, text};

use crate::yaml;

/// All three signals through `processors`, straight to the backend.
fn config(backend: &Backend, processors: &str, chain: &str) -> String {
    let pipelines = ["traces", "metrics", "logs"].map(|signal| (signal, chain, "otlp_grpc"));
    yaml::config(processors, &yaml::direct("otlp_grpc", backend.address()), &pipelines)
}

/// Sends a span, a log record and a data point with these attributes.
async fn send(host: &Host, attributes: &[KeyValue]) {
    let mut trace = Trace::new(7).spans(1);
    trace.attributes = attributes.to_vec();
    let mut logs = telemetry::log_request(1);
    logs.resource_logs[0].scope_logs[0].log_records[0].attributes = attributes.to_vec();
    let mut metrics = telemetry::metric_request(1);
    if let Some(Data::Gauge(gauge)) = &mut metrics.resource_metrics[0].scope_metrics[0].metrics[0].data {
        gauge.data_points[0].attributes = attributes.to_vec();
    }
    assert!(host.grpc().send(Signal::Traces, &trace.request()).await.is_ok());
    assert!(host.grpc().send(Signal::Logs, &logs).await.is_ok());
    assert!(host.http().send(Signal::Metrics, &metrics).await.is_ok());
}

fn shown(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let show = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => format!("{text:?}"),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|pair| (pair.key.clone(), show(pair))).collect()
}

/// The attributes of the last span, log record and data point that arrived.
fn arrived(backend: &Backend) -> [BTreeMap<String, String>; 3] {
    let span = backend.spans().pop().expect("a span");
    let logs = backend.log_requests().pop().expect("logs");
    let record = &logs.resource_logs[0].scope_logs[0].log_records[0];
    let metrics = backend.metric_requests().pop().expect("metrics");
    let Some(Data::Gauge(gauge)) = &metrics.resource_metrics[0].scope_metrics[0].metrics[0].data else {
        panic!("a gauge")
    };
    [shown(&span.attributes), shown(&record.attributes), shown(&gauge.data_points[0].attributes)]
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn attributes_are_inserted_copied_deleted_hashed_and_converted() {
    let backend = Backend::start().await;
    let yaml = config(
        &backend,
        "
  attributes/example:
    actions:
      - key: db.table
        action: delete
      - key: redacted_span
        value: true
        action: upsert
      - key: copy_key
        from_attribute: key_original
        action: update
      - key: account_id
        value: 2245
        action: insert
      - key: account_password
        action: delete
      - key: account_email
        action: hash
      - key: http.status_code
        action: convert
        converted_type: int
      - key: region
        from_attribute: cloud.region
        default_value: \"us-east-1\"
        action: insert
      - key: url
        pattern: ^(?P<scheme>\\w+)://(?P<host>[^/]+)
        action: EXTRACT
",
        "attributes/example",
    );
    let host = Setup::new(yaml).start().await;
    send(
        &host,
        &[
            text("db.table", "users"),
            text("copy_key", "old"),
            number("key_original", 5),
            text("account_password", "hunter2"),
            text("account_email", "abc"),
            text("http.status_code", "200"),
            text("url", "https://shop.example/cart"),
        ],
    )
    .await;
    let expected = map(&[
        ("redacted_span", "true"),
        ("copy_key", "5"),
        ("key_original", "5"),
        ("account_id", "2245"),
        ("account_email", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""),
        ("http.status_code", "200"),
        ("region", "\"us-east-1\""),
        ("url", "\"https://shop.example/cart\""),
        ("scheme", "\"https\""),
        ("host", "\"shop.example\""),
    ]);
    for found in arrived(&backend) {
        assert_eq!(found, expected);
    }
    let metrics = host.metrics().await;
    for (direction, items) in [("incoming", 3.0), ("outgoing", 3.0)] {
        let name = format!("otelcol_processor_{direction}_items");
        let sum = metrics.sum(&name, &[("processor", "attributes/example")]);
        assert!((sum - items).abs() < 0.5, "{name}: {sum}");
    }
}

#[tokio::test]
async fn attributes_works_on_what_is_included_and_not_excluded() {
    let backend = Backend::start().await;
    let processors = "
  attributes/selective:
    include: {match_type: regexp, services: ['^check'], span_kinds: [SERVER]}
    exclude: {match_type: strict, attributes: [{key: redact_trace, value: false}]}
    actions: [{key: credit_card, action: delete}]
";
    let pipelines = [("traces", "attributes/selective", "otlp_grpc")];
    let yaml = yaml::config(processors, &yaml::direct("otlp_grpc", backend.address()), &pipelines);
    let host = Setup::new(yaml).start().await;
    for (attributes, expected) in [
        (vec![number("credit_card", 1)], map(&[])),
        (vec![number("credit_card", 1), text("redact_trace", "false")], map(&[("redact_trace", "\"false\"")])),
    ] {
        let mut trace = Trace::new(9).spans(1);
        trace.attributes = attributes;
        assert!(host.grpc().send(Signal::Traces, &trace.request()).await.is_ok());
        assert_eq!(shown(&backend.spans().pop().expect("a span").attributes), expected);
    }
}

#[tokio::test]
async fn attributes_take_what_the_client_sent_beside_the_data() {
    let backend = Backend::start().await;
    let processors = "
  attributes/tenant:
    actions: [{key: tenant, action: upsert, from_context: metadata.X-Tenant, default_value: nobody}]
";
    let pipelines = [("traces", "attributes/tenant", "otlp_grpc")];
    let yaml = yaml::config(processors, &yaml::direct("otlp_grpc", backend.address()), &pipelines);
    let yaml = yaml.replace("@grpc@'}", "@grpc@', include_metadata: true}");
    let host = Setup::new(yaml).start().await;
    for (headers, expected) in [(&[("x-tenant", "blue")][..], "\"blue\""), (&[], "\"nobody\"")] {
        let message = Trace::new(11).spans(1).request().encode_to_vec().into();
        assert!(host.grpc().send_bytes(Signal::Traces, message, headers).await.is_ok());
        let span = backend.spans().pop().expect("a span");
        assert_eq!(shown(&span.attributes), map(&[("tenant", expected)]));
    }
}

#[tokio::test]
async fn resources_are_changed_on_every_signal() {
    let backend = Backend::start().await;
    let yaml = config(
        &backend,
        "
  resource:
    attributes:
      - {key: cloud.availability_zone, value: zone-1, action: upsert}
      - {key: k8s.cluster.name, from_attribute: host.name, action: insert}
      - {key: host.name, action: delete}
",
        "resource",
    );
    let host = Setup::new(yaml).start().await;
    send(&host, &[]).await;
    let expected = map(&[
        ("service.name", "\"checkout\""),
        ("cloud.availability_zone", "\"zone-1\""),
        ("k8s.cluster.name", "\"h-1\""),
    ]);
    let (traces, logs) = (backend.trace_requests().remove(0), backend.log_requests().remove(0));
    let metrics = backend.metric_requests().remove(0);
    for resource in
        [&traces.resource_spans[0].resource, &logs.resource_logs[0].resource, &metrics.resource_metrics[0].resource]
    {
        assert_eq!(shown(&resource.as_ref().expect("a resource").attributes), expected);
    }
}

#[tokio::test]
async fn values_are_redacted_and_a_summary_says_so() {
    let backend = Backend::start().await;
    let yaml = config(
        &backend,
        "
  redaction:
    allowed_keys: [description, email, api_token]
    blocked_key_patterns: ['.*token.*']
    blocked_values: ['4[0-9]{12}(?:[0-9]{3})?']   # Visa
    blocked_value_presets: [email_addresses]
    allowed_values: ['.+\\x40mycompany\\.com']
    summary: debug
",
        "redaction",
    );
    let host = Setup::new(yaml).start().await;
    send(
        &host,
        &[
            text("description", "paid with 4111111111111111"),
            text("email", "me@mycompany.com"),
            text("api_token", "abc"),
            text("credit_card", "4111111111111111"),
            text("internal_id", "abc-123"),
        ],
    )
    .await;
    let expected = map(&[
        ("description", "\"paid with ****\""),
        ("email", "\"me@mycompany.com\""),
        ("api_token", "\"****\""),
        ("redaction.redacted.keys", "\"credit_card,internal_id\""),
        ("redaction.redacted.count", "2"),
        ("redaction.masked.keys", "\"api_token,description\""),
        ("redaction.masked.count", "2"),
        ("redaction.allowed.keys", "\"email\""),
        ("redaction.allowed.count", "1"),
    ]);
    for found in arrived(&backend) {
        assert_eq!(found, expected);
    }
}

/// Whether the Go collector's hash keeps a trace id at that percentage, seed 22.
fn is_kept(id: u128, percentage: f32) -> bool {
    let bytes = 22_u32.to_le_bytes().into_iter().chain(id.to_be_bytes());
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash & 0x3fff < (percentage * 163.84) as u32
}

#[tokio::test]
async fn a_share_of_spans_and_log_records_is_kept_by_their_trace_ids() {
    let backend = Backend::start().await;
    let processors = "  probabilistic_sampler: {hash_seed: 22, sampling_percentage: 15.3}\n";
    let pipelines = ["traces", "logs"].map(|signal| (signal, "probabilistic_sampler", "otlp_grpc"));
    let yaml = yaml::config(processors, &yaml::direct("otlp_grpc", backend.address()), &pipelines);
    let host = Setup::new(yaml).start().await;
    let ids: Vec<u128> = (1..=200).collect();
    let spans: Vec<Span> = ids.iter().flat_map(|id| Trace::new(*id).spans(1).build()).collect();
    assert!(host.grpc().send(Signal::Traces, &telemetry::trace_request(spans)).await.is_ok());
    let mut logs = telemetry::log_request(ids.len());
    for (record, id) in logs.resource_logs[0].scope_logs[0].log_records.iter_mut().zip(&ids) {
        record.trace_id = id.to_be_bytes().to_vec();
    }
    assert!(host.grpc().send(Signal::Logs, &logs).await.is_ok());

    let kept: Vec<_> = ids.iter().filter(|id| is_kept(**id, 15.3)).map(|id| id.to_be_bytes().to_vec()).collect();
    assert!(!kept.is_empty() && kept.len() < 100);
    let spans = backend.spans();
    assert_eq!(spans.iter().map(|span| span.trace_id.clone()).collect::<Vec<_>>(), kept);
    // 2506 of 16384 buckets are kept; the rest is the threshold.
    assert!(spans.iter().all(|span| span.trace_state.starts_with("ot=rv:") && span.trace_state.ends_with(";th:d8d8")));
    let logs = backend.log_requests().remove(0);
    let records = &logs.resource_logs[0].scope_logs[0].log_records;
    assert_eq!(records.iter().map(|record| record.trace_id.clone()).collect::<Vec<_>>(), kept);
    assert!(records.iter().all(|record| shown(&record.attributes)["sampling.threshold"] == "\"d8d8\""));

    let metrics = host.metrics().await;
    for name in ["count_spans_processed", "count_traces_sampled", "count_logs_sampled"] {
        let name = format!("otelcol_processor_probabilistic_sampler_{name}");
        for (sampled, expected) in [("true", kept.len()), ("false", ids.len() - kept.len())] {
            let sum = metrics.sum(&name, &[("policy", "trace_id_hash"), ("sampled", sampled)]);
            assert!((sum - expected as f64).abs() < 0.5, "{name} {sampled}: {sum}");
        }
    }
    let dropped = metrics
        .sum("otelcol_processor_dropped_spans", &[("processor", "probabilistic_sampler"), ("reason", "transform")]);
    assert!((dropped - (ids.len() - kept.len()) as f64).abs() < 0.5, "{dropped}");
}

#[tokio::test]
async fn processors_follow_each_other_and_a_reload_changes_one() {
    let backend = Backend::start().await;
    let yaml = |value: &str| {
        let processors = format!(
            "  attributes/set: {{actions: [{{key: env, value: {value}, action: upsert}}]}}
  attributes/copy: {{actions: [{{key: copy, from_attribute: env, action: insert}}]}}
  redaction: {{allowed_keys: [copy]}}\n"
        );
        config(&backend, &processors, "attributes/set, attributes/copy, redaction")
    };
    let mut host = Setup::new(yaml("one")).start().await;
    send(&host, &[text("secret", "x")]).await;
    assert_eq!(arrived(&backend), [(); 3].map(|()| map(&[("copy", "\"one\"")])));
    host.reload(&yaml("two"));
    host.wait_for_metric("otelcol_tailrace_reloads", &[("outcome", "success")], 1.0).await;
    send(&host, &[]).await;
    assert_eq!(arrived(&backend), [(); 3].map(|()| map(&[("copy", "\"two\"")])));
}

/// What `validate` says, and whether it is content.
fn validate(processors: &str, chain: &str) -> (bool, String) {
    let pipelines = [("traces", chain, "nop"), ("logs", chain, "nop")];
    let yaml = yaml::config(processors, "  nop:", &pipelines);
    let ports = ["grpc", "http", "health", "metrics"].into_iter().zip(["1", "2", "3", "4"]);
    let yaml = ports.fold(yaml, |yaml, (name, port)| yaml.replace(&format!("@{name}@"), port));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, yaml).expect("written");
    let output = run(&["validate", "--config", &path.display().to_string()]);
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_is_wrong_is_told_at_its_line_and_column() {
    assert_eq!(validate("  resource: {attributes: [{key: a, action: delete}]}", "resource"), (true, String::new()));
    for (processors, chain, place, what) in [
        (
            "  attributes:\n    actions:\n    - {key: a, action: insert, valeu: 1}",
            "attributes",
            "config.yaml:10:",
            "did you mean \"value\"?",
        ),
        (
            "  attributes:\n    actions:\n    - {key: a, action: frob}",
            "attributes",
            "config.yaml:10:24",
            "unsupported action \"frob\"",
        ),
        (
            "  attributes:\n    actions:\n    - {key: a, action: insert, from_context: auth.subject}",
            "attributes",
            "config.yaml:10:",
            "auth.subject is not available",
        ),
        ("  resource:", "resource", "config.yaml:8:3", "missing required field \"attributes\""),
        ("  redaction:\n    summary: loud", "redaction", "config.yaml:9:14", "unknown summary \"loud\""),
        (
            "  probabilistic_sampler:\n    sampling_precision: 15",
            "probabilistic_sampler",
            "config.yaml:9:25",
            "from 1 to 14",
        ),
    ] {
        let (is_fine, said) = validate(processors, chain);
        assert!(!is_fine && said.contains(place) && said.contains(what), "{processors}\n{said}");
    }
}

#[tokio::test]
async fn a_host_does_not_start_with_what_means_nothing_for_a_pipeline() {
    let backend = Backend::start().await;
    let processors =
        "  attributes: {include: {match_type: strict, span_names: [a]}, actions: [{key: a, action: delete}]}\n";
    let ended = Setup::new(config(&backend, processors, "attributes")).spawn().ended().await;
    assert!(!ended.status.success());
    assert!(ended.log.contains("span_names means nothing for"), "{}", ended.log);
}
