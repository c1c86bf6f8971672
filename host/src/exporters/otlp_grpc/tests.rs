use std::time::Duration;

use super::*;
use crate::net::testing::{PATIENCE, Served, batch, cx, traces};
use crate::pipeline::RefusalKind;

fn exporter(endpoint: impl std::fmt::Display, more: &str) -> OtlpGrpc {
    let yaml = format!("endpoint: '{endpoint}'\n{more}");
    let settings: OtlpGrpcSettings = serde_yaml::from_str(&yaml).expect("settings");
    OtlpGrpc::new(settings, &cx("otlp", Some(Signal::Traces))).expect("builds")
}

async fn send(exporter: &OtlpGrpc, data: &[u8], items: usize) -> Result<(), Refusal> {
    tokio::time::timeout(PATIENCE, exporter.send(batch(data.to_vec(), items))).await.expect("in time")
}

const PLAIN: &str = "tls: {insecure: true}";

#[tokio::test]
async fn every_compression_arrives_as_it_was_sent() {
    for compression in ["none", "gzip", "zstd", "snappy"] {
        let server = Served::grpc("");
        let exporter = exporter(server.address(), &format!("{PLAIN}\ncompression: {compression}"));
        let requests = [traces(1, 10), traces(100, 300), traces(1000, 1000)];
        for request in &requests {
            send(&exporter, request, 1).await.expect(compression);
        }
        assert_eq!(server.sink.bytes(), requests, "{compression}");
        server.finish().await;
    }
}

#[tokio::test]
async fn chunks_arrive_as_one_message() {
    let server = Served::grpc("");
    let exporter = exporter(server.address(), &format!("{PLAIN}\ncompression: none"));
    let (first, second) = (traces(3, 50_000), traces(2, 7));
    let mut data = Rope::from(first.clone());
    data.append(second.clone().into());
    let joined = Batch::new(Signal::Traces, data, 5);
    exporter.send(joined).await.expect("sent");
    assert_eq!(server.sink.bytes(), [[first, second].concat()]);
    assert_eq!(server.sink.taken()[0].items, 5);
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let server = Served::grpc("");
    let exporter = exporter(server.address(), PLAIN);
    let request = traces(10, 100);
    let sends = (0..200).map(|_| send(&exporter, &request, 10));
    for result in futures_util::future::join_all(sends).await {
        result.expect("sent");
    }
    assert_eq!(server.sink.bytes().len(), 200);
}

#[tokio::test]
async fn refusals_come_back_as_they_were_meant() {
    let server = Served::grpc("");
    let exporter = exporter(server.address(), PLAIN);
    let after = Some(Duration::from_millis(1500));
    for (refusal, kind) in [
        (Refusal::retry("full"), RefusalKind::Retry { after: None }),
        (Refusal { kind: RefusalKind::Retry { after }, ..Refusal::retry("later") }, RefusalKind::Retry { after }),
        (Refusal::permanent("never"), RefusalKind::Permanent),
        (Refusal::bad_data("garbage"), RefusalKind::Permanent),
    ] {
        server.sink.refuse(Some(refusal.clone()));
        let back = send(&exporter, &traces(1, 1), 1).await.expect_err("refused");
        assert_eq!(back.kind, kind, "{back}");
        assert!(back.why.ends_with(&refusal.why), "{back}");
    }
    server.sink.refuse(None);
    send(&exporter, &traces(1, 1), 1).await.expect("the connection still works");
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_again() {
    let server = Served::grpc("");
    let address = server.address();
    let exporter = exporter(address, &format!("{PLAIN}\nwait_for_ready: true"));
    send(&exporter, &traces(1, 1), 1).await.expect("sent");
    server.finish().await;
    let again = Served::start(&format!("protocols: {{grpc: {{endpoint: '{address}'}}}}"));
    let mut result = send(&exporter, &traces(1, 1), 1).await;
    // The first attempt may still meet the old connection.
    for _ in 0..5 {
        if result.is_ok() {
            break;
        }
        result = send(&exporter, &traces(1, 1), 1).await;
    }
    result.expect("sent to the new server");
    assert_eq!(again.sink.bytes().len(), 1);
}

#[tokio::test]
async fn nobody_there_is_a_failure_that_may_pass() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = closed.local_addr().expect("bound");
    drop(closed);
    let exporter = exporter(address, PLAIN);
    let refusal = send(&exporter, &traces(1, 1), 1).await.expect_err("refused");
    assert_eq!(refusal.kind, RefusalKind::Retry { after: None });
    assert!(refusal.why.contains("code = Unavailable"), "{refusal}");
}

#[tokio::test]
async fn tls_checks_the_server() {
    let authority = rcgen::generate_simple_self_signed(vec!["backend.test".to_owned()]).expect("certificate");
    let directory = tempfile::tempdir().expect("directory");
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
    std::fs::write(&cert, authority.cert.pem()).expect("written");
    std::fs::write(&key, authority.signing_key.serialize_pem()).expect("written");
    let tls = format!(", tls: {{cert_file: '{}', key_file: '{}'}}", cert.display(), key.display());
    let server = Served::grpc(&tls);
    let ca = cert.display();
    for (tls, works) in [
        (format!("{{ca_file: '{ca}', server_name_override: backend.test}}"), true),
        (format!("{{ca_file: '{ca}', server_name_override: backend.test, insecure: true}}"), true),
        ("{insecure_skip_verify: true}".to_owned(), true),
        (format!("{{ca_file: '{ca}'}}"), false),
        ("{server_name_override: backend.test}".to_owned(), false),
        ("{insecure: true}".to_owned(), false),
    ] {
        let exporter = exporter(server.address(), &format!("tls: {tls}\ntimeout: 5000000000"));
        let result = send(&exporter, &traces(1, 1), 1).await;
        assert_eq!(result.is_ok(), works, "{tls} {result:?}");
    }
}
