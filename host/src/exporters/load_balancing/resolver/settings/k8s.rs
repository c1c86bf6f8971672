//! `k8s`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::warn_of_zero;
use crate::config::{Check, Duration};

const TIMEOUT: Duration = Duration::from_secs(60);

/// `k8s`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct K8sSettings {
    /// `name`, `name.namespace` or more of the service's name.
    pub service: String,
    /// A backend for each port of each address.
    pub ports: Vec<u16>,
    /// The longest that listing may take, and how long one watch lasts.
    pub timeout: Duration,
    /// Names of pods (of a `StatefulSet`) instead of addresses.
    pub return_hostnames: bool,
    /// Leave out endpoints that are not ready; the Go collector takes them all.
    pub ready_only: bool,
}

impl Default for K8sSettings {
    fn default() -> Self {
        Self { service: String::new(), ports: Vec::new(), timeout: TIMEOUT, return_hostnames: false, ready_only: false }
    }
}

impl K8sSettings {
    /// The longest that listing may take.
    pub(in super::super) fn timeout(&self) -> std::time::Duration {
        if self.timeout.is_zero() { TIMEOUT.0 } else { self.timeout.0 }
    }

    pub(super) fn check(&self, at: &str, check: &mut Check<'_>) {
        if let Err(error) = self.service.parse::<Service>() {
            let at = format!("{at}.service");
            match error {
                ServiceError::Missing => check.problem(&at, error.to_string()),
                ServiceError::Invalid(_) => {
                    check.problem_with_help(&at, error.to_string(), "write name, or name.namespace");
                }
            }
        }
        for (index, _) in self.ports.iter().enumerate().filter(|(_, port)| **port == 0) {
            check.problem_with_help(&format!("{at}.ports.{index}"), "invalid port 0", "ports go from 1 to 65535");
        }
        warn_of_zero(self.timeout, &format!("{at}.timeout"), "1m", check);
    }
}

/// A service's name, and its namespace if it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Service {
    pub(in super::super) name: String,
    pub(in super::super) namespace: Option<String>,
}

/// Why a text names no service.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum ServiceError {
    #[error("no service specified to resolve the backends")]
    Missing,
    #[error("invalid name of a service {0:?}")]
    Invalid(String),
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.namespace.as_ref().map_or(Ok(()), |namespace| write!(f, ".{namespace}"))
    }
}

impl FromStr for Service {
    type Err = ServiceError;

    fn from_str(text: &str) -> Result<Self, ServiceError> {
        if text.is_empty() {
            return Err(ServiceError::Missing);
        }
        let mut labels = text.trim_end_matches('.').split('.');
        let mut label = || labels.next().map(|label| if is_label(label) { Ok(label.to_owned()) } else { Err(()) });
        match (label(), label()) {
            (Some(Ok(name)), None) => Ok(Self { name, namespace: None }),
            (Some(Ok(name)), Some(Ok(namespace))) => Ok(Self { name, namespace: Some(namespace) }),
            _ => Err(ServiceError::Invalid(text.to_owned())),
        }
    }
}

/// What Kubernetes allows in names of services and namespaces (RFC 1123), and so nothing that a selector could stumble over.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}
