use k8s_openapi::api::discovery::v1::EndpointConditions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;

fn endpoint(addresses: &[&str], hostname: Option<&str>, ready: Option<bool>) -> Endpoint {
    Endpoint {
        addresses: addresses.iter().map(ToString::to_string).collect(),
        hostname: hostname.map(str::to_owned),
        conditions: Some(EndpointConditions { ready, serving: None, terminating: None }),
        ..Endpoint::default()
    }
}

fn slice(name: &str, endpoints: Vec<Endpoint>) -> EndpointSlice {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    EndpointSlice { metadata, endpoints, ..EndpointSlice::default() }
}

fn both() -> EndpointSlice {
    let first = endpoint(&["10.0.0.1"], Some("gateway-0"), Some(true));
    let second = endpoint(&["fd00::2"], Some("gateway-1"), Some(false));
    let third = endpoint(&["10.0.0.3"], None, None);
    slice("a", vec![first, second, third])
}

#[test]
fn every_endpoint_is_a_backend_for_each_port() {
    let hostnames_of = || Some("gateways.monitoring".to_owned());
    for (form, expected) in [
        (Form::default(), "10.0.0.1 fd00::2 10.0.0.3"),
        (
            Form { ports: vec![4317, 4318], ..Form::default() },
            "10.0.0.1:4317 10.0.0.1:4318 [fd00::2]:4317 [fd00::2]:4318 10.0.0.3:4317 10.0.0.3:4318",
        ),
        (Form { ready_only: true, ..Form::default() }, "10.0.0.1 10.0.0.3"),
        (
            Form { hostnames_of: hostnames_of(), ..Form::default() },
            "gateway-0.gateways.monitoring gateway-1.gateways.monitoring",
        ),
        (Form { hostnames_of: hostnames_of(), ports: vec![1], ready_only: true }, "gateway-0.gateways.monitoring:1"),
    ] {
        let mut slices = Slices::new(&form);
        slices.put(&both());
        assert_eq!(slices.backends().join(" "), expected, "{form:?}");
    }
}

#[test]
fn endpoints_without_a_hostname_are_counted() {
    let form = Form { hostnames_of: Some("gateways.monitoring".to_owned()), ..Form::default() };
    let mut slices = Slices::new(&form);
    slices.put(&both());
    slices.backends();
    assert_eq!(slices.nameless, 1);
}

#[test]
fn slices_come_change_and_go() {
    let form = Form::default();
    let mut slices = Slices::new(&form);
    let one = |address| vec![endpoint(&[address], None, None)];
    slices.put(&slice("a", one("10.0.0.1")));
    slices.put(&slice("b", one("10.0.0.2")));
    assert_eq!(slices.backends(), ["10.0.0.1", "10.0.0.2"]);
    slices.put(&slice("a", one("10.0.0.3")));
    assert_eq!(slices.backends(), ["10.0.0.3", "10.0.0.2"]);
    slices.remove(&slice("a", Vec::new()));
    assert_eq!(slices.backends(), ["10.0.0.2"]);
    slices.put(&slice("b", Vec::new()));
    assert_eq!(slices.backends(), [""; 0]);
}
