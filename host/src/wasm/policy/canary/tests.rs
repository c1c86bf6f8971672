use std::time::Duration;

use serde_json::json;

use super::*;
use crate::wasm::policy::Policies;
use crate::wasm::testing::{all, columns, count, cx, embedded, hostile, spec};

fn share(text: &str) -> Share {
    text.parse().expect("a share")
}

#[test]
fn a_share_is_fixed_by_the_ids() {
    let picked =
        |part: &str| -> Vec<u128> { (0..100_000).filter(|id: &u128| share(part).has(id.to_be_bytes())).collect() };
    let (tenth, half) = (picked("10%"), picked("50%"));
    // Part of what is documented: another host, or a later version, has to pick the same.
    assert_eq!(tenth[..6], FIRST);
    assert!((9_500..10_500).contains(&tenth.len()) && (49_000..51_000).contains(&half.len()));
    assert!(tenth.iter().all(|id| half.contains(id)), "a larger share has all of a smaller one");
    assert_eq!(picked("100%").len(), 100_000);
    for bad in ["", "10", "0%", "-1%", "100.1%", "NaN%", "ten%"] {
        assert!(bad.parse::<Share>().is_err(), "{bad}");
    }
    assert_eq!(share("12.5 %").to_string(), "12.5%");
}

/// By hand, from the description of [`Share::has`].
const FIRST: [u128; 6] = [6, 12, 23, 29, 32, 34];

/// `always_sample`, and beside it a new version.
fn specs(canary: &str, part: &str) -> Vec<PolicySpec> {
    let mut new = spec(&hostile(), canary, json!({}));
    new.policy = "p/canary".to_owned();
    new.canary_of = Some((0, share(part)));
    new.limits.evaluate = Duration::from_millis(50);
    new.limits.max_failures = 2;
    new.limits.retry_after = Duration::from_hours(1);
    vec![spec(&embedded(), "always_sample", json!({})), new]
}

#[test]
fn a_share_of_the_traces_is_judged_by_the_new_version() {
    let cx = cx();
    let mut policies = Policies::new(specs("always_sample", "30%"), &cx).expect("good configurations");
    let columns = columns(1000);
    policies.load(columns.clone());
    let verdicts = policies.evaluate(0, &all(&columns)).expect("votes").verdicts;
    // The new one wants nothing.
    let ids = columns.trace_ids.as_chunks::<16>().0;
    let expected: Vec<_> = ids.iter().map(|id| u8::from(!share("30%").has(*id))).collect();
    assert_eq!(verdicts, expected);
    let judged = |by| count(&cx, "tailrace_plugin_canary_traces", &[("by", by)]);
    let kept: u64 = expected.iter().map(|verdict| u64::from(*verdict)).sum();
    assert_eq!((judged("canary"), judged("active")), (1000 - kept, kept));
    assert!(cx.host.health.degraded().is_empty());
}

#[test]
fn one_that_fails_costs_no_vote_and_is_given_up() {
    let cx = cx();
    let mut policies = Policies::new(specs("panics", "50%"), &cx).expect("good configurations");
    let columns = columns(100);
    policies.load(columns.clone());
    for _ in 0..4 {
        assert_eq!(policies.evaluate(0, &all(&columns)).expect("votes").verdicts, [1; 100]);
    }
    assert_eq!(count(&cx, "tailrace_plugin_calls", &[("policy", "p/canary")]), 2, "it is not tried again");
    let degraded = cx.host.health.degraded();
    assert!(degraded.len() == 1 && degraded[0].1.contains("the canary p/canary failed too often"), "{degraded:?}");

    // What changes beside it does not bring it back.
    let mut same = Policies::new(specs("panics", "50%"), &cx).expect("good configurations");
    same.adopt(&mut policies);
    drop(policies);
    same.load(columns.clone());
    same.evaluate(0, &all(&columns)).expect("votes");
    assert_eq!(cx.host.health.degraded().len(), 1);
    drop(same);
    assert!(cx.host.health.degraded().is_empty());
}
