use serde_json::json;
use tailrace_otlp::wire;

use super::*;
use crate::pipeline::Rope;
use crate::wasm::testing::{count, cx, embedded, hostile, with_broken_log};

fn spec(kind: &str) -> TransformSpec {
    let limits = TransformLimits {
        apply: Duration::from_millis(50),
        apply_per_mib: Duration::ZERO,
        ..TransformLimits::default()
    };
    TransformSpec {
        name: format!("wasm/{kind}"),
        plugin: hostile(),
        kind: kind.to_owned(),
        config: json!({}),
        limits,
        series: &[],
    }
}

/// A request of `items` empty spans, in one scope.
fn request(items: usize) -> Vec<u8> {
    let mut spans = Vec::new();
    for _ in 0..items {
        wire::put_bytes(&mut spans, 2, &[]);
    }
    let nest = |number, inner: &[u8]| {
        let mut out = Vec::new();
        wire::put_bytes(&mut out, number, inner);
        out
    };
    nest(1, &nest(2, &spans))
}

#[test]
fn the_three_outcomes() {
    let cx = cx();
    let request = request(3);
    let replaced = |data: Vec<u8>, items| Outcome::Replaced { data: data.into(), items };
    for (kind, expected) in [
        ("passes", Outcome::Unchanged),
        ("copies", replaced(request.clone(), 3)),
        ("doubles", replaced([&request[..], &request[..]].concat(), 6)),
        ("discards", Outcome::Discarded),
        ("empties", Outcome::Discarded),
    ] {
        let transform = Transform::new(spec(kind), &cx).expect("a good configuration");
        // The same bytes are a metric without data points: nothing to count.
        for signal in [Signal::Traces, Signal::Logs] {
            assert_eq!(transform.apply(signal, &request).as_ref(), Ok(&expected), "{kind} {signal}");
        }
    }
    let passed = [("processor", "wasm/passes"), ("outcome", "unchanged")];
    assert_eq!(count(&cx, "tailrace_transform_outcomes", &passed), 2);
}

#[test]
fn each_failure_has_its_reason_and_leaves_a_working_transform() {
    let cx = cx();
    for (kind, reason, message) in [
        ("panics", Reason::Panic, "shown traces"),
        ("loops", Reason::Timeout, "longer than"),
        ("hogs", Reason::OutOfMemory, "more memory"),
        ("garbles", Reason::BadOutput, "no request of traces"),
        ("bloats", Reason::BadOutput, "more than the"),
        ("errs", Reason::Error, "no opinion on traces"),
    ] {
        let mut spec = spec(kind);
        if matches!(kind, "hogs" | "bloats") {
            spec.limits.apply = Duration::from_secs(10);
        }
        let transform = Transform::new(spec, &cx).expect("a good configuration");
        for _ in 0..2 {
            let failure = transform.apply(Signal::Traces, &request(1)).expect_err(kind);
            assert_eq!(failure.reason, reason, "{kind}: {failure}");
            assert!(failure.message.contains(message), "{kind}: {failure}");
        }
        let name = format!("wasm/{kind}");
        let labels = [("processor", name.as_str()), ("reason", reason.as_str())];
        assert_eq!(count(&cx, "tailrace_plugin_failures", &labels), 2, "{kind}");
    }
    assert_eq!(cx.host.memory.outside_bytes(), 0, "no instance is left");
}

#[test]
fn a_panic_of_the_host_costs_the_answer_and_the_instance() {
    let cx = cx();
    let transform = Transform::new(spec("chatters"), &cx).expect("a good configuration");
    let failure = with_broken_log(|| transform.apply(Signal::Logs, &request(1))).expect_err("the host panics");
    let expected = (Reason::HostPanic, "the engine panicked: the log is broken");
    assert_eq!((failure.reason, failure.message.as_str()), expected);
    assert_eq!(cx.host.memory.outside_bytes(), 0, "its instance is gone");
    assert_eq!(transform.apply(Signal::Logs, &request(1)), Ok(Outcome::Unchanged));
}

#[test]
fn the_breaker_stops_asking() {
    let cx = cx();
    let mut bad = spec("errs");
    bad.limits.max_failures = 2;
    let transform = Transform::new(bad, &cx).expect("a good configuration");
    let ask = || transform.apply(Signal::Logs, &request(1)).expect_err("an error").reason;
    assert_eq!([ask(), ask(), ask()], [Reason::Error, Reason::Error, Reason::BreakerOpen]);
}

