//! One point of several that are alike.

use tailrace_otlp::edit::Draft;
use tailrace_otlp::{walk, wire};

use super::super::percentile::buckets;
use crate::fields;
use crate::item::{EXPONENTIAL, HISTOGRAM};

/// What is made of several numbers. (Histograms are always added.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Sum,
    Mean,
    Min,
    Max,
    Median,
    Count,
}

const NAMES: [(&str, Function); 6] = [
    ("sum", Function::Sum),
    ("mean", Function::Mean),
    ("min", Function::Min),
    ("max", Function::Max),
    ("median", Function::Median),
    ("count", Function::Count),
];

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    pub(super) fn names() -> String {
        NAMES.map(|(name, _)| name).join(", ")
    }
}

/// One point of several under field `number` of a metric. What is not merged is that of the first.
pub(super) fn points(points: &[Vec<u8>], number: u32, function: Function) -> Vec<u8> {
    let Some((first, others)) = points.split_first() else { return Vec::new() };
    if others.is_empty() {
        return first.clone();
    }
    let mut merged = Draft::new(first);
    let start = points.iter().map(|point| fields::scalar(point, 2)).min().unwrap_or_default();
    if start != fields::scalar(first, 2) {
        merged.set_fixed64(2, start);
    }
    match number {
        HISTOGRAM => histograms(&mut merged, others),
        EXPONENTIAL => exponentials(&mut merged, others),
        _ => numbers(&mut merged, points, function),
    }
    merged.into_body().into_owned()
}

const DOUBLE: u32 = 4;
const INT: u32 = 6;

fn numbers(merged: &mut Draft<'_>, points: &[Vec<u8>], function: Function) {
    let int = |point: &Vec<u8>| match fields::double(point, DOUBLE) {
        Some(number) => number as i64,
        None => fields::scalar(point, INT) as i64,
    };
    let double = |point: &Vec<u8>| match fields::bits(point, INT) {
        Some(bits) => bits as i64 as f64,
        None => fields::double(point, DOUBLE).unwrap_or_default(),
    };
    // The type is that of the first.
    if fields::bits(merged.body(), DOUBLE).is_some() {
        merged.set_fixed64(DOUBLE, of_doubles(points.iter().map(double).collect(), function).to_bits());
    } else if fields::bits(merged.body(), INT).is_some() {
        merged.set_fixed64(INT, of_ints(points.iter().map(int).collect(), function).cast_unsigned());
    }
}

fn of_doubles(mut all: Vec<f64>, function: Function) -> f64 {
    let len = all.len() as f64;
    let sum = || all.iter().fold(0.0, |sum, number| sum + number);
    match function {
        Function::Sum => sum(),
        Function::Mean => sum() / len,
        Function::Min => all.iter().copied().fold(f64::INFINITY, f64::min),
        Function::Max => all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Function::Count => len,
        Function::Median => {
            all.sort_by(f64::total_cmp);
            let middle = |at: usize| all.get(at).copied().unwrap_or_default();
            match all.len() % 2 {
                0 => f64::midpoint(middle(all.len() / 2 - 1), middle(all.len() / 2)),
                _ => middle(all.len() / 2),
            }
        }
    }
}

fn of_ints(mut all: Vec<i64>, function: Function) -> i64 {
    let sum = || all.iter().fold(0_i64, |sum, number| sum.wrapping_add(*number));
    match function {
        Function::Sum => sum(),
        Function::Mean => sum() / all.len() as i64,
        Function::Min => all.iter().copied().min().unwrap_or_default(),
        Function::Max => all.iter().copied().max().unwrap_or_default(),
        Function::Count => all.len() as i64,
        Function::Median => {
            all.sort_unstable();
            let middle = |at: usize| all.get(at).copied().unwrap_or_default();
            match all.len() % 2 {
                0 => middle(all.len() / 2 - 1).wrapping_add(middle(all.len() / 2)) / 2,
                _ => middle(all.len() / 2),
            }
        }
    }
}

fn histograms(merged: &mut Draft<'_>, others: &[Vec<u8>]) {
    let mut counts = fields::numbers(merged.body(), 6, wire::FIXED64);
    for other in others.iter().filter(|other| fields::scalar(other, 4) > 0) {
        totals(merged, other, 11, 12);
        add(&mut counts, &fields::numbers(other, 6, wire::FIXED64));
        walk::children(other, 8).for_each(|(_, exemplar)| merged.push(8, exemplar));
    }
    merged.set_bytes(6, &fields::packed_fixed(counts.into_iter()));
}

fn exponentials(merged: &mut Draft<'_>, others: &[Vec<u8>]) {
    const ZEROS: u32 = 7;
    let mut all = [8, 9].map(|number| (number, buckets(merged.body(), number).1));
    for other in others.iter().filter(|other| fields::scalar(other, 4) > 0) {
        totals(merged, other, 12, 13);
        // The collector forgets these.
        let zeros = fields::scalar(merged.body(), ZEROS).wrapping_add(fields::scalar(other, ZEROS));
        merged.set_fixed64(ZEROS, zeros);
        for (number, counts) in &mut all {
            add(counts, &buckets(other, *number).1);
        }
        walk::children(other, 11).for_each(|(_, exemplar)| merged.push(11, exemplar));
    }
    for (number, counts) in all {
        let mut side = Draft::new(fields::bytes(merged.body(), number));
        side.set_bytes(2, &fields::packed_varints(counts.into_iter()));
        let side = side.into_body().into_owned();
        merged.set_bytes(number, &side);
    }
}

/// Count, sum, minimum and maximum of both.
fn totals(merged: &mut Draft<'_>, other: &[u8], min: u32, max: u32) {
    let count = fields::scalar(merged.body(), 4).wrapping_add(fields::scalar(other, 4));
    merged.set_fixed64(4, count);
    if let Some(sum) = fields::double(other, 5) {
        let sum = fields::double(merged.body(), 5).unwrap_or_default() + sum;
        merged.set_fixed64(5, sum.to_bits());
    }
    extreme(merged, other, min, f64::min);
    extreme(merged, other, max, f64::max);
}

/// Of the minima or maxima of both, if both have one.
fn extreme(merged: &mut Draft<'_>, other: &[u8], number: u32, pick: fn(f64, f64) -> f64) {
    if let (Some(ours), Some(theirs)) = (fields::double(merged.body(), number), fields::double(other, number)) {
        merged.set_fixed64(number, pick(ours, theirs).to_bits());
    }
}

fn add(counts: &mut Vec<u64>, others: &[u64]) {
    counts.resize(counts.len().max(others.len()), 0);
    for (count, other) in counts.iter_mut().zip(others) {
        *count = count.wrapping_add(*other);
    }
}
