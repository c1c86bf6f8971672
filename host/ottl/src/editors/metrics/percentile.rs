//! `extract_percentile_metric`: a gauge of the value below which so many per cent of what was measured lie, as far as buckets
//! tell.

use tailrace_otlp::{walk, wire};

use super::{Bound, DESCRIPTION, Edit, Made, Number, UNIT, data, made_of, points, put_number_point, type_name};
use crate::item::{EXPONENTIAL, GAUGE, HISTOGRAM, SUMMARY};
use crate::{Env, Item, fields};

pub(super) fn make(bound: &mut Bound) -> Made {
    let percentile = bound.number(0)?.unwrap_or_default();
    if !(0.0..=100.0).contains(&percentile) {
        return Err(bound.problem(0, format!("percentile must be between 0 and 100, got {percentile:.6}")));
    }
    let suffix = bound.text(1)?.unwrap_or_else(|| format!("_p{percentile}"));
    Ok(Box::new(Percentile { percentile, suffix }))
}

struct Percentile {
    percentile: f64,
    suffix: String,
}

impl Edit for Percentile {
    fn run(&self, item: &mut Item<'_, '_>, _: &Env<'_>) -> Result<(), String> {
        let metric = item.metric();
        let (number, body) = data(metric);
        let value: fn(&[u8], f64) -> Result<f64, String> = match number {
            HISTOGRAM => of_histogram,
            EXPONENTIAL => of_exponential,
            SUMMARY => of_summary,
            _ => {
                let message = "extract_percentile_metric requires an input metric of type Histogram, ExponentialHistogram or Summary";
                return Err(format!("{message}, got {}", type_name(number)));
            }
        };
        let mut gauge = Vec::new();
        for point in points(body) {
            put_number_point(&mut gauge, point, number, None, Number::Double(value(point, self.percentile)?));
        }
        if gauge.is_empty() {
            return Ok(());
        }
        let description = String::from_utf8_lossy(fields::bytes(metric, DESCRIPTION));
        let description = format!("{description} (p{})", self.percentile);
        let unit = fields::bytes(metric, UNIT);
        let made = made_of(metric, &self.suffix, Some(description.as_bytes()), unit, (GAUGE, &gauge));
        item.add_metric(made);
        Ok(())
    }
}

/// How many of `count` lie up to the percentile.
fn target(count: u64, percentile: f64) -> u64 {
    (count as f64 * (percentile / 100.0)).ceil() as u64
}

/// Where the `target`th lies: in which bucket, and how far in it, from 0 to 1.
fn locate(counts: &[u64], before: u64, target: u64) -> Option<(usize, f64)> {
    let mut sum = before;
    for (at, count) in counts.iter().enumerate() {
        let below = sum;
        sum = sum.saturating_add(*count);
        if sum >= target {
            // An empty bucket is where only a target of none lies: at its begin.
            let share = if *count == 0 { 0.0 } else { target.saturating_sub(below) as f64 / *count as f64 };
            return Some((at, share));
        }
    }
    None
}

fn not_found(percentile: f64, target: u64) -> String {
    format!(
        "percentile p{percentile:.2} not found in buckets: targetCount={target} (malformed data: cumulative count doesn't reach target)"
    )
}

fn linear(low: f64, high: f64, share: f64) -> f64 {
    low + share * (high - low)
}

fn of_histogram(point: &[u8], percentile: f64) -> Result<f64, String> {
    let counts = fields::numbers(point, 6, wire::FIXED64);
    let bounds = fields::doubles(point, 7);
    let (min, max) = (fields::double(point, 11), fields::double(point, 12));
    let count = fields::scalar(point, 4);
    let Some(first) = bounds.first().copied().filter(|_| count > 0 && !counts.is_empty()) else { return Ok(f64::NAN) };
    let target = target(count, percentile);
    let (at, share) = locate(&counts, 0, target).ok_or_else(|| not_found(percentile, target))?;
    let below = at.checked_sub(1).and_then(|below| bounds.get(below)).copied();
    Ok(match (below, bounds.get(at).copied()) {
        // The lowest bucket has no bound below.
        (None, _) => match min {
            Some(min) if min < first => linear(min, first, share),
            _ if first >= 0.0 => linear(0.0, first, share),
            _ => first,
        },
        (Some(low), Some(high)) => linear(low, high, share),
        // The highest has none above.
        (Some(low), None) => max.filter(|max| *max > low).map_or(low, |max| linear(low, max, share)),
    })
}

fn of_exponential(point: &[u8], percentile: f64) -> Result<f64, String> {
    let scale = wire::unzigzag(fields::scalar(point, 6));
    let zeros = fields::scalar(point, 7);
    let (positive, negative) = (buckets(point, 8), buckets(point, 9));
    let count = fields::scalar(point, 4);
    if count == 0 || (positive.1.is_empty() && negative.1.is_empty() && zeros == 0) {
        return Ok(f64::NAN);
    }
    let target = target(count, percentile);
    let bounds = |offset: i64, at: usize| {
        let index = offset.saturating_add(at as i64);
        (bound(index, scale), bound(index.saturating_add(1), scale))
    };
    if let Some((at, share)) = locate(&negative.1, 0, target) {
        let (near, far) = bounds(negative.0, at);
        return Ok(-logarithmic(near, far, 1.0 - share));
    }
    let below = negative.1.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
    if let Some((_, share)) = locate(&[zeros], below, target) {
        let threshold = fields::double(point, 14).unwrap_or_default();
        let low = if negative.1.is_empty() && !positive.1.is_empty() { 0.0 } else { -threshold };
        let high = if positive.1.is_empty() && !negative.1.is_empty() { 0.0 } else { threshold };
        return Ok(linear(low, high, share));
    }
    let (at, share) =
        locate(&positive.1, below.saturating_add(zeros), target).ok_or_else(|| not_found(percentile, target))?;
    let (low, high) = bounds(positive.0, at);
    Ok(logarithmic(low, high, share))
}

/// Offset and counts of the buckets under a field of a point.
pub(super) fn buckets(point: &[u8], number: u32) -> (i64, Vec<u64>) {
    let body = fields::bytes(point, number);
    (wire::unzigzag(fields::scalar(body, 1)), fields::numbers(body, 2, wire::VARINT))
}

/// The lower bound of a bucket.
fn bound(index: i64, scale: i64) -> f64 {
    (index as f64 * (-(scale as f64)).exp2()).exp2()
}

fn logarithmic(low: f64, high: f64, share: f64) -> f64 {
    let (low, high) = (low.log2(), high.log2());
    linear(low, high, share).exp2()
}

fn of_summary(point: &[u8], percentile: f64) -> Result<f64, String> {
    let quantile = |at: &[u8]| fields::double(at, 1).unwrap_or_default();
    let all = || walk::children(point, 6).map(|(_, at)| at);
    // The very number is meant: what lies between two quantiles is not known.
    #[expect(clippy::float_cmp, reason = "as the collector does")]
    let found = all().find(|at| quantile(at) == percentile / 100.0);
    found.map(|at| fields::double(at, 2).unwrap_or_default()).ok_or_else(|| {
        let known: Vec<_> = all().map(|at| (quantile(at) * 100.0).to_string()).collect();
        format!("percentile p{percentile} not found in summary metric, available quantiles: [{}]", known.join(" "))
    })
}
