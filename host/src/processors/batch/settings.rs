//! The section in the YAML.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{MAX_ITEMS, MAX_SHARDS};
use crate::config::{Check, Duration};
use crate::pipeline::Metadata;

/// `batch:`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The longest that an item waits; 0 = it is sent at once.
    pub timeout: Duration,
    /// Items that are sent without waiting longer; 0 = any.
    pub send_batch_size: u32,
    /// Items in a batch at most; 0 = no limit.
    pub send_batch_max_size: u32,
    /// Only requests with equal values of these are joined, and the values stay with the batch.
    pub metadata_keys: Vec<String>,
    /// Sets of values at a time; more are refused for good.
    pub metadata_cardinality_limit: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(200),
            send_batch_size: 8192,
            send_batch_max_size: 0,
            metadata_keys: Vec::new(),
            metadata_cardinality_limit: 1000,
        }
    }
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        if self.send_batch_max_size > 0 && self.send_batch_max_size < self.send_batch_size {
            check.problem("", "send_batch_max_size must be greater or equal to send_batch_size");
        }
        let mut seen = BTreeSet::new();
        for key in self.metadata_keys.iter().map(|key| key.to_lowercase()) {
            if !seen.insert(key.clone()) {
                check.problem("metadata_keys", format!("duplicate entry in metadata_keys: {key:?} (case-insensitive)"));
            }
        }
    }
}

impl Settings {
    /// What `metadata_keys` name of `all`, in the order of the names; `auth.<name>` is an attribute of who sent it.
    pub(super) fn select(&self, all: &Metadata) -> Metadata {
        let keys: BTreeSet<_> = self.metadata_keys.iter().map(|key| key.to_lowercase()).collect();
        let entries = keys.iter().flat_map(|key| all.values(key).map(|value| (key.clone(), value.to_owned())));
        let names = self.metadata_keys.iter().filter_map(|key| key.strip_prefix("auth.")).collect::<BTreeSet<_>>();
        let identity = all.identity.as_ref().filter(|_| !names.is_empty()).map(|identity| {
            let values = |name: &str| identity.values(name).map(str::to_owned).collect::<Vec<_>>();
            let kept = names.iter().flat_map(|name| values(name).into_iter().map(|value| ((*name).to_owned(), value)));
            Arc::new(kept.collect())
        });
        Metadata { entries: entries.collect(), identity }
    }

    /// From so many items on a batch is sent; with a timeout of 0 any number.
    pub(super) fn sent_from(&self) -> usize {
        if self.timeout.is_zero() { 1 } else { (self.send_batch_size as usize).max(1) }
    }

    /// Items in a batch at most.
    pub(super) fn sent_to(&self) -> usize {
        if self.send_batch_max_size == 0 { usize::MAX } else { self.send_batch_max_size as usize }
    }

    pub(super) fn max_items(&self) -> usize {
        MAX_ITEMS.max(8 * self.send_batch_size.max(self.send_batch_max_size) as usize)
    }

    pub(super) fn max_shards(&self) -> usize {
        if self.metadata_cardinality_limit == 0 { MAX_SHARDS } else { self.metadata_cardinality_limit as usize }
    }
}
