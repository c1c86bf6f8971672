//! `filter`, `transform` and the policy `ottl_condition`, from configurations as users write them: the examples that the Go
//! collector's documentation has for them, in this suite's terms.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message as _;
use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::host::{Host, Setup, run};
use tailrace_tests::telemetry::{self, Trace, log_request, metric_request, now, number, text, trace_request};

use crate::yaml;

/// All signals through one processor.
async fn host(backend: &Backend, id: &str, processor: &str) -> Host {
    let pipelines = ["traces", "metrics", "logs"].map(|signal| (signal, id, "otlp_grpc"));
    let exporter = yaml::direct("otlp_grpc", backend.address());
    let yaml = yaml::config(&format!("  {id}:\n{processor}"), &exporter, &pipelines);
    Setup::new(yaml.replace("http: {", "http: {include_metadata: true, ")).start().await
}

/// Sends four spans, five points and five records.
async fn send_all(host: &Host) {
    let spans = Trace::new(7).spans(4).with(text("http.route", "/pay")).with(number("n", 3)).request();
    for (signal, message) in [
        (Signal::Traces, spans.encode_to_vec()),
        (Signal::Metrics, metric_request(5).encode_to_vec()),
        (Signal::Logs, log_request(5).encode_to_vec()),
    ] {
        let answer = host.http().send_bytes(signal, message.into(), &[("tenant", "blue")]).await;
        assert!(answer.is_ok(), "{signal}: {answer:?}");
    }
}

fn shown(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn value(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    Some(shown(found.value.as_ref()))
}

/// What arrived: names of spans, places of points, bodies of records.
fn arrived(backend: &Backend) -> [Vec<String>; 3] {
    let spans = backend.spans().into_iter().map(|span| span.name).collect();
    let metrics = backend.metric_requests();
    let metrics = metrics.iter().flat_map(|request| &request.resource_metrics).flat_map(|all| &all.scope_metrics);
    let points = metrics.flat_map(|scope| &scope.metrics).flat_map(telemetry::gauge_points);
    let points = points.map(|point| value(&point.attributes, "point").unwrap_or_default()).collect();
    let logs = backend.log_requests();
    let logs = logs.iter().flat_map(|request| &request.resource_logs).flat_map(|all| &all.scope_logs);
    let records = logs.flat_map(|scope| &scope.log_records).map(|record| shown(record.body.as_ref())).collect();
    [spans, points, records]
}

#[tokio::test]
async fn filter_drops_by_conditions_in_every_style() {
    let all = [
        &["operation-0", "operation-1", "operation-2", "operation-3"][..],
        &["0", "1", "2", "3", "4"],
        &["line 0", "line 1", "line 2", "line 3", "line 4"],
    ];
    let cases: [(&str, [&[&str]; 3]); 5] = [
        (
            r#"
    error_mode: ignore
    trace_conditions:
      - span.name == "operation-1"
      - resource.attributes["service.name"] == "other" or span.parent_span_id == SpanID(0x0000000000000000)
    metric_conditions: ['datapoint.attributes["point"] == "3"']
    log_conditions:
      - 'IsMatch(log.body, "[24]$")'
"#,
            [&["operation-2", "operation-3"], &["0", "1", "2", "4"], &["line 0", "line 1", "line 3"]],
        ),
        (
            r#"
    trace_conditions:
      - {context: span, conditions: ['attributes["http.route"] == "/pay" and IsRootSpan()']}
    metric_conditions:
      - {context: metric, conditions: ['type == METRIC_DATA_TYPE_GAUGE and HasAttrOnDatapoint("point", "2")']}
    log_conditions:
      - {context: log, error_mode: silent, conditions: ['severity_number < SEVERITY_NUMBER_WARN and attributes["n"] > 1']}
"#,
            [&["operation-1", "operation-2", "operation-3"], &[], &["line 0", "line 1"]],
        ),
        (
            r#"
    traces: {span: ['attributes["n"] > 2.5 and name != "operation-3"']}
    metrics: {datapoint: ['value_double > 1.0']}
    logs: {log_record: ['body == "line 0"'], resource: ['attributes["host.name"] == "h-2"']}
"#,
            [&["operation-3"], &["0", "1", "2", "3"], &["line 1", "line 2", "line 3", "line 4"]],
        ),
        (
            r#"
    spans: {include: {match_type: regexp, span_names: ["operation-[12]"]}, exclude: {match_type: strict, span_names: [operation-2]}}
    metrics: {exclude: {match_type: strict, metric_names: [temperature]}}
    logs: {include: {match_type: strict, resource_attributes: [{key: host.name, value: h-1}], record_attributes: [{key: n, value: 4}]}}
"#,
            [&["operation-1"], &[], &["line 4"]],
        ),
        ("    error_mode: propagate\n", all),
    ];
    for (processor, expected) in cases {
        let backend = Backend::start().await;
        let host = host(&backend, "filter/it", processor).await;
        send_all(&host).await;
        assert_eq!(
            arrived(&backend),
            expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()),
            "{processor}"
        );
        let metrics = host.metrics().await;
        let counters = ["spans", "datapoints", "logs"];
        for ((counter, before), left) in counters.into_iter().zip(all).zip(expected) {
            let counted =
                metrics.sum(&format!("otelcol_processor_filter_{counter}_filtered"), &[("filter", "filter/it")]);
            assert!((counted - (before.len() - left.len()) as f64).abs() < 0.5, "{counter}: {counted} in {processor}");
        }
    }
}

