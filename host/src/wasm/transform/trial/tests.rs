use std::time::Duration;

use serde_json::json;

use super::*;
use crate::wasm::testing::{count, cx, hostile};
use crate::wasm::transform::TransformLimits;

fn spec(kind: &str) -> TransformSpec {
    let limits = TransformLimits { apply: Duration::from_millis(50), ..TransformLimits::default() };
    TransformSpec {
        name: "wasm".to_owned(),
        plugin: hostile(),
        kind: kind.to_owned(),
        config: json!({}),
        limits,
        series: &[],
    }
}

/// A request of one empty span.
fn request(signal: Signal) -> Recorded {
    let data = Bytes::from_static(&[0x0a, 4, 0x12, 2, 0x12, 0]);
    Recorded { signal, data, about: About::default() }
}

#[test]
fn different_outcomes_are_counted_and_no_failure() {
    let cx = cx();
    let requests = [request(Signal::Traces), request(Signal::Traces), request(Signal::Logs)];
    for (old, new, disagreements) in [
        ("passes", "passes", 0),
        // The same bytes, and nothing as an answer and as a request.
        ("passes", "copies", 0),
        ("empties", "discards", 0),
        ("passes", "doubles", 3),
        ("doubles", "discards", 3),
    ] {
        let trial = run(&spec(old), &spec(new), &requests, &cx).expect("it answers");
        assert_eq!(trial, Trial { compared: 3, disagreements }, "{old} {new}");
    }
    let trial = run(&spec("errs"), &spec("passes"), &requests, &cx).expect("it answers");
    assert_eq!(trial, Trial::default(), "there is nothing to compare with");
    assert_eq!(count(&cx, "tailrace_transform_requests", &[]), 0, "what is tried is not counted");
    assert_eq!(cx.host.memory.outside_bytes(), 0, "nothing of it is left");
}

#[test]
fn every_missing_answer_fails_it() {
    let cx = cx();
    for (kind, why) in [("panics", "panic"), ("loops", "timeout"), ("garbles", "bad_output"), ("errs", "error")] {
        let Refused { reason, message } =
            run(&spec("passes"), &spec(kind), &[request(Signal::Logs)], &cx).expect_err(kind);
        assert_eq!(reason, "trial");
        let expected = format!("it gave no answer to a recorded request of logs of 6 bytes: {why}");
        assert!(message.contains(&expected), "{message}");
        assert!(run(&spec("passes"), &spec(kind), &[], &cx).is_ok(), "without requests there is nothing to be seen");
    }
    let Refused { reason, message } =
        run(&spec("passes"), &spec("picky"), &[], &cx).expect_err("a configuration that it does not take");
    assert_eq!((reason, message.as_str()), ("configure", "missing field `statements`"));
}
