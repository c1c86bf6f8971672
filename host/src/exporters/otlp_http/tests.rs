use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::net::testing::{PATIENCE, Served, batch, cx, traces};

fn exporter(endpoint: impl std::fmt::Display, more: &str) -> OtlpHttp {
    let yaml = format!("endpoint: '{endpoint}'\n{more}");
    let settings: OtlpHttpSettings = serde_yaml::from_str(&yaml).expect("settings");
    OtlpHttp::new(settings, &cx("otlphttp", Some(Signal::Traces))).expect("builds")
}

async fn send(exporter: &OtlpHttp, data: &[u8]) -> Result<(), Refusal> {
    tokio::time::timeout(PATIENCE, exporter.send(batch(data.to_vec(), 1))).await.expect("in time")
}

#[tokio::test]
async fn every_compression_and_encoding_arrives_as_it_was_sent() {
    let compressions = ["none", "gzip", "zstd", "zlib", "deflate", "snappy", "x-snappy-framed"];
    for (compression, encoding) in compressions.into_iter().flat_map(|name| [(name, "proto"), (name, "json")]) {
        let server = Served::http("");
        let url = format!("http://{}", server.address());
        let exporter = exporter(url, &format!("compression: {compression}\nencoding: {encoding}"));
        let requests = [traces(1, 10), traces(100, 300), traces(1000, 1000)];
        for request in &requests {
            send(&exporter, request).await.expect(compression);
        }
        assert_eq!(server.sink.bytes(), requests, "{compression} {encoding}");
        server.finish().await;
    }
}

#[tokio::test]
async fn refusals_come_back_as_they_were_meant() {
    let server = Served::http("");
    for encoding in ["proto", "json"] {
        let exporter = exporter(format!("http://{}/", server.address()), &format!("encoding: {encoding}"));
        let after = Some(Duration::from_secs(2));
        for (refusal, kind) in [
            (Refusal::retry("full"), RefusalKind::Retry { after: None }),
            (Refusal { kind: RefusalKind::Retry { after }, ..Refusal::retry("later") }, RefusalKind::Retry { after }),
            (Refusal::permanent("never"), RefusalKind::Permanent),
            (Refusal::bad_data("garbage"), RefusalKind::Permanent),
        ] {
            server.sink.refuse(Some(refusal.clone()));
            let back = send(&exporter, &traces(1, 1)).await.expect_err("refused");
            assert_eq!(back.kind, kind, "{back}");
            assert!(back.why.ends_with(&format!("Message={}", refusal.why)), "{back}");
        }
    }
}

/// Answers every connection's first request with `answer`.
async fn scripted(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 * 1024];
            assert!(stream.read(&mut request).await.expect("reads") > 0);
            stream.write_all(answer.as_bytes()).await.expect("writes");
        }
    });
    url
}

fn answer(status: u16, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n{body}", body.len())
}

#[tokio::test]
async fn answers_of_other_servers_are_understood() {
    let json = "content-type: application/json\r\n";
    for (status, more, body, expected) in [
        (200, json, r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}"#, Ok(())),
        (202, "content-type: text/html\r\n", "<p>thanks</p>", Ok(())),
        (200, json, "<p>", Err(RefusalKind::Permanent)),
        (429, "retry-after: 3\r\n", "", Err(RefusalKind::Retry { after: Some(Duration::from_secs(3)) })),
        (502, "", "bad gateway", Err(RefusalKind::Retry { after: None })),
        (413, "", "", Err(RefusalKind::Permanent)),
    ] {
        let url = scripted(answer(status, more, body)).await;
        let result = send(&exporter(url, ""), &traces(1, 1)).await;
        assert_eq!(result.map_err(|refusal| refusal.kind), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn redirects_are_followed_with_the_same_body() {
    let server = Served::http("");
    let to = format!("location: http://{}/v1/traces\r\n", server.address());
    let url = scripted(answer(307, &to, "")).await;
    send(&exporter(url, ""), &traces(3, 5)).await.expect("sent");
    assert_eq!(server.sink.bytes(), [traces(3, 5)]);
    let nowhere = scripted(answer(308, "", "")).await;
    send(&exporter(nowhere, ""), &traces(3, 5)).await.expect_err("no location");
}

#[tokio::test]
async fn tls_checks_the_server_and_speaks_both_versions() {
    let authority = rcgen::generate_simple_self_signed(vec!["backend.test".to_owned()]).expect("certificate");
    let directory = tempfile::tempdir().expect("directory");
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
    std::fs::write(&cert, authority.cert.pem()).expect("written");
    std::fs::write(&key, authority.signing_key.serialize_pem()).expect("written");
    let server = Served::http(&format!(", tls: {{cert_file: '{}', key_file: '{}'}}", cert.display(), key.display()));
    let ca = cert.display();
    for (more, works) in [
        (format!("tls: {{ca_file: '{ca}', server_name_override: backend.test}}"), true),
        (format!("tls: {{ca_file: '{ca}', server_name_override: backend.test}}\nforce_attempt_http2: false"), true),
        ("tls: {insecure_skip_verify: true}".to_owned(), true),
        (format!("tls: {{ca_file: '{ca}'}}"), false),
        ("tls: {server_name_override: backend.test}".to_owned(), false),
    ] {
        let exporter = exporter(format!("https://{}", server.address()), &more);
        let result = send(&exporter, &traces(1, 1)).await;
        assert_eq!(result.is_ok(), works, "{more} {result:?}");
    }
}
