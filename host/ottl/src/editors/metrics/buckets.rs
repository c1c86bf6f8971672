//! `merge_histogram_buckets`: a bound less.

use super::{Bound, Edit, Made};
use crate::item::HISTOGRAM;
use crate::{Context, Env, Item, fields};

/// How far a bound may be off to be meant.
const EPSILON: f64 = 1e-12;

pub(super) fn merge(bound: &mut Bound) -> Made {
    match bound.number(0)? {
        Some(number) => Ok(Box::new(MergeBuckets(number))),
        None => Err(bound.problem(0, "is missing")),
    }
}

/// Takes a bound away, and puts what was counted on both of its sides together.
struct MergeBuckets(f64);

impl Edit for MergeBuckets {
    fn run(&self, item: &mut Item<'_, '_>, _: &Env<'_>) -> Result<(), String> {
        const COUNTS: u32 = 6;
        const BOUNDS: u32 = 7;
        let (point, HISTOGRAM) = item.data_point() else { return Ok(()) };
        let mut bounds = fields::doubles(point, BOUNDS);
        let mut counts = fields::numbers(point, COUNTS, tailrace_otlp::wire::FIXED64);
        let Some(at) = bounds.iter().position(|bound| (bound - self.0).abs() < EPSILON) else { return Ok(()) };
        if bounds.len() + 1 != counts.len() {
            return Ok(());
        }
        bounds.remove(at);
        let merged = counts.remove(at);
        if let Some(next) = counts.get_mut(at) {
            *next = next.wrapping_add(merged);
        }
        let point = item.draft_mut(Context::DataPoint);
        point.set_bytes(COUNTS, &fields::packed_fixed(counts.into_iter()));
        point.set_bytes(BOUNDS, &fields::packed_fixed(bounds.into_iter().map(f64::to_bits)));
        Ok(())
    }
}
