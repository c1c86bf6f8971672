//! Addresses, networks, flows and URLs.

mod community_id;
mod url;

use std::net::IpAddr;

use super::arguments::{list, string};
use super::{Argument, Function, Literals, Made, Parameter, pure};
use crate::Value;

/// What has to do with networks.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "CommunityID",
        parameters: &[
            Parameter::required("sourceIP"),
            Parameter::required("sourcePort"),
            Parameter::required("destinationIP"),
            Parameter::required("destinationPort"),
            Parameter::optional("protocol"),
            Parameter::optional("seed"),
        ],
        make: |_| pure(community_id::community_id),
    },
    Function {
        name: "IsInCIDR",
        parameters: &[Parameter::required("target"), Parameter::required("networks")],
        make: is_in_cidr,
    },
    Function {
        name: "URL",
        parameters: &[Parameter::required("uri")],
        make: |_| pure(|a| url::parse(string(&a[0])?).map(Value::Map)),
    },
];

/// A block of addresses of one family.
#[derive(Clone, Copy)]
struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    fn new(text: &str) -> Result<Self, String> {
        let invalid = || format!("invalid CIDR address: {text}");
        let (address, prefix_bits) = text.split_once('/').ok_or_else(invalid)?;
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let is_number = !prefix_bits.is_empty() && prefix_bits.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_bits: u32 = prefix_bits.parse().ok().filter(|_| is_number).ok_or_else(invalid)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        if prefix_bits > all {
            return Err(invalid());
        }
        Ok(Self { address, prefix_bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let differs = match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => u128::from(network.to_bits() ^ address.to_bits()) << 96,
            (IpAddr::V6(network), IpAddr::V6(address)) => network.to_bits() ^ address.to_bits(),
            _ => return false,
        };
        differs.leading_zeros() >= self.prefix_bits
    }
}

fn networks(value: &Value<'_>) -> Result<Vec<Network>, String> {
    list(value)?.iter().map(|network| Network::new(string(network)?)).collect()
}

/// An IPv4 address in the notation of IPv6 (`::ffff:10.0.0.1`) is in its IPv4 networks.
fn is_in_cidr(literals: &Literals<'_>) -> Made {
    let written = match &literals.0[1] {
        Argument::Literal(value) => Some(networks(value)?),
        _ => None,
    };
    pure(move |a| {
        let text = string(&a[0])?;
        let address: IpAddr = text.parse().map_err(|_| format!("unable to parse IP address: {text}"))?;
        let address = address.to_canonical();
        let is_in = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
        Ok(Value::Bool(match &written {
            Some(networks) => is_in(networks),
            None => is_in(&networks(&a[1])?),
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, l, s};
    use crate::Value::{Bool, Int, Nil};

    #[test]
    fn knows_networks() {
        let private = l([s("192.168.0.0/16"), s("10.0.0.0/8"), s("fd00::/8")]);
        let is_in = |text, expected| ("IsInCIDR", [s(text), private.clone()], expected);
        for (name, arguments, expected) in [
            is_in("192.168.1.1", true),
            is_in("10.255.0.1", true),
            is_in("11.0.0.1", false),
            is_in("fd12::1", true),
            is_in("fe80::1", false),
            is_in("::ffff:10.0.0.1", true),
        ] {
            check(&[(name, &arguments, Ok(Bool(expected)))]);
        }
        check(&[
            ("IsInCIDR", &[s("1.2.3.4"), l([s("0.0.0.0/0")])], Ok(Bool(true))),
            ("IsInCIDR", &[s("1.2.3.4"), l([s("1.2.3.5/32")])], Ok(Bool(false))),
            ("IsInCIDR", &[s("1.2.3.4"), l([s("1.2.3.77/24")])], Ok(Bool(true))),
            ("IsInCIDR", &[s("1.2.3.4"), l([])], Ok(Bool(false))),
            ("IsInCIDR", &[s("host"), l([s("0.0.0.0/0")])], Err("unable to parse IP address: host")),
            ("IsInCIDR", &[s("1.2.3.4"), l([s("10.0.0.0")])], Err("invalid CIDR address: 10.0.0.0")),
            ("IsInCIDR", &[s("1.2.3.4"), l([s("10.0.0.0/33")])], Err("invalid CIDR address: 10.0.0.0/33")),
            ("IsInCIDR", &[s("1.2.3.4"), l([s("10.0.0.0/+8")])], Err("invalid CIDR address: 10.0.0.0/+8")),
            ("IsInCIDR", &[s("1.2.3.4"), l([Int(1)])], Err("expected string but got int64")),
            ("IsInCIDR", &[Nil, l([])], Err("expected string but got nil")),
            ("IsInCIDR", &[s("1.2.3.4"), s("10.0.0.0/8")], Err("expected pcommon.Slice but got string")),
        ]);
    }
}
