use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsConnector;

use super::super::testing::{Authority, write};
use super::super::{ClientTls, ServerTls, tests::server_tls};
use super::*;
use crate::net::testing::cx;

/// What the server makes of a client.
async fn shake(server: &ServerTls, client: &ClientTls, protocols: &[&[u8]]) -> Option<Reason> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = server.acceptor(&[b"h2"], Owner::Extension, &cx("admin", None)).unwrap();
    let client = TlsConnector::from(std::sync::Arc::new(client.client_config(protocols).unwrap()));
    let connecting = client.connect("server.test".try_into().unwrap(), theirs);
    let (accepted, connected) = tokio::join!(server.try_accept(ours), connecting);
    drop(connected);
    accepted.err().map(|error| Reason::of(&error))
}

#[tokio::test]
async fn handshakes_fail_for_their_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let [servers, clients, others] = ["servers", "clients", "others"].map(Authority::new);
    let pair = servers.issue("server.test", 2100);
    let plain = server_tls(folder.path(), &pair);
    let client_ca_file = write(folder.path(), "clients.crt", &clients.pem());
    let asking = ServerTls { client_ca_file, ..plain.clone() };
    let anyone = ClientTls { ca_pem: servers.pem().into(), ..ClientTls::default() };
    let with = |authority: &Authority, until: i32| {
        let issued = authority.issue("client", until);
        ClientTls { cert_pem: issued.certificate.into(), key_pem: issued.key.into(), ..anyone.clone() }
    };
    let only = |version: &str| ServerTls {
        min_version: version.to_owned(),
        max_version: version.to_owned(),
        ..asking.clone()
    };
    let newest = ClientTls { min_version: "1.3".to_owned(), ..anyone.clone() };
    let oldest = ClientTls { max_version: "1.2".to_owned(), ..anyone.clone() };
    let suite = |name: &str| vec![format!("TLS_ECDHE_ECDSA_WITH_{name}")];
    let aes = ServerTls { cipher_suites: suite("AES_128_GCM_SHA256"), ..plain.clone() };
    let chacha = ClientTls { cipher_suites: suite("CHACHA20_POLY1305_SHA256"), ..oldest.clone() };
    let p384 = ServerTls { curve_preferences: vec!["P384".to_owned()], ..plain.clone() };
    let p256 = ClientTls { curve_preferences: vec!["P256".to_owned()], ..anyone.clone() };
    let strangers = ClientTls { ca_pem: others.pem().into(), ..ClientTls::default() };
    for (what, server, client, expected) in [
        ("no CA for clients", &plain, &anyone, None),
        ("a good certificate", &asking, &with(&clients, 2100), None),
        ("a good certificate over 1.2", &only("1.2"), &with(&clients, 2100), None),
        ("a good certificate over 1.3", &only("1.3"), &with(&clients, 2100), None),
        ("no certificate", &asking, &anyone, Some(Reason::NoClientCertificate)),
        ("no certificate over 1.2", &only("1.2"), &anyone, Some(Reason::NoClientCertificate)),
        ("another CA's", &asking, &with(&others, 2100), Some(Reason::UnknownClientCa)),
        ("one that is over", &asking, &with(&clients, 2024), Some(Reason::ExpiredClientCertificate)),
        ("an unknown server", &plain, &strangers, Some(Reason::RefusedByClient)),
        ("too old", &only("1.3"), &oldest, Some(Reason::Version)),
        ("too new", &only("1.2"), &newest, Some(Reason::Version)),
        ("the same suites", &aes, &anyone, None),
        ("other suites", &aes, &chacha, Some(Reason::Incompatible)),
        ("other groups", &p384, &p256, Some(Reason::Incompatible)),
    ] {
        assert_eq!(shake(server, client, &[b"h2"]).await, expected, "{what}");
    }
    assert_eq!(shake(&plain, &anyone, &[b"gopher"]).await, Some(Reason::Incompatible));
}

/// As the Go collector has it: a certificate that `openssl req -x509` made is good for the server and for `ca_file`.
#[tokio::test]
async fn a_certificate_that_is_its_own_ca() {
    let folder = tempfile::tempdir().unwrap();
    let [good, twin] = [0, 1].map(|_| Authority::of_itself("server.test", 2100));
    let over = Authority::of_itself("server.test", 2024);
    let other = Authority::of_itself("other.test", 2100);
    for (what, server, ca, works) in [
        ("itself", &good, &good, true),
        ("one like it", &good, &twin, false),
        ("one that is over", &over, &over, false),
        ("one of another name", &other, &other, false),
    ] {
        let client = ClientTls { ca_pem: ca.certificate.clone().into(), ..ClientTls::default() };
        let failed = shake(&server_tls(folder.path(), server), &client, &[b"h2"]).await;
        assert_eq!(failed, (!works).then_some(Reason::RefusedByClient), "{what}");
    }
}

#[tokio::test]
async fn what_is_no_client_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_tls(folder.path(), &Authority::new("ca").issue("server.test", 2100));
    let acceptor = server.acceptor(&[], Owner::Extension, &cx("admin", None)).unwrap();
    for (said, expected) in [("", Reason::Disconnected), ("GET / HTTP/1.1\r\n\r\n", Reason::NotTls)] {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        theirs.write_all(said.as_bytes()).await.unwrap();
        theirs.shutdown().await.unwrap();
        let error = acceptor.try_accept(ours).await.err().unwrap();
        assert_eq!(Reason::of(&error), expected, "{said:?} {error}");
    }
}

#[test]
fn counted_each_and_said_now_and_then() {
    let cx = cx("otlp", None);
    let failures = Failures::new(Owner::Receiver { transport: "grpc" }, &cx);
    let late = io::Error::new(io::ErrorKind::TimedOut, "late");
    failures.count(&late, ([127, 0, 0, 1], 4000).into());
    failures.count(&late, ([127, 0, 0, 1], 4000).into());
    let labels = [("receiver", "otlp"), ("transport", "grpc"), ("reason", "timeout")];
    assert_eq!(cx.metrics.counter(OF_RECEIVER, &labels).get(), 2);
    let now = Instant::now();
    let said = [0, 1, 29, 30, 31].map(|secs| failures.is_to_be_said(Reason::Version, now + Duration::from_secs(secs)));
    assert_eq!(said, [Some(0), None, None, Some(2), None]);
    assert_eq!(failures.is_to_be_said(Reason::NotTls, now), Some(0), "each reason for itself");
}
