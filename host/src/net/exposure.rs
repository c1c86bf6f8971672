//! What others on the network could read: plaintext beyond the machine itself.

use std::net::IpAddr;

use super::tls::ServerTls;
use crate::config::Check;

/// Whether this name or address leads to the machine itself. Other names may; that is known only by whoever resolves them.
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_address = || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback());
    host.trim_end_matches('.').eq_ignore_ascii_case("localhost") || is_address()
}

/// Warns of a server, whose section stands at `at`, that takes in plaintext from other machines.
pub fn warn_of_server(at: &str, endpoint: &str, tls: Option<&ServerTls>, check: &mut Check<'_>) {
    let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
    if endpoint.is_empty() || is_loopback(host) || tls.is_some_and(|tls| tls.enabled) {
        return;
    }
    check.warning_with_help(
        &format!("{at}.endpoint"),
        format!("{endpoint} takes data from other machines in plaintext: anyone on the way can read and change it"),
        "add `tls` with `cert_file` and `key_file`, or listen on localhost",
    );
}

/// Warns of a client, whose endpoint stands at `at`, that sends plaintext to `host`, if that is another machine.
pub fn warn_of_client(at: &str, host: &str, check: &mut Check<'_>) {
    if is_loopback(host) {
        return;
    }
    check.warning_with_help(
        at,
        format!("data goes to {host} in plaintext: anyone on the way can read and change it"),
        "use TLS: `https://`, or `tls` without `insecure`",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_itself() {
        for host in
            ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "::ffff:127.0.0.1"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "0.0.0.0", "::", "[::]", "10.0.0.1", "localhost.example.org", "gateway"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
