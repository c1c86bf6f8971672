//! `dns`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::super::dns::try_out;
use super::warn_of_zero;
use crate::config::{Check, Duration, Fault, Path};

const INTERVAL: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(1);

/// `dns`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DnsSettings {
    /// The name whose addresses are the backends.
    pub hostname: String,
    /// Behind each address. A string in the Go collector; a number will do, too.
    #[serde(deserialize_with = "port")]
    pub port: String,
    /// Between two lookups.
    pub interval: Duration,
    /// The longest that one may take.
    pub timeout: Duration,
    /// Whom to ask instead of the system's: `address` or `address:port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self { hostname: String::new(), port: String::new(), interval: INTERVAL, timeout: TIMEOUT, servers: Vec::new() }
    }
}

impl DnsSettings {
    /// The wait between two lookups.
    pub(in super::super) fn interval(&self) -> std::time::Duration {
        if self.interval.is_zero() { INTERVAL.0 } else { self.interval.0 }
    }

    /// The longest that one may take.
    pub(in super::super) fn timeout(&self) -> std::time::Duration {
        if self.timeout.is_zero() { TIMEOUT.0 } else { self.timeout.0 }
    }

    pub(super) fn check(&self, at: &str, check: &mut Check<'_>) {
        if self.hostname.is_empty() {
            check.problem(&format!("{at}.hostname"), "no hostname specified to resolve the backends");
        }
        if !self.port.is_empty() && !matches!(self.port.parse::<u16>(), Ok(1..)) {
            check.problem_with_help(
                &format!("{at}.port"),
                format!("invalid port {:?}", self.port),
                "write a number from 1 to 65535, or leave it out for 4317",
            );
        }
        for (index, text) in self.servers.iter().enumerate().filter(|(_, text)| server(text).is_none()) {
            check.problem_with_help(
                &format!("{at}.servers.{index}"),
                format!("invalid address of a DNS server {text:?}"),
                "write an IP address, perhaps with a port: 10.96.0.10, 127.0.0.1:5353, [::1]:53",
            );
        }
        warn_of_zero(self.interval, &format!("{at}.interval"), "5s", check);
        warn_of_zero(self.timeout, &format!("{at}.timeout"), "1s", check);
        if check.trial().is_some()
            && let Some(address) = try_out(self)
        {
            check.fault(&one_address(&self.hostname, address, &format!("{at}.hostname")));
        }
    }
}

/// A single address looks the same whether it is a Service's or that of the only pod.
fn one_address(hostname: &str, address: IpAddr, at: &str) -> Fault {
    let message = format!(
        "{hostname} has one address, {address}: if it is the virtual address of a Service, all that this agent sends ends on one \
         connection to one backend, and traces are not kept whole"
    );
    let help = "name the headless service (clusterIP: None), whose name has the address of every backend";
    Fault { help: Some(help.to_owned()), ..Fault::warning(&Path::root().below(at), message) }
}

/// The address of a DNS server; 53 is the port that is left out.
pub(in super::super) fn server(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = text.parse().ok().or_else(|| Some(SocketAddr::new(bare.parse().ok()?, 53)))?;
    (address.port() != 0).then_some(address)
}

/// A text or a whole number.
fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Port;

    impl Visitor<'_> for Port {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_unit<E: Error>(self) -> Result<String, E> {
            Ok(String::new())
        }
    }

    deserializer.deserialize_any(Port)
}
