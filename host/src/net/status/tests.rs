use super::*;

fn downstream(code: i32, kind: RefusalKind) -> Refusal {
    Refusal::downstream(kind, "why", Some(code))
}

const RETRY: RefusalKind = RefusalKind::Retry { after: None };
const RETRY_SOON: RefusalKind = RefusalKind::Retry { after: Some(Duration::from_millis(1500)) };

#[test]
fn refusals_become_grpc_and_http_codes() {
    let cases = [
        (Refusal::retry("full"), code::UNAVAILABLE, 503),
        (Refusal::permanent("never"), code::INTERNAL, 500),
        (Refusal::bad_data("garbage"), code::INVALID_ARGUMENT, 400),
        (downstream(code::INVALID_ARGUMENT, RefusalKind::Permanent), code::INVALID_ARGUMENT, 400),
        (downstream(code::UNAUTHENTICATED, RefusalKind::Permanent), code::UNAUTHENTICATED, 401),
        (downstream(code::PERMISSION_DENIED, RefusalKind::Permanent), code::PERMISSION_DENIED, 403),
        (downstream(code::UNIMPLEMENTED, RefusalKind::Permanent), code::UNIMPLEMENTED, 404),
        (downstream(code::UNKNOWN, RefusalKind::Permanent), code::UNKNOWN, 500),
        (downstream(code::RESOURCE_EXHAUSTED, RefusalKind::Permanent), code::RESOURCE_EXHAUSTED, 429),
        (downstream(code::RESOURCE_EXHAUSTED, RETRY_SOON), code::RESOURCE_EXHAUSTED, 429),
        (downstream(code::DEADLINE_EXCEEDED, RETRY), code::DEADLINE_EXCEEDED, 503),
        (downstream(code::DATA_LOSS, RETRY), code::DATA_LOSS, 503),
        // Passed on as they are, these would tell the client the opposite.
        (downstream(code::RESOURCE_EXHAUSTED, RETRY), code::UNAVAILABLE, 503),
        (downstream(code::UNAVAILABLE, RefusalKind::Permanent), code::INTERNAL, 500),
    ];
    for (refusal, grpc, http) in cases {
        let status = Status::from(&refusal);
        assert_eq!((status.code, status.http_code().as_u16()), (grpc, http), "{refusal:?}");
    }
}

#[test]
fn grpc_codes_are_retried_as_otlp_says() {
    for number in 1..=16 {
        let refusal = refusal_from_grpc(&Status::new(number, "no"));
        assert_eq!(!refusal.is_permanent(), [1, 4, 10, 11, 14, 15].contains(&number), "{number}");
    }
    let throttled = Status { retry_after: Some(Duration::from_secs(3)), ..Status::new(code::RESOURCE_EXHAUSTED, "") };
    let refusal = refusal_from_grpc(&throttled);
    assert_eq!(refusal.kind, RefusalKind::Retry { after: Some(Duration::from_secs(3)) });
    let words = refusal_from_grpc(&Status::new(code::INVALID_ARGUMENT, "bad span")).why;
    assert_eq!(words, "Permanent error: rpc error: code = InvalidArgument desc = bad span");
}

#[test]
fn http_codes_are_retried_as_otlp_says() {
    let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static("7"))]);
    for number in [301, 400, 401, 404, 408, 413, 429, 500, 501, 502, 503, 504, 507] {
        let http = StatusCode::from_u16(number).expect("valid");
        let refusal = refusal_from_http("http://b/v1/traces", http, &headers, None);
        let expected = match number {
            429 | 503 => RefusalKind::Retry { after: Some(Duration::from_secs(7)) },
            502 | 504 => RETRY,
            _ => RefusalKind::Permanent,
        };
        assert_eq!(refusal.kind, expected, "{number}");
    }
    let body = Status::new(code::UNAVAILABLE, "sending queue is full");
    let why = refusal_from_http("http://b", StatusCode::SERVICE_UNAVAILABLE, &headers, Some(&body)).why;
    assert!(why.ends_with("responded with HTTP Status Code 503, Message=sending queue is full"), "{why}");
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    for (value, expected) in [
        ("120", Some(120)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", None),
        ("soon", None),
        ("-1", None),
    ] {
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static(value))]);
        assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{value}");
    }
}

#[test]
fn a_status_survives_every_way_of_writing_it() {
    for status in [
        Status::new(code::UNAVAILABLE, "sending queue is full"),
        Status::new(code::INVALID_ARGUMENT, "100% wrong: \u{e9}\n"),
        Status { retry_after: Some(Duration::from_millis(1500)), ..Status::new(code::RESOURCE_EXHAUSTED, "slow") },
    ] {
        assert_eq!(Status::from_proto(&status.to_proto()).as_ref(), Some(&status));
        let mut trailers = HeaderMap::new();
        status.write_trailers(&mut trailers);
        assert_eq!(Status::from_trailers(&trailers).as_ref(), Some(&status));
        let read = Status::from_json(status.to_json().as_bytes()).expect("reads");
        assert_eq!((read.code, &read.message), (status.code, &status.message));
    }
}

#[test]
fn json_is_as_the_go_collector_writes_it() {
    let status = Status::new(code::UNAVAILABLE, "sending queue is full");
    assert_eq!(status.to_json(), r#"{"code":14,"message":"sending queue is full"}"#);
    let throttled = Status { retry_after: Some(Duration::from_millis(1500)), ..status };
    assert_eq!(throttled.retry_after_secs(), Some(2));
    assert_eq!(
        throttled.to_json(),
        r#"{"code":14,"message":"sending queue is full","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}"#
    );
}
