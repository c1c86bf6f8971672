//! `/metrics` on every pull reader's address.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::prometheus;
use super::settings::{MetricLevel, Prometheus};
use crate::host::Host;
use crate::pipeline::BuildError;

/// Connections a reader serves at a time; scrapers need one each, and an open port must not cost unbounded memory.
const MAX_CONNECTIONS: usize = 64;
/// A client that has not sent its headers by then is cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a reader serves.
pub(crate) struct Page {
    pub(crate) metrics: Metrics,
    pub(crate) level: MetricLevel,
    pub(crate) reader: Prometheus,
    pub(crate) resource: BTreeMap<String, String>,
}

/// A reader's server; it stops when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Listens and serves `page` until the server is dropped.
pub(crate) fn serve(page: Page, host: &Host) -> Result<Server, BuildError> {
    let endpoint = format!("{}:{}", bracketed(&page.reader.host), page.reader.port);
    let listen = || {
        let listener = host.listeners.bind(&endpoint)?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>((TcpListener::from_std(listener)?, address))
    };
    let (listener, address) =
        listen().map_err(|error| BuildError(format!("binding address {endpoint} for Prometheus exporter: {error}")))?;
    let stop = CancellationToken::new();
    tokio::spawn(accept(listener, Arc::new(page), stop.clone()));
    Ok(Server { address, stop })
}

fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

async fn accept(listener: TcpListener, page: Arc<Page>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors: accepting again at once would spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (page, stop) = (Arc::clone(&page), stop.clone());
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let response = respond(&page, &request);
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), answer);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => {}
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(place);
        });
    }
}

fn respond(page: &Page, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, kind, body) = if request.uri().path() == "/metrics" {
        let text = prometheus::render(&page.metrics, page.level, &page.reader, &page.resource);
        (StatusCode::OK, prometheus::CONTENT_TYPE, text)
    } else {
        (StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n".to_owned())
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn serves_metrics_and_nothing_else() {
        let host = Host::new();
        let reader = Prometheus { host: "127.0.0.1".into(), ..Prometheus::default() };
        let page =
            Page { metrics: Metrics::default(), level: MetricLevel::Normal, reader, resource: BTreeMap::default() };
        let server = serve(page, &host).unwrap();
        let answer = get(server.address, "/metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains("version=0.0.4") && answer.contains("target_info"), "{answer}");
        assert!(get(server.address, "/").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error_that_names_it() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let reader = Prometheus { host: "127.0.0.1".into(), port, ..Prometheus::default() };
        let page =
            Page { metrics: Metrics::default(), level: MetricLevel::Normal, reader, resource: BTreeMap::default() };
        let error = serve(page, &Host::new()).unwrap_err().to_string();
        let want = format!(
            "binding address 127.0.0.1:{port} for Prometheus exporter: listen tcp 127.0.0.1:{port}: bind: address already in use"
        );
        assert_eq!(error, want);
    }
}
