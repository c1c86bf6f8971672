//! Sums of what the points of histograms and summaries say in one number: `extract_sum_metric` and its like.

use super::{Bound, Edit, Made, Number, UNIT, data, made_of, points, put_number_point, put_sum_kind, type_name};
use crate::item::{EXPONENTIAL, HISTOGRAM, SUM, SUMMARY};
use crate::{Env, Item, fields};

/// What a point gives, if it gives something: by its message.
type Take = fn(&[u8], u32) -> Option<Number>;

pub(super) fn sum(bound: &mut Bound) -> Made {
    make(bound, "extract_sum_metric", "_sum", None, |point, data| sum_of(point, data).map(Number::Double))
}

pub(super) fn count(bound: &mut Bound) -> Made {
    // The unit of what is counted is not that of its count.
    make(bound, "extract_count_metric", "_count", Some(b"1"), |point, _| Some(Number::Int(count_of(point) as i64)))
}

pub(super) fn average(bound: &mut Bound) -> Made {
    make(bound, "extract_avg_metric", "_avg", None, |point, data| {
        let count = count_of(point);
        sum_of(point, data).filter(|_| count > 0).map(|sum| Number::Double(sum / count as f64))
    })
}

/// The sum of a point. Of histograms it may be missing.
pub(super) fn sum_of(point: &[u8], data: u32) -> Option<f64> {
    let sum = fields::double(point, 5);
    if data == SUMMARY { Some(sum.unwrap_or_default()) } else { sum }
}

pub(super) fn count_of(point: &[u8]) -> u64 {
    fields::scalar(point, 4)
}

fn make(bound: &mut Bound, editor: &'static str, suffix: &str, unit: Option<&'static [u8]>, take: Take) -> Made {
    let is_monotonic = bound.flag(0)?.unwrap_or_default();
    let suffix = bound.text(1)?.unwrap_or_else(|| suffix.to_owned());
    Ok(Box::new(Extract { editor, is_monotonic, suffix, unit, take }))
}

struct Extract {
    editor: &'static str,
    is_monotonic: bool,
    suffix: String,
    unit: Option<&'static [u8]>,
    take: Take,
}

impl Edit for Extract {
    fn run(&self, item: &mut Item<'_, '_>, _: &Env<'_>) -> Result<(), String> {
        const CUMULATIVE: u64 = 2;
        let metric = item.metric();
        let (number, body) = data(metric);
        let temporality = match number {
            HISTOGRAM | EXPONENTIAL => fields::scalar(body, 2),
            SUMMARY => CUMULATIVE,
            _ => 0,
        };
        if temporality == 0 {
            return Err(format!(
                "{} requires an input metric of type Histogram, ExponentialHistogram or Summary, got {}",
                self.editor,
                type_name(number)
            ));
        }
        let mut sum = Vec::new();
        for point in points(body) {
            if let Some(value) = (self.take)(point, number) {
                put_number_point(&mut sum, point, number, None, value);
            }
        }
        if sum.is_empty() {
            return Ok(());
        }
        put_sum_kind(&mut sum, temporality, self.is_monotonic);
        let unit = self.unit.unwrap_or_else(|| fields::bytes(metric, UNIT));
        let made = made_of(metric, &self.suffix, None, unit, (SUM, &sum));
        item.add_metric(made);
        Ok(())
    }
}
