//! A registry of counters, gauges and histograms. Registering costs a lock, counting an atomic add: components register once
//! and keep the handle. Names are given without the `otelcol_` prefix and without `_total` or unit suffixes: rendering adds
//! what the reader's `without_type_suffix`/`without_units` ask for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

/// What a metric is called and means; a constant beside the code that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Desc {
    /// `receiver_accepted_spans`: no prefix, no suffix.
    pub name: &'static str,
    /// UCUM as OpenTelemetry writes it: `By`, `s`, `ms`, `{span}`; empty for none.
    pub unit: &'static str,
    /// One sentence.
    pub help: &'static str,
}

/// A number that only grows. Shows up in the output after its first `add`, even of 0, as the Go collector's do.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<(AtomicU64, AtomicBool)>);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.0.fetch_add(n, Ordering::Relaxed);
        if !self.0.1.load(Ordering::Relaxed) {
            self.0.1.store(true, Ordering::Relaxed);
        }
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.0.load(Ordering::Relaxed)
    }

    pub(crate) fn is_touched(&self) -> bool {
        self.0.1.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Changes it by `delta`.
    pub fn add(&self, delta: i64) {
        self.0.fetch_add(delta, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts of values below bounds.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<HistogramState>);

#[derive(Debug)]
pub(crate) struct HistogramState {
    pub(crate) bounds: &'static [f64],
    pub(crate) data: Mutex<HistogramData>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct HistogramData {
    pub(crate) buckets: Vec<u64>,
    pub(crate) sum: f64,
    pub(crate) count: u64,
}

impl Histogram {
    /// Counts `value` once.
    pub fn record(&self, value: f64) {
        self.record_n(value, 1);
    }

    /// Counts `value` `n` times.
    pub fn record_n(&self, value: f64, n: u64) {
        let bucket = self.0.bounds.partition_point(|bound| *bound < value);
        let mut data = self.0.data.lock();
        data.buckets[bucket] += n;
        data.sum += value * n as f64;
        data.count += n;
    }

    pub(crate) fn snapshot(&self) -> (&'static [f64], HistogramData) {
        (self.0.bounds, self.0.data.lock().clone())
    }
}

/// Label names and values of one series, in the order given.
pub type Labels = Vec<(&'static str, String)>;

#[derive(Clone)]
pub(crate) enum Cell {
    Counter(Counter),
    Gauge(Gauge),
    /// Read when rendered: queue sizes, process figures. `true` renders as a counter.
    Read(Arc<dyn Fn() -> f64 + Send + Sync>, bool),
    Histogram(Histogram),
}

#[derive(Clone)]
pub(crate) struct Family {
    pub(crate) desc: Desc,
    pub(crate) series: BTreeMap<Labels, Cell>,
}

/// The registry. Cloning shares it. Asking again for the same name and labels gives the same cell, so a component that is
/// rebuilt at a reload goes on counting.
#[derive(Clone, Default)]
pub struct Metrics(Arc<RwLock<BTreeMap<&'static str, Family>>>, Arc<Leases>);

/// How many hold on to a series.
type Leases = Mutex<BTreeMap<(&'static str, Labels), usize>>;

impl Metrics {
    /// The counter of `desc` with `labels`.
    pub fn counter(&self, desc: Desc, labels: &[(&'static str, &str)]) -> Counter {
        match self.cell(desc, labels, || Cell::Counter(Counter::default())) {
            Cell::Counter(counter) => counter,
            _ => Counter::default(),
        }
    }

    /// The gauge of `desc` with `labels`.
    pub fn gauge(&self, desc: Desc, labels: &[(&'static str, &str)]) -> Gauge {
        match self.cell(desc, labels, || Cell::Gauge(Gauge::default())) {
            Cell::Gauge(gauge) => gauge,
            _ => Gauge::default(),
        }
    }

    /// The histogram of `desc` with `labels` and upper bounds of its buckets (without +Inf).
    pub fn histogram(&self, desc: Desc, labels: &[(&'static str, &str)], bounds: &'static [f64]) -> Histogram {
        let fresh = || {
            let data = HistogramData { buckets: vec![0; bounds.len() + 1], ..HistogramData::default() };
            Histogram(Arc::new(HistogramState { bounds, data: Mutex::new(data) }))
        };
        match self.cell(desc, labels, || Cell::Histogram(fresh())) {
            Cell::Histogram(histogram) => histogram,
            _ => fresh(),
        }
    }

    /// Renders `read()` as a gauge, replacing what was registered under that name and labels.
    pub fn observe_gauge(
        &self,
        desc: Desc,
        labels: &[(&'static str, &str)],
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.replace(desc, labels, Cell::Read(Arc::new(read), false));
    }

    /// Renders `read()` as a counter, replacing what was registered under that name and labels.
    pub fn observe_counter(
        &self,
        desc: Desc,
        labels: &[(&'static str, &str)],
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.replace(desc, labels, Cell::Read(Arc::new(read), true));
    }

    /// Forgets one series (of a component that a reload removed).
    pub fn remove(&self, name: &str, labels: &[(&'static str, &str)]) {
        if let Some(family) = self.0.write().get_mut(name) {
            family.series.remove(&own(labels));
        }
    }

    /// Holds on to a series: it goes with the last of its leases. Take it before the series itself.
    pub fn lease(&self, desc: Desc, labels: &[(&'static str, &str)]) -> Lease {
        let labels = own(labels);
        *self.1.lock().entry((desc.name, labels.clone())).or_default() += 1;
        Lease { metrics: self.clone(), name: desc.name, labels }
    }

    /// Calls `look` with every family, in the order of their names.
    pub(crate) fn each_family(&self, mut look: impl FnMut(&Family)) {
        // A copy of the handles: a gauge that is read may itself register metrics.
        let families: Vec<Family> = self.0.read().values().cloned().collect();
        families.iter().for_each(&mut look);
    }

    fn cell(&self, desc: Desc, labels: &[(&'static str, &str)], fresh: impl FnOnce() -> Cell) -> Cell {
        let mut families = self.0.write();
        let family = families.entry(desc.name).or_insert_with(|| Family { desc, series: BTreeMap::new() });
        family.series.entry(own(labels)).or_insert_with(fresh).clone()
    }

    fn replace(&self, desc: Desc, labels: &[(&'static str, &str)], cell: Cell) {
        let mut families = self.0.write();
        let family = families.entry(desc.name).or_insert_with(|| Family { desc, series: BTreeMap::new() });
        family.series.insert(own(labels), cell);
    }
}

/// Keeps a series of something that comes and goes, such as a version of a plugin.
pub struct Lease {
    metrics: Metrics,
    name: &'static str,
    labels: Labels,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let key = (self.name, std::mem::take(&mut self.labels));
        // Held until the series is gone, so that one who takes a lease meanwhile gets a new one.
        let mut leases = self.metrics.1.lock();
        let Some(held) = leases.get_mut(&key) else { return };
        *held -= 1;
        if *held == 0 {
            leases.remove(&key);
            if let Some(family) = self.metrics.0.write().get_mut(key.0) {
                family.series.remove(&key.1);
            }
        }
    }
}

fn own(labels: &[(&'static str, &str)]) -> Labels {
    labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_goes_with_its_last_lease() {
        const DESC: Desc = Desc { name: "n", unit: "", help: "" };
        let metrics = Metrics::default();
        let labels = [("digest", "a")];
        let series = |metrics: &Metrics| {
            let mut count = 0;
            metrics.each_family(|family| count += family.series.len());
            count
        };
        let (first, second) = (metrics.lease(DESC, &labels), metrics.lease(DESC, &labels));
        metrics.counter(DESC, &labels).add(1);
        metrics.counter(DESC, &[("digest", "b")]).add(1);
        drop(first);
        assert_eq!((series(&metrics), metrics.counter(DESC, &labels).get()), (2, 1));
        drop(second);
        assert_eq!(series(&metrics), 1);
        assert_eq!(metrics.counter(DESC, &labels).get(), 0, "a new one");
    }
}
