use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::path::fields;
use crate::testing::{full_log, full_metric, full_span, holds, logs, metrics, traces};
use crate::{Condition, Context, Field};

/// Conditions that hold for the attributes that every item of the tests has.
fn attribute_conditions(field: &str) -> Vec<String> {
    [
        r#"@["text"] == "gold""#,
        r#"@["text"] < "goldfish" and "gold" == @["text"] and "a" < @["text"]"#,
        r#"@["int"] != "7" and @["int"] > 6.5 and 8 >= @["int"] and @["int"] != nil"#,
        r#"not (@["map"] == "x" or @["map"] == nil or @["empty"] == "" or @["text"] == 1 or @["bool"] == 1)"#,
        r#"@["int"] == 7"#,
        r#"@["double"] == 1.5"#,
        r#"@["bool"] == true"#,
        r#"@["bytes"] == 0x01ff"#,
        r#"@["list"] == ["a", 2, {"x": "in list"}]"#,
        r#"@["list"][2]["x"] == "in list""#,
        r#"@["map"]["x"] == "in map""#,
        r#"@["map"]["deep"]["y"] == 9"#,
        r#"@["map"]["none"] == nil"#,
        r#"@["empty"] == nil"#,
        r#"@["none"] == nil"#,
        r#"@["none"]["deeper"] == nil"#,
        r#"@["none"] != "gold""#,
        r#"@[@["list"][0]] == nil"#,
        r#"@["map"] == {"deep": {"y": 9}, "x": "in map"}"#,
        "Len(@) == 8",
    ]
    .iter()
    .map(|condition| condition.replace('@', field))
    .collect()
}

/// Every condition holds, and together they have every path of the context.
fn all_hold(context: Context, request: &[u8], conditions: &[&str], more: &[String], absent: &[&str]) {
    let mut seen: Vec<Field> = Vec::new();
    for text in conditions.iter().copied().chain(more.iter().map(String::as_str)) {
        assert_eq!(holds(context, request, text), Ok(true), "{context:?}: {text}");
        let condition = Condition::parse(text, context).unwrap();
        seen.extend(condition.paths().into_iter().filter(|path| path.context == context).map(|path| path.field));
    }
    for (name, field, _) in fields(context) {
        assert!(seen.contains(field) || absent.contains(name), "{context:?}.{name} is not tried");
    }
}

const TRACE_ID: &str = "0x0102030405060708090a0b0c0d0e0f10";

#[test]
fn every_path_of_traces_is_read() {
    let request = traces(full_span());
    let resource = [
        r"resource.dropped_attributes_count == 3",
        r#"resource.schema_url == "resource-url""#,
        r"resource.cache == {}",
    ];
    all_hold(Context::Resource, &request, &resource, &attribute_conditions("resource.attributes"), &[]);
    let scope = [
        r#"scope.name == "lib""#,
        r#"instrumentation_scope.version == "1.2""#,
        "dropped_attributes_count == 4",
        r#"schema_url == "scope-url""#,
        r#"cache["x"] == nil"#,
    ];
    all_hold(Context::Scope, &request, &scope, &attribute_conditions("attributes"), &[]);
    let span = [
        &format!("trace_id == {TRACE_ID}"),
        r#"trace_id.string == "0102030405060708090a0b0c0d0e0f10""#,
        "span_id == 0x0102030405060708",
        r#"span_id.string == "0102030405060708""#,
        "parent_span_id == 0x0b0c0d0e0f101112",
        r#"parent_span_id.string == "0b0c0d0e0f101112""#,
        r#"trace_state == "a=1,b=2" and trace_state["b"] == "2" and trace_state["c"] == """#,
        r#"name == "GET /" and name != "GET" and name >= "GET""#,
        "kind == SPAN_KIND_SERVER",
        r#"kind.string == "Server""#,
        r#"kind.deprecated_string == "SPAN_KIND_SERVER""#,
        "start_time_unix_nano == 10 and end_time_unix_nano == 25",
        "start_time < end_time and start_time == start_time",
        "status.code == STATUS_CODE_ERROR",
        r#"status.message == "broken" and status == {"code": 2, "message": "broken"}"#,
        "Len(events) == 2",
        "Len(links) == 1",
        "flags == 257",
        "dropped_attributes_count == 5 and dropped_events_count == 6 and dropped_links_count == 7",
        "not IsRootSpan()",
        r#"cache["x"] == nil"#,
        r#"resource.attributes["text"] == scope.attributes["text"]"#,
        "otelcol.client.addr == nil",
        r#"otelcol.client.metadata["X-Tenant"][0] == nil"#,
    ];
    all_hold(Context::Span, &request, &span, &attribute_conditions("attributes"), &[]);
    let event = [
        r#"name == "first" and span.name == "GET /""#,
        "time_unix_nano == 30",
        "time > span.start_time",
        "event_index == 0",
        "dropped_attributes_count == 8",
        r"cache == {}",
    ];
    all_hold(Context::SpanEvent, &request, &event, &attribute_conditions("spanevent.attributes"), &[]);
}

