use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::Context;
use crate::testing::{full_log, full_metric, full_span, holds, logs, metrics, run, traces};

/// After the statement the condition holds, which did not before, on a request whose fields are set or not.
fn sets(context: Context, requests: &[Vec<u8>], cases: &[(&str, &str)]) {
    for request in requests {
        for (statement, condition) in cases {
            let before = holds(context, request, condition);
            assert_ne!(before, Ok(true), "{context:?} before {statement}: {condition}");
            let after = run(context, request, &[statement]).unwrap_or_else(|failure| panic!("{failure}"));
            assert_eq!(holds(context, &after, condition), Ok(true), "{context:?} after {statement}: {condition}");
            let twice = run(context, &after, &[statement]).unwrap_or_else(|failure| panic!("{failure}"));
            assert_eq!(holds(context, &twice, condition), Ok(true), "{context:?} after {statement} again: {condition}");
        }
    }
}

/// What can be done with attributes.
fn attribute_edits(field: &str) -> Vec<(String, String)> {
    [
        (r#"set(@["text"], "silver")"#, r#"@["text"] == "silver""#),
        (r#"set(@["new"], "silver")"#, r#"@["new"] == "silver""#),
        (r#"set(@["new"], 1 + 1)"#, r#"@["new"] == 2"#),
        (r#"set(@["new"], resource.attributes["int"])"#, r#"@["new"] == 7"#),
        (r#"set(@["new"], ["a", {"b": 1.5}])"#, r#"@["new"][1]["b"] == 1.5"#),
        (r#"set(@["new"]["x"]["y"], 0x0102)"#, r#"@["new"] == {"x": {"y": 0x0102}}"#),
        (r#"set(@["new"][1], true)"#, r#"@["new"] == [nil, true]"#),
        (r#"set(@[Concat(["n", "ew"], "")], "computed")"#, r#"@["new"] == "computed""#),
        (r#"set(@, {"only": "this"})"#, r#"@ == {"only": "this"}"#),
        (r#"merge_maps(@, {"new": 1, "text": "merged"}, "upsert")"#, r#"@["text"] == "merged" and @["new"] == 1"#),
    ]
    .iter()
    .map(|(statement, condition)| (statement.replace('@', field), condition.replace('@', field)))
    .collect()
}

fn sets_attributes(context: Context, requests: &[Vec<u8>], field: &str) {
    let cases = attribute_edits(field);
    let cases: Vec<(&str, &str)> =
        cases.iter().map(|(statement, condition)| (statement.as_str(), condition.as_str())).collect();
    sets(context, requests, &cases);
}

#[test]
fn every_path_of_traces_is_set() {
    let requests = [traces(full_span()), traces(Span { events: full_span().events, ..Span::default() })];
    let resource = [
        (r#"set(schema_url, "u")"#, r#"schema_url == "u""#),
        ("set(dropped_attributes_count, 300)", "dropped_attributes_count == 300"),
        (r#"set(schema_url, "")"#, r#"schema_url == """#),
    ];
    sets(Context::Resource, &requests, &resource);
    sets_attributes(Context::Resource, &requests, "resource.attributes");
    let scope = [
        (r#"set(name, "n")"#, r#"name == "n""#),
        (r#"set(version, "v")"#, r#"scope.version == "v""#),
        (r#"set(schema_url, "u")"#, r#"instrumentation_scope.schema_url == "u""#),
        ("set(dropped_attributes_count, 300)", "dropped_attributes_count == 300"),
    ];
    sets(Context::Scope, &requests, &scope);
    sets_attributes(Context::Scope, &requests, "attributes");
    let span = [
        ("set(trace_id, 0xff0102030405060708090a0b0c0d0e0f)", "trace_id == 0xff0102030405060708090a0b0c0d0e0f"),
        (
            r#"set(trace_id.string, "ff0102030405060708090a0b0c0d0e0f")"#,
            "trace_id == 0xff0102030405060708090a0b0c0d0e0f",
        ),
        ("set(span_id, 0xff01020304050607)", "span_id == 0xff01020304050607"),
        (r#"set(span_id.string, "ff01020304050607")"#, "span_id == 0xff01020304050607"),
        ("set(parent_span_id, 0xff01020304050607)", "parent_span_id == 0xff01020304050607"),
        (r#"set(parent_span_id.string, "ff01020304050607")"#, "parent_span_id == 0xff01020304050607"),
        (r#"set(trace_state, "c=3")"#, r#"trace_state == "c=3""#),
        (r#"set(trace_state["c"], "3")"#, r#"trace_state["c"] == "3""#),
        (r#"set(name, "n")"#, r#"name == "n""#),
        ("set(kind, SPAN_KIND_CONSUMER)", "kind == SPAN_KIND_CONSUMER"),
        (r#"set(kind.string, "Client")"#, "kind == SPAN_KIND_CLIENT"),
        (r#"set(kind.deprecated_string, "SPAN_KIND_PRODUCER")"#, "kind == SPAN_KIND_PRODUCER"),
        ("set(start_time_unix_nano, 99)", "start_time_unix_nano == 99"),
        ("set(end_time_unix_nano, 99)", "end_time_unix_nano == 99"),
        ("set(status.code, STATUS_CODE_OK)", "status.code == STATUS_CODE_OK"),
        (r#"set(status.message, "m")"#, r#"status.message == "m""#),
        (r#"set(status, {"code": 1, "message": "m"})"#, r#"status.code == 1 and status.message == "m""#),
        ("set(flags, 1)", "flags == 1"),
        ("set(dropped_attributes_count, 300)", "dropped_attributes_count == 300"),
        ("set(dropped_events_count, 300)", "dropped_events_count == 300"),
        ("set(dropped_links_count, 300)", "dropped_links_count == 300"),
        ("set(events, [])", "Len(events) == 0"),
    ];
    sets(Context::Span, &requests, &span);
    sets_attributes(Context::Span, &requests, "span.attributes");
    sets_attributes(Context::Span, &requests, "scope.attributes");
    sets(
        Context::Span,
        &requests[..1],
        &[
            ("set(start_time, end_time)", "start_time_unix_nano == 25"),
            ("set(end_time, start_time)", "end_time_unix_nano == 10"),
            ("set(links, nil)", "Len(links) == 0"),
            ("clear(name)", r#"name == """#),
            ("clear(parent_span_id)", "IsRootSpan()"),
            ("clear(attributes)", "attributes == {}"),
            (r#"clear(attributes["text"])"#, r#"attributes["text"] == """#),
        ],
    );
    let event = [
        (r#"set(name, "n")"#, r#"name == "n""#),
        ("set(time_unix_nano, 99)", "time_unix_nano == 99"),
        ("set(time, span.start_time)", "time_unix_nano == span.start_time_unix_nano"),
        ("set(dropped_attributes_count, 300)", "dropped_attributes_count == 300"),
        (r#"set(span.name, "from below")"#, r#"span.name == "from below""#),
    ];
    sets(Context::SpanEvent, &requests, &event);
    sets_attributes(Context::SpanEvent, &requests, "attributes");
}

#[test]
fn every_path_of_logs_is_set() {
    let requests = [logs(full_log()), logs(LogRecord::default())];
    let log = [
        ("set(time_unix_nano, 99)", "time_unix_nano == 99"),
        ("set(observed_time_unix_nano, 99)", "observed_time_unix_nano == 99"),
        ("set(severity_number, SEVERITY_NUMBER_FATAL)", "severity_number == 21"),
        (r#"set(severity_text, "t")"#, r#"severity_text == "t""#),
        (r#"set(body, "b")"#, r#"body == "b""#),
        (r#"set(body, {"a": [1]})"#, r#"body["a"][0] == 1"#),
        (r#"set(body.string, "b")"#, r#"body == "b""#),
        (r#"set(event_name, "e")"#, r#"event_name == "e""#),
        ("set(trace_id, 0xff0102030405060708090a0b0c0d0e0f)", "trace_id == 0xff0102030405060708090a0b0c0d0e0f"),
        (
            r#"set(trace_id.string, "ff0102030405060708090a0b0c0d0e0f")"#,
            "trace_id == 0xff0102030405060708090a0b0c0d0e0f",
        ),
        ("set(span_id, 0xff01020304050607)", "span_id == 0xff01020304050607"),
        (r#"set(span_id.string, "ff01020304050607")"#, "span_id == 0xff01020304050607"),
        ("set(flags, 257)", "flags == 257"),
        ("set(dropped_attributes_count, 300)", "dropped_attributes_count == 300"),
    ];
    sets(Context::Log, &requests, &log);
    sets_attributes(Context::Log, &requests, "attributes");
    sets(
        Context::Log,
        &requests[..1],
        &[
            ("set(time, observed_time)", "time_unix_nano == 20"),
            ("set(observed_time, time)", "observed_time_unix_nano == 10"),
            (r#"set(body["msg"], "changed")"#, r#"body["msg"] == "changed" and body["list"][1] == 2"#),
            (r#"set(body["list"][0], 5)"#, r#"body == {"msg": "hello", "list": [5, 2]}"#),
            (r#"delete_key(body, "msg")"#, r#"body == {"list": [1, 2]}"#),
        ],
    );
}

#[test]
fn every_path_of_metrics_is_set() {
    let requests: Vec<_> = (0..5).map(|kind| metrics(vec![full_metric(kind)])).collect();
    let metric = [
        (r#"set(name, "n")"#, r#"name == "n""#),
        (r#"set(description, "d")"#, r#"description == "d""#),
        (r#"set(unit, "s")"#, r#"unit == "s""#),
    ];
    sets(Context::Metric, &requests, &metric);
    sets_attributes(Context::Metric, &requests, "metadata");
    sets(Context::Metric, &requests[1..4], &[("set(aggregation_temporality, 3)", "aggregation_temporality == 3")]);
    sets(Context::Metric, &requests[1..2], &[("set(is_monotonic, false)", "is_monotonic == false")]);
    sets(Context::Metric, &requests, &[("set(data_points, [])", "Len(data_points) == 0")]);
    let point = [
        ("set(start_time_unix_nano, 99)", "start_time_unix_nano == 99"),
        ("set(time_unix_nano, 99)", "time_unix_nano == 99"),
        ("set(start_time, time)", "start_time_unix_nano == 20"),
        ("set(time, start_time)", "time_unix_nano == 10"),
        ("set(flags, FLAG_NONE)", "flags == 0"),
        (r#"set(metric.name, "from below")"#, r#"metric.name == "from below""#),
    ];
    sets(Context::DataPoint, &requests, &point);
    sets_attributes(Context::DataPoint, &requests, "attributes");
    sets(
        Context::DataPoint,
        &requests[..2],
        &[
            ("set(value_int, 8)", "value_int == 8 and value_double == 0.0"),
            ("set(value_double, 0.25)", "value_double == 0.25 and value_int == 0"),
            ("set(exemplars, [])", "Len(exemplars) == 0"),
        ],
    );
    sets(Context::DataPoint, &requests[2..5], &[("set(count, 99)", "count == 99"), ("set(sum, 0.25)", "sum == 0.25")]);
    sets(
        Context::DataPoint,
        &requests[2..3],
        &[
            ("set(bucket_counts, [4, 5, 600])", "bucket_counts == [4, 5, 600]"),
            ("set(explicit_bounds, [0.25])", "explicit_bounds == [0.25]"),
        ],
    );
    sets(
        Context::DataPoint,
        &requests[3..4],
        &[
            ("set(scale, -7)", "scale == -7"),
            ("set(zero_count, 99)", "zero_count == 99"),
            ("set(positive.offset, -9)", "positive.offset == -9"),
            ("set(positive.bucket_counts, [4, 500])", "positive.bucket_counts == [4, 500]"),
            (
                r#"set(positive, {"offset": 1, "bucket_counts": [2]})"#,
                r#"positive == {"offset": 1, "bucket_counts": [2]}"#,
            ),
            ("set(negative.offset, -9)", "negative.offset == -9"),
            ("set(negative.bucket_counts, [4, 500])", "negative.bucket_counts == [4, 500]"),
            ("set(negative, positive)", "negative == positive"),
        ],
    );
    let quantiles = r#"[{"quantile": 0.9, "value": 1.0}, {"quantile": 1.0, "value": 2.0}]"#;
    let set = format!("set(quantile_values, {quantiles})");
    sets(Context::DataPoint, &requests[4..], &[(&set, &format!("quantile_values == {quantiles}"))]);
    let exemplar = [
        ("set(time_unix_nano, 99)", "time_unix_nano == 99"),
        ("set(time, datapoint.time)", "time_unix_nano == 20"),
        ("set(int_value, 8)", "int_value == 8 and double_value == 0.0"),
        ("set(double_value, 0.25)", "double_value == 0.25 and int_value == 0"),
        ("set(span_id, 0xff01020304050607)", "span_id == 0xff01020304050607"),
        ("set(trace_id, 0xff0102030405060708090a0b0c0d0e0f)", "trace_id == 0xff0102030405060708090a0b0c0d0e0f"),
    ];
    sets(Context::Exemplar, &requests[..4], &exemplar);
    sets_attributes(Context::Exemplar, &requests[..4], "filtered_attributes");
}

#[test]
fn what_can_not_be_set_is_told() {
    let cases = [
        (Context::Span, "set(name, 1)", "expects string but got int64"),
        (Context::Span, "set(name, nil)", "setting a value to nil is not supported"),
        (Context::Span, "set(kind, \"x\")", "expects int64 but got string"),
        (Context::Span, "set(kind.string, \"x\")", "unknown span kind string, x"),
        (Context::Span, "set(trace_id, 0x01)", "traces ids must be 32 hex characters, that is 16 bytes; got 1 bytes"),
        (Context::Span, "set(attributes, 1)", "expects pcommon.Map but got int64"),
        (Context::Span, "set(attributes[\"text\"][\"x\"], 1)", "type string does not support string indexing"),
        (Context::Span, "set(attributes[\"list\"][9], 1)", "index 9 out of bounds"),
        (Context::Span, "set(attributes[\"new\"][9999], 1)", "index 9999 out of bounds"),
        (Context::Span, "set(attributes[\"a\"], start_time)", "unsupported value type time.Time"),
        (Context::Span, "set(events, [1])", "can only be set to an empty list or nil"),
        (Context::Log, "set(body[\"a\"], 1)", "log bodies of type Str cannot be indexed"),
    ];
    for (context, statement, said) in cases {
        let request = match context {
            Context::Log => logs(LogRecord { body: Some(crate::testing::text("plain")), ..LogRecord::default() }),
            _ => traces(full_span()),
        };
        let failure = run(context, &request, &[statement]).unwrap_err();
        assert!(failure.why.starts_with(said), "{statement}: {}", failure.why);
        assert_eq!(&*failure.text, statement);
        assert_eq!(failure.to_string(), format!("failed to execute statement \"{statement}\": {}", failure.why));
    }
}

#[test]
fn the_cache_holds_values_for_the_item() {
    let statements = [
        r#"set(cache["start"], start_time_unix_nano)"#,
        r#"set(cache["deep"]["list"][1], attributes["map"])"#,
        r"set(start_time_unix_nano, 0)",
        r#"set(attributes["found"], cache["deep"]["list"][1]["x"])"#,
        r#"set(end_time_unix_nano, cache["start"])"#,
        r#"delete_key(cache, "none")"#,
    ];
    let after = run(Context::Span, &traces(full_span()), &statements).unwrap();
    let expected = r#"attributes["found"] == "in map" and end_time_unix_nano == 10 and cache["start"] == nil"#;
    assert_eq!(holds(Context::Span, &after, expected), Ok(true));
    let failure = run(Context::Span, &traces(full_span()), &[r#"set(cache["a"], start_time)"#]).unwrap_err();
    assert!(failure.why.contains("time.Time"), "{failure}");
    let growing: Vec<&str> = vec![r#"set(cache["a"], cache)"#; 100];
    let failure = run(Context::Span, &traces(full_span()), &growing).unwrap_err();
    assert!(failure.why.contains("nested"), "{failure}");
}

#[test]
fn a_resource_or_scope_that_is_not_there_is_made() {
    use tailrace_otlp::wire;
    let nest = |number, inner: &[u8]| {
        let mut out = Vec::new();
        wire::put_bytes(&mut out, number, inner);
        out
    };
    let bare = nest(1, &nest(2, &nest(2, &[])));
    let statements = [r#"set(resource.attributes["a"], "b")"#, r#"set(scope.name, "c")"#, r"set(status.code, 1)"];
    let after = run(Context::Span, &bare, &statements).unwrap();
    let expected = r#"resource.attributes["a"] == "b" and scope.name == "c" and status.code == 1"#;
    assert_eq!(holds(Context::Span, &after, expected), Ok(true));
    assert_eq!(
        run(Context::Span, &bare, &[r#"delete_key(resource.attributes, "a")"#]).unwrap(),
        bare,
        "nothing is made for nothing"
    );
}
