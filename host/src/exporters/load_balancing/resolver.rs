//! Where the list of backends comes from. A resolver runs beside the exporter and reports every list that it gets; the
//! exporter takes a list over when it differs from the last. What fails changes nothing: the previous list stays.

mod dns;
mod fixed;
mod k8s;
mod report;
mod settings;

use tokio::sync::watch;

use self::dns::Dns;
use self::fixed::Fixed;
use self::k8s::K8s;
pub(super) use self::report::{Backends, Report};
pub use self::settings::{AwsCloudMapSettings, DnsSettings, K8sSettings, ResolverSettings, StaticSettings};
use crate::pipeline::{BuildError, Cx};

/// One of the ways.
pub(super) enum Resolver {
    Static(Fixed),
    Dns(Dns),
    K8s(K8s),
}

impl Resolver {
    /// The resolver of `settings`, and the list that it will keep up to date; empty at first.
    pub(super) fn new(
        settings: &ResolverSettings,
        cx: &Cx,
    ) -> Result<(Self, Report, watch::Receiver<Backends>), BuildError> {
        let (resolver, kind) = if let Some(settings) = settings.fixed() {
            (Self::Static(Fixed::new(settings)), "static")
        } else if let Some(settings) = settings.dns() {
            (Self::Dns(Dns::new(settings)?), "dns")
        } else if let Some(settings) = settings.k8s() {
            (Self::K8s(K8s::new(settings)?), "k8s")
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
            Self::Dns(dns) => dns.run(report).await,
            Self::K8s(k8s) => k8s.run(report).await,
        }
    }
}