#[test]
fn every_path_of_logs_is_read() {
    let log = [
        "time_unix_nano == 10",
        "observed_time_unix_nano == 20",
        "time < observed_time",
        "severity_number == SEVERITY_NUMBER_WARN",
        r#"severity_text == "warn""#,
        r#"body["msg"] == "hello" and body["list"][1] == 2 and body["none"] == nil"#,
        r#"body == {"msg": "hello", "list": [1, 2]}"#,
        r#"body.string == "{\"list\":[1,2],\"msg\":\"hello\"}""#,
        r#"event_name == "event""#,
        &format!("trace_id == {TRACE_ID}"),
        r#"trace_id.string == "0102030405060708090a0b0c0d0e0f10""#,
        "span_id == 0x0102030405060708",
        r#"span_id.string == "0102030405060708""#,
        "flags == 1",
        "dropped_attributes_count == 5",
        r#"cache["a"] == nil"#,
    ];
    all_hold(Context::Log, &logs(full_log()), &log, &attribute_conditions("log.attributes"), &[]);
}

#[test]
fn every_path_of_metrics_is_read() {
    let request = |kind| metrics(vec![full_metric(kind)]);
    let metric = [
        r#"name == "requests""#,
        r#"description == "how many""#,
        r#"unit == "1""#,
        "type == METRIC_DATA_TYPE_SUM",
        "aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE",
        "is_monotonic == true",
        "Len(data_points) == 1",
        "cache == {}",
        r#"HasAttrKeyOnDatapoint("int") and not HasAttrKeyOnDatapoint("none")"#,
        r#"HasAttrOnDatapoint("text", "gold") and not HasAttrOnDatapoint("text", "silver") and HasAttrOnDatapoint("int", "")"#,
    ];
    all_hold(Context::Metric, &request(1), &metric, &attribute_conditions("metadata"), &[]);
    let types = ["GAUGE", "SUM", "HISTOGRAM", "EXPONENTIAL_HISTOGRAM", "SUMMARY"];
    for (kind, name) in types.into_iter().enumerate() {
        let typed = format!(r#"type == METRIC_DATA_TYPE_{name} and HasAttrOnDatapoint("text", "gold")"#);
        assert_eq!(holds(Context::Metric, &request(kind), &typed), Ok(true), "{typed}");
    }
    let common = [
        "start_time_unix_nano == 10 and time_unix_nano == 20",
        "start_time < time",
        "flags == FLAG_NO_RECORDED_VALUE",
        r#"metric.name == "requests" and cache == {}"#,
    ];
    let own: [&[&str]; 5] = [
        &["value_double == 2.5 and value_int == 0", "Len(exemplars) == 1", "count == nil"],
        &["value_int == -4 and value_double == 0.0", "Len(exemplars) == 1", "metric.is_monotonic == true"],
        &[
            "count == 6",
            "sum == 8.5",
            "bucket_counts == [1, 2, 3]",
            "explicit_bounds == [0.5, 1.5]",
            "Len(exemplars) == 1",
        ],
        &[
            "count == 6 and sum == 8.5 and zero_count == 1",
            "scale == -2",
            r#"positive == {"offset": -5, "bucket_counts": [1, 0, 300]} and negative == {"offset": 6, "bucket_counts": [1, 0, 300]}"#,
            "positive.offset == -5 and negative.offset == 6",
            "positive.bucket_counts == [1, 0, 300] and negative.bucket_counts[2] == nil or negative.bucket_counts == [1, 0, 300]",
            "Len(exemplars) == 1",
        ],
        &["count == 6 and sum == 8.5", r#"quantile_values == [{"quantile": 0.5, "value": 3.0}]"#, "exemplars == nil"],
    ];
    let everything: Vec<&str> = fields(Context::DataPoint).iter().map(|row| row.0).collect();
    for (kind, own) in own.into_iter().enumerate() {
        let conditions: Vec<&str> =
            common.iter().chain(own.iter().filter(|text| !text.contains("[2]"))).copied().collect();
        all_hold(
            Context::DataPoint,
            &request(kind),
            &conditions,
            &attribute_conditions("datapoint.attributes"),
            &everything,
        );
    }
    let exemplar = [
        "int_value == -3 and double_value == 0.0",
        "time_unix_nano == 40",
        "time > datapoint.time",
        &format!("trace_id == {TRACE_ID}"),
        r#"trace_id.string == "0102030405060708090a0b0c0d0e0f10""#,
        "span_id == 0x0102030405060708",
        r#"span_id.string == "0102030405060708""#,
        "cache == {}",
    ];
    all_hold(Context::Exemplar, &request(2), &exemplar, &attribute_conditions("filtered_attributes"), &[]);
}

#[test]
fn what_is_not_set_is_read_as_its_zero() {
    let span = [
        "IsRootSpan()",
        "parent_span_id == 0x0000000000000000",
        r#"trace_id.string == "00000000000000000000000000000000""#,
        r#"name == "" and kind == 0 and kind.string == "Unspecified" and status.code == 0 and status.message == """#,
        "start_time_unix_nano == 0 and attributes == {} and Len(events) == 0 and flags == 0",
        r#"trace_state == "" and trace_state["a"] == """#,
    ];
    for condition in span {
        assert_eq!(holds(Context::Span, &traces(Span::default()), condition), Ok(true), "{condition}");
    }
    let log = [r#"body == nil and body.string == "" and severity_number == 0"#];
    for condition in log {
        assert_eq!(holds(Context::Log, &logs(LogRecord::default()), condition), Ok(true), "{condition}");
    }
}
