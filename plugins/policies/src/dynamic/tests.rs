use std::collections::BTreeMap as Map;

use proptest::prelude::*;
use tailrace_sdk::Verdict::Sample;
use tailrace_sdk::testing::{Answers, Asker, NOW, TestSpan, TestValue};

use super::*;

const SECOND: u64 = 1_000_000_000;

/// A trace of this route, with an id of its own.
fn trace(route: &str, id: u64) -> Vec<TestSpan> {
    // As random as ids are.
    let id =
        u128::from(id.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(id.wrapping_mul(0xd134_2543_de82_ef95));
    let span = TestSpan { trace_id: id.to_be_bytes(), ..TestSpan::default() };
    vec![span.attribute("http.route", TestValue::Str(route.to_owned()))]
}

fn policy(more: &str) -> Asker<Dynamic> {
    Asker::new(&format!(r#"{{"keys": ["http.route", "status"]{more}}}"#)).expect("a good configuration")
}

/// Asks for so many seconds about traces of these routes, so many a second each, in batches of at most 1,000; kept by route.
fn run(policy: &mut Asker<Dynamic>, seconds: std::ops::Range<u64>, rates: &[(&str, usize)]) -> Map<String, usize> {
    let mut kept = Map::new();
    for second in seconds {
        let traces: Vec<_> = rates
            .iter()
            .flat_map(|(route, rate)| {
                (0..*rate).map(move |n| (*route, second * 100_000 + n as u64 + route.len() as u64 * 7))
            })
            .collect();
        for batch in traces.chunks(1_000) {
            let spans: Vec<_> = batch.iter().map(|(route, id)| trace(route, *id)).collect();
            let Answers { verdicts, .. } = policy.ask(NOW + second * SECOND, &spans).expect("votes");
            for ((route, _), _) in batch.iter().zip(verdicts).filter(|(_, verdict)| *verdict == Sample) {
                *kept.entry((*route).to_owned()).or_default() += 1;
            }
        }
    }
    kept
}

#[test]
fn rare_kinds_are_kept_and_frequent_ones_thinned_to_the_target() {
    let mut policy = policy(r#", "traces_per_second": 20"#);
    let rates = [("/rare", 1), ("/some", 10), ("/frequent", 900)];
    let kept = run(&mut policy, 0..100, &rates);
    assert_eq!(kept["/rare"], 100);
    let all: usize = kept.values().sum();
    assert!((1_800..2_200).contains(&all), "{kept:?}");
    assert!((400..600).contains(&kept["/some"]), "{kept:?}");
}

#[test]
fn many_rare_kinds_are_kept_as_long_as_they_are_rare_together() {
    let mut policy = policy(r#", "traces_per_second": 60"#);
    let routes: Vec<String> = (0..500).map(|n| format!("/{n}")).collect();
    let (mut kept, mut sent) = (0, 0);
    for second in 0..200 {
        let turn = (0..50).map(|n| (routes[((second * 50 + n) % 500) as usize].as_str(), 1)).collect::<Vec<_>>();
        let of_second = run(&mut policy, second..second + 1, &turn);
        if second >= 20 {
            kept += of_second.values().sum::<usize>();
            sent += 50;
        }
    }
    assert!(kept * 100 >= sent * 97, "{kept} of {sent}");
}

#[test]
fn a_burst_is_thinned_from_its_first_second_on() {
    let mut policy = policy(r#", "traces_per_second": 20"#);
    run(&mut policy, 0..60, &[("/a", 10)]);
    let kept = run(&mut policy, 60..61, &[("/a", 10), ("/b", 900)]);
    assert!((10..30).contains(&kept["/b"]), "{kept:?}");
}

#[test]
fn the_trace_is_of_the_span_it_was_entered_by_and_of_its_own_status() {
    let mut policy = policy(r#", "traces_per_second": 1000"#);
    let span = |route: &str, start: u64, parent: Option<usize>| TestSpan {
        start: NOW - 1_000 + start,
        parent,
        ..trace(route, 7).remove(0)
    };
    let traces = [
        vec![span("/inner", 5, Some(1)), span("/entry", 1, None)],
        vec![span("/orphan", 5, None), span("/entry", 1, None)],
        vec![span("/entry", 1, None), span("/inner", 5, Some(0)).error()],
        vec![span("/inner", 1, Some(0))],
        vec![],
        vec![TestSpan::default()],
    ];
    policy.ask(NOW, &traces).expect("votes");
    let counts: Vec<u32> = policy.policy().kinds.values().map(|rate| rate.running).collect();
    let mut sorted = counts.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [1, 1, 2, 2], "failed; in a circle; two of /entry; two without attributes");
}

#[test]
fn votes_carry_the_threshold_of_their_kind() {
    let mut policy = policy(r#", "traces_per_second": 10"#);
    let traces: Vec<_> = (0..1_000).map(|n| trace("/a", n)).collect();
    let answers = policy.ask(NOW, &traces).expect("votes");
    let threshold = Threshold::of_share(0.01).rejected();
    assert!(answers.thresholds.iter().all(|found| *found == threshold));
    let kept = answers.reasons.iter().filter(|reason| **reason == "drawn from its kind").count();
    assert!((2..25).contains(&kept), "{kept}");
    let alone = self::policy(r#", "traces_per_second": 10"#).ask(NOW, &[trace("/b", 1)]).expect("votes");
    assert_eq!((alone.reasons, alone.thresholds), (vec!["its kind is rare"], vec![0]));
}

#[test]
fn with_tracestate_the_randomness_is_what_spans_say() {
    let mut policy = policy(r#", "traces_per_second": 10, "tracestate": true"#);
    let with = |n: u64| {
        let mut trace = trace("/a", n);
        trace[0].trace_state = format!("ot=rv:{:014x}", (n << 56) / 1_000);
        trace
    };
    let traces: Vec<_> = (0..250).map(with).collect();
    let answers = policy.ask(NOW, &traces).expect("votes");
    assert!(answers.verdicts.iter().all(|verdict| *verdict != Sample), "all lie below 24 of 25");
}

#[test]
fn kinds_beyond_max_keys_count_as_one() {
    let mut policy = policy(r#", "traces_per_second": 10, "max_keys": 3"#);
    let traces: Vec<_> = (0..100).map(|n| trace(&format!("/{n}"), n)).collect();
    policy.ask(NOW, &traces).expect("votes");
    assert_eq!(policy.policy().kinds.len(), 4);
    assert_eq!(policy.policy().kinds[&OTHERS].running, 97);
}

#[test]
fn what_is_not_seen_any_more_is_forgotten() {
    for window in [1, 15, 600] {
        let mut policy = policy(&format!(r#", "traces_per_second": 10, "window_seconds": {window}"#));
        policy.ask(NOW, &[trace("/a", 1)]).expect("votes");
        policy.ask(NOW + SECOND, &[]).expect("votes");
        assert_eq!(policy.policy().kinds.len(), 1);
        policy.ask(NOW + 4 * window * SECOND, &[]).expect("votes");
        assert_eq!(policy.policy().kinds.len(), 1, "{window}");
        policy.ask(NOW + 7 * window * SECOND, &[]).expect("votes");
        assert_eq!(policy.policy().kinds.len(), 0, "{window}");
    }
}

#[test]
fn the_largest_state_is_one_that_the_host_takes() {
    assert!((MAX_KEYS as usize + 1) * ENTRY_BYTES + 16 <= 1 << 20);
}

#[test]
fn what_can_not_be_meant_is_refused() {
    for config in [
        "{}",
        r#"{"keys": ["k"]}"#,
        r#"{"keys": ["k"], "traces_per_second": 0}"#,
        r#"{"keys": ["k"], "traces_per_second": -1}"#,
        r#"{"keys": ["k"], "traces_per_second": 1, "window_seconds": 0}"#,
        r#"{"keys": ["k"], "traces_per_second": 1, "max_keys": 20001}"#,
        r#"{"keys": [], "traces_per_second": 1}"#,
    ] {
        assert!(Asker::<Dynamic>::new(config).is_err(), "{config}");
    }
}

/// A step of a replay: a pause in milliseconds, and the routes of the traces.
fn steps() -> impl Strategy<Value = Vec<(u64, Vec<u8>)>> {
    prop::collection::vec((0_u64..3_000, prop::collection::vec(0_u8..6, 0..40)), 1..12)
}

proptest! {
    #[test]
    fn votes_are_the_draw_at_the_threshold(steps in steps(), target in 1_u32..50) {
        let mut policy = policy(&format!(r#", "traces_per_second": {target}"#));
        let mut now = NOW;
        let mut id = 0;
        for (pause_ms, routes) in steps {
            now += pause_ms * 1_000_000;
            let traces: Vec<_> = routes.iter().map(|route| { id += 1; trace(&route.to_string(), id) }).collect();
            let answers = policy.ask(now, &traces).expect("votes");
            let mut of_route = Map::new();
            for ((route, trace), (verdict, threshold)) in
                routes.iter().zip(&traces).zip(answers.verdicts.iter().zip(&answers.thresholds))
            {
                prop_assert_eq!(*verdict == Sample, *threshold <= drawn(trace[0].trace_id));
                prop_assert_eq!(of_route.entry(*route).or_insert(*threshold), threshold, "one a kind");
            }
        }
    }

    #[test]
    fn a_replay_from_saved_state_decides_the_same(steps in steps(), cut in 0_usize..12) {
        let config = r#", "traces_per_second": 5, "max_keys": 4"#;
        let (mut whole, mut resumed) = (policy(config), policy(config));
        let mut now = NOW;
        let mut id = 0;
        for (place, (pause_ms, routes)) in steps.into_iter().enumerate() {
            now += pause_ms * 1_000_000;
            let traces: Vec<_> = routes.iter().map(|route| { id += 1; trace(&route.to_string(), id) }).collect();
            if place == cut {
                let state = resumed.policy().save().expect("it keeps state");
                resumed = policy(config);
                resumed.policy().restore(&state);
            }
            prop_assert_eq!(whole.ask(now, &traces), resumed.ask(now, &traces));
        }
    }
}
