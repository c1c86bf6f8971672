//! A case for each policy: how it is written, and what it keeps of the same traces.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tailrace_tests::telemetry::{Trace, number, text, trace_request};

/// The traces that the policies below decide about. All have four spans unless it says otherwise.
pub(super) fn traces() -> Vec<Vec<Span>> {
    let with = |id, attribute| Trace::new(id).with(attribute).build();
    let stated = |id, state: &str| {
        let mut spans = Trace::new(id).build();
        state.clone_into(&mut spans[2].trace_state);
        spans
    };
    let mut flagged = Trace::new(13).build();
    flagged[3].flags = 0x101;
    vec![
        Trace::new(1).build(),
        Trace::new(2).lasting(6_000).build(),
        Trace::new(3).lasting(11_000).build(),
        with(4, number("retries", 75)),
        with(5, number("retries", 101)),
        Trace::new(6).error().build(),
        with(7, text("tier", "gold")),
        with(8, text("tier", "golden")),
        Trace::new(9).spans(1).build(),
        Trace::new(10).spans(21).build(),
        stated(11, "vendor=a,plan=pro"),
        stated(12, "vendor=a,plan=free"),
        flagged,
        with(14, flag("keep", true)),
        with(15, flag("keep", false)),
        with(16, text("url.path", "/health")),
    ]
}

const ALL: [u128; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

pub(super) fn all_but(left_out: &[u128]) -> Vec<u128> {
    ALL.into_iter().filter(|id| !left_out.contains(id)).collect()
}

/// Name, the policy after its name, and the traces that it keeps.
pub(super) fn cases() -> Vec<(&'static str, String, Vec<u128>)> {
    let bytes = trace_request(Trace::new(1).build()).encoded_len();
    let case = |name, policy: &str, kept: &[u128]| (name, policy.to_owned(), kept.to_vec());
    let sub = "rate_allocation: [{policy: gold, percent: 50}, {policy: rest, percent: 50}], composite_sub_policy: [\
               {name: gold, type: string_attribute, string_attribute: {key: tier, values: [gold, golden]}}, \
               {name: rest, type: always_sample}]";
    vec![
        case("everything", "type: always_sample", &ALL),
        case("slow", "type: latency, latency: {threshold_ms: 5000}", &[2, 3]),
        case("slow-not-too-slow", "type: latency, latency: {threshold_ms: 5000, upper_threshold_ms: 10000}", &[2]),
        case(
            "numbers",
            "type: numeric_attribute, numeric_attribute: {key: retries, min_value: 50, max_value: 100}",
            &[4],
        ),
        case("from-fifty", "type: numeric_attribute, numeric_attribute: {key: retries, min_value: 50}", &[4, 5]),
        case(
            "other-numbers",
            "type: numeric_attribute, numeric_attribute: {key: retries, min_value: 50, max_value: 100, invert_match: true}",
            &all_but(&[4]),
        ),
        // The ids are small numbers; what their hashes are is what the golden values of the policy's tests say.
        case("nothing", "type: probabilistic, probabilistic: {sampling_percentage: 0}", &[]),
        case("whole-share", "type: probabilistic, probabilistic: {sampling_percentage: 100, hash_salt: pepper}", &ALL),
        case("failed", "type: status_code, status_code: {status_codes: [ERROR]}", &[6]),
        case("any-status", "type: status_code, status_code: {status_codes: [ERROR, UNSET]}", &ALL),
        case("gold", "type: string_attribute, string_attribute: {key: tier, values: [gold, silver]}", &[7]),
        case(
            "gold-ish",
            "type: string_attribute, string_attribute: {key: tier, values: [silver, '^gol*'], enabled_regex_matching: true, \
             cache_max_size: 10}",
            &[7, 8],
        ),
        case(
            "not-gold",
            "type: string_attribute, string_attribute: {key: tier, values: [gold], invert_match: true}",
            &all_but(&[7]),
        ),
        case(
            "of-the-resource",
            "type: string_attribute, string_attribute: {key: service.name, values: [checkout]}",
            &ALL,
        ),
        // Eight tokens: two traces of four spans, as they came.
        case("some-spans", "type: rate_limiting, rate_limiting: {spans_per_second: 1, burst_capacity: 8}", &[1, 2]),
        case(
            "some-bytes",
            &format!("type: bytes_limiting, bytes_limiting: {{bytes_per_second: 1, burst_capacity: {bytes}}}"),
            &[1],
        ),
        case("a-few-spans", "type: span_count, span_count: {min_spans: 2, max_spans: 20}", &all_but(&[9, 10])),
        case("pro", "type: trace_state, trace_state: {key: plan, values: [pro, max]}", &[11]),
        case("flagged", "type: trace_flags", &[13]),
        case("kept", "type: boolean_attribute, boolean_attribute: {key: keep, value: true}", &[14]),
        case(
            "not-kept",
            "type: boolean_attribute, boolean_attribute: {key: keep, value: true, invert_match: true}",
            &all_but(&[14]),
        ),
        case(
            "fast-gold",
            "type: and, and: {and_sub_policy: [{name: g, type: string_attribute, string_attribute: {key: tier, values: [gold, golden]}}, \
             {name: p, type: not, not: {not_sub_policy: {name: s, type: string_attribute, string_attribute: {key: tier, values: [golden]}}}}]}",
            &[7],
        ),
        case(
            "fast",
            "type: not, not: {not_sub_policy: {name: s, type: latency, latency: {threshold_ms: 1000}}}",
            &all_but(&[2, 3]),
        ),
        // A limiter in and spends nothing on what the members before it do not want.
        case(
            "limited-gold",
            "type: and, and: {and_sub_policy: [{type: string_attribute, string_attribute: {key: tier, values: [gold, golden]}}, \
             {type: rate_limiting, rate_limiting: {spans_per_second: 1, burst_capacity: 4}}]}",
            &[7],
        ),
        // Of 20 spans a second, gold may have ten, and the rest ten; the first that samples decides.
        case(
            "composite",
            &format!("type: composite, composite: {{max_total_spans_per_second: 20, {sub}}}"),
            &[1, 2, 7, 8, 9],
        ),
        // The rest may have what gold leaves: 20 - 8.
        case(
            "documented",
            &format!(
                "type: composite, composite: {{mode: documented, max_total_spans_per_second: 20, policy_order: [gold, rest], {sub}}}"
            ),
            &[1, 2, 3, 7, 8],
        ),
        case("first-of-each", "type: novelty, novelty: {keys: [tier], traces: 1}", &[7, 8]),
        case("shared-out", "type: dynamic, dynamic: {keys: [tier, status], traces_per_second: 1000}", &ALL),
    ]
}

fn flag(key: &str, value: bool) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Value::BoolValue(value)) }),
        ..KeyValue::default()
    }
}
