//! `sending_queue`, `retry_on_failure`, `timeout`: the sections that every sending exporter has.

use serde::{Deserialize, Serialize};

use crate::config::{Check, Duration};

/// `sending_queue`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueSettings {
    /// Off: the caller waits for the export.
    pub enabled: bool,
    /// How many exports run at once.
    pub num_consumers: i64,
    /// How much is held, in units of `sizer`, exports under way included.
    pub queue_size: i64,
    /// The unit of `queue_size`.
    pub sizer: Sizer,
    /// Full: the caller waits for space instead of being refused.
    pub block_on_overflow: bool,
    /// The caller waits for the export's result.
    pub wait_for_result: bool,
    /// Refused: the queue is in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// Joins and splits what is queued before it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchSettings>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            num_consumers: 10,
            queue_size: 1000,
            sizer: Sizer::Requests,
            block_on_overflow: false,
            wait_for_result: false,
            storage: None,
            batch: None,
        }
    }
}

/// What a queue or batch counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sizer {
    /// Batches.
    #[default]
    Requests,
    /// Spans, data points, log records.
    Items,
    /// Bytes on the wire.
    Bytes,
}

/// `sending_queue.batch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchSettings {
    /// Off: as if the section were not there.
    pub enabled: bool,
    /// The longest that anything waits for company.
    pub flush_timeout: Duration,
    /// Sent as soon as it is this large.
    pub min_size: i64,
    /// Split above this; 0 = never.
    pub max_size: i64,
    /// The unit of both; the queue's unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sizer: Option<Sizer>,
    /// Refused unless empty: batches are made regardless of client metadata.
    pub partition: PartitionSettings,
}

impl Default for BatchSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            flush_timeout: Duration::from_millis(200),
            min_size: 8192,
            max_size: 0,
            sizer: None,
            partition: PartitionSettings::default(),
        }
    }
}

/// `sending_queue.batch.partition`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartitionSettings {
    /// Client metadata that must be equal within a batch.
    pub metadata_keys: Vec<String>,
}

/// `retry_on_failure`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetrySettings {
    /// Off: one attempt.
    pub enabled: bool,
    /// The first wait.
    pub initial_interval: Duration,
    /// Waits vary by this share up and down.
    pub randomization_factor: f64,
    /// Each wait is this many times the last.
    pub multiplier: f64,
    /// The longest wait, before it is varied.
    pub max_interval: Duration,
    /// Given up when the next attempt would begin later than this; 0 = never.
    pub max_elapsed_time: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            initial_interval: Duration::from_secs(5),
            randomization_factor: 0.5,
            multiplier: 1.5,
            max_interval: Duration::from_secs(30),
            max_elapsed_time: Duration::from_secs(300),
        }
    }
}

impl QueueSettings {
    /// The batching that is on, if any.
    pub fn batching(&self) -> Option<&BatchSettings> {
        self.batch.as_ref().filter(|batch| batch.enabled)
    }

    /// The unit of `batch`: its own, else the queue's, else items.
    pub(super) fn batch_sizer(&self, batch: &BatchSettings) -> Sizer {
        match (batch.sizer, self.sizer) {
            (Some(own), _) => own,
            (None, Sizer::Bytes) => Sizer::Bytes,
            (None, _) => Sizer::Items,
        }
    }

    /// Reports what is wrong; `at` is where the section stands in the component (`sending_queue`).
    pub fn check(&self, at: &str, check: &mut Check<'_>) {
        if !self.enabled {
            return;
        }
        if self.num_consumers <= 0 {
            check.problem(&format!("{at}.num_consumers"), "`num_consumers` must be positive");
        }
        if self.queue_size <= 0 {
            check.problem(&format!("{at}.queue_size"), "`queue_size` must be positive");
        }
        if self.storage.is_some() {
            check.problem_with_help(
                &format!("{at}.storage"),
                "`storage` is not supported: the sending queue is held in memory",
                "remove the option",
            );
        }
        if let Some(batch) = self.batching() {
            self.check_batch(batch, &format!("{at}.batch"), check);
        }
    }

    fn check_batch(&self, batch: &BatchSettings, at: &str, check: &mut Check<'_>) {
        let sizer = self.batch_sizer(batch);
        if batch.flush_timeout.is_zero() {
            check.problem(&format!("{at}.flush_timeout"), "`flush_timeout` must be positive");
        }
        if sizer == Sizer::Requests {
            check.problem(&format!("{at}.sizer"), "`batch` supports only `items` or `bytes` sizer");
        }
        if batch.min_size < 0 {
            check.problem(&format!("{at}.min_size"), "`min_size` must be non-negative");
        }
        if batch.max_size < 0 {
            check.problem(&format!("{at}.max_size"), "`max_size` must be non-negative");
        } else if batch.max_size > 0 && batch.max_size < batch.min_size {
            check.problem(&format!("{at}.max_size"), "`max_size` must be greater or equal to `min_size`");
        }
        if sizer == self.sizer && batch.min_size > self.queue_size {
            check.problem(&format!("{at}.min_size"), "`min_size` must be less than or equal to `queue_size`");
        }
        if !batch.partition.metadata_keys.is_empty() {
            check.problem(
                &format!("{at}.partition.metadata_keys"),
                "`metadata_keys` is not supported in the sending queue; the `batch` processor has it",
            );
        }
    }
}

impl RetrySettings {
    /// Reports what is wrong; `at` is where the section stands in the component (`retry_on_failure`).
    pub fn check(&self, at: &str, check: &mut Check<'_>) {
        if !self.enabled {
            return;
        }
        if !(0.0..=1.0).contains(&self.randomization_factor) {
            check.problem(&format!("{at}.randomization_factor"), "'randomization_factor' must be within [0, 1]");
        }
        if self.multiplier.is_nan() || self.multiplier < 0.0 {
            check.problem(&format!("{at}.multiplier"), "'multiplier' must be non-negative");
        }
        if self.max_elapsed_time.is_zero() {
            return;
        }
        for (name, interval) in [("initial_interval", self.initial_interval), ("max_interval", self.max_interval)] {
            if self.max_elapsed_time < interval {
                let message = format!("'max_elapsed_time' must not be less than '{name}'");
                check.problem(&format!("{at}.max_elapsed_time"), message);
            }
        }
    }
}
