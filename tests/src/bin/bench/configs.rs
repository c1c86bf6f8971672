//! Configurations of the host.

use std::path::Path;

use tailrace_tests::host::binary;

/// Receiver, and the host's own metrics.
fn frame(processors: &str, names: &str, exporter: &str) -> String {
    format!(
        "
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:@grpc@
processors:
{processors}
exporters:
  otlp_grpc:
{exporter}
service:
  telemetry:
    metrics:
      readers:
        - pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: @metrics@}}}}}}
  pipelines:
    traces:
      receivers: [otlp]
      processors: [{names}]
      exporters: [otlp_grpc]
"
    )
}

/// Answers when the sink has answered.
fn direct(sink: &str, compression: &str) -> String {
    format!(
        "    endpoint: {sink}
    compression: {compression}
    tls: {{insecure: true}}
    sending_queue: {{enabled: false}}"
    )
}

/// Through the queue; a full one makes the sender wait, so that the rows with `batch` lose nothing and stay bounded.
fn queued(sink: &str, compression: &str) -> String {
    format!(
        "    endpoint: {sink}
    compression: {compression}
    tls: {{insecure: true}}
    sending_queue: {{queue_size: 100, block_on_overflow: true}}"
    )
}

/// OTLP to OTLP.
pub(crate) fn passthrough(sink: &str, compression: &str) -> String {
    frame("  {}", "", &direct(sink, compression))
}

/// OTLP to one of three, by trace id.
pub(crate) fn balance(sinks: &[String]) -> String {
    let exporter = format!(
        "    resolver: {{static: {{hostnames: [{}]}}}}
    protocol:
      otlp: {{compression: none, tls: {{insecure: true}}, sending_queue: {{enabled: false}}, retry_on_failure: {{enabled: false}}}}",
        sinks.join(", ")
    );
    frame("", "", &exporter).replace("otlp_grpc", "load_balancing")
}

/// OTLP to the addresses of a name, by trace id, which are asked for four times a second.
pub(crate) fn balance_by_name(server: &str, port: &str) -> String {
    let exporter = format!(
        "    resolver: {{dns: {{hostname: backends.test, port: {port}, interval: 250ms, servers: ['{server}']}}}}
    protocol:
      otlp: {{compression: none, tls: {{insecure: true}}, sending_queue: {{block_on_overflow: true}}}}"
    );
    frame("", "", &exporter).replace("otlp_grpc", "load_balancing")
}

/// OTLP to OTLP, past a processor.
pub(crate) fn step(sink: &str, processor: &str) -> String {
    let id = processor.split(':').next().unwrap_or_default();
    frame(&format!("  {processor}"), id, &direct(sink, "none"))
}

/// OTLP to OTLP, past one of the transforms that the host's build leaves beside the binary.
pub(crate) fn transform(sink: &str, kind: Option<&str>) -> String {
    let Some(kind) = kind else { return passthrough(sink, "none") };
    let target = binary().ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default();
    let module = target.join("plugins/wasm32-wasip2/release/tailrace_hostile.wasm");
    let processor = format!("  wasm: {{module: '{}', transform: {kind}}}", module.display());
    frame(&processor, "wasm", &direct(sink, "none"))
}

/// With `memory_limiter` and `batch`.
pub(crate) fn batch(sink: &str, compression: &str) -> String {
    frame(
        "  memory_limiter: {check_interval: 1s, limit_mib: 4096, spike_limit_mib: 512}
  batch:",
        "memory_limiter, batch",
        &queued(sink, compression),
    )
}

/// The three policies; `num_traces` has room for what a core can take in.
pub(crate) fn tail_sampling(sink: &str, decision_wait: &str) -> String {
    with_policies(sink, decision_wait, THREE)
}

pub(crate) const THREE: &str = "
      - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
      - {name: slow, type: latency, latency: {threshold_ms: 1000}}
      - {name: tenth, type: probabilistic, probabilistic: {sampling_percentage: 10}}";

/// A condition on two attributes, by itself.
pub(crate) const CONDITION: &str = r#"
      - {name: condition, type: ottl_condition, ottl_condition: {span: ['attributes["http.request.method"] == "DELETE" and attributes["http.response.status_code"] == "500"']}}"#;

/// So many policies, each of which is a plugin's evaluator; together they keep about a tenth.
pub(crate) fn policies(count: usize) -> String {
    let policy = |n: usize| match n % 5 {
        0 => format!("{{name: p{n}, type: probabilistic, probabilistic: {{sampling_percentage: 10}}}}"),
        1 => format!("{{name: p{n}, type: status_code, status_code: {{status_codes: [ERROR]}}}}"),
        2 => format!("{{name: p{n}, type: latency, latency: {{threshold_ms: {}}}}}", 1000 + n),
        3 => format!("{{name: p{n}, type: span_count, span_count: {{min_spans: {}}}}}", 1000 + n),
        _ => {
            format!("{{name: p{n}, type: string_attribute, string_attribute: {{key: http.route, values: [none-{n}]}}}}")
        }
    };
    (0..count).flat_map(|n| ["\n      - ".to_owned(), policy(n)]).collect()
}

/// The three, and two of a component that means harm: one never returns, one traps.
pub(crate) fn hostile_policies(module: &str) -> String {
    let policy =
        |kind: &str| format!("\n      - {{name: {kind}, type: wasm, wasm: {{module: '{module}', policy: {kind}}}}}");
    format!("{THREE}{}{}", policy("loops"), policy("traps"))
}

/// With these policies, each on a line of its own.
pub(crate) fn with_policies(sink: &str, decision_wait: &str, policies: &str) -> String {
    let processors = format!(
        "  memory_limiter: {{check_interval: 1s, limit_mib: 14000, spike_limit_mib: 1000}}
  tail_sampling:
    decision_wait: {decision_wait}
    num_traces: 2000000
    policies:{policies}
  batch:"
    );
    frame(&processors, "memory_limiter, tail_sampling, batch", &queued(sink, "none"))
}

/// A queue and a limit that a slow sink fills.
pub(crate) fn overload(sink: &str, limit_mib: u64) -> String {
    let processors = format!(
        "  memory_limiter: {{check_interval: 100ms, limit_mib: {limit_mib}, spike_limit_mib: {}}}
  batch:",
        limit_mib / 5
    );
    let exporter = format!(
        "    endpoint: {sink}
    compression: none
    tls: {{insecure: true}}
    sending_queue: {{queue_size: 100000}}"
    );
    frame(&processors, "memory_limiter, batch", &exporter)
}
