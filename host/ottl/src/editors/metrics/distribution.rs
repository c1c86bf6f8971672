//! `convert_exponential_histogram_to_histogram`: what was counted in exponential buckets, distributed over explicit ones. The
//! result has as many counts as bounds, as in the collector.

use tailrace_otlp::{walk, wire};

use super::percentile::buckets;
use super::{Bound, Edit, Made, data, points};
use crate::item::{EXPONENTIAL, HISTOGRAM};
use crate::{Context, Env, Item, fields};

pub(super) fn make(bound: &mut Bound) -> Made {
    let way = match bound.text(0)?.unwrap_or_default().as_str() {
        "upper" => Way::Upper,
        "midpoint" => Way::Midpoint,
        "uniform" => Way::Uniform,
        "random" | "" => Way::Random,
        other => {
            let message =
                format!("invalid conversion function: {other}, must be one of [upper, midpoint, random, uniform]");
            return Err(bound.problem(0, message));
        }
    };
    let bounds = bound.numbers(1)?.unwrap_or_default();
    match bounds.last() {
        Some(last) => Ok(Box::new(Convert { way, last: *last, bounds })),
        None => Err(bound.problem(1, "explicit bounds cannot be empty: []")),
    }
}

/// How what one bucket counted is distributed.
#[derive(Clone, Copy)]
enum Way {
    /// By its upper bound.
    Upper,
    /// By its middle.
    Midpoint,
    /// In equal shares.
    Uniform,
    /// By chance, most where it overlaps most.
    Random,
}

struct Convert {
    way: Way,
    bounds: Vec<f64>,
    last: f64,
}

impl Edit for Convert {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let (EXPONENTIAL, old) = data(item.metric()) else { return Ok(()) };
        let mut new = Vec::new();
        for point in points(old) {
            wire::put_bytes(&mut new, 1, &self.point(point, env.world.random));
        }
        wire::put_tag(&mut new, 2, wire::VARINT);
        wire::put_varint(&mut new, fields::scalar(old, 2));
        let metric = item.draft_mut(Context::Metric);
        metric.remove(EXPONENTIAL);
        metric.set_bytes(HISTOGRAM, &new);
        Ok(())
    }
}

impl Convert {
    fn point(&self, point: &[u8], random: &dyn Fn() -> u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(point.len());
        // Times, count, sum, minimum and maximum: the first four have the same numbers.
        for field in wire::fields(point).filter(|field| matches!(field.number, 2..=5)) {
            out.extend_from_slice(field.framed);
        }
        for (from, to) in [(12, 11), (13, 12)] {
            if let Some(bits) = fields::bits(point, from) {
                wire::put_tag(&mut out, to, wire::FIXED64);
                out.extend_from_slice(&bits.to_le_bytes());
            }
        }
        for (from, to) in [(11, 8), (1, 9)] {
            walk::children(point, from).for_each(|(_, inner)| wire::put_bytes(&mut out, to, inner));
        }
        if let Some(flags) = fields::bits(point, 10) {
            wire::put_tag(&mut out, 10, wire::VARINT);
            wire::put_varint(&mut out, flags);
        }
        wire::put_bytes(&mut out, 6, &fields::packed_fixed(self.counts(point, random).into_iter()));
        wire::put_bytes(&mut out, 7, &fields::packed_fixed(self.bounds.iter().map(|bound| bound.to_bits())));
        out
    }

    /// What each explicit bucket counts. Negative buckets are not distributed; zeros are where the first bound is zero.
    fn counts(&self, point: &[u8], random: &dyn Fn() -> u64) -> Vec<u64> {
        let mut counts = vec![0_u64; self.bounds.len()];
        let factor = std::f64::consts::LN_2 * (-(wire::unzigzag(fields::scalar(point, 6)) as f64)).exp2();
        let (offset, old) = buckets(point, 8);
        if self.bounds.first() == Some(&0.0) {
            add(&mut counts, 0, fields::scalar(point, 7));
        }
        for (at, count) in old.into_iter().enumerate() {
            let index = offset.saturating_add(at as i64) as f64;
            let (low, high) = ((index * factor).exp(), ((index + 1.0) * factor).exp());
            let within =
                self.bounds.windows(2).position(|pair| matches!(pair, [from, to] if low > *from && high <= *to));
            match within {
                _ if low > self.last => add(&mut counts, self.bounds.len() - 1, count),
                Some(bucket) => add(&mut counts, bucket, count),
                None => self.distribute(&mut counts, count, (low, high), random),
            }
        }
        counts
    }

    fn distribute(&self, counts: &mut [u64], count: u64, (low, high): (f64, f64), random: &dyn Fn() -> u64) {
        let last = self.bounds.len() - 1;
        let reaching = |value: f64| self.bounds.iter().position(|bound| value <= *bound);
        match self.way {
            Way::Upper => add(counts, reaching(high).unwrap_or(last), count),
            Way::Midpoint => {
                let bucket = reaching(f64::midpoint(low, high)).map_or(last, |bucket| bucket.saturating_sub(1));
                add(counts, bucket, count);
            }
            Way::Uniform | Way::Random => {
                let start = reaching(low).unwrap_or(last);
                let end = reaching(high).unwrap_or(last).max(start);
                match self.way {
                    Way::Uniform => evenly(counts, start, end, count),
                    _ => self.by_chance(counts, (start, end), count, (low, high), random),
                }
            }
        }
    }

    fn by_chance(
        &self,
        counts: &mut [u64],
        (start, end): (usize, usize),
        count: u64,
        (low, high): (f64, f64),
        random: &dyn Fn() -> u64,
    ) {
        /// How many are dealt one by one; of more, all but these are dealt evenly, which makes no visible difference.
        const DEALT: u64 = 1024;
        let mut left = count;
        if end > start {
            for bucket in start..=end {
                let from = bucket.checked_sub(1).and_then(|below| self.bounds.get(below)).copied().unwrap_or(low);
                let to = self.bounds.get(bucket).copied().unwrap_or(high);
                let overlap = (to.min(high) - from.max(low)).max(0.0) / (high - low);
                let chance = random() as f64 / u64::MAX as f64;
                let share = (chance * (count as f64 * overlap).floor()) as u64;
                let share = share.min(left);
                add(counts, bucket, share);
                left -= share;
            }
            let even = left.saturating_sub(DEALT);
            evenly(counts, start, end, even);
            left -= even;
        }
        for _ in 0..left.min(DEALT) {
            let bucket = start + (random() % (end - start + 1) as u64) as usize;
            add(counts, bucket, 1);
        }
        add(counts, start, left.saturating_sub(DEALT));
    }
}

fn evenly(counts: &mut [u64], start: usize, end: usize, count: u64) {
    let buckets = (end - start + 1) as u64;
    for (at, bucket) in (start..=end).enumerate() {
        add(counts, bucket, count / buckets + u64::from((at as u64) < count % buckets));
    }
}

fn add(counts: &mut [u64], bucket: usize, count: u64) {
    if let Some(sum) = counts.get_mut(bucket) {
        *sum = sum.saturating_add(count);
    }
}
