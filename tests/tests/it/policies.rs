//! Every policy from YAML as a user writes it: the cases of the Go processor's documentation, in our own words.
//!
//! One host runs them all side by side, a pipeline each; the exporter of a pipeline has the policy's name in a header.

mod cases;
mod options;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tailrace_otlp::Signal;
use tailrace_tests::backend::{Backend, Received};
use tailrace_tests::host::{Host, Setup, run};
use tailrace_tests::telemetry::{Trace, spans, text, trace_request};
use tailrace_tests::{data, eventually};

use self::cases::{all_but, cases, traces};
use crate::yaml;

/// A host with a pipeline for each: a name, and the options of its `tail_sampling`, in lines with four spaces in front.
async fn host(backend: &Backend, processors: &[(&str, String)]) -> Host {
    let section = |(name, options): &(&str, String)| {
        let wait = if options.contains("decision_wait:") { "" } else { "    decision_wait: 1s\n" };
        format!("  tail_sampling/{name}:\n{wait}{options}\n")
    };
    let exporter = |(name, _): &(&str, String)| {
        let headers = format!("    headers: {{x-policy: {name}}}\n");
        yaml::queued(&format!("otlp_grpc/{name}"), backend.address()) + &headers
    };
    let names: Vec<[String; 3]> = processors
        .iter()
        .map(|(name, _)| [format!("traces/{name}"), format!("tail_sampling/{name}"), format!("otlp_grpc/{name}")])
        .collect();
    let pipelines: Vec<_> = names.iter().map(|[a, b, c]| (a.as_str(), b.as_str(), c.as_str())).collect();
    let sections: String = processors.iter().map(section).collect();
    let exporters: String = processors.iter().map(exporter).collect();
    Setup::new(yaml::config(&sections, &exporters, &pipelines)).start().await
}

/// Sends the traces in one request, lets each processor decide, and stops the host; what was kept, by pipeline.
async fn kept(host: Host, backend: &Backend, traces: Vec<Vec<Span>>, processors: usize) -> BTreeMap<String, Vec<Span>> {
    let decided = traces.len() * processors;
    let answer = host.grpc().send(Signal::Traces, &trace_request(traces.concat())).await;
    assert!(answer.is_ok(), "{answer:?}");
    host.wait_for_metric("otelcol_processor_tail_sampling_global_count_traces_sampled", &[], decided as f64).await;
    assert!(host.stop().await.status.success());
    let mut kept: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for request in backend.received() {
        let policy = request.headers.get("x-policy").and_then(|name| name.to_str().ok()).unwrap_or_default();
        kept.entry(policy.to_owned()).or_default().extend(spans(&decoded(&request)).cloned());
    }
    kept
}

fn decoded(request: &Received) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(request.message.clone()).expect("a request")
}