#[test]
fn large_requests_are_not_shown() {
    let cx = cx();
    let mut small = spec("passes");
    small.limits.request_bytes = 100;
    small.limits.max_failures = 1;
    let transform = Transform::new(small, &cx).expect("a good configuration");
    let failure = transform.apply(Signal::Traces, &request(100)).expect_err("202 bytes and more");
    assert_eq!(failure.reason, Reason::TooLarge);
    assert_eq!(transform.apply(Signal::Traces, &request(1)), Ok(Outcome::Unchanged), "no fault of the transform");
}

#[test]
fn bad_configurations_are_told() {
    let cx = cx();
    let problem = |spec| Transform::new(spec, &cx).err().expect("it is bad").remove(0);
    let unknown = problem(spec("nonsense"));
    assert!(unknown.message.contains("no transform \"nonsense\" here, but passes, "), "{}", unknown.message);
    let none = problem(TransformSpec { plugin: embedded(), ..spec("latency") });
    assert!(none.message.contains("offers no transforms, but the policies "), "{}", none.message);
    let wrong = problem(TransformSpec { config: json!("x"), ..spec("passes") });
    assert!(wrong.message.contains("invalid"), "{}", wrong.message);
}

#[test]
fn a_trial_finds_what_the_schema_and_the_transform_have_against_a_configuration() {
    let cx = cx();
    let at = Path::root().join("config");
    let found = |kind: &str, config| {
        let faults = try_out(&TransformSpec { config, ..spec(kind) }, &at, &cx);
        let line = |fault: &Fault| (fault.to_string(), fault.part.clone(), fault.is_warning);
        faults.iter().map(line).collect::<Vec<_>>()
    };
    let error = |message: &str, part| (message.to_owned(), part, false);
    let nothing = "config::statements::1: there is nothing like that";
    assert_eq!(found("picky", json!({"statements": ["right"]})), []);
    assert_eq!(
        found("picky", json!({"statements": ["right", "wrong, not wrong"]})),
        [error(nothing, Some(0..5)), error(nothing, Some(11..16))]
    );
    let misfit = "config::statement: unknown field \"statement\" (did you mean \"statements\"?)";
    let missing = error("config: missing field \"statements\"", None);
    assert_eq!(found("picky", json!({"statement": 1})), [missing.clone(), error(misfit, None)]);
    assert_eq!(found("picky", json!(null)), [missing], "as no options");
    let [(message, None, true)] = &found("passes", json!({}))[..] else { panic!("one warning") };
    assert!(message.contains("tailrace-hostile has no schema of passes's configuration"), "{message}");
    let loads = count(&cx, "tailrace_plugin_code_cache_hits", &[]);
    assert_eq!((loads, cx.host.memory.outside_bytes()), (0, 0), "a trial leaves nothing behind");
}

#[test]
fn a_component_of_both_worlds_offers_both() {
    let plugin = hostile();
    let has = |kinds: &[crate::wasm::Kind], name| kinds.iter().any(|kind| kind.name == name);
    assert!(has(&plugin.kinds, "counts") && !has(&plugin.kinds, "passes"));
    assert!(has(&plugin.transforms, "passes") && !has(&plugin.transforms, "counts"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_wait_for_a_thread_and_not_for_ever() {
    let cx = cx();
    let pool =
        Pool::start(spec("passes"), &Path::root(), 2, Duration::from_secs(30), &cx).expect("a good configuration");
    let pool = Arc::new(pool);
    let all = (0..200).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.apply(Signal::Traces, Rope::from(request(5)), About::default()).await })
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.expect("no panic"), Ok(Outcome::Unchanged));
    }

    let mut slow = spec("loops");
    slow.limits.apply = Duration::from_millis(500);
    slow.limits.max_failures = 1000;
    let slow = Pool::start(slow, &Path::root(), 1, Duration::from_millis(1), &cx).expect("a good configuration");
    let slow = Arc::new(slow);
    let crowd = (0..40).map(|_| {
        let slow = slow.clone();
        tokio::spawn(async move { slow.apply(Signal::Traces, Rope::from(request(1)), About::default()).await })
    });
    let mut reasons = Vec::new();
    for one in crowd.collect::<Vec<_>>().into_iter().rev().take(20) {
        reasons.push(one.await.expect("no panic").expect_err("it loops").reason);
    }
    assert!(reasons.contains(&Reason::Unavailable), "{reasons:?}");
}
