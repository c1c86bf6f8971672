//! What summaries say, as sums and gauges.

use tailrace_otlp::walk;

use super::extract::{count_of, sum_of};
use super::{Bound, Edit, Made, Number, UNIT, data, made_of, points, put_number_point, put_sum_kind, temporality};
use crate::item::{GAUGE, SUM, SUMMARY};
use crate::{Context, Env, Item, fields};

pub(super) fn count(bound: &mut Bound) -> Made {
    make(bound, "_count", |point| Number::Int(count_of(point) as i64))
}

pub(super) fn sum(bound: &mut Bound) -> Made {
    make(bound, "_sum", |point| Number::Double(sum_of(point, SUMMARY).unwrap_or_default()))
}

fn make(bound: &mut Bound, suffix: &str, take: fn(&[u8]) -> Number) -> Made {
    let temporality = temporality(bound, 0)?;
    let is_monotonic = bound.flag(1)?.unwrap_or_default();
    let suffix = bound.text(2)?.unwrap_or_else(|| suffix.to_owned());
    Ok(Box::new(ToSum { temporality, is_monotonic, suffix, take }))
}

/// Makes a sum of a summary: run on the metric of all its points, run on a data point of that one. (There the collector makes one
/// of all points for each point.)
struct ToSum {
    temporality: u64,
    is_monotonic: bool,
    suffix: String,
    take: fn(&[u8]) -> Number,
}

impl Edit for ToSum {
    fn run(&self, item: &mut Item<'_, '_>, _: &Env<'_>) -> Result<(), String> {
        let metric = item.metric();
        let mut sum = Vec::new();
        if item.context() == Context::DataPoint {
            let (point, number) = item.data_point();
            if number == SUMMARY {
                put_number_point(&mut sum, point, SUMMARY, None, (self.take)(point));
            }
        } else if let (SUMMARY, body) = data(metric) {
            for point in points(body) {
                put_number_point(&mut sum, point, SUMMARY, None, (self.take)(point));
            }
        }
        if sum.is_empty() {
            return Ok(());
        }
        put_sum_kind(&mut sum, self.temporality, self.is_monotonic);
        let made = made_of(metric, &self.suffix, None, fields::bytes(metric, UNIT), (SUM, &sum));
        item.add_metric(made);
        Ok(())
    }
}

pub(super) fn quantiles(bound: &mut Bound) -> Made {
    let key = bound.text(0)?.unwrap_or_else(|| "quantile".to_owned());
    Ok(Box::new(Quantiles { key, suffix: bound.text(1)?.unwrap_or_else(|| ".quantiles".to_owned()) }))
}

/// Makes a gauge with a point for each quantile.
struct Quantiles {
    /// The attribute that tells the quantile.
    key: String,
    suffix: String,
}

impl Edit for Quantiles {
    fn run(&self, item: &mut Item<'_, '_>, _: &Env<'_>) -> Result<(), String> {
        let metric = item.metric();
        let (SUMMARY, body) = data(metric) else { return Ok(()) };
        let mut gauge = Vec::new();
        for point in points(body) {
            for (_, quantile) in walk::children(point, 6) {
                let at = shown(fields::double(quantile, 1).unwrap_or_default());
                let value = Number::Double(fields::double(quantile, 2).unwrap_or_default());
                put_number_point(&mut gauge, point, SUMMARY, Some((&self.key, &at)), value);
            }
        }
        if !gauge.is_empty() {
            let made = made_of(metric, &self.suffix, None, fields::bytes(metric, UNIT), (GAUGE, &gauge));
            item.add_metric(made);
        }
        Ok(())
    }
}

/// `0.5` as `0.50`: two digits at least, but for 0 and 1.
fn shown(quantile: f64) -> String {
    let text = quantile.to_string();
    if text.len() < 4 && text != "0" && text != "1" { text + "0" } else { text }
}
