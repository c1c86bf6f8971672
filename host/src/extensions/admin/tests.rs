use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::testing;
use crate::telemetry::Metrics;

fn cx() -> Cx {
    let id = "admin".parse().unwrap();
    Cx { id, pipeline: None, signal: None, metrics: Metrics::default(), host: Host::new() }
}

fn start(endpoint: &str, token_file: Option<PathBuf>) -> Result<(Arc<Admin>, CancellationToken), BuildError> {
    let settings = Settings { endpoint: endpoint.to_owned(), token_file, ..Settings::default() };
    let admin = Arc::new(Admin::new(settings, &cx())?);
    let (stop, stopped) = Stop::new();
    let of_task = admin.clone();
    tokio::spawn(async move { of_task.run(stopped).await });
    Ok((admin, stop))
}

async fn ask(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n")
}

#[tokio::test]
async fn answers_on_a_socket_of_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub/admin.sock");
    let (_admin, stop) = start(path.to_str().unwrap(), None).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left over");
    let connect = async || UnixStream::connect(&path).await.unwrap();
    let answer = ask(connect().await, &get("/v1/status", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"capture\":[]"), "{answer}");
    for (request, status) in [
        (get("/v1/nothing", ""), "404"),
        (get("/v1/capture", ""), "405"),
        (get("/v1/explain/xyz", ""), "400"),
        (get("/v1/explain/ab", ""), "409"),
        ("POST /v1/capture HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}".to_owned(), "400"),
        (
            "POST /v1/capture HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n".to_owned(),
            "413",
        ),
    ] {
        let answer = ask(connect().await, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains("{\"error\":"),
            "{request}: {answer}"
        );
    }
    stop.cancel();
    while path.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let endpoint = path.to_str().unwrap();
    // Left behind by somebody who is gone.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let (first, _stop) = start(endpoint, None).unwrap();
    // A reload builds the successor while the first still serves.
    let (second, _stop) = start(endpoint, None).unwrap();
    drop(first);
    let answer = ask(UnixStream::connect(&path).await.unwrap(), &get("/v1/status", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(second);

    let file = folder.path().join("file");
    std::fs::write(&file, "data").unwrap();
    let error = start(file.to_str().unwrap(), None).err().unwrap().to_string();
    assert!(error.contains("is no socket"), "{error}");
    let open = folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = start(open.join("s").to_str().unwrap(), None).err().unwrap().to_string();
    assert!(error.contains("written to by others"), "{error}");
}

#[tokio::test]
async fn tcp_asks_for_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "short\n").unwrap();
    assert!(start("127.0.0.1:0", Some(file.clone())).err().unwrap().to_string().contains("shorter"));
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    let (admin, _stop) = start("127.0.0.1:0", Some(file)).unwrap();
    let address = admin.bound()[0].1;
    for (header, status) in [
        ("", "401"),
        ("Authorization: Bearer 0123456789abcdeX\r\n", "401"),
        ("Authorization: Basic 0123456789abcdef\r\n", "401"),
        ("Authorization: Bearer 0123456789abcdef\r\n", "200"),
    ] {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let answer = ask(stream, &get("/v1/status", header)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{header}: {answer}");
    }
}

#[test]
fn settings() {
    for (yaml, wrong) in [
        ("{}", None),
        ("{endpoint: /run/x.sock}", None),
        ("{endpoint: 'unix:///run/x.sock'}", None),
        ("{endpoint: 'localhost:1', token_file: /t}", None),
        ("{endpoint: '[::1]:1', token_file: /t}", None),
        ("{endpoint: '127.0.0.1:1'}", Some("needs a token_file")),
        ("{endpoint: '127.0.0.1:1', tls: {cert_file: c, key_file: k, client_ca_file: a}}", None),
        ("{endpoint: '0.0.0.0:1', tls: {cert_file: c, key_file: k, client_ca_file: a}}", None),
        ("{endpoint: '0.0.0.0:1', token_file: /t, tls: {cert_file: c, key_file: k}}", None),
        ("{endpoint: '0.0.0.0:1', tls: {cert_file: c, key_file: k}}", Some("or tls with a client_ca_file")),
        ("{endpoint: '0.0.0.0:1', token_file: /t, tls: {enabled: false}}", Some("loopback only")),
        ("{endpoint: '0.0.0.0:1', token_file: /t, tls: {}}", Some("must include both certificate and key")),
        ("{endpoint: /run/x.sock, tls: {cert_file: c, key_file: k}}", Some("a socket has no tls")),
        ("{endpoint: '0.0.0.0:1', token_file: /t}", Some("loopback only")),
        ("{endpoint: 'example.org:1', token_file: /t}", Some("loopback only")),
        ("{endpoint: nonsense}", Some("neither the path")),
    ] {
        let (_, problems) = testing::settings::<Settings>(yaml);
        let said: Vec<_> = problems.errors().map(|problem| problem.message.clone()).collect();
        match wrong {
            None => assert!(said.is_empty(), "{yaml}: {said:?}"),
            Some(wrong) => assert!(said.len() == 1 && said[0].contains(wrong), "{yaml}: {said:?}"),
        }
    }
}