/// The numbers of the traces that these spans are of.
fn numbers(spans: &[Span]) -> Vec<u128> {
    let id = |span: &Span| span.trace_id.as_slice().try_into().map_or(0, u128::from_be_bytes);
    let mut ids: Vec<_> = spans.iter().map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[tokio::test]
async fn each_policy_keeps_what_it_is_to_keep() {
    let backend = Backend::start().await;
    let cases = cases();
    let options = |policy: &str| format!("    policies:\n      - {{name: it, {policy}}}");
    let processors: Vec<_> = cases.iter().map(|(name, policy, _)| (*name, options(policy))).collect();
    let host = host(&backend, &processors).await;
    let kept = kept(host, &backend, traces(), processors.len()).await;
    for (name, policy, expected) in &cases {
        let found = kept.get(*name).map(|spans| numbers(spans)).unwrap_or_default();
        assert_eq!(found, *expected, "{name}: {policy}");
    }
}

/// A drop policy outweighs those that would keep, wherever it stands.
#[tokio::test]
async fn policies_together_follow_the_order_of_their_votes() {
    let backend = Backend::start().await;
    let policies = "    policies:
      - {name: gold, type: string_attribute, string_attribute: {key: tier, values: [gold]}}
      - {name: healthy, type: not, not: {not_sub_policy: {type: status_code, status_code: {status_codes: [ERROR]}}}}
      - name: probes
        type: drop
        drop:
          drop_sub_policy:
            - {name: path, type: string_attribute, string_attribute: {key: url.path, values: ['^/health'], enabled_regex_matching: true}}";
    let first_match = format!("    sample_on_first_match: true\n{policies}");
    let processors = [("all", policies.to_owned()), ("first", first_match)];
    let host = host(&backend, &processors).await;
    let votes = async |host: &Host, component: &str, policy: &str| {
        let label = format!("{component}.{policy}");
        let name = "otelcol_processor_tail_sampling_sampling_policy_execution_count";
        host.metrics().await.sum(name, &[("policy", label.as_str())])
    };
    let request = trace_request(traces().concat());
    assert!(host.grpc().send(Signal::Traces, &request).await.is_ok());
    host.wait_for_metric("otelcol_processor_tail_sampling_global_count_traces_sampled", &[], 32.0).await;
    // The probe is asked about once; what gold keeps is shown to the other as well, unless the first match is enough.
    assert!((votes(&host, "all", "healthy").await - 15.0).abs() < 0.1);
    assert!((votes(&host, "first", "healthy").await - 14.0).abs() < 0.1);
    let dropped = [("decision", "dropped")];
    let counted = host.metrics().await.sum("otelcol_processor_tail_sampling_global_count_traces_sampled", &dropped);
    assert!((counted - 2.0).abs() < 0.1, "{counted}");
    assert!(host.stop().await.status.success());
    let arrived = numbers(&backend.spans());
    assert_eq!(arrived, all_but(&[6, 16]));
}

#[tokio::test]
async fn kept_spans_carry_the_threshold_and_late_ones_too() {
    let backend = Backend::start().await;
    let half = "    tracestate: true
    policies:
      - {name: failed, type: status_code, status_code: {status_codes: [ERROR]}}
      - {name: half, type: probabilistic, probabilistic: {sampling_percentage: 50}}";
    let limited = "    tracestate: true
    policies:
      - {name: limit, type: rate_limiting, rate_limiting: {spans_per_second: 1, burst_capacity: 8}}";
    let host = host(&backend, &[("half", half.to_owned()), ("limited", limited.to_owned())]).await;
    let stated = |trace: Trace, state: &str| {
        let mut spans = trace.build();
        for span in &mut spans {
            state.clone_into(&mut span.trace_state);
        }
        spans
    };
    let traces = [
        stated(Trace::new(0x10), "ot=rv:c0000000000000,a=b"),
        stated(Trace::new(0x20), "ot=rv:40000000000000"),
        stated(Trace::new(0x30).error(), "ot=rv:20000000000000"),
        stated(Trace::new(0x40), "ot=th:c;rv:e0000000000000"),
    ];
    let client = host.grpc();
    assert!(client.send(Signal::Traces, &trace_request(traces.concat())).await.is_ok());
    host.wait_for_metric("otelcol_processor_tail_sampling_global_count_traces_sampled", &[], 8.0).await;
    let mut late = stated(Trace::new(0x10).spans(1), "a=b");
    late[0].name = "late".to_owned();
    late[0].span_id = vec![7; 8];
    let mut broken = late.clone();
    broken[0].span_id = vec![8; 8];
    broken[0].trace_state = "no tracestate".to_owned();
    assert!(client.send(Signal::Traces, &trace_request([late, broken].concat())).await.is_ok());
    let unparseable = "otelcol_processor_tail_sampling_count_spans_with_unparseable_tracestate";
    host.wait_for_metric(unparseable, &[], 2.0).await;
    assert!(host.stop().await.status.success());

    let states = |policy: &str| {
        let mut states: BTreeMap<u128, Vec<String>> = BTreeMap::new();
        for request in backend.received().iter().filter(|request| request.headers["x-policy"] == policy) {
            for span in spans(&decoded(request)) {
                let of_trace = states.entry(numbers(std::slice::from_ref(span))[0]).or_default();
                of_trace.push(span.trace_state.clone());
                of_trace.sort();
                of_trace.dedup();
            }
        }
        states
    };
    let expected = [
        (0x10, vec!["no tracestate", "ot=rv:c0000000000000;th:8,a=b", "ot=th:8,a=b"]),
        // A filter's threshold is none.
        (0x30, vec!["ot=rv:20000000000000;th:0"]),
        // What was stricter before stays so.
        (0x40, vec!["ot=th:c;rv:e0000000000000"]),
    ];
    let told = |states: BTreeMap<u128, Vec<String>>| states.into_iter().collect::<Vec<_>>();
    let owned = |expected: &[(u128, Vec<&str>)]| {
        let all = |states: &Vec<&str>| states.iter().map(|state| (*state).to_owned()).collect::<Vec<_>>();
        expected.iter().map(|(id, states)| (*id, all(states))).collect::<Vec<_>>()
    };
    assert_eq!(told(states("half")), owned(&expected));
    // Two of four fit: the highest two; the threshold lies just above the third's randomness.
    let expected = [
        (0x10, vec!["no tracestate", "ot=rv:c0000000000000;th:40000000000001,a=b", "ot=th:40000000000001,a=b"]),
        (0x40, vec!["ot=th:c;rv:e0000000000000"]),
    ];
    assert_eq!(told(states("limited")), owned(&expected));
}

/// 200 traces of one kind and two of others, to a target of ten a second.
#[tokio::test]
async fn dynamic_keeps_the_rare_and_thins_the_frequent() {
    let backend = Backend::start().await;
    let policy = "    policies:
      - {name: it, type: dynamic, dynamic: {keys: [service.name, http.route, status], traces_per_second: 10}}";
    let host = host(&backend, &[("dynamic", policy.to_owned())]).await;
    let trace =
        |n: u128, route| Trace::new(n * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834 + 1).with(text("http.route", route));
    let frequent = (0..200).map(|n| trace(n, "/frequent").build());
    let rare = [trace(201, "/rare").build(), trace(202, "/frequent").error().build()];
    let rare_ids: Vec<_> = rare.iter().flat_map(|spans| numbers(spans)).collect();
    let kept = kept(host, &backend, frequent.chain(rare).collect(), 1).await;
    let ids = numbers(&kept["dynamic"]);
    assert!(rare_ids.iter().all(|id| ids.contains(id)), "{ids:x?}");
    assert!((4..25).contains(&ids.len()), "{} kept", ids.len());
}

/// What the Go processor takes and then does not do, or panics at, is said with its place in the file.
#[test]
fn what_can_not_be_meant_is_said_with_its_place() {
    let path = data("policies/wrong.yaml").display().to_string();
    let output = run(&["validate", "--config", &path]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for (place, message) in [
        ("wrong.yaml:10:", "a policy of type drop can not be a member of composite"),
        ("wrong.yaml:13:", "has options for \"string_attribute\""),
        ("wrong.yaml:15:", "at least one of min_value and max_value must be set and not 0"),
        ("wrong.yaml:16:", "and without members would sample every trace"),
        ("wrong.yaml:17:", "drop without members would drop every trace"),
        ("wrong.yaml:18:", "composite has no member \"gold\""),
    ] {
        assert!(said.contains(message), "{message:?} is not in\n{said}");
        assert!(said.contains(place), "{place:?} is not in\n{said}");
    }
}

/// A plugin's policy that keeps state can not be asked as spans come: only the plugin knows that it does.
#[tokio::test]
async fn on_ingest_a_plugin_that_keeps_state_is_refused() {
    let policies = |kind: &str| {
        let module = crate::plugins::plugin("policies").display().to_string();
        format!(
            "    sampling_strategy: span-ingest\n    policies:\n      - {{name: mine, type: wasm, wasm: {{module: '{module}', policy: {kind}, \
             config: {{keys: [k]}}}}}}"
        )
    };
    let ended = {
        let section = format!("  tail_sampling:\n{}\n", policies("novelty"));
        let exporter = yaml::queued("otlp_grpc", "127.0.0.1:1");
        let config = yaml::config(&section, &exporter, &[("traces", "tail_sampling", "otlp_grpc")]);
        Setup::new(config).spawn().ended().await
    };
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains("novelty of tailrace-policies keeps state"), "{}", ended.log);
}

/// Limits are the whole processor's, whatever the number of cores; with `num_shards`, each of the Go processor's shards has its part.
#[tokio::test]
async fn limits_are_divided_only_where_shards_are_set() {
    let backend = Backend::start().await;
    let limit = "    policies:
      - {name: it, type: rate_limiting, rate_limiting: {spans_per_second: 4, burst_capacity: 8}}";
    let processors = [("whole", limit.to_owned()), ("sharded", format!("    num_shards: 4\n{limit}"))];
    let host = host(&backend, &processors).await;
    // By the Go processor's hash, 1 and 0x0102… fall to shard 2 of 4, 0x4bf9… to 3, all ones to 0.
    let ids = [1, 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, u128::MAX];
    let traces = ids.iter().map(|id| Trace::new(*id).spans(6).build()).collect();
    let kept = kept(host, &backend, traces, 2).await;
    assert_eq!(numbers(&kept["whole"]), [1], "8 tokens for all");
    assert_eq!(numbers(&kept["sharded"]), [1, ids[2], ids[3]], "8 tokens for each shard");
}

/// `tailrace explain` names the member of a composite that decided.
#[tokio::test]
async fn explain_names_the_member_of_a_composite() {
    let backend = Backend::start().await;
    let section = "  tail_sampling:
    decision_wait: 1s
    record_policy: true
    explain: {traces: 100}
    policies:
      - name: budget
        type: composite
        composite:
          max_total_spans_per_second: 8
          composite_sub_policy:
            - {name: gold, type: string_attribute, string_attribute: {key: tier, values: [gold]}}
            - {name: rest, type: always_sample}
";
    let config = yaml::config(
        section,
        &yaml::queued("otlp_grpc", backend.address()),
        &[("traces", "tail_sampling", "otlp_grpc")],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("admin.sock");
    let config = yaml::with_admin(&config, &socket);
    let socket = socket.display().to_string();
    let host = Setup::new(config).start().await;
    let traces =
        [Trace::new(0xa1).build(), Trace::new(0xb2).build(), Trace::new(0xc3).with(text("tier", "gold")).build()];
    assert!(host.grpc().send(Signal::Traces, &trace_request(traces.concat())).await.is_ok());
    host.wait_for_metric("otelcol_processor_tail_sampling_global_count_traces_sampled", &[], 3.0).await;
    let told = |id: u128| {
        let output = run(&["explain", &format!("{id:032x}"), "--admin", &socket]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for (id, reason) in
        [(0xa1, "rest: within its rate"), (0xb2, "rest: over its rate"), (0xc3, "gold: within its rate")]
    {
        let told = told(id);
        assert!(told.contains(reason), "{reason:?} is not in\n{told}");
    }
    let marks = eventually("the kept traces", async || {
        let received = backend.received();
        let resources = received.iter().flat_map(|request| decoded(request).resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        let attributes = scopes.flat_map(|scope| scope.scope.unwrap_or_default().attributes);
        let members = attributes.filter(|attribute| attribute.key == "tailsampling.composite_policy");
        let members: Vec<_> = members.filter_map(|attribute| attribute.value.and_then(|value| value.value)).collect();
        (members.len() == 2).then_some(members)
    })
    .await;
    assert_eq!(marks, ["rest", "gold"].map(|name| Value::StringValue(name.to_owned())));
}
