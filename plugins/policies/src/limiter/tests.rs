//! Both limiters against a model that counts in doubles, as Go's does.

use proptest::prelude::*;
use tailrace_sdk::Policy;
use tailrace_sdk::Verdict::{self, No, Sample};
use tailrace_sdk::testing::{Answers, Asker, NOW, TestSpan};

use super::*;
use crate::{BytesLimiting, RateLimiting};

const SECOND: u64 = 1_000_000_000;

/// A trace of this id with so many spans of 10 B.
fn trace(id: u128, spans: usize) -> Vec<TestSpan> {
    vec![TestSpan { trace_id: id.to_be_bytes(), size: 10, ..TestSpan::default() }; spans]
}

fn asked<P: Policy>(config: &str, batches: &[(u64, Vec<Vec<TestSpan>>)]) -> Vec<Answers> {
    let mut policy = Asker::<P>::new(config).expect("a good configuration");
    batches.iter().map(|(now, traces)| policy.ask(*now, traces).expect("votes")).collect()
}

#[test]
fn tokens_are_spent_in_order_of_arrival() {
    let batches = [
        (NOW, vec![trace(1, 8), trace(2, 8), trace(3, 8), trace(4, 4)]),
        (NOW + SECOND / 2, vec![trace(5, 4), trace(6, 5), trace(7, 1)]),
        (NOW + 100 * SECOND, vec![trace(8, 21), trace(9, 20)]),
    ];
    let answers = asked::<RateLimiting>(r#"{"spans_per_second": 10}"#, &batches);
    let verdicts: Vec<_> = answers.iter().map(|answers| answers.verdicts.clone()).collect();
    assert_eq!(verdicts, [vec![Sample, Sample, No, Sample], vec![Sample, No, Sample], vec![No, Sample]]);
    assert_eq!(answers[2].reasons, ["larger than the burst", "within the limit"]);
    assert_eq!(answers[1].reasons[1], "over the limit");
    assert!(answers[0].thresholds.is_empty(), "the order of arrival is no threshold");
    let bytes = asked::<BytesLimiting>(r#"{"bytes_per_second": 100}"#, &batches);
    assert_eq!(bytes, answers, "10 B a span");
}

#[test]
fn the_burst_is_twice_the_rate_unless_it_is_said() {
    let most = |config: &str| {
        let traces: Vec<_> = (1..=40).map(|spans| trace(spans as u128, spans)).collect();
        let passes = |spans: &usize| {
            asked::<RateLimiting>(config, &[(NOW, vec![traces[*spans - 1].clone()])])[0].verdicts == [Sample]
        };
        (1..=40).rev().find(passes).unwrap_or(0)
    };
    assert_eq!(most(r#"{"spans_per_second": 10}"#), 20);
    assert_eq!(most(r#"{"spans_per_second": 10, "burst_capacity": -1}"#), 20);
    assert_eq!(most(r#"{"spans_per_second": 10, "burst_capacity": 5}"#), 5);
    assert_eq!(most(r#"{"spans_per_second": 10, "burst_capacity": 30, "shards": 4}"#), 30);
    assert_eq!(most(r#"{"spans_per_second": 10, "shards": 4}"#), 20, "the burst is not divided");
    assert_eq!(most("{}"), 0);
}

#[test]
fn what_can_not_be_meant_is_refused() {
    for config in [r#"{"spans_per_second": -1}"#, r#"{"shards": 257}"#] {
        assert!(Asker::<RateLimiting>::new(config).is_err(), "{config}");
    }
}

/// The hash and its remainders are those of the Go processor.
#[test]
fn shards_are_those_of_the_go_processor() {
    let golden: [(u128, [usize; 3]); 4] = [
        (1, [2, 3, 182]),
        (0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10, [2, 2, 226]),
        (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, [3, 3, 175]),
        (u128::MAX, [0, 0, 0]),
    ];
    for (id, expected) in golden {
        assert_eq!([4, 7, 256].map(|shards| shard_of(id.to_be_bytes(), shards)), expected, "{id:032x}");
    }
}

#[test]
fn each_shard_has_its_part_of_the_rate() {
    // Of four shards, ids 1 and 0x0102… fall to 2, u128::MAX to 0.
    let ids = [1, 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10, u128::MAX];
    let config = r#"{"spans_per_second": 10, "burst_capacity": 4, "shards": 4}"#;
    let batches = [0, 1]
        .map(|second| (NOW + second * SECOND, ids.map(|id| trace(id, 2 + 2 * usize::from(second == 0))).to_vec()));
    let verdicts: Vec<_> =
        asked::<RateLimiting>(config, &batches).into_iter().map(|answers| answers.verdicts).collect();
    assert_eq!(verdicts, [[Sample, No, Sample], [Sample, No, Sample]], "4, then 2 a second and shard");
}

#[test]
fn by_randomness_the_highest_are_kept_above_one_threshold() {
    let config = r#"{"spans_per_second": 5, "burst_capacity": 5, "tracestate": true}"#;
    let ids = |ids: &[u128]| ids.iter().map(|id| trace(*id, 2)).collect::<Vec<_>>();
    let one = |traces: Vec<Vec<TestSpan>>| asked::<RateLimiting>(config, &[(NOW, traces)]).remove(0);

    let answers = one(ids(&[10, 100, 50]));
    assert_eq!((answers.verdicts, answers.thresholds), (vec![No, Sample, Sample], vec![11; 3]));
    assert_eq!(answers.reasons[0], "over the limit");
    let answers = one(ids(&[10, 100]));
    assert_eq!((answers.verdicts, answers.thresholds), (vec![Sample, Sample], vec![0, 0]), "all fit");
    // Those that equal the first that is rejected go with it.
    assert_eq!(one(ids(&[50, 50, 50, 100])).verdicts, [No, No, No, Sample]);
    assert_eq!(one(ids(&[50, 50, 50])).verdicts, [No, No, No]);
    // What never fits is in nobody's way.
    let answers = one(vec![trace(200, 20), trace(100, 2), trace(50, 2)]);
    assert_eq!(answers.verdicts, [No, Sample, Sample]);
    assert_eq!(answers.reasons[0], "larger than the burst");
}

#[test]
fn the_randomness_is_what_the_trace_state_says() {
    let mut low = trace(100, 2);
    low[1].trace_state = "ot=rv:00000000000001".to_owned();
    let config = r#"{"spans_per_second": 2, "burst_capacity": 3, "tracestate": true}"#;
    let answers = asked::<RateLimiting>(config, &[(NOW, vec![low, trace(50, 2)])]).remove(0);
    assert_eq!((answers.verdicts, answers.thresholds), (vec![No, Sample], vec![2, 2]));
}

#[test]
fn state_outlives_the_policy() {
    let config = r#"{"spans_per_second": 10, "burst_capacity": 10}"#;
    let mut old = Asker::<RateLimiting>::new(config).expect("a good configuration");
    old.ask(NOW, &[trace(1, 7)]).expect("votes");
    let state = old.policy().save().expect("it keeps state");
    let left = |config: &str| {
        let mut new = Asker::<RateLimiting>::new(config).expect("a good configuration");
        new.policy().restore(&state);
        let traces: Vec<_> = (0..10).map(|id| trace(id, 1)).collect();
        new.ask(NOW, &traces).expect("votes").verdicts.iter().filter(|verdict| **verdict == Sample).count()
    };
    assert_eq!(left(config), 3);
    assert_eq!(left(r#"{"spans_per_second": 1, "burst_capacity": 2}"#), 2);
    let mut new = Asker::<RateLimiting>::new(config).expect("a good configuration");
    new.policy().restore(b"nonsense");
    assert_eq!(new.ask(NOW, &[trace(1, 10)]).expect("votes").verdicts, [Sample], "as if there were none");
}

/// The plain rule: levels in doubles, a bucket a shard.
struct Model {
    per_second: f64,
    burst: f64,
    levels: Vec<f64>,
    last: u64,
}

impl Model {
    fn admits(&mut self, now: u64, id: u128, cost: u64) -> bool {
        let flown = now.saturating_sub(self.last) as f64 / 1e9 * self.per_second;
        for level in &mut self.levels {
            *level = self.burst.min(*level + flown);
        }
        self.last = now;
        let shard = shard_of(id.to_be_bytes(), self.levels.len());
        let fits = cost as f64 <= self.levels[shard] + 1e-6;
        if fits {
            self.levels[shard] -= cost as f64;
        }
        fits
    }
}

proptest! {
    #[test]
    fn votes_as_the_plain_rule(
        per_second in 1_u64..50, burst in 0_u64..60, shards in 1_u64..5,
        // Steps of a millisecond: a double tells them apart from rounding.
        batches in prop::collection::vec((0_u64..2_000, prop::collection::vec((any::<u128>(), 1_usize..20), 0..8)), 1..8),
    ) {
        let config =
            format!(r#"{{"spans_per_second": {per_second}, "burst_capacity": {burst}, "shards": {shards}}}"#);
        let whole = if burst == 0 { 2 * per_second } else { burst } as f64;
        let mut model = Model {
            per_second: (per_second / shards).max(1) as f64, burst: whole, levels: vec![whole; shards as usize], last: NOW,
        };
        let mut policy = Asker::<RateLimiting>::new(&config).expect("a good configuration");
        let mut now = NOW;
        for (pause, traces) in batches {
            now += pause * 1_000_000;
            let expected: Vec<Verdict> =
                traces.iter().map(|(id, spans)| model.admits(now, *id, *spans as u64).into()).collect();
            let traces: Vec<_> = traces.iter().map(|(id, spans)| trace(*id, *spans)).collect();
            prop_assert_eq!(policy.ask(now, &traces).expect("votes").verdicts, expected);
        }
    }

    #[test]
    fn by_randomness_a_threshold_parts_kept_from_dropped_and_the_budget_holds(
        burst in 1_u64..60,
        traces in prop::collection::vec((0_u128..200, 1_usize..20), 0..20),
    ) {
        let config = format!(r#"{{"spans_per_second": {burst}, "burst_capacity": {burst}, "tracestate": true}}"#);
        let batch: Vec<_> = traces.iter().map(|(id, spans)| trace(*id, *spans)).collect();
        let answers = asked::<RateLimiting>(&config, &[(NOW, batch)]).remove(0);
        let mut spent = 0;
        for ((id, spans), (verdict, threshold)) in traces.iter().zip(answers.verdicts.iter().zip(&answers.thresholds)) {
            let fits = *spans as u64 <= burst;
            prop_assert_eq!(*verdict == Sample, fits && *threshold <= *id as u64);
            spent += if *verdict == Sample { *spans as u64 } else { 0 };
        }
        prop_assert!(spent <= burst);
        // Greedy: what was rejected first does not fit, or equals one that does not.
        let mut candidates: Vec<_> = traces.iter().filter(|(_, spans)| *spans as u64 <= burst).collect();
        candidates.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        let mut total = 0;
        let bar = candidates.iter().find(|(_, spans)| { total += *spans as u64; total > burst }).map(|(id, _)| *id);
        for ((id, spans), verdict) in traces.iter().zip(&answers.verdicts) {
            prop_assert_eq!(*verdict == Sample, *spans as u64 <= burst && bar.is_none_or(|bar| *id > bar));
        }
    }
}
