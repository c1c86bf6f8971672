//! `static`: the list stands in the configuration.

use std::future::pending;

use super::{Report, StaticSettings};

/// `resolver.static`.
pub(in super::super) struct Fixed {
    hostnames: Vec<String>,
}

impl Fixed {
    pub(super) fn new(settings: &StaticSettings) -> Self {
        Self { hostnames: settings.hostnames.clone() }
    }

    pub(super) async fn run(&self, report: &Report) {
        report.resolved(self.hostnames.clone());
        pending().await
    }
}
