//! Where the list of backends comes from. A resolver runs beside the exporter and reports every list that it gets; the
//! exporter takes a list over when it differs from the last. What fails changes nothing: the previous list stays.

mod fixed;
mod report;
mod settings;

use tokio::sync::watch;

use self::fixed::Fixed;
pub(super) use self::report::{Backends, Report};
pub use self::settings::{AwsCloudMapSettings, DnsSettings, K8sSettings, ResolverSettings, StaticSettings};
use crate::pipeline::{BuildError, Cx};

/// One of the ways.
pub(super) enum Resolver {
    Static(Fixed),
}

impl Resolver {
    /// The resolver of `settings`, and the list that it will keep up to date; empty at first.
    pub(super) fn new(
        settings: &ResolverSettings,
        cx: &Cx,
    ) -> Result<(Self, Report, watch::Receiver<Backends>), BuildError> {
        let (resolver, kind) = if let Some(settings) = &settings.static_ {
            (Self::Static(Fixed::new(settings)), "static")
        } else {
            return Err(BuildError::new(settings::NONE));
        };
        let (report, backends) = Report::new(kind, cx);
        Ok((resolver, report, backends))
    }

    /// Reports lists for as long as it is polled.
    pub(super) async fn run(&self, report: &Report) {
        match self {
            Self::Static(fixed) => fixed.run(report).await,
        }
    }
}
