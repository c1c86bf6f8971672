//! A small HTTP server for the host's own pages: `/metrics`, health. Requests have no body worth reading, answers are short.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::net::tls::Acceptor;

/// Connections at a time; scrapers and probes need one each, and an open port must not cost unbounded memory.
const MAX_CONNECTIONS: usize = 64;
/// A client that has not sent its headers by then is cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer.
pub type Page = Response<Full<Bytes>>;

/// An answer with a body of a type.
pub fn page(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Page {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// What Go's servers answer for a path that they do not have.
pub fn not_found() -> Page {
    page(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n")
}

/// Answers requests on `listener` by their path until `stop`; requests under way are answered.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Acceptor>,
    answer: impl Fn(&str) -> Page + Send + Sync + 'static,
    stop: CancellationToken,
) {
    let (answer, places, connections) =
        (Arc::new(answer), Arc::new(Semaphore::new(MAX_CONNECTIONS)), TaskTracker::new());
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors: accepting again at once would spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (tls, answer, stop) = (tls.clone(), Arc::clone(&answer), stop.clone());
        connections.spawn(async move {
            match tls {
                None => converse(stream, &*answer, &stop).await,
                Some(tls) => {
                    let shaken = tokio::select! {
                        () = stop.cancelled() => None,
                        shaken = tls.accept(stream, peer) => shaken,
                    };
                    if let Some(stream) = shaken {
                        converse(stream, &*answer, &stop).await;
                    }
                }
            }
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &(impl Fn(&str) -> Page + Send + Sync),
    stop: &CancellationToken,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = answer(request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // Whether the client got its last answer is its own affair.
            let _ = connection.await;
        }
    }
}

/// One request, for tests of pages.
#[cfg(test)]
pub(crate) async fn get(address: std::net::SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
