//! Handshakes that failed: counted by reason, and told in the log, a line per reason and half minute.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use super::Owner;
use crate::pipeline::Cx;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Desc;

const OF_RECEIVER: Desc = Desc {
    name: "receiver_tls_handshake_failures",
    unit: "{handshake}",
    help: "Number of TLS handshakes with clients that failed, by reason.",
};
const OF_EXTENSION: Desc = Desc { name: "extension_tls_handshake_failures", ..OF_RECEIVER };

/// Between two lines about one reason.
const QUIET: Duration = Duration::from_secs(30);

/// Why a handshake failed; the label's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The client has no certificate, and needs one.
    NoClientCertificate,
    /// The client's is over.
    ExpiredClientCertificate,
    /// The client's was signed by somebody else.
    UnknownClientCa,
    /// Something else is wrong with the client's.
    BadClientCertificate,
    /// The client does not take the server's certificate.
    RefusedByClient,
    /// No version of TLS in common.
    Version,
    /// Nothing else in common: suites, groups, protocols.
    Incompatible,
    /// What came was not TLS.
    NotTls,
    /// The client took too long.
    Timeout,
    /// The client went away; probes of a port do.
    Disconnected,
    /// Anything else.
    Other,
}

impl Reason {
    const COUNT: usize = Self::Other as usize + 1;

    pub(super) fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => Self::of_tls(error),
            None if error.kind() == io::ErrorKind::TimedOut => Self::Timeout,
            None => Self::Disconnected,
        }
    }

    fn of_tls(error: &Error) -> Self {
        match error {
            Error::NoCertificatesPresented => Self::NoClientCertificate,
            Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
                Self::ExpiredClientCertificate
            }
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => Self::UnknownClientCa,
            Error::InvalidCertificate(_) => Self::BadClientCertificate,
            // A client older than TLS 1.2 is known by the extension that it lacks.
            Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(
                PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::SignatureAlgorithmsExtensionRequired
                | PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled,
            ) => Self::Version,
            Error::AlertReceived(_) => Self::RefusedByClient,
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => Self::Incompatible,
            Error::InvalidMessage(_) => Self::NotTls,
            _ => Self::Other,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::NoClientCertificate => "no_client_certificate",
            Self::ExpiredClientCertificate => "expired_client_certificate",
            Self::UnknownClientCa => "unknown_client_ca",
            Self::BadClientCertificate => "bad_client_certificate",
            Self::RefusedByClient => "refused_by_client",
            Self::Version => "version",
            Self::Incompatible => "incompatible",
            Self::NotTls => "not_tls",
            Self::Timeout => "timeout",
            Self::Disconnected => "disconnected",
            Self::Other => "other",
        }
    }
}

/// What is said of one reason.
#[derive(Clone, Copy, Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

/// The failures of one server.
pub(super) struct Failures {
    component: String,
    owner: Owner,
    metrics: Metrics,
    said: Mutex<[Said; Reason::COUNT]>,
}

impl Failures {
    pub(super) fn new(owner: Owner, cx: &Cx) -> Self {
        Self { component: cx.id.to_string(), owner, metrics: cx.metrics.clone(), said: Mutex::default() }
    }

    pub(super) fn count(&self, error: &io::Error, peer: SocketAddr) {
        let reason = Reason::of(error);
        self.add(reason);
        // Load balancers and kubelets open connections to see whether somebody listens.
        if reason == Reason::Disconnected {
            tracing::debug!(otelcol.component.id = self.component, %peer, %error, "TLS handshake failed");
        } else if let Some(unsaid) = self.is_to_be_said(reason, Instant::now()) {
            let reason = reason.name();
            tracing::warn!(
                otelcol.component.id = self.component,
                %peer,
                reason,
                alike_since_last_told = unsaid,
                %error,
                "TLS handshake failed"
            );
        }
    }

    fn add(&self, reason: Reason) {
        let (id, reason) = (self.component.as_str(), reason.name());
        let counter = match self.owner {
            Owner::Receiver { transport } => {
                let labels = [("receiver", id), ("transport", transport), ("reason", reason)];
                self.metrics.counter(OF_RECEIVER, &labels)
            }
            Owner::Extension => self.metrics.counter(OF_EXTENSION, &[("extension", id), ("reason", reason)]),
        };
        counter.add(1);
    }

    /// How many were not told since the last that was, if this one is to be told.
    fn is_to_be_said(&self, reason: Reason, now: Instant) -> Option<u64> {
        let said = &mut self.said.lock()[reason as usize];
        if said.last.is_some_and(|last| now.duration_since(last) < QUIET) {
            said.unsaid += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.unsaid))
    }
}

#[cfg(test)]
mod tests;