#[tokio::test]
async fn transform_runs_statements_on_every_signal() {
    let backend = Backend::start().await;
    let before = now();
    let processor = r#"
    error_mode: ignore
    trace_statements:
      - set(span.attributes["host"], resource.attributes["host.name"])
      - replace_pattern(span.name, "^operation-(\\d+)$$", "step $$1") where span.kind == SPAN_KIND_SERVER
      - delete_key(span.attributes, "http.route") where span.name == "step 2"
      - set(span.attributes["tenant"], otelcol.client.metadata["tenant"][0])
      - set(span.attributes["now"], UnixNano(Now()))
    metric_statements:
      - {context: metric, statements: ['set(description, "degrees")', 'set(unit, "K") where unit == "Cel"']}
      - context: datapoint
        conditions: ['attributes["point"] == "1"', 'attributes["point"] == "2"']
        statements: ['set(attributes["metric"], Concat([metric.name, metric.unit], "/"))']
    log_statements:
      - 'merge_maps(log.attributes, ParseKeyValue(Concat(["a=1|b=", log.body], ""), "=", "|"), "upsert")'
      - set(log.severity_text, "FATAL") where log.attributes["n"] == 2
      - keep_keys(resource.attributes, ["service.name"])
"#;
    let host = host(&backend, "transform", processor).await;
    send_all(&host).await;

    let spans = backend.spans();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["step 0", "step 1", "step 2", "step 3"]);
    for span in &spans {
        assert_eq!(value(&span.attributes, "host").as_deref(), Some("h-1"));
        assert_eq!(value(&span.attributes, "tenant").as_deref(), Some("blue"));
        assert_eq!(value(&span.attributes, "http.route").is_some(), span.name != "step 2");
        let time: u64 = value(&span.attributes, "now").and_then(|now| now.parse().ok()).expect("a time");
        assert!((before..=now()).contains(&time), "{before} {time}");
    }

    let requests = backend.metric_requests();
    let metric = &requests[0].resource_metrics[0].scope_metrics[0].metrics[0];
    assert_eq!((metric.description.as_str(), metric.unit.as_str()), ("degrees", "K"));
    let marks: Vec<_> = telemetry::gauge_points(metric).map(|point| value(&point.attributes, "metric")).collect();
    let mark = Some("temperature/K".to_owned());
    assert_eq!(marks, [None, mark.clone(), mark, None, None]);

    let requests = backend.log_requests();
    let resource = requests[0].resource_logs[0].resource.as_ref().expect("one");
    assert_eq!(
        (value(&resource.attributes, "service.name").as_deref(), resource.attributes.len()),
        (Some("checkout"), 1)
    );
    let records = &requests[0].resource_logs[0].scope_logs[0].log_records;
    let texts: Vec<_> = records.iter().map(|record| record.severity_text.as_str()).collect();
    assert_eq!(texts, ["", "", "FATAL", "", ""]);
    assert!(records.iter().all(|record| value(&record.attributes, "a").as_deref() == Some("1")));
}

