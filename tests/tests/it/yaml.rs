//! Pieces of configurations. `@name@` stands for a port, see [`tailrace_tests::host::Setup`].

/// Decides after a second, by the policies of most examples: errors, and what takes a second.
pub(crate) const TAIL_SAMPLING: &str = "
  tail_sampling:
    decision_wait: 1s
    policies:
      - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
      - {name: slow, type: latency, latency: {threshold_ms: 1000}}
";

/// A whole configuration: OTLP in on `@grpc@` and `@http@`, health on `@health@`, metrics on `@metrics@`. Sections are lines
/// with two spaces in front; `pipelines` are the entries below `service.pipelines`.
pub(crate) fn config(processors: &str, exporters: &str, pipelines: &[(&str, &str, &str)]) -> String {
    let line = |(name, processors, exporters): &(&str, &str, &str)| {
        format!("    {name}: {{receivers: [otlp], processors: [{processors}], exporters: [{exporters}]}}\n")
    };
    let pipelines: String = pipelines.iter().map(line).collect();
    let processors = if processors.trim().is_empty() { "  {}" } else { processors };
    format!(
        "
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '127.0.0.1:@grpc@'}}
      http: {{endpoint: '127.0.0.1:@http@'}}
processors:
{processors}
exporters:
{exporters}
extensions:
  health_check: {{endpoint: '127.0.0.1:@health@'}}
service:
  extensions: [health_check]
  telemetry:
    metrics:
      readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: @metrics@}}}}}}}}]
  pipelines:
{pipelines}"
    )
}

/// The same with the `admin` extension on a socket.
pub(crate) fn with_admin(config: &str, socket: &std::path::Path) -> String {
    let admin = format!("extensions:\n  admin: {{endpoint: '{}'}}\n  health_check:", socket.display());
    config
        .replace("extensions:\n  health_check:", &admin)
        .replace("extensions: [health_check]", "extensions: [health_check, admin]")
}

/// An exporter over gRPC without a queue: the sender learns what the backend answered.
pub(crate) fn direct(id: &str, backend: &str) -> String {
    format!(
        "  {id}: {{endpoint: '{backend}', tls: {{insecure: true}}, sending_queue: {{enabled: false}}, \
         retry_on_failure: {{enabled: false}}}}\n"
    )
}

/// An exporter over gRPC with a queue, and retries that follow each other quickly.
pub(crate) fn queued(id: &str, backend: &str) -> String {
    format!(
        "  {id}:
    endpoint: '{backend}'
    tls: {{insecure: true}}
    retry_on_failure: {{initial_interval: 50ms, max_interval: 200ms, max_elapsed_time: 0s}}
"
    )
}

/// Traces through the sampler to one backend, over a queue.
pub(crate) fn sampling(backend: &str) -> String {
    config(TAIL_SAMPLING, &queued("otlp_grpc", backend), &[("traces", "tail_sampling", "otlp_grpc")])
}

/// All three signals straight to one backend, without a queue.
pub(crate) fn passing(backend: &str) -> String {
    let pipelines = [("traces", "", "otlp_grpc"), ("metrics", "", "otlp_grpc"), ("logs", "", "otlp_grpc")];
    config("", &direct("otlp_grpc", backend), &pipelines)
}
