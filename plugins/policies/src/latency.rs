//! Samples traces that took longer than a threshold, up to another if one is given.
//!
//! With an upper threshold the Go policy looks after each span whether the spans so far lie in the range, so that a slower
//! trace can be sampled for a prefix of it. Kept, since it decides which traces a mixed fleet keeps.

use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Needs, Policy, Votes};

/// `latency`
pub struct Latency {
    config: Config,
}

/// As in the collector's YAML.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Milliseconds; a trace must take longer.
    pub threshold_ms: i64,
    /// Milliseconds; a trace may take as long. 0: no upper threshold.
    pub upper_threshold_ms: i64,
}

const NS_PER_MS: i64 = 1_000_000;

impl Policy for Latency {
    const KIND: &'static str = "latency";
    const SUMMARY: &'static str = "Samples traces by the time from their first start to their last end.";
    const SCHEMA: &'static str = r#"{"type":"object","properties":{"threshold_ms":{"type":"integer","default":0},"upper_threshold_ms":{"type":"integer","default":0}},"additionalProperties":false}"#;
    type Config = Config;

    fn new(config: Config) -> Result<Self, Diagnostics> {
        Ok(Self { config })
    }

    fn needs(&self) -> Needs {
        match self.config.upper_threshold_ms {
            0 => Needs::nothing(),
            _ => Needs::nothing().start().duration(),
        }
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        let columns = batch.columns();
        if self.config.upper_threshold_ms == 0 {
            for &trace in candidates {
                let took_ms = columns.duration[trace as usize].cast_signed() / NS_PER_MS;
                votes.push(took_ms > self.config.threshold_ms);
            }
            return Ok(());
        }
        for &trace in candidates {
            let range = batch.span_range(trace);
            let spans = columns.span_start[range.clone()].iter().zip(&columns.span_duration[range]);
            votes.push(self.in_range(columns.now, spans.map(|(&start, &duration)| (start, duration))));
        }
        Ok(())
    }
}

impl Latency {
    /// Whether some prefix of the spans lies between the thresholds. `spans`: start relative to `now`, duration.
    fn in_range(&self, now: u64, spans: impl Iterator<Item = (i64, u64)>) -> bool {
        let (mut first, mut last) = (0u64, 0u64);
        for (start, duration) in spans {
            let start = now.wrapping_add_signed(start);
            let end = start.wrapping_add(duration);
            // 0 is "not set yet", so that a span without a start never counts as the first.
            if first == 0 || start < first {
                first = start;
            }
            if last == 0 || end > last {
                last = end;
            }
            let took_ms = last.wrapping_sub(first).cast_signed() / NS_PER_MS;
            if took_ms > self.config.threshold_ms && took_ms <= self.config.upper_threshold_ms {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tailrace_sdk::Verdict;
    use tailrace_sdk::testing::{NOW, TestSpan, evaluate};

    use super::*;

    fn span(start_ms: u64, duration_ns: u64) -> TestSpan {
        let start = if start_ms == 0 { 0 } else { NOW - 1_000_000_000 + start_ms * 1_000_000 };
        TestSpan { start, duration: duration_ns, ..TestSpan::default() }
    }

    #[test]
    fn whole_milliseconds_strictly_greater() {
        let traces = [vec![span(1, 5_999_999)], vec![span(1, 6_000_000)]];
        let verdicts = evaluate::<Latency>(r#"{"threshold_ms": 5}"#, &traces);
        assert_eq!(verdicts, Ok(vec![Verdict::No, Verdict::Sample]));
    }

    #[test]
    fn the_upper_threshold_is_inclusive_and_a_prefix_is_enough() {
        let in_range = span(1, 60_000_000);
        let too_long = span(1, 500_000_000);
        let traces = [
            vec![in_range.clone(), too_long.clone()],
            vec![too_long, in_range],
            vec![span(1, 100_000_000)],
            vec![span(1, 50_000_000)],
        ];
        let verdicts = evaluate::<Latency>(r#"{"threshold_ms": 50, "upper_threshold_ms": 100}"#, &traces);
        assert_eq!(verdicts, Ok(vec![Verdict::Sample, Verdict::No, Verdict::Sample, Verdict::No]));
    }

    #[test]
    fn needs_spans_only_for_the_upper_threshold() {
        let needs = |upper_threshold_ms| {
            let policy = Latency { config: Config { threshold_ms: 1, upper_threshold_ms } };
            format!("{:?}", policy.needs())
        };
        assert_eq!(needs(0), format!("{:?}", Needs::nothing()));
        assert_ne!(needs(5), format!("{:?}", Needs::nothing()));
    }

    proptest! {
        #[test]
        fn votes_as_the_plain_rule(
            low in 0u64..50, width in 1u64..50,
            traces in proptest::collection::vec(proptest::collection::vec((1u64..100, 0u64..100_000_000), 0..6), 0..6),
        ) {
            let high = low + width;
            let batch: Vec<Vec<_>> =
                traces.iter().map(|spans| spans.iter().map(|&(start, took)| span(start, took)).collect()).collect();
            let took_ms = |spans: &[TestSpan]| {
                let first = spans.iter().map(|span| span.start).min().unwrap_or(0);
                let last = spans.iter().map(|span| span.start + span.duration).max().unwrap_or(0);
                (last - first) / 1_000_000
            };
            let expected: Vec<Verdict> = batch
                .iter()
                .map(|spans| (1..=spans.len()).any(|n| (low + 1..=high).contains(&took_ms(&spans[..n]))).into())
                .collect();
            let config = format!(r#"{{"threshold_ms": {low}, "upper_threshold_ms": {high}}}"#);
            prop_assert_eq!(evaluate::<Latency>(&config, &batch), Ok(expected));

            let expected: Vec<Verdict> = batch.iter().map(|spans| (took_ms(spans) > low).into()).collect();
            let config = format!(r#"{{"threshold_ms": {low}}}"#);
            prop_assert_eq!(evaluate::<Latency>(&config, &batch), Ok(expected));
        }
    }
}