#[tokio::test]
async fn a_statement_that_fails_is_logged_once_or_refuses_the_request() {
    let processor = |mode: &str| {
        format!("    {{error_mode: {mode}, trace_statements: ['set(span.attributes[\"x\"], ParseJSON(span.name))']}}\n")
    };
    let backend = Backend::start().await;
    let lenient = host(&backend, "transform", &processor("ignore")).await;
    send_all(&lenient).await;
    assert_eq!(backend.spans().len(), 4);
    let log = lenient.log();
    assert_eq!(log.matches("failed to execute statement").count(), 1, "{log}");
    assert!(log.contains("and 3 more failures"), "{log}");

    let strict = host(&backend, "transform", &processor("propagate")).await;
    let answer = strict.grpc().send(Signal::Traces, &Trace::new(8).request()).await;
    assert!(!answer.is_ok() && !answer.is_retryable(), "{answer:?}");
    let status = answer.grpc.as_ref().expect("a status");
    assert!(status.message().contains("failed to execute statement"), "{answer:?}");
    assert_eq!(backend.spans().len(), 4, "nothing went on");
}

#[tokio::test]
async fn ottl_condition_keeps_traces() {
    let backend = Backend::start().await;
    let policies = r#"
  tail_sampling:
    decision_wait: 1s
    policies:
      - name: paid
        type: ottl_condition
        ottl_condition:
          error_mode: ignore
          span: ['attributes["http.route"] == "/pay" and resource.attributes["service.name"] == "checkout"', 'status.message == "boom"']
      - name: events
        type: ottl_condition
        ottl_condition: {spanevent: ['name == "exception" and attributes["exception.type"] != nil']}
"#;
    let config = yaml::config(
        policies,
        &yaml::queued("otlp_grpc", backend.address()),
        &[("traces", "tail_sampling", "otlp_grpc")],
    );
    let host = Setup::new(config).start().await;
    let mut with_event = Trace::new(3).build();
    with_event[1].events.push(opentelemetry_proto::tonic::trace::v1::span::Event {
        name: "exception".to_owned(),
        attributes: vec![text("exception.type", "IOError")],
        ..Default::default()
    });
    for request in [
        Trace::new(1).with(text("http.route", "/pay")).request(),
        Trace::new(2).with(text("http.route", "/other")).request(),
        trace_request(with_event),
    ] {
        assert!(host.grpc().send(Signal::Traces, &request).await.is_ok());
    }
    backend.wait_for_spans(8).await;
    let kept: Vec<_> = backend.traces().into_keys().collect();
    assert_eq!(kept, [Trace::new(1).id_bytes(), Trace::new(3).id_bytes()]);
    let metrics = host.metrics().await;
    let counter = "otelcol_processor_tail_sampling_count_traces_sampled";
    for (policy, sampled) in [("paid", 1.0), ("events", 1.0)] {
        let count = metrics.sum(counter, &[("policy", policy), ("sampled", "true")]);
        assert!((count - sampled).abs() < 0.5, "{policy}: {count}");
    }
}

/// Mistakes are told with the line and column inside the statement.
#[test]
fn validate_points_into_statements() {
    let folder = tempfile::tempdir().expect("a folder");
    for (processors, place, message) in [
        ("transform: {trace_statements: ['set(span.nam, 1)']}", ":4:44", "\"nam\""),
        (
            "transform:\n    trace_statements:\n      - context: span\n        statements:\n          - sett(name, \"x\")",
            ":8:13",
            "sett",
        ),
        (
            "transform:\n    log_statements:\n      - |\n        set(log.body, 1)\n          where log.bod == 2",
            ":8:21",
            "bod",
        ),
        ("filter: {traces: {span: ['name == ']}}", ":4:", "traces::span::0"),
        (
            "filter: {trace_conditions: ['span.name == \"a\"'], spans: {include: {match_type: strict, services: [a]}}}",
            ":4:",
            "cannot use context inferred trace conditions",
        ),
        ("filter: {trace_condition: []}", ":4:", "trace_condition"),
        ("transform: {error_mode: loud}", ":4:", "unknown error mode loud"),
    ] {
        let id = processors.split(':').next().expect("an id");
        let yaml = format!(
            "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: 127.0.0.1:0}}}}}}}}
exporters: {{nop: }}
processors:
  {processors}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], processors: [{id}], exporters: [nop]}}}}
"
        );
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, yaml).expect("written");
        let output = run(&["validate", "--config", &path.display().to_string()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(place) && said.contains(message), "no {place} {message} in\n{said}");
    }
}
