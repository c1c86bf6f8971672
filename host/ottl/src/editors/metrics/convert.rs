//! Metrics that become another type, and copies of them.

use tailrace_otlp::edit::Draft;
use tailrace_otlp::{walk, wire};

use super::{Bound, DESCRIPTION, Edit, Made, NAME, UNIT, data, put_sum_kind, temporality};
use crate::editors::arguments::text_of;
use crate::expr::{Cx, Expr};
use crate::item::{GAUGE, SUM};
use crate::{Context, Env, Item};

pub(super) struct SumToGauge;

impl Edit for SumToGauge {
    fn run(&self, item: &mut Item<'_, '_>, _: &Env<'_>) -> Result<(), String> {
        retype(item, SUM, GAUGE, |_| {});
        Ok(())
    }
}

pub(super) fn gauge_to_sum(bound: &mut Bound) -> Made {
    let temporality = temporality(bound, 0)?;
    Ok(Box::new(GaugeToSum { temporality, is_monotonic: bound.flag(1)?.unwrap_or_default() }))
}

struct GaugeToSum {
    temporality: u64,
    is_monotonic: bool,
}

impl Edit for GaugeToSum {
    fn run(&self, item: &mut Item<'_, '_>, _: &Env<'_>) -> Result<(), String> {
        retype(item, GAUGE, SUM, |data| put_sum_kind(data, self.temporality, self.is_monotonic));
        Ok(())
    }
}

/// Moves the data points of a metric that has them under `from`; what is none of that type stays.
fn retype(item: &mut Item<'_, '_>, from: u32, to: u32, end: impl FnOnce(&mut Vec<u8>)) {
    let (number, old) = data(item.metric());
    if number != from {
        return;
    }
    let mut new = Vec::with_capacity(old.len() + 4);
    for (_, point) in walk::children(old, 1) {
        wire::put_bytes(&mut new, 1, point);
    }
    end(&mut new);
    let metric = item.draft_mut(Context::Metric);
    metric.remove(from);
    metric.set_bytes(to, &new);
}

pub(super) struct CopyMetric {
    name: Option<Expr>,
    description: Option<Expr>,
    unit: Option<Expr>,
}

impl CopyMetric {
    pub(super) fn of(bound: &mut Bound) -> Self {
        Self { name: bound.value(0), description: bound.value(1), unit: bound.value(2) }
    }
}

impl Edit for CopyMetric {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let mut copy = Draft::new(item.metric());
        for (number, expr) in [(NAME, &self.name), (DESCRIPTION, &self.description), (UNIT, &self.unit)] {
            if let Some(expr) = expr {
                copy.set_bytes(number, text_of(expr, Cx { source: item, env })?.as_bytes());
            }
        }
        let copy = copy.into_body().into_owned();
        item.add_metric(copy);
        Ok(())
    }
}
