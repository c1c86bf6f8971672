//! One lookup. The system's configuration is read anew for each, so that a change of it needs no restart.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{Hosts, Resolver};

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Who is asked where nobody is named, as other resolvers do it.
const LOCAL_SERVERS: &[u8] = b"\nnameserver 127.0.0.1\nnameserver ::1\n";

/// The addresses of `hostname`, at least one; `servers` are asked, or the system's if there are none.
pub(super) async fn lookup(hostname: &str, servers: &[SocketAddr]) -> Result<Vec<IpAddr>, String> {
    if let Ok(address) = hostname.parse() {
        return Ok(vec![address]);
    }
    let name = Name::from_str_relaxed(hostname).map_err(|error| error.to_string())?;
    let known = in_hosts(&name);
    if !known.is_empty() {
        return Ok(known);
    }
    let system = std::fs::read(RESOLV_CONF).unwrap_or_default();
    ask(name, &system, servers).await
}

/// `system` is the text of `resolv.conf`.
async fn ask(name: Name, system: &[u8], servers: &[SocketAddr]) -> Result<Vec<IpAddr>, String> {
    let (config, options) = configuration(system, servers)?;
    let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    let resolver = builder.build().map_err(|error| error.to_string())?;
    let answer = resolver.lookup_ip(name).await.map_err(|error| in_words(&error))?;
    let addresses: Vec<_> = answer.iter().collect();
    if addresses.is_empty() { Err("no addresses".to_owned()) } else { Ok(addresses) }
}

/// A name that stands in the hosts file is not asked for, not even for the family that the file has no address of.
fn in_hosts(name: &Name) -> Vec<IpAddr> {
    let hosts = quietly(|| Hosts::from_system().unwrap_or_default());
    let of = |kind| hosts.lookup_static_host(&Query::query(name.clone(), kind));
    let lookups = [RecordType::A, RecordType::AAAA].into_iter().filter_map(of);
    lookups
        .flat_map(|lookup| lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect::<Vec<_>>())
        .collect()
}

fn configuration(system: &[u8], servers: &[SocketAddr]) -> Result<(ResolverConfig, ResolverOpts), String> {
    let parsed = quietly(|| parse_resolv_conf(system).or_else(|_| parse_resolv_conf([system, LOCAL_SERVERS].concat())));
    let (config, mut options) = parsed.map_err(|error| format!("{RESOLV_CONF}: {error}"))?;
    let (domain, search, system_servers) = config.into_parts();
    let servers = if servers.is_empty() { system_servers } else { servers.iter().map(name_server).collect() };
    // The host's own domain stands in for a list that is missing; it does not come on top of one.
    let domain = domain.filter(|_| search.is_empty());
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Never;
    options.cache_size = 0;
    // The server may answer in more than 512 bytes: more lists fit without TCP.
    options.edns0 = true;
    Ok((ResolverConfig::from_parts(domain, search, servers), options))
}

/// What the library has against a line of the system's files, it would say at every lookup.
fn quietly<T>(read: impl FnOnce() -> T) -> T {
    tracing::dispatcher::with_default(&tracing::Dispatch::none(), read)
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

fn in_words(error: &NetError) -> String {
    if error.is_nx_domain() {
        "no such host".to_owned()
    } else if error.is_no_records_found() {
        "no addresses".to_owned()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::server::{Answer, DnsServer};
    use super::*;

    #[tokio::test]
    async fn search_domains_and_ndots_are_those_of_the_system() {
        const SYSTEM: &[u8] = b"search a.example b.example\noptions ndots:2\nnameserver 10.0.0.1\n";
        let server = DnsServer::start().await;
        for (name, known, asked) in [
            ("gateways", "gateways.b.example", vec!["gateways.a.example", "gateways.b.example"]),
            ("gateways.x", "gateways.x", vec!["gateways.x.a.example", "gateways.x.b.example", "gateways.x"]),
            ("gateways.x.y", "gateways.x.y", vec!["gateways.x.y"]),
            ("gateways.", "gateways", vec!["gateways"]),
        ] {
            let before = server.questions().len();
            server.script(move |question| match question.name == known {
                true => Answer::addresses(&["10.0.0.7"]),
                false => Answer::NoSuchName,
            });
            let address = server.address().parse().expect("an address");
            let name = Name::from_str_relaxed(name).expect("a name");
            assert_eq!(ask(name, SYSTEM, &[address]).await, Ok(vec![IpAddr::from([10, 0, 0, 7])]));
            let mut questions: Vec<_> = server.questions()[before..].iter().map(|q| q.name.clone()).collect();
            questions.dedup();
            assert_eq!(questions, asked);
        }
    }

    #[test]
    fn servers_are_the_given_ones_or_the_systems_or_local() {
        let ports = |system: &str, servers: &[&str]| {
            let servers: Vec<SocketAddr> = servers.iter().map(|text| text.parse().expect("an address")).collect();
            let (config, _) = configuration(system.as_bytes(), &servers).expect("readable");
            let server = |server: &NameServerConfig| {
                let ports: Vec<_> = server.connections.iter().map(|connection| connection.port).collect();
                format!("{} {ports:?}", server.ip)
            };
            config.name_servers().iter().map(server).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(ports("nameserver 10.0.0.1\n", &[]), "10.0.0.1 [53, 53]");
        assert_eq!(ports("nameserver 10.0.0.1\n", &["127.0.0.1:5353"]), "127.0.0.1 [5353, 5353]");
        assert_eq!(ports("search example\n", &[]), "127.0.0.1 [53, 53], ::1 [53, 53]");
        assert_eq!(ports("", &[]), "127.0.0.1 [53, 53], ::1 [53, 53]");
    }

    #[test]
    fn a_search_list_is_all_that_is_searched() {
        let system = b"domain own.example\nsearch a.example\nnameserver 10.0.0.1\n";
        let (config, _) = configuration(system, &[]).expect("readable");
        assert_eq!((config.domain(), config.search().len()), (None, 1));
    }
}
