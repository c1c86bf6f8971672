//! `resolver`: exactly one of its sections.

mod dns;
mod k8s;

use serde::{Deserialize, Serialize};

pub use self::dns::DnsSettings;
pub(super) use self::dns::server;
pub use self::k8s::K8sSettings;
pub(super) use self::k8s::Service;
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
    /// `static`, if that is the one.
    pub(super) fn fixed(&self) -> Option<&StaticSettings> {
        self.meant(self.static_.as_ref())
    }

    /// `dns`, if that is the one.
    pub(super) fn dns(&self) -> Option<&DnsSettings> {
        self.meant(self.dns.as_ref())
    }

    /// `k8s`, if that is the one.
    pub(super) fn k8s(&self) -> Option<&K8sSettings> {
        self.meant(self.k8s.as_ref())
    }

    /// A file that is merged over another takes its resolver away by `dns: null`, as for the Go collector: a section with nothing
    /// in it does not count beside one that has something.
    fn meant<'a, S: Default + PartialEq>(&self, section: Option<&'a S>) -> Option<&'a S> {
        let is_filled =
            is_filled(self.static_.as_ref()) || is_filled(self.dns.as_ref()) || is_filled(self.k8s.as_ref());
        section.filter(|section| !is_filled || **section != S::default())
    }

    /// Reports what is wrong; `at` is where the section stands in the component.
    pub(in super::super) fn check(&self, at: &str, check: &mut Check<'_>) {
        if self.aws_cloud_map.is_some() {
            check.problem_with_help(
                &format!("{at}.aws_cloud_map"),
                "the resolver `aws_cloud_map` is not supported",
                "supported: static, dns, k8s; a Cloud Map namespace with DNS is reached by `dns`",
            );
        }
        let given = [self.fixed().is_some(), self.dns().is_some(), self.k8s().is_some(), self.aws_cloud_map.is_some()];
        match given.into_iter().filter(|given| *given).count() {
            0 => check.problem_with_help(at, NONE, "add one of: static, dns, k8s"),
            1 => {}
            _ => check.problem(at, SEVERAL),
        }
        if let Some(fixed) = self.fixed() {
            fixed.check(&format!("{at}.static"), check);
        }
        if let Some(dns) = self.dns() {
            dns.check(&format!("{at}.dns"), check);
        }
        if let Some(k8s) = self.k8s() {
            k8s.check(&format!("{at}.k8s"), check);
        }
    }
}

impl StaticSettings {
    fn check(&self, at: &str, check: &mut Check<'_>) {
        if self.hostnames.is_empty() {
            check.problem(&format!("{at}.hostnames"), "no endpoints specified for the static resolver");
        }
        for (index, _) in self.hostnames.iter().enumerate().filter(|(_, name)| name.trim().is_empty()) {
            check.problem_with_help(
                &format!("{at}.hostnames.{index}"),
                "empty endpoint in the static resolver",
                "write host or host:port",
            );
        }
    }
}

fn is_filled<S: Default + PartialEq>(section: Option<&S>) -> bool {
    section.is_some_and(|section| *section != S::default())
}

/// 0 stands for the default, as in the Go collector; nobody can mean it.
fn warn_of_zero(duration: Duration, at: &str, default: &str, check: &mut Check<'_>) {
    if duration.is_zero() {
        check.warning(at, format!("0 stands for the default, {default}"));
    }
}

#[cfg(test)]
mod tests;
