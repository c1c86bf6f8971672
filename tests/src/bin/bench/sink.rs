//! The sink: a gRPC server that counts bytes and answers OK, at full speed or at a limited one.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::load::WINDOW;

/// An empty message without compression: the response to everything.
const EMPTY_MESSAGE: [u8; 5] = [0; 5];

/// What arrived.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// Bytes of their bodies, as on the wire.
    pub(crate) bytes: AtomicU64,
}

/// A running sink. Stops when dropped.
pub(crate) struct Sink {
    /// `host:port`.
    pub(crate) address: String,
    pub(crate) arrived: Arc<Arrived>,
    _tasks: JoinSet<()>,
}

impl Sink {
    /// Takes `bytes_per_second`, or all that comes.
    pub(crate) async fn start(bytes_per_second: Option<f64>) -> anyhow::Result<Self> {
        Self::start_at("127.0.0.1:0", bytes_per_second).await
    }

    /// The same at that address.
    pub(crate) async fn start_at(address: &str, bytes_per_second: Option<f64>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?.to_string();
        let arrived = Arc::new(Arrived::default());
        let limit = bytes_per_second.map(|rate| Arc::new(Limit { rate, free_at: Mutex::new(Instant::now()) }));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&arrived), limit));
        Ok(Self { address, arrived, _tasks: tasks })
    }
}

/// Lets bytes through one after another at a rate.
struct Limit {
    rate: f64,
    free_at: Mutex<Instant>,
}

impl Limit {
    async fn pass(&self, bytes: u64) {
        let until = {
            let mut free_at = self.free_at.lock();
            *free_at = (*free_at).max(Instant::now()) + Duration::from_secs_f64(bytes as f64 / self.rate);
            *free_at
        };
        tokio::time::sleep_until(until).await;
    }
}

async fn accept(listener: TcpListener, arrived: Arc<Arrived>, limit: Option<Arc<Limit>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&arrived), limit.clone()));
    }
}

async fn serve(stream: TcpStream, arrived: Arc<Arrived>, limit: Option<Arc<Limit>>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(Arc::clone(&arrived), limit.clone(), request));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
    // The host hangs up when it is stopped.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

type Body =
    http_body_util::combinators::WithTrailers<Full<Bytes>, std::future::Ready<Option<Result<HeaderMap, Infallible>>>>;

async fn answer(
    arrived: Arc<Arrived>,
    limit: Option<Arc<Limit>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, hyper::Error> {
    let mut body = request.into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, Bytes::len) as u64;
    }
    if let Some(limit) = limit {
        limit.pass(bytes).await;
    }
    arrived.bytes.fetch_add(bytes, Relaxed);
    let trailers =
        HeaderMap::from_iter([(header::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
    let body = Full::new(Bytes::from_static(&EMPTY_MESSAGE)).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    Ok(response)
}
