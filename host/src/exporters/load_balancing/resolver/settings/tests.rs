use super::*;
use crate::config::testing;
use crate::pipeline::Settings;

/// A component with a resolver.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Holder {
    resolver: ResolverSettings,
}

impl Settings for Holder {
    fn check(&self, check: &mut Check<'_>) {
        self.resolver.check("resolver", check);
    }
}

/// The settings of `text`, and what is wrong with them.
fn read(text: &str) -> (ResolverSettings, String) {
    let (settings, problems) = testing::settings::<Holder>(&format!("resolver: {text}"));
    (settings.unwrap_or_default().resolver, problems.to_string())
}

#[test]
fn what_is_wrong_is_said_in_the_collectors_words() {
    for (text, expected) in [
        ("{}", NONE),
        ("{static: {hostnames: [a]}, dns: {hostname: b}}", SEVERAL),
        ("{aws_cloud_map: {namespace: a, service_name: b}}", "the resolver `aws_cloud_map` is not supported"),
        ("{static: {hostnames: []}, k8s: {service: a}, dns: {hostname: b}}", SEVERAL),
        ("{static: }", "no endpoints specified for the static resolver"),
        ("{static: {hostnames: []}}", "no endpoints specified for the static resolver"),
        ("{dns: }", "no hostname specified to resolve the backends"),
        ("{k8s: }", "no service specified to resolve the backends"),
        ("{static: {hostnames: [a, '']}}", "hostnames::1: empty endpoint"),
        ("{dns: {port: 4317}}", "no hostname specified to resolve the backends"),
        ("{dns: {hostname: a, port: 0}}", "invalid port \"0\""),
        ("{dns: {hostname: a, port: 65536}}", "invalid port \"65536\""),
        ("{dns: {hostname: a, port: -1}}", "invalid port \"-1\""),
        ("{dns: {hostname: a, port: otlp}}", "invalid port \"otlp\""),
        ("{dns: {hostname: a, port: [1]}}", "expected type 'string'"),
        ("{dns: {hostname: a, port: true}}", "expected type 'string'"),
        ("{dns: {hostname: a, interval: 0s}}", "interval: 0 stands for the default, 5s"),
        ("{dns: {hostname: a, timeout: 0s}}", "timeout: 0 stands for the default, 1s"),
        ("{dns: {hostname: a, servers: [dns.example]}}", "invalid address of a DNS server \"dns.example\""),
        ("{dns: {hostname: a, servers: ['127.0.0.1:0']}}", "servers::0: invalid address"),
        ("{k8s: {ports: [4317]}}", "no service specified to resolve the backends"),
        ("{k8s: {service: a..b}}", "invalid name of a service \"a..b\""),
        ("{k8s: {service: 'a=b.c'}}", "invalid name of a service"),
        ("{k8s: {service: a, ports: [4317, 0]}}", "ports::1: invalid port 0"),
        ("{k8s: {service: a, ports: [65536]}}", "65536"),
        ("{k8s: {service: a, timeout: 0}}", "timeout: 0 stands for the default, 1m"),
    ] {
        let (_, problems) = read(text);
        assert!(problems.contains(expected), "{text}: {problems}");
    }
}

#[test]
fn nothing_is_said_of_what_is_right() {
    for text in [
        "{static: {hostnames: [b1, 'b2:4317', '[::1]:4317']}}",
        "{dns: {hostname: gateways, port: 4317, interval: 1s, timeout: 2s, servers: [10.0.0.1, '[::1]', '::1', '[::1]:53']}}",
        "{dns: {hostname: gateways, port: }}",
        "{dns: null, k8s: {service: gateways.monitoring}}",
        "{k8s: {service: gateways.monitoring.svc.cluster.local, ports: [4317], return_hostnames: true, ready_only: true}}",
    ] {
        assert_eq!(read(text).1, "", "{text}");
    }
}

#[test]
fn ports_are_numbers_or_texts() {
    for (text, port) in [("4317", "4317"), ("'4317'", "4317"), ("''", ""), ("", "")] {
        let (settings, problems) = read(&format!("{{dns: {{hostname: a, port: {text}}}}}"));
        assert_eq!(problems, "", "{text}");
        assert_eq!(settings.dns.expect("given").port, port, "{text}");
    }
}

#[test]
fn zeros_are_the_defaults() {
    let zero = Duration::default();
    let dns = DnsSettings { interval: zero, timeout: zero, ..DnsSettings::default() };
    assert_eq!((dns.interval(), dns.timeout()), (DnsSettings::default().interval.0, DnsSettings::default().timeout.0));
    let k8s = K8sSettings { timeout: zero, ..K8sSettings::default() };
    assert_eq!(k8s.timeout(), K8sSettings::default().timeout.0);
}

#[test]
fn services_have_a_namespace_or_none() {
    for (text, name, namespace) in [
        ("gateways", "gateways", None),
        ("gateways.monitoring", "gateways", Some("monitoring")),
        ("gateways.monitoring.svc.cluster.local.", "gateways", Some("monitoring")),
    ] {
        let service: Service = text.parse().expect("a service");
        assert_eq!((service.name.as_str(), service.namespace.as_deref()), (name, namespace), "{text}");
    }
}
