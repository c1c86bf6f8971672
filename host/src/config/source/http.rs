//! A configuration fetched once over HTTP.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
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
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async { tokio::time::timeout(TIMEOUT, request(url)).await? })
}

async fn request(url: &str) -> anyhow::Result<String> {
    let tls = rustls::ClientConfig::builder().with_native_roots()?.with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    let response = client.get(url.parse()?).await?;
    anyhow::ensure!(response.status() == http::StatusCode::OK, "status code {}", response.status().as_u16());
    let body = Limited::new(response.into_body(), super::MAX_BYTES as usize);
    let body = body.collect().await.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
    Ok(String::from_utf8(body.to_vec())?)
}
