use std::slice::from_ref;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::wasm::policy::{Attribute, Column, Columns, Fields, Needs, Scope};
use crate::wasm::testing::{columns, count, cx, embedded, hostile, spec};

fn recorded(traces: u32) -> Recorded {
    Recorded { needs: Arc::new(Needs::default()), columns: columns(traces) }
}

#[test]
fn disagreements_are_counted_and_no_failure() {
    let cx = cx();
    // Two components with a kind of that name: one wants all, one nothing.
    let (old, new) = (spec(&embedded(), "always_sample", json!({})), spec(&hostile(), "always_sample", json!({})));
    let batches = [recorded(10), recorded(5)];
    let trials = run(from_ref(&old), &[new], &batches, &cx).expect("it votes");
    assert_eq!(trials, [Trial { compared: 15, disagreements: 15 }]);
    assert_eq!(
        run(from_ref(&old), from_ref(&old), &batches, &cx).expect("it votes"),
        [Trial { compared: 15, disagreements: 0 }]
    );
    assert_eq!(count(&cx, "tailrace_plugin_calls", &[]), 0, "what is tried is not counted");
    assert_eq!(cx.host.memory.outside_bytes(), 0, "nothing of it is left");
}

#[test]
fn every_missing_vote_fails_it() {
    let cx = cx();
    let old = spec(&embedded(), "always_sample", json!({}));
    for (kind, why) in
        [("panics", "panic"), ("traps", "trap"), ("short", "bad_votes"), ("errs", "error"), ("loops", "timeout")]
    {
        let mut new = spec(&hostile(), kind, json!({}));
        new.limits.evaluate = std::time::Duration::from_millis(50);
        let Refused { reason, message } = run(from_ref(&old), &[new.clone()], &[recorded(3)], &cx).expect_err(kind);
        assert_eq!(reason, "trial");
        assert!(message.contains(&format!("policy {kind}: it gave no votes on 3 recorded traces: {why}")), "{message}");
        assert!(run(from_ref(&old), &[new], &[], &cx).is_ok(), "without traces there is nothing to be seen");
    }
    let odd = spec(&hostile(), "counts", json!({"every": 0}));
    let Refused { reason, message } = run(&[old], &[odd], &[], &cx).expect_err("a bad configuration");
    assert_eq!((reason, message.as_str()), ("configure", "policy counts: /every must be greater than 0"));
}

#[test]
fn columns_are_fitted_to_what_another_policy_needs() {
    let attribute = |scope, key: &str| Attribute { scope, key: key.to_owned() };
    let needs = |fields, attributes| Needs { fields, attributes, whole_size: false };
    let made_for = needs(Fields::STATUS, vec![attribute(Scope::Span, "a"), attribute(Scope::Span, "b")]);
    let batch = Columns {
        span_offsets: vec![0, 1, 3],
        span_status: vec![1, 2, 0],
        attributes: vec![Column { codes: vec![1, 2, 3] }, Column { codes: vec![4, 5, 6] }],
        ..(*columns(2)).clone()
    };
    let other = needs(
        Fields::KIND,
        vec![attribute(Scope::Span, "b"), attribute(Scope::Resource, "c"), attribute(Scope::Event, "d")],
    );
    let fitted = batch.fitted(&made_for, &other);
    assert_eq!(
        fitted.attributes.iter().map(|column| column.codes.clone()).collect::<Vec<_>>(),
        [vec![4, 5, 6], vec![0; 3], vec![]]
    );
    assert_eq!((fitted.span_kind, fitted.event_offsets), (vec![0; 3], vec![0; 4]));
    assert_eq!(fitted.span_status, batch.span_status);
    assert_eq!(batch.fitted(&made_for, &made_for), batch);
    assert!(made_for.covers(&needs(Fields::empty(), vec![attribute(Scope::Span, "b")])));
    assert!(!made_for.covers(&other));
}
