//! What the host says of itself: the names that dashboards built for the Go collector ask for.

use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::client::Client;
use tailrace_tests::host::{Host, Setup};
use tailrace_tests::telemetry::{Trace, log_request, metric_request};

use crate::yaml;

/// All three signals through everything, one trace kept and one dropped.
async fn busy_host(with_suffixes: bool) -> (Host, Backend) {
    let backend = Backend::start().await;
    let processors = format!(
        "  memory_limiter: {{check_interval: 1s, limit_mib: 2000}}\n  batch: {{timeout: 10ms}}{}",
        yaml::TAIL_SAMPLING
    );
    let names = "memory_limiter, batch";
    let pipelines = [
        ("traces", "memory_limiter, tail_sampling, batch", "otlp"),
        ("metrics", names, "otlp"),
        ("logs", names, "otlp"),
    ];
    let mut yaml = yaml::config(&processors, &yaml::queued("otlp", backend.address()), &pipelines);
    if with_suffixes {
        let flags = "without_type_suffix: false, without_units: false";
        yaml = yaml.replace("port: @metrics@}", &format!("port: @metrics@, {flags}}}"));
    }
    let host = Setup::new(yaml).start().await;
    let client = host.grpc();
    assert!(client.send(Signal::Traces, &Trace::new(1).error().request()).await.is_ok());
    assert!(client.send(Signal::Traces, &Trace::new(2).request()).await.is_ok());
    assert!(host.http().send(Signal::Metrics, &metric_request(3)).await.is_ok());
    assert!(client.send(Signal::Logs, &log_request(2)).await.is_ok());
    backend.wait_for_spans(4).await;
    (host, backend)
}

#[tokio::test]
async fn names_as_the_go_collector_has_them_by_default() {
    let (host, _backend) = busy_host(false).await;
    let sampled = "otelcol_processor_tail_sampling_global_count_traces_sampled";
    host.wait_for_metric(sampled, &[("sampled", "false")], 1.0).await;
    host.wait_for_metric("otelcol_exporter_sent_log_records", &[], 2.0).await;
    host.wait_for_metric("otelcol_exporter_sent_metric_points", &[], 3.0).await;
    host.wait_for_metric("otelcol_exporter_sent_spans", &[("exporter", "otlp")], 4.0).await;
    let metrics = host.metrics().await;
    let is = |name: &str, labels: &[(&str, &str)], value: f64| {
        assert!(metrics.has(name, labels), "no {name}{labels:?} in\n{}", metrics.text);
        assert!((metrics.sum(name, labels) - value).abs() < f64::EPSILON, "{}", metrics.with_prefix(name));
    };
    is("otelcol_receiver_accepted_spans", &[("receiver", "otlp"), ("transport", "grpc")], 8.0);
    is("otelcol_receiver_refused_spans", &[("receiver", "otlp"), ("transport", "grpc")], 0.0);
    is("otelcol_receiver_accepted_metric_points", &[("receiver", "otlp"), ("transport", "http")], 3.0);
    is("otelcol_receiver_accepted_log_records", &[("receiver", "otlp"), ("transport", "grpc")], 2.0);
    is("otelcol_processor_memory_limiter_accepted_spans", &[("processor", "memory_limiter")], 8.0);
    is("otelcol_exporter_queue_size", &[("exporter", "otlp"), ("data_type", "traces")], 0.0);
    is("otelcol_exporter_queue_capacity", &[("exporter", "otlp"), ("data_type", "traces")], 1000.0);
    is("otelcol_processor_batch_timeout_trigger_send", &[("processor", "batch")], 3.0);
    is("otelcol_processor_batch_batch_send_size_count", &[("processor", "batch")], 3.0);
    let decided = |policy, sampled, value| {
        let labels = [("policy", policy), ("sampled", sampled)];
        is("otelcol_processor_tail_sampling_count_traces_sampled", &labels, value);
    };
    decided("errors", "true", 1.0);
    decided("errors", "false", 1.0);
    decided("slow", "false", 2.0);
    is(sampled, &[("sampled", "true"), ("decision", "sampled")], 1.0);
    is(sampled, &[("sampled", "false"), ("decision", "not_sampled")], 1.0);
    is("otelcol_processor_tail_sampling_new_trace_id_received", &[], 2.0);
    is("otelcol_processor_tail_sampling_sampling_traces_on_memory", &[], 0.0);
    for name in [
        "otelcol_processor_tail_sampling_sampling_decision_timer_latency_count",
        "otelcol_processor_tail_sampling_sampling_policy_execution_count",
        "otelcol_processor_tail_sampling_sampling_policy_execution_time_sum",
        "otelcol_processor_tail_sampling_sampling_trace_removal_age_count",
        "otelcol_process_uptime",
        "otelcol_process_cpu_seconds",
        "otelcol_process_memory_rss",
    ] {
        assert!(metrics.sum(name, &[]) > 0.0, "{name} in\n{}", metrics.text);
    }
    assert!(metrics.has("target_info", &[("service_name", "tailrace")]), "{}", metrics.with_prefix("target_info"));
}

#[tokio::test]
async fn names_with_suffixes_where_the_reader_asks_for_them() {
    let (host, _backend) = busy_host(true).await;
    host.wait_for_metric("otelcol_exporter_sent_spans_total", &[("exporter", "otlp")], 4.0).await;
    let metrics = host.metrics().await;
    for name in [
        "otelcol_receiver_accepted_spans_total",
        "otelcol_process_uptime_seconds_total",
        "otelcol_process_memory_rss_bytes",
        "otelcol_processor_tail_sampling_global_count_traces_sampled_total",
    ] {
        assert!(metrics.sum(name, &[]) > 0.0, "no {name} in\n{}", metrics.text);
    }
    // The system counts it in steps of 10 ms: a quick host has used none.
    assert!(metrics.has("otelcol_process_cpu_seconds_total", &[]), "no CPU time in\n{}", metrics.text);
    assert!(!metrics.has("otelcol_receiver_accepted_spans", &[]), "one form at a time");
}

#[tokio::test]
async fn health_follows_the_life_of_the_host() {
    let backend = Backend::start().await;
    let host = Setup::new(yaml::passing(backend.address())).start().await;
    let health = Client::http(&host.address("health"));
    let answer = health.get("/").await;
    assert_eq!(answer.status, 200);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body["status"], "Server available");
    assert_eq!(health.get("/elsewhere").await.status, 404);
    let address = host.address("health");
    assert!(host.stop().await.status.success());
    assert_eq!(Client::http(&address).get("/").await.status, 0, "gone with the process");
}

#[tokio::test]
async fn metrics_live_at_one_path() {
    let backend = Backend::start().await;
    let host = Setup::new(yaml::passing(backend.address())).start().await;
    let client = Client::http(&host.address("metrics"));
    assert_eq!(client.get("/").await.status, 404);
    assert!(client.get("/metrics").await.header("content-type").starts_with("text/plain; version=0.0.4"));
}
