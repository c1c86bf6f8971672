//! `/metrics` on every pull reader's address.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::StatusCode;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::prometheus;
use super::settings::{MetricLevel, Prometheus};
use crate::host::{Host, pages};
use crate::pipeline::BuildError;

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
    tokio::spawn(pages::serve(listener, None, move |path| respond(&page, path), stop.clone()));
    Ok(Server { address, stop })
}

fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

fn respond(page: &Page, path: &str) -> pages::Page {
    if path != "/metrics" {
        return pages::not_found();
    }
    let text = prometheus::render(&page.metrics, page.level, &page.reader, &page.resource);
    pages::page(StatusCode::OK, prometheus::CONTENT_TYPE, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::pages::get;

    fn page(port: u16) -> Page {
        let reader = Prometheus { host: "127.0.0.1".into(), port, ..Prometheus::default() };
        Page { metrics: Metrics::default(), level: MetricLevel::Normal, reader, resource: BTreeMap::default() }
    }

    #[tokio::test]
    async fn serves_metrics_and_nothing_else() {
        let server = serve(page(0), &Host::new()).unwrap();
        let answer = get(server.address, "/metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains("version=0.0.4") && answer.contains("target_info"), "{answer}");
        assert!(get(server.address, "/").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error_that_names_it() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = serve(page(port), &Host::new()).unwrap_err().to_string();
        let want = format!(
            "binding address 127.0.0.1:{port} for Prometheus exporter: listen tcp 127.0.0.1:{port}: bind: address already in use"
        );
        assert_eq!(error, want);
    }
}
