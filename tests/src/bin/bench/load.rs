//! The generator: several requests under way over a few connections, as fast as they are answered or at a rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tailrace_otlp::Signal;
use tailrace_tests::client::grpc_path;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::workload::{Encoding, SPANS, Workload};

/// HTTP/2 windows of generator and sink; tonic's and the Go collector's are smaller, and it makes no difference.
pub(crate) const WINDOW: u32 = 4 << 20;
/// Codes of gRPC that OTLP lets a client send again.
const RETRYABLE: [i32; 6] = [1, 4, 10, 11, 14, 15];

/// How hard to push.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pressure {
    /// Connections.
    pub(crate) connections: usize,
    /// Requests under way on each.
    pub(crate) in_flight: usize,
    /// Spans a second; 0: as many as are taken.
    pub(crate) rate: f64,
    /// Requests in all.
    pub(crate) requests: u64,
}

/// What became of the requests, so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Requests answered with OK.
    pub(crate) accepted: AtomicU64,
    /// Requests refused for now.
    pub(crate) retryable: AtomicU64,
    /// Requests refused for ever, or broken off.
    pub(crate) failed: AtomicU64,
    /// Bytes of the accepted messages before compression.
    pub(crate) bytes: AtomicU64,
    /// The longest that a request waited for its answer, in us; whoever reads it may begin anew.
    pub(crate) longest_us: AtomicU64,
}

impl Counts {
    /// Spans accepted.
    pub(crate) fn spans(&self) -> u64 {
        self.accepted.load(Relaxed) * SPANS as u64
    }
}

/// A generator at work. Stops when dropped.
pub(crate) struct Load {
    pub(crate) counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    workers: JoinSet<()>,
}

impl Load {
    /// Connects and begins.
    pub(crate) async fn start(address: &str, workload: Arc<Workload>, pressure: Pressure) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            counts: Arc::default(),
            stop: Arc::default(),
            next: AtomicU64::new(0),
            begun: Instant::now(),
            uri: format!("http://{address}{}", grpc_path(Signal::Traces)).parse()?,
            headers: headers(workload.encoding()),
            workload,
            pressure,
        });
        let mut workers = JoinSet::new();
        for _ in 0..pressure.connections {
            let connection = connect(address).await?;
            for _ in 0..pressure.in_flight {
                workers.spawn(work(Arc::clone(&shared), connection.clone()));
            }
        }
        Ok(Self { counts: Arc::clone(&shared.counts), stop: Arc::clone(&shared.stop), workers })
    }

    /// Lets requests under way be answered.
    pub(crate) async fn stop(self) -> Arc<Counts> {
        self.stop.store(true, Relaxed);
        self.finished().await
    }

    /// Waits until all requests are answered.
    pub(crate) async fn finished(self) -> Arc<Counts> {
        self.workers.join_all().await;
        self.counts
    }
}

struct Shared {
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    next: AtomicU64,
    begun: Instant,
    workload: Arc<Workload>,
    uri: Uri,
    headers: HeaderMap,
    pressure: Pressure,
}

async fn connect(address: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("nothing listens at {address}"))?;
    stream.set_nodelay(true)?;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn work(shared: Arc<Shared>, mut connection: SendRequest<Full<Bytes>>) {
    while !shared.stop.load(Relaxed) {
        let n = shared.next.fetch_add(1, Relaxed);
        if n >= shared.pressure.requests {
            return;
        }
        if shared.pressure.rate > 0.0 {
            let due = Duration::from_secs_f64(n as f64 * SPANS as f64 / shared.pressure.rate);
            tokio::time::sleep_until(shared.begun + due).await;
        }
        let counts = &shared.counts;
        let begun = Instant::now();
        let answer = send(&shared, &mut connection, n).await;
        counts.longest_us.fetch_max(begun.elapsed().as_micros() as u64, Relaxed);
        match answer {
            Ok(0) => {
                counts.accepted.fetch_add(1, Relaxed);
                counts.bytes.fetch_add(shared.workload.message_len(n) as u64, Relaxed);
            }
            Ok(code) if RETRYABLE.contains(&code) => {
                counts.retryable.fetch_add(1, Relaxed);
                // A client told to come back later does so later.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(code) => {
                eprintln!("refused with gRPC code {code}");
                counts.failed.fetch_add(1, Relaxed);
            }
            Err(error) => {
                eprintln!("request failed: {error:#}");
                counts.failed.fetch_add(1, Relaxed);
                return;
            }
        }
    }
}

/// The gRPC code of the answer.
async fn send(shared: &Shared, connection: &mut SendRequest<Full<Bytes>>, n: u64) -> anyhow::Result<i32> {
    connection.ready().await?;
    let mut request = Request::new(Full::new(shared.workload.request(n)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = shared.uri.clone();
    *request.headers_mut() = shared.headers.clone();
    let (head, mut body) = connection.send_request(request).await?.into_parts();
    let mut status = head.headers.get("grpc-status").cloned();
    while let Some(frame) = body.frame().await {
        if let Ok(trailers) = frame?.into_trailers() {
            status = trailers.get("grpc-status").cloned().or(status);
        }
    }
    let status = status.context("no gRPC status")?;
    Ok(status.to_str()?.parse()?)
}

fn headers(encoding: Encoding) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    if encoding != Encoding::None {
        headers.insert("grpc-encoding", HeaderValue::from_static(encoding.name()));
    }
    headers
}
