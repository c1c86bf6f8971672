//! Where to: `host:port` in the forms that gRPC knows.

use std::io;
use std::net::SocketAddr;

/// gRPC's port where a name has none.
const DEFAULT_PORT: u16 = 443;

/// A server, or several behind one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// TLS, whatever `tls.insecure` says.
    pub(super) is_https: bool,
}

impl Endpoint {
    /// The endpoint, or what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("requires a non-empty \"endpoint\"".to_owned());
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let target = match scheme {
            "" => rest.strip_prefix("dns:").unwrap_or(rest),
            "http" | "https" => rest.trim_end_matches('/'),
            // An authority in front names the DNS server to ask; the system's are asked in any case.
            "dns" | "passthrough" => rest.rsplit_once('/').map_or(rest, |(_, target)| target),
            other => return Err(format!("endpoint scheme {other:?} is not supported")),
        };
        if scheme.is_empty() && target.starts_with("unix:") {
            return Err("endpoint scheme \"unix\" is not supported".to_owned());
        }
        let (host, port) = split_port(target)?;
        if host.is_empty() {
            return Err(format!("invalid endpoint {text:?}: it has no host"));
        }
        Ok(Self { host: host.to_owned(), port, is_https: scheme == "https" })
    }

    /// As requests name it.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// All addresses at present, in an order that does not change with the resolver's mood.
    pub(super) async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let mut addresses: Vec<_> = tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect();
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(addresses)
    }
}

fn split_port(target: &str) -> Result<(&str, u16), String> {
    let parse = |port: &str| port.parse().map_err(|_| format!("invalid port \"{port}\""));
    if let Some(rest) = target.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| format!("missing ']' in address {target:?}"))?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, parse(port)?)),
            None if rest.is_empty() => Ok((host, DEFAULT_PORT)),
            None => Err(format!("invalid port \"{rest}\"")),
        };
    }
    match target.split_once(':') {
        None => Ok((target, DEFAULT_PORT)),
        Some((_, port)) if port.contains(':') => Err(format!("too many colons in address {target:?}")),
        Some((host, port)) => Ok((host, parse(port)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, host, port, is_https) in [
            ("backend:4317", "backend", 4317, false),
            ("http://backend:4317", "backend", 4317, false),
            ("https://backend:4317/", "backend", 4317, true),
            ("dns:///backend:4317", "backend", 4317, false),
            ("dns://10.0.0.53/backend:4317", "backend", 4317, false),
            ("dns:backend:4317", "backend", 4317, false),
            ("passthrough:///10.0.0.1:4317", "10.0.0.1", 4317, false),
            ("[::1]:4317", "::1", 4317, false),
            ("https://backend", "backend", 443, true),
        ] {
            let expected = Endpoint { host: host.to_owned(), port, is_https };
            assert_eq!(Endpoint::parse(text), Ok(expected), "{text}");
        }
        assert_eq!(Endpoint::parse("[::1]:4317").unwrap().authority(), "[::1]:4317");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, message) in [
            ("", "requires a non-empty \"endpoint\""),
            ("backend:port", "invalid port \"port\""),
            ("backend:123456", "invalid port \"123456\""),
            ("::1:4317", "too many colons in address \"::1:4317\""),
            ("unix:///run/otel.sock", "endpoint scheme \"unix\" is not supported"),
            ("unix:/run/otel.sock", "endpoint scheme \"unix\" is not supported"),
        ] {
            assert_eq!(Endpoint::parse(text), Err(message.to_owned()), "{text}");
        }
    }
}
