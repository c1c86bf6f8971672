//! The rules of OTLP/JSON, one by one.

use serde_json::{Value as Json, json};

use super::*;

/// Decodes, and encodes what came of it.
fn again(signal: Signal, json: &str) -> Result<Json, String> {
    let bytes = decode(signal, json.as_bytes()).map_err(|error| error.to_string())?;
    let text = encode(signal, &bytes.into()).expect("decode writes what passes the check");
    Ok(serde_json::from_str(&text).expect("encode writes JSON"))
}

fn span(fields: &str) -> Result<Json, String> {
    let request = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#);
    again(Signal::Traces, &request).map(|json| json["resourceSpans"][0]["scopeSpans"][0]["spans"][0].clone())
}

fn value(value: &str) -> Result<Json, String> {
    span(&format!(r#""attributes":[{{"key":"k","value":{value}}}]"#)).map(|span| span["attributes"][0]["value"].clone())
}

fn point(data: &str, fields: &str) -> Result<Json, String> {
    let request = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"{data}":{{"dataPoints":[{{{fields}}}]}}}}]}}]}}]}}"#
    );
    again(Signal::Metrics, &request)
        .map(|json| json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0][data]["dataPoints"][0].clone())
}

#[test]
fn spans_are_read_as_the_specification_says() {
    let cases = [
        (r#""traceId":"5B8EFFF798038103D269B633813FC60C""#, json!({"traceId": "5b8efff798038103d269b633813fc60c"})),
        (r#""spanId":"eee19b7ec3c1b174","parentSpanId":"""#, json!({"spanId": "eee19b7ec3c1b174", "parentSpanId": ""})),
        (r#""kind":2"#, json!({"kind": 2})),
        (r#""kind":"SPAN_KIND_SERVER""#, json!({"kind": 2})),
        (r#""kind":77"#, json!({"kind": 77})),
        (r#""startTimeUnixNano":"18446744073709551615""#, json!({"startTimeUnixNano": "18446744073709551615"})),
        (r#""startTimeUnixNano":1544712660000000000"#, json!({"startTimeUnixNano": "1544712660000000000"})),
        (r#""startTimeUnixNano":1.5e3"#, json!({"startTimeUnixNano": "1500"})),
        (r#""name":"caf\u00e9 \"<\n","unknown":{"deep":[1,{"x":null}]}"#, json!({"name": "café \"<\n"})),
        (r#""name":null,"attributes":null,"status":null,"kind":null"#, json!({})),
        (r#""status":{"code":"STATUS_CODE_ERROR","message":"m"}"#, json!({"status": {"code": 2, "message": "m"}})),
        (r#""flags":257,"droppedEventsCount":"3""#, json!({"flags": 257, "droppedEventsCount": 3})),
        (r#""trace_id":"","dropped_links_count":1"#, json!({"traceId": "", "droppedLinksCount": 1})),
        (r#""links":[{},null,{"traceState":"a=b"}]"#, json!({"links": [{}, {}, {"traceState": "a=b"}]})),
    ];
    for (fields, expected) in cases {
        assert_eq!(span(fields), Ok(expected), "{fields}");
    }
}

#[test]
fn attribute_values_have_all_types() {
    let cases = [
        (r#"{"stringValue":""}"#, json!({"stringValue": ""})),
        (r#"{"boolValue":false}"#, json!({"boolValue": false})),
        (r#"{"intValue":"-9223372036854775808"}"#, json!({"intValue": "-9223372036854775808"})),
        (r#"{"intValue":-5}"#, json!({"intValue": "-5"})),
        (r#"{"doubleValue":2}"#, json!({"doubleValue": 2})),
        (r#"{"doubleValue":-0.25}"#, json!({"doubleValue": -0.25})),
        (r#"{"doubleValue":"1e3"}"#, json!({"doubleValue": 1000})),
        (r#"{"doubleValue":"NaN"}"#, json!({"doubleValue": "NaN"})),
        (r#"{"doubleValue":"-Infinity"}"#, json!({"doubleValue": "-Infinity"})),
        (r#"{"bytesValue":"+/8="}"#, json!({"bytesValue": "+/8="})),
        (r#"{"bytesValue":"-_8"}"#, json!({"bytesValue": "+/8="})),
        (
            r#"{"arrayValue":{"values":[{"intValue":1},{},null]}}"#,
            json!({"arrayValue": {"values": [{"intValue": "1"}, {}, {}]}}),
        ),
        (
            r#"{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"b"}}]}}"#,
            json!({"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}}),
        ),
        (r#"{"intValue":1,"stringValue":"the last one counts"}"#, json!({"stringValue": "the last one counts"})),
        ("{}", json!({})),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), Ok(expected), "{text}");
    }
}

#[test]
fn points_keep_their_lists_and_exemplars() {
    let cases = [
        ("gauge", r#""asInt":-3"#, json!({"asInt": "-3"})),
        ("sum", r#""asDouble":7,"flags":1"#, json!({"asDouble": 7, "flags": 1})),
        (
            "histogram",
            r#""bucketCounts":[1,"2"],"explicitBounds":[0.5],"count":"3","sum":0,"min":-1"#,
            json!({"bucketCounts": ["1", "2"], "explicitBounds": [0.5], "count": "3", "sum": 0, "min": -1}),
        ),
        (
            "exponentialHistogram",
            r#""scale":-2,"positive":{"offset":-7,"bucketCounts":["1",300]},"zeroThreshold":0.1"#,
            json!({"scale": -2, "positive": {"offset": -7, "bucketCounts": ["1", "300"]}, "zeroThreshold": 0.1}),
        ),
        (
            "summary",
            r#""quantileValues":[{"quantile":0.5,"value":"Infinity"}]"#,
            json!({"quantileValues": [{"quantile": 0.5, "value": "Infinity"}]}),
        ),
        (
            "gauge",
            r#""exemplars":[{"spanId":"eee19b7ec3c1b174","asInt":"9","filteredAttributes":[{"key":"k"}]}]"#,
            json!({"exemplars": [{"spanId": "eee19b7ec3c1b174", "asInt": "9", "filteredAttributes": [{"key": "k"}]}]}),
        ),
    ];
    for (data, fields, expected) in cases {
        assert_eq!(point(data, fields), Ok(expected), "{fields}");
    }
}

#[test]
fn log_bodies_may_be_anything() {
    let request = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"boolValue":true}}]},"schemaUrl":"u",
        "scopeLogs":[{"scope":{"name":"s"},"logRecords":[{"severityNumber":"SEVERITY_NUMBER_WARN","eventName":"e",
        "body":{"kvlistValue":{"values":[{"key":"k","value":{"arrayValue":{"values":[{"doubleValue":1.5}]}}}]}}}]}]}]}"#;
    let mut expected: Json = serde_json::from_str(request).expect("valid");
    expected["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["severityNumber"] = 13.into();
    assert_eq!(again(Signal::Logs, request), Ok(expected));
}

#[test]
fn errors_name_field_and_place() {
    let at = "resourceSpans[0].scopeSpans[0].spans[0]";
    let cases = [
        (
            r#""traceId":"abc""#,
            ".traceId: invalid value: string \"abc\", expected 32 hexadecimal digits or an empty string at line 1 column ",
        ),
        (r#""spanId":"eee19b7ec3c1b1zz""#, ".spanId: invalid value: string"),
        (r#""spanId":7"#, ".spanId: invalid type: integer `7`, expected 16 hexadecimal digits or an empty string"),
        (r#""name":7"#, ".name: invalid type: integer `7`, expected a string"),
        (
            r#""kind":"SERVER""#,
            ".kind: invalid value: string \"SERVER\", expected a number or a name like SPAN_KIND_CONSUMER",
        ),
        (r#""kind":4294967296"#, ".kind: invalid value: integer `4294967296`"),
        (r#""flags":-1"#, ".flags: invalid value: integer `-1`, expected an unsigned 32-bit integer"),
        (r#""startTimeUnixNano":-1"#, ".startTimeUnixNano: invalid value: integer `-1`, expected an unsigned 64-bit"),
        (r#""startTimeUnixNano":"1.5""#, ".startTimeUnixNano: invalid value: string \"1.5\""),
        (r#""startTimeUnixNano":"""#, ".startTimeUnixNano: invalid value: string \"\""),
        (r#""attributes":{}"#, ".attributes: invalid type: map, expected a list"),
        (r#""attributes":[{"key":"a"},3]"#, ".attributes[1]: invalid type: integer `3`, expected an object (KeyValue)"),
        (r#""status":[]"#, ".status: invalid type: sequence, expected an object (Status)"),
        (r#""name":"x" "kind":1"#, ": expected `,` or `}` at line 1 column "),
        (r#""name":"#, ".name: expected value at line 1 column "),
    ];
    for (fields, words) in cases {
        let error = span(fields).expect_err(fields);
        assert!(error.starts_with(&format!("{at}{words}")), "{fields}: {error}");
    }
    let values = [
        (r#"{"boolValue":"true"}"#, ".boolValue: invalid type: string \"true\", expected true or false"),
        (r#"{"intValue":true}"#, ".intValue: invalid type: boolean `true`, expected a 64-bit integer"),
        (r#"{"intValue":"9223372036854775808"}"#, ".intValue: invalid value: string"),
        (r#"{"doubleValue":"inf"}"#, ".doubleValue: invalid value: string \"inf\""),
        (r#"{"bytesValue":"=="}"#, ".bytesValue: invalid value: string \"==\", expected a string in base64"),
    ];
    for (text, words) in values {
        let error = value(text).expect_err(text);
        assert!(error.starts_with(&format!("{at}.attributes[0].value{words}")), "{text}: {error}");
    }
    let null = point("histogram", r#""bucketCounts":[1,null]"#).expect_err("null is no number");
    assert!(null.contains("dataPoints[0].bucketCounts[1]: invalid type: null"), "{null}");
}

#[test]
fn what_is_no_request_is_refused() {
    let cases = [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[]", "invalid type: sequence, expected an object (ExportLogsServiceRequest) at line 1 column 0"),
        ("null", "invalid type: null, expected an object (ExportLogsServiceRequest) at line 1 column 4"),
        ("{} {}", "trailing characters at line 1 column 4"),
        ("{\"a\":\u{1}}", "expected value at line 1 column 6"),
    ];
    for (text, words) in cases {
        assert_eq!(decode(Signal::Logs, text.as_bytes()).unwrap_err().to_string(), words);
    }
    assert_eq!(decode(Signal::Logs, br#"{"resourceSpans":[{}]}"#), Ok(Vec::new()), "another signal's field is unknown");
}

#[test]
fn nesting_is_bounded() {
    let deep = |levels: usize| {
        let open = r#"{"arrayValue":{"values":["#.repeat(levels);
        value(&format!("{open}{}", "]}}".repeat(levels)))
    };
    assert!(deep(35).is_ok());
    assert!(deep(100_000).expect_err("too deep").contains("recursion limit exceeded"));
    let unknown = format!(r#"{{"unknown":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(decode(Signal::Traces, unknown.as_bytes()), Ok(Vec::new()), "skipped without recursion");
}

#[test]
fn several_chunks_are_one_request() {
    let one = Rope::from(decode(Signal::Traces, br#"{"resourceSpans":[{"schemaUrl":"a"}]}"#).expect("valid"));
    let mut two = one.clone();
    two.append(one);
    let text = encode(Signal::Traces, &two).expect("valid");
    assert_eq!(text, r#"{"resourceSpans":[{"schemaUrl":"a"},{"schemaUrl":"a"}]}"#);
    let torn = Rope::from(vec![0x0a, 9]);
    assert!(encode(Signal::Traces, &torn).is_err());
}
