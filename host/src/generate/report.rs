//! What became of what was sent.

use std::collections::BTreeMap;
use std::fmt;

use tailrace_otlp::Signal;

/// Counts of items (spans, data points, log records), unless the name says otherwise.
#[derive(Clone, Debug)]
pub struct Report {
    signal: Signal,
    endpoint: String,
    /// Traces, metrics or records made.
    pub units: u64,
    /// Requests sent, each counted once however often it was sent again.
    pub requests: u64,
    /// Items sent, each counted once.
    pub sent: u64,
    /// Items that the other side took.
    pub accepted: u64,
    /// Requests sent again after they had been refused for now.
    pub retries: u64,
    /// Items given up, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Refusals that were followed by another try, by reason, in requests.
    pub retried: BTreeMap<String, u64>,
}

impl Report {
    pub(super) fn new(signal: Signal, endpoint: &str) -> Self {
        Self {
            signal,
            endpoint: endpoint.to_owned(),
            units: 0,
            requests: 0,
            sent: 0,
            accepted: 0,
            retries: 0,
            refused: BTreeMap::new(),
            retried: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.units += other.units;
        self.requests += other.requests;
        self.sent += other.sent;
        self.accepted += other.accepted;
        self.retries += other.retries;
        for (why, items) in other.refused {
            *self.refused.entry(why).or_default() += items;
        }
        for (why, requests) in other.retried {
            *self.retried.entry(why).or_default() += requests;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = match self.signal {
            Signal::Traces => "spans",
            Signal::Metrics => "data points",
            Signal::Logs => "log records",
        };
        if self.signal == Signal::Traces {
            write!(f, "{} traces, ", self.units)?;
        }
        writeln!(f, "{} {items} sent in {} requests to {}", self.sent, self.requests, self.endpoint)?;
        write!(f, "accepted: {}, refused: {}", self.accepted, self.refused.values().sum::<u64>())?;
        write!(f, ", sent again: {} requests", self.retries)?;
        for (why, items_refused) in &self.refused {
            write!(f, "\nrefused {items_refused} {items}: {why}")?;
        }
        for (why, requests) in &self.retried {
            write!(f, "\nsent {requests} requests again: {why}")?;
        }
        Ok(())
    }
}
