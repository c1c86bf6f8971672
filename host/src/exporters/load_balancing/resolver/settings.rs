//! `resolver`: exactly one of its sections.

use serde::{Deserialize, Serialize};

use crate::config::{Check, Duration};

pub(super) const NONE: &str = "no resolver has been specified for the exporter";
const SEVERAL: &str = "only one resolver should be specified";

/// `resolver`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResolverSettings {
    /// A list.
    #[serde(rename = "static", skip_serializing_if = "Option::is_none")]
    pub static_: Option<StaticSettings>,
    /// The addresses of a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsSettings>,
    /// The endpoints of a Kubernetes service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k8s: Option<K8sSettings>,
    /// Refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_cloud_map: Option<AwsCloudMapSettings>,
}

/// `static`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StaticSettings {
    /// `host` or `host:port`.
    pub hostnames: Vec<String>,
}

/// `dns`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DnsSettings {
    /// The name whose addresses are the backends.
    pub hostname: String,
    /// Behind each address; 4317 unless given. A string in the Go collector; a number will do, too.
    pub port: String,
    /// Between two lookups.
    pub interval: Duration,
    /// The longest that one may take.
    pub timeout: Duration,
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self {
            hostname: String::new(),
            port: String::new(),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
        }
    }
}

/// `k8s`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct K8sSettings {
    /// `name`, `name.namespace` or more of the service's name.
    pub service: String,
    /// A backend for each port of each address.
    pub ports: Vec<u16>,
    /// The longest that listing may take.
    pub timeout: Duration,
    /// Names of pods (of a StatefulSet) instead of addresses.
    pub return_hostnames: bool,
}

impl Default for K8sSettings {
    fn default() -> Self {
        Self { service: String::new(), ports: Vec::new(), timeout: Duration::from_secs(60), return_hostnames: false }
    }
}

/// `aws_cloud_map`: known, so that it is refused by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AwsCloudMapSettings {
    /// Its namespace.
    pub namespace: String,
    /// Its service.
    pub service_name: String,
    /// In place of the instances' own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Between two lookups.
    pub interval: Duration,
    /// The longest that one may take.
    pub timeout: Duration,
    /// Which instances count.
    pub health_status: String,
    /// Whose namespace it is.
    pub owner_account: String,
}

impl ResolverSettings {
    /// Reports what is wrong; `at` is where the section stands in the component.
    pub(in super::super) fn check(&self, at: &str, check: &mut Check<'_>) {
        if self.aws_cloud_map.is_some() {
            check.problem_with_help(
                &format!("{at}.aws_cloud_map"),
                "the resolver `aws_cloud_map` is not supported",
                "supported: static, dns, k8s; a Cloud Map namespace with DNS is reached by `dns`",
            );
        }
        let given = [self.static_.is_some(), self.dns.is_some(), self.k8s.is_some(), self.aws_cloud_map.is_some()];
        match given.into_iter().filter(|given| *given).count() {
            0 => check.problem_with_help(at, NONE, "add one of: static, dns, k8s"),
            1 => {}
            _ => check.problem(at, SEVERAL),
        }
        if let Some(fixed) = &self.static_
            && fixed.hostnames.iter().all(String::is_empty)
        {
            check.problem(&format!("{at}.static.hostnames"), "no hostnames specified to resolve the backends");
        }
    }
}
