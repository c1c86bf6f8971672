//! `dns`: the addresses of a name, asked for again and again.
//!
//! ```yaml
//! resolver:
//!   dns:
//!     hostname: tailrace-gateway-headless.observability.svc.cluster.local
//!     port: 4317                      # "4317" will do, too; left out: the exporter's default
//!     interval: 5s
//!     timeout: 1s                     # for a lookup as a whole: both families, all search domains, TCP included
//!     servers: ["10.96.0.10:53"]      # ask these; left out: /etc/resolv.conf
//! ```
//!
//! Both families are asked for at the same time, and nothing is remembered between lookups. As with the Go collector's
//! resolver, `/etc/hosts` comes first, `search` and `ndots` of `/etc/resolv.conf` hold, and if one family fails (`SERVFAIL`)
//! while the other answers, the answer counts: a cluster of one family whose DNS server is broken for the other goes on working.
//! A family that does not answer at all makes the whole lookup time out.
//!
//! A lookup that fails, times out, finds no such name or no addresses keeps the previous list. Until the first list there is
//! nothing to keep: then lookups are 100 ms apart, and twice as far after each, up to `interval`.

mod lookup;
mod trial;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use self::lookup::lookup;
pub(super) use self::trial::try_out;
use super::settings::server;
use super::{DnsSettings, Report};
use crate::pipeline::BuildError;

/// An agent often starts a moment before its node's DNS does.
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// `resolver.dns`.
pub(in super::super) struct Dns {
    question: Question,
    port: String,
    interval: Duration,
}

/// What is asked, and whom.
struct Question {
    hostname: String,
    servers: Vec<SocketAddr>,
    timeout: Duration,
}

impl Dns {
    pub(super) fn new(settings: &DnsSettings) -> Result<Self, BuildError> {
        let question = Question::new(settings)?;
        Ok(Self { question, port: settings.port.clone(), interval: settings.interval() })
    }

    pub(super) async fn run(&self, report: &Report) {
        let mut retry = Some(FIRST_RETRY);
        loop {
            let begun = Instant::now();
            match self.question.ask().await {
                Ok(addresses) => {
                    report.resolved(addresses.iter().map(|address| self.backend(address)).collect());
                    retry = None;
                }
                Err(why) => report.failed(why),
            }
            let wait = retry.map_or(self.interval, |retry| retry.min(self.interval));
            retry = retry.map(|retry| (retry * 2).min(self.interval));
            sleep_until(begun + wait).await;
        }
    }

    /// As the Go collector writes it: that is what the ring hashes.
    fn backend(&self, address: &IpAddr) -> String {
        let host = match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        if self.port.is_empty() { host } else { format!("{host}:{}", self.port) }
    }
}

impl Question {
    fn new(settings: &DnsSettings) -> Result<Self, BuildError> {
        let address = |text: &String| {
            server(text).ok_or_else(|| BuildError::new(format!("invalid address of a DNS server {text:?}")))
        };
        let servers = settings.servers.iter().map(address).collect::<Result<_, _>>()?;
        Ok(Self { hostname: settings.hostname.clone(), servers, timeout: settings.timeout() })
    }

    /// At least one address.
    async fn ask(&self) -> Result<Vec<IpAddr>, String> {
        let lookup = lookup(&self.hostname, &self.servers);
        let answer = tokio::time::timeout(self.timeout, lookup).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {:?}", self.timeout)));
        answer.map_err(|why| format!("lookup {}: {why}", self.hostname))
    }
}

#[cfg(test)]
mod tests;
