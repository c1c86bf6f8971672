use std::collections::HashMap;

use proptest::prelude::*;
use tailrace_sdk::Verdict::{self, No, Sample};
use tailrace_sdk::testing::{Asker, NOW, TestSpan, TestValue};

use super::*;

const SECOND: u64 = 1_000_000_000;

/// A trace of spans with these values of `k`; 0: none.
fn trace(values: &[i64]) -> Vec<TestSpan> {
    let span = |value: &i64| match value {
        0 => TestSpan::default(),
        value => TestSpan::default().attribute("k", TestValue::Int(*value)),
    };
    values.iter().map(span).collect()
}

fn policy(more: &str) -> Asker<Novelty> {
    Asker::new(&format!(r#"{{"keys": ["k"]{more}}}"#)).expect("a good configuration")
}

#[test]
fn the_first_of_each_combination_are_kept_once_a_window() {
    let mut policy = policy(r#", "traces": 2, "window_seconds": 10"#);
    let mut at = |second: u64, traces: &[Vec<TestSpan>]| policy.ask(NOW + second * SECOND, traces).expect("votes");
    let answers = at(0, &[trace(&[1]), trace(&[1, 1, 2]), trace(&[1]), trace(&[0]), trace(&[1, 3])]);
    assert_eq!(answers.verdicts, [Sample, Sample, No, No, Sample]);
    assert_eq!(answers.reasons[2..], ["known combinations", "none of the attributes", "a new combination"]);
    assert_eq!(at(9, &[trace(&[1]), trace(&[2])]).verdicts, [No, Sample], "once more in the window");
    assert_eq!(at(10, &[trace(&[1]), trace(&[1]), trace(&[1])]).verdicts, [Sample, Sample, No]);
    assert_eq!(at(5, &[trace(&[1])]).verdicts, [No], "the clock was set back");
}

#[test]
fn beyond_max_keys_nothing_is_new_until_there_is_room() {
    let mut policy = policy(r#", "max_keys": 2, "window_seconds": 10"#);
    let mut at = |second: u64, traces: &[Vec<TestSpan>]| policy.ask(NOW + second * SECOND, traces).expect("votes");
    let answers = at(0, &[trace(&[1]), trace(&[2]), trace(&[3])]);
    assert_eq!((answers.verdicts, answers.reasons[2]), (vec![Sample, Sample, No], "more combinations than max_keys"));
    assert_eq!(at(9, &[trace(&[3])]).verdicts, [No]);
    assert_eq!(at(10, &[trace(&[3]), trace(&[4])]).verdicts, [Sample, Sample]);
}

#[test]
fn state_outlives_the_policy() {
    let mut old = policy(r#", "traces": 2"#);
    old.ask(NOW, &[trace(&[1]), trace(&[2]), trace(&[2])]).expect("votes");
    let state = old.policy().save().expect("it keeps state");
    let mut new = policy(r#", "traces": 2"#);
    new.policy().restore(&state);
    assert_eq!(new.policy().seen, old.policy().seen);
    let later = [trace(&[1]), trace(&[2]), trace(&[3])];
    assert_eq!(new.ask(NOW + SECOND, &later), old.ask(NOW + SECOND, &later));
    let mut small = policy(r#", "max_keys": 1"#);
    small.policy().restore(&state);
    assert_eq!(small.policy().seen.len(), 1);
    small.policy().restore(b"nonsense");
}

#[test]
fn the_largest_state_is_one_that_the_host_takes() {
    assert!(MAX_KEYS as usize * ENTRY_BYTES <= 1 << 20);
}

#[test]
fn what_can_not_be_meant_is_refused() {
    for config in [
        "{}",
        r#"{"keys": ["k"], "traces": 0}"#,
        r#"{"keys": ["k"], "window_seconds": 0}"#,
        r#"{"keys": ["k"], "max_keys": 0}"#,
        r#"{"keys": ["k"], "max_keys": 50001}"#,
        r#"{"keys": ["k"], "window": 1}"#,
    ] {
        assert!(Asker::<Novelty>::new(config).is_err(), "{config}");
    }
}

proptest! {
    #[test]
    fn votes_as_the_plain_rule(
        traces in 1_u16..4, window in 1_u64..20,
        batches in prop::collection::vec(
            (0_u64..10, prop::collection::vec(prop::collection::vec(0_i64..6, 0..4), 0..6)), 1..10),
    ) {
        let mut policy = policy(&format!(r#", "traces": {traces}, "window_seconds": {window}"#));
        // By value: when it was first seen, and in how many traces since.
        let mut seen: HashMap<i64, (u64, u16)> = HashMap::new();
        let mut second = 0;
        for (pause, batch) in batches {
            second += pause;
            let mut expected: Vec<Verdict> = Vec::new();
            for values in &batch {
                let mut distinct = values.clone();
                distinct.sort_unstable();
                distinct.dedup();
                let mut is_new = false;
                for value in distinct.into_iter().filter(|value| *value != 0) {
                    let (first, count) = seen.entry(value).or_insert((second, 0));
                    if second - *first >= window {
                        (*first, *count) = (second, 0);
                    }
                    is_new |= *count < traces;
                    *count += 1;
                }
                expected.push(is_new.into());
            }
            let batch: Vec<_> = batch.iter().map(|values| trace(values)).collect();
            prop_assert_eq!(policy.ask(NOW + second * SECOND, &batch).expect("votes").verdicts, expected);
        }
    }

    #[test]
    fn memory_is_bounded(values in prop::collection::vec(1_i64..1_000, 0..200), max_keys in 1_u32..20) {
        let mut policy = policy(&format!(r#", "max_keys": {max_keys}"#));
        for (second, value) in values.into_iter().enumerate() {
            policy.ask(NOW + second as u64 * SECOND, &[trace(&[value])]).expect("votes");
            prop_assert!(policy.policy().seen.len() <= max_keys as usize);
        }
    }
}
