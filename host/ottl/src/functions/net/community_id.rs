//! The Community ID of a flow, version 1: one hash for both of its directions.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::super::arguments::{int, owned, string};
use crate::Value;

/// An end of a flow. IPv4 comes before IPv6, as shorter addresses do in Go.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Endpoint {
    address: IpAddr,
    port: u16,
}

impl Endpoint {
    fn new(address: &Value<'_>, port: &Value<'_>, which: &str) -> Result<Self, String> {
        let address = string(address).map_err(|why| format!("failed to get {which} IP: {why}"))?;
        let port = int(port).map_err(|why| format!("failed to get {which} port: {why}"))?;
        let port = u16::try_from(port).map_err(|_| format!("{which} port must be between 0 and 65535, got {port}"))?;
        let address: IpAddr = address.parse().map_err(|_| format!("invalid {which} IP: {address}"))?;
        Ok(Self { address: address.to_canonical(), port })
    }

    fn hash_address(&self, hash: &mut Sha1) {
        match self.address {
            IpAddr::V4(address) => hash.update(address.octets()),
            IpAddr::V6(address) => hash.update(address.octets()),
        }
    }
}

pub(super) fn community_id<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>, String> {
    let [source_ip, source_port, destination_ip, destination_port, protocol, seed] = arguments else {
        return Err("CommunityID takes six arguments".to_owned());
    };
    let source = Endpoint::new(source_ip, source_port, "source")?;
    let destination = Endpoint::new(destination_ip, destination_port, "destination")?;
    let protocol = match protocol {
        Value::Nil => 6,
        other => protocol_number(string(other).map_err(|why| format!("failed to get protocol: {why}"))?)?,
    };
    let seed = match seed {
        Value::Nil => 0,
        other => {
            let seed = int(other).map_err(|why| format!("failed to get seed: {why}"))?;
            u16::try_from(seed).map_err(|_| format!("seed must be between 0 and 65535, got {seed}"))?
        }
    };
    let (first, second) = if source <= destination { (source, destination) } else { (destination, source) };
    let mut hash = Sha1::new();
    hash.update(seed.to_be_bytes());
    first.hash_address(&mut hash);
    second.hash_address(&mut hash);
    hash.update([protocol, 0]);
    hash.update(first.port.to_be_bytes());
    hash.update(second.port.to_be_bytes());
    Ok(owned(format!("1:{}", STANDARD.encode(hash.finalize()))))
}

fn protocol_number(name: &str) -> Result<u8, String> {
    Ok(match name {
        "ICMP" => 1,
        "TCP" => 6,
        "UDP" => 17,
        "RSVP" => 46,
        "ICMP6" => 58,
        "SCTP" => 132,
        other => return Err(format!("unsupported protocol: {other}")),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, s};
    use crate::Value::{Int, Nil};

    #[test]
    fn gives_the_known_ids() {
        check(&[
            // From the specification's baseline.
            (
                "CommunityID",
                &[s("66.35.250.204"), Int(80), s("128.232.110.120"), Int(34855)],
                Ok(s("1:LQU9qZlK+B5F3KDmev6m5PMibrg=")),
            ),
            (
                "CommunityID",
                &[s("128.232.110.120"), Int(34855), s("66.35.250.204"), Int(80)],
                Ok(s("1:LQU9qZlK+B5F3KDmev6m5PMibrg=")),
            ),
            (
                "CommunityID",
                &[s("192.168.1.1"), Int(54321), s("10.0.0.1"), Int(90), s("UDP"), Int(2)],
                Ok(s("1:sAf4Y22Cz0Pq28qyrJYFQGhlvp4=")),
            ),
            (
                "CommunityID",
                &[s("2001:db8::1"), Int(1), s("::ffff:10.0.0.1"), Int(90), s("SCTP")],
                Ok(s("1:jto0sJqYTnnPJaf0CiZB9ufIHvY=")),
            ),
            ("CommunityID", &[s("x"), Int(1), s("1.1.1.1"), Int(1)], Err("invalid source IP: x")),
            (
                "CommunityID",
                &[s("1.1.1.1"), Int(1), s("1.1.1.1"), Int(65536)],
                Err("destination port must be between 0 and 65535, got 65536"),
            ),
            (
                "CommunityID",
                &[s("1.1.1.1"), Int(-1), s("1.1.1.1"), Int(1)],
                Err("source port must be between 0 and 65535, got -1"),
            ),
            ("CommunityID", &[s("1.1.1.1"), Int(1), s("1.1.1.1"), Int(1), s("GRE")], Err("unsupported protocol: GRE")),
            (
                "CommunityID",
                &[s("1.1.1.1"), Int(1), s("1.1.1.1"), Int(1), Nil, Int(65536)],
                Err("seed must be between 0 and 65535"),
            ),
            (
                "CommunityID",
                &[s("1.1.1.1"), s("1"), s("1.1.1.1"), Int(1)],
                Err("failed to get source port: expected int64 but got string"),
            ),
            (
                "CommunityID",
                &[Nil, Int(1), s("1.1.1.1"), Int(1)],
                Err("failed to get source IP: expected string but got nil"),
            ),
        ]);
    }
}
