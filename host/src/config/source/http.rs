//! A configuration fetched once over HTTP.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

/// A server that has not answered by then will not.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The body of a 200. `https` trusts the system's roots. Works inside and outside of a runtime: it has a thread of its own.
pub(super) fn get(url: &str) -> Result<String, String> {
    let fetched = std::thread::scope(|scope| scope.spawn(|| fetch(url)).join());
    let why = match fetched {
        Ok(Ok(text)) => return Ok(text),
        Ok(Err(why)) => format!("{why:#}"),
        Err(_) => "the request panicked".to_owned(),
    };
    Err(format!("unable to download the file via HTTP GET for uri {url:?}: {why}"))
}

fn fetch(url: &str) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::time::timeout(TIMEOUT, request(url)).await? })
}

async fn request(url: &str) -> anyhow::Result<String> {
    if !url.starts_with("https:") {
        return request_over(HttpConnector::new(), url).await;
    }
    let tls = rustls::ClientConfig::builder().with_native_roots()?.with_no_client_auth();
    request_over(HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build(), url).await
}

async fn request_over<C: Connect + Clone + Send + Sync + 'static>(connector: C, url: &str) -> anyhow::Result<String> {
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    let response = client.get(url.parse()?).await?;
    anyhow::ensure!(response.status() == http::StatusCode::OK, "status code {}", response.status().as_u16());
    let body = Limited::new(response.into_body(), super::MAX_BYTES as usize);
    let body = body.collect().await.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
    Ok(String::from_utf8(body.to_vec())?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::get;

    /// The address of a server that answers one request.
    fn answer(response: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let _ = stream.read(&mut [0; 4096]).expect("a request");
            stream.write_all(response.as_bytes()).expect("sent");
        });
        format!("http://{address}/config.yaml")
    }

    #[test]
    fn takes_a_200_and_nothing_else() {
        let url = answer("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\na: 1");
        assert_eq!(get(&url), Ok("a: 1".to_owned()));
        let url = answer("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        let why = format!("unable to download the file via HTTP GET for uri {url:?}: status code 404");
        assert_eq!(get(&url), Err(why));
    }
}
