//! `scale_metric`: values times a factor.

use tailrace_otlp::edit::Draft;

use super::{Bound, Edit, Made, UNIT, data};
use crate::editors::arguments::text_of;
use crate::expr::{Cx, Expr};
use crate::item::{EXPONENTIAL, GAUGE, HISTOGRAM, SUM, SUMMARY};
use crate::{Context, Env, Item, fields};

pub(super) fn make(bound: &mut Bound) -> Made {
    let Some(factor) = bound.number(0)? else { return Err(bound.problem(0, "is missing")) };
    Ok(Box::new(Scale { factor, unit: bound.value(1) }))
}

struct Scale {
    factor: f64,
    unit: Option<Expr>,
}

impl Edit for Scale {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let unit = match &self.unit {
            Some(unit) => Some(text_of(unit, Cx { source: item, env })?.into_owned()),
            None => None,
        };
        let (number, _) = data(item.metric());
        let scale: fn(&mut Draft<'_>, f64) = match number {
            GAUGE | SUM => number_point,
            HISTOGRAM => histogram_point,
            SUMMARY => summary_point,
            EXPONENTIAL => {
                return Err("exponential histograms are not supported by the 'scale_metric' function".to_owned());
            }
            _ => return Err("unsupported metric type: 'Empty'".to_owned()),
        };
        let metric = item.draft_mut(Context::Metric);
        metric.edit(number, 0, |data| data.edit_each(1, |point| scale(point, self.factor)));
        if let Some(unit) = unit {
            metric.set_bytes(UNIT, unit.as_bytes());
        }
        Ok(())
    }
}

fn number_point(point: &mut Draft<'_>, factor: f64) {
    double(point, 4, factor);
    int(point, 6, factor);
}

fn histogram_point(point: &mut Draft<'_>, factor: f64) {
    for number in [5, 11, 12] {
        double(point, number, factor);
    }
    let bounds = fields::doubles(point.body(), 7);
    if !bounds.is_empty() {
        point.set_bytes(7, &fields::packed_fixed(bounds.into_iter().map(|bound| (bound * factor).to_bits())));
    }
    point.edit_each(8, |exemplar| {
        double(exemplar, 3, factor);
        int(exemplar, 6, factor);
    });
}

fn summary_point(point: &mut Draft<'_>, factor: f64) {
    double(point, 5, factor);
    point.edit_each(6, |quantile| double(quantile, 2, factor));
}

fn double(message: &mut Draft<'_>, number: u32, factor: f64) {
    if let Some(value) = fields::double(message.body(), number) {
        message.set_fixed64(number, (value * factor).to_bits());
    }
}

fn int(message: &mut Draft<'_>, number: u32, factor: f64) {
    if let Some(bits) = fields::bits(message.body(), number) {
        message.set_fixed64(number, ((bits as i64 as f64 * factor) as i64).cast_unsigned());
    }
}
