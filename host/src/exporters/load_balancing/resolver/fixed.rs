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
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Resolver, ResolverSettings};
    use super::*;
    use crate::pipeline::Cx;

    #[tokio::test]
    async fn the_list_is_sorted_and_nothing_stands_in_it_twice() {
        let hostnames = ["b2", "b10:4317", "b1", "b2"].map(str::to_owned).to_vec();
        let settings = ResolverSettings { static_: Some(StaticSettings { hostnames }), ..ResolverSettings::default() };
        let (resolver, report, mut backends) = Resolver::new(&settings, &Cx::offline()).expect("made");
        assert!(backends.borrow_and_update().is_empty());
        let running = tokio::spawn(async move { resolver.run(&report).await });
        backends.changed().await.expect("a list");
        assert_eq!(backends.borrow_and_update().join(" "), "b1 b10:4317 b2");
        assert!(!running.is_finished());
    }
}
