//! What is refused, and in which words.

use super::*;

fn field(number: u32, body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    wire::put_bytes(&mut out, number, body.as_ref());
    out
}

/// A request with one item of that body.
fn item(body: impl AsRef<[u8]>) -> Vec<u8> {
    field(1, field(2, field(2, body)))
}

fn point(data: u32, body: impl AsRef<[u8]>) -> Vec<u8> {
    item(field(data, field(1, body)))
}

#[test]
fn refusals_name_message_and_field() {
    let cases = [
        (Signal::Traces, vec![0x0a], "ExportTraceServiceRequest: truncated or not protobuf, 1 bytes before its end"),
        (Signal::Traces, field(1, [0x12, 5, 0]), "ResourceSpans: truncated or not protobuf, 3 bytes before its end"),
        (Signal::Traces, vec![0x08, 1], "ExportTraceServiceRequest: wrong wireType = 0 for field resourceSpans"),
        (Signal::Traces, item(field(1, [1; 15])), "Span: invalid length 15 for traceId"),
        (Signal::Traces, item(field(2, [1; 16])), "Span: invalid length 16 for spanId"),
        (Signal::Traces, item(field(4, [1; 7])), "Span: invalid length 7 for parentSpanId"),
        (Signal::Traces, item(field(13, field(1, [1; 8]))), "Span.Link: invalid length 8 for traceId"),
        (Signal::Traces, item(field(13, field(2, [1; 1]))), "Span.Link: invalid length 1 for spanId"),
        (Signal::Traces, item([0x38, 1]), "Span: wrong wireType = 0 for field startTimeUnixNano"),
        (Signal::Traces, item([0x0b, 0x0c]), "Span: wrong wireType = 3 for field traceId"),
        (Signal::Traces, item([0x4a, 4, 0x0a, 1]), "Span: truncated or not protobuf, 4 bytes before its end"),
        (Signal::Traces, item(field(9, [0x0a, 9])), "KeyValue: truncated or not protobuf, 2 bytes before its end"),
        (
            Signal::Traces,
            item(field(9, field(2, [0x18]))),
            "AnyValue: truncated or not protobuf, 1 bytes before its end",
        ),
        (Signal::Traces, item(field(9, field(2, [0x19, 0]))), "AnyValue: wrong wireType = 1 for field intValue"),
        (Signal::Logs, item(field(9, [1; 17])), "LogRecord: invalid length 17 for traceId"),
        (Signal::Logs, item(field(10, [1; 4])), "LogRecord: invalid length 4 for spanId"),
        (Signal::Metrics, point(5, field(5, field(5, [1]))), "Exemplar: invalid length 1 for traceId"),
        (
            Signal::Metrics,
            point(9, field(6, [0; 9])),
            "HistogramDataPoint: truncated or not protobuf, 11 bytes before its end",
        ),
        (
            Signal::Metrics,
            point(10, field(8, field(2, [0x80]))),
            "Buckets: truncated or not protobuf, 3 bytes before its end",
        ),
        (
            Signal::Metrics,
            point(11, [0x35, 0, 0, 0, 0]),
            "SummaryDataPoint: wrong wireType = 5 for field quantileValues",
        ),
    ];
    for (signal, request, words) in cases {
        assert_eq!(check(signal, &request).unwrap_err().to_string(), words);
    }
}

#[test]
fn what_decoders_take_is_admitted() {
    let ids = [field(1, [1; 16]), field(2, [1; 8]), field(4, [])].concat();
    let numbers_one_by_one = [[0x31, 0, 0, 0, 0, 0, 0, 0, 0], [0x39, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    let cases = [
        (Signal::Traces, Vec::new(), 0),
        (Signal::Traces, item([]), 1),
        (Signal::Traces, item(ids), 1),
        (Signal::Traces, item([field(900, b"new"), vec![0xa3, 0x06, 0x08, 1, 0xa4, 0x06]].concat()), 1),
        (Signal::Logs, item(field(5, field(1, [0xff, 0xfe]))), 1),
        (Signal::Metrics, item(field(1, b"no data")), 0),
        (Signal::Metrics, point(9, numbers_one_by_one), 1),
        (Signal::Metrics, point(9, [field(6, [0; 16]), field(7, [0; 8])].concat()), 1),
        (Signal::Metrics, point(10, field(8, field(2, [1, 0x80, 1]))), 1),
    ];
    for (signal, request, items) in cases {
        assert_eq!(check(signal, &request).map(|counts| counts.items), Ok(items), "{request:?}");
    }
}

#[test]
fn attributes_pass_the_short_way_as_the_long_one() {
    let values: [&[u8]; 9] = [
        &[],
        &[0x0a, 1, b'x'],
        &[0x0a, 2, b'x'],
        &[0x18, 5],
        &[0x18, 0x80, 5],
        &[0x18, 0x80],
        &[0x18, 0x80, 0x80, 5],
        &[0x18, 5, 0x18, 6],
        &[0x10, 1],
    ];
    for value in values {
        let short = item(field(9, [field(1, "key"), field(2, value)].concat()));
        let long = item(field(9, [field(2, value), field(1, "key")].concat()));
        assert_eq!(check(Signal::Traces, &short).is_ok(), check(Signal::Traces, &long).is_ok(), "{value:?}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: u32| {
        let value = (0..levels).fold(Vec::new(), |inner, _| field(5, field(1, inner)));
        item(field(5, value))
    };
    // Resource, scope, record and body make four.
    assert!(check(Signal::Logs, &nested(48)).is_ok());
    let depth = Malformed::Depth { message: "AnyValue" };
    assert_eq!(check(Signal::Logs, &nested(49)), Err(depth));
    assert_eq!(depth.to_string(), "AnyValue: nested more than 100 levels deep");
    assert!(check(Signal::Logs, &nested(30_000)).is_err());
}
