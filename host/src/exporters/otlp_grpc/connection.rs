//! One HTTP/2 connection to one address.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Ping, PingPong, Reason, RecvStream};
use http::{HeaderMap, Request, StatusCode};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;

use super::payload::Payload;
use super::settings::ClientKeepalive;
use crate::net::status::{Status, code};
use crate::net::stream::Stream;
use crate::net::tls::Reloading;

/// How long connecting may take, the handshakes included; grpc-go's.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// h2 takes many small answers at once for an attack, in proportion to this: its default would allow 128 of them.
const WINDOW: u32 = 8 << 20;

/// Answers are a few bytes; no server needs more than this to say what it rejected.
const MAX_ANSWER: usize = 1 << 20;

/// How to connect.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) tls: Option<(Arc<Reloading<ClientConfig>>, ServerName<'static>)>,
    pub(super) keepalive: Option<ClientKeepalive>,
}

/// A connection that is up, or was until just now.
pub(super) struct Connection {
    pub(super) address: SocketAddr,
    sender: SendRequest<Payload>,
    under_way: Arc<AtomicUsize>,
    closed: Arc<AtomicBool>,
    ended: Arc<Notify>,
}

/// What became of a request.
pub(super) enum Exchange {
    /// The body of a successful answer, or why there is none.
    Answered(Result<Vec<u8>, Status>),
    /// The server has not looked at it: it can go elsewhere at once.
    NotSeen(Status),
}

impl Connector {
    /// Connects; `ended` is notified when the connection is over.
    pub(super) async fn connect(&self, address: SocketAddr, ended: Arc<Notify>) -> io::Result<Connection> {
        let connecting = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let stream = match &self.tls {
                None => Stream::Plain(stream),
                Some((config, name)) => {
                    let tls = TlsConnector::from(config.newest()).connect(name.clone(), stream).await?;
                    Stream::Tls(Box::new(tls.into()))
                }
            };
            let mut builder = h2::client::Builder::new();
            builder.enable_push(false).initial_connection_window_size(WINDOW);
            builder.handshake::<_, Payload>(stream).await.map_err(io::Error::other)
        };
        let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "connecting took too long");
        let (sender, mut driver) =
            tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| timed_out())??;
        let under_way = Arc::new(AtomicUsize::new(0));
        let closed = Arc::new(AtomicBool::new(false));
        let connection =
            Connection { address, sender, under_way: under_way.clone(), closed: closed.clone(), ended: ended.clone() };
        let (pings, keepalive) = (driver.ping_pong(), self.keepalive.clone());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                result = driver => tracing::debug!(%address, ?result, "connection closed"),
                () = watch(pings, keepalive, &under_way) => tracing::debug!(%address, "the server does not answer"),
            }
            closed.store(true, Ordering::Release);
            ended.notify_one();
        });
        Ok(connection)
    }
}

/// Asks the server now and then whether it is there; completes if it does not answer.
async fn watch(pings: Option<PingPong>, keepalive: Option<ClientKeepalive>, under_way: &AtomicUsize) {
    let (Some(mut pings), Some(keepalive)) = (pings, keepalive) else { return std::future::pending().await };
    if keepalive.time.is_zero() {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(keepalive.time.0).await;
        if !keepalive.permit_without_stream && under_way.load(Ordering::Relaxed) == 0 {
            continue;
        }
        match tokio::time::timeout(keepalive.timeout.0, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

impl Connection {
    /// Whether it still takes requests, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire)
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn exchange(&self, request: Request<()>, payload: Payload) -> Exchange {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let _under_way = UnderWay(&self.under_way);
        let sent = async {
            let mut sender = self.sender.clone().ready().await?;
            let (response, mut body) = sender.send_request(request, false)?;
            body.send_data(payload, true)?;
            Ok(response)
        };
        let response = match sent.await {
            Ok(response) => response,
            Err(error) => {
                self.retire();
                return Exchange::NotSeen(unavailable(&error));
            }
        };
        match response.await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                Exchange::Answered(read_answer(head.status, &head.headers, body).await)
            }
            Err(error) if is_unseen(&error) => {
                self.retire();
                Exchange::NotSeen(unavailable(&error))
            }
            Err(error) => Exchange::Answered(Err(unavailable(&error))),
        }
    }

    /// Nothing new goes this way.
    fn retire(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.ended.notify_one();
        }
    }
}

struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether the server says that it has not begun to work on the request.
fn is_unseen(error: &h2::Error) -> bool {
    error.is_remote()
        && match error.reason() {
            Some(Reason::REFUSED_STREAM) => true,
            Some(Reason::NO_ERROR) => error.is_go_away(),
            _ => false,
        }
}

fn unavailable(error: &h2::Error) -> Status {
    Status::new(code::UNAVAILABLE, format!("connection error: {error}"))
}

async fn read_answer(http: StatusCode, headers: &HeaderMap, mut body: RecvStream) -> Result<Vec<u8>, Status> {
    if let Some(status) = Status::from_trailers(headers) {
        return if status.code == code::OK { Ok(Vec::new()) } else { Err(status) };
    }
    if http != StatusCode::OK {
        let message = format!("unexpected HTTP status code received from server: {}", http.as_u16());
        return Err(Status::new(code_without_grpc(http), message));
    }
    let mut answer = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk: Bytes = chunk.map_err(|error| unavailable(&error))?;
        // A failure means that the stream is gone; the next read tells.
        drop(body.flow_control().release_capacity(chunk.len()));
        if answer.len() + chunk.len() > MAX_ANSWER {
            return Err(Status::new(code::RESOURCE_EXHAUSTED, "the server's answer is too large"));
        }
        answer.extend_from_slice(&chunk);
    }
    let trailers = body.trailers().await.map_err(|error| unavailable(&error))?;
    match trailers.as_ref().and_then(Status::from_trailers) {
        Some(status) if status.code == code::OK => Ok(answer.split_off(answer.len().min(5))),
        Some(status) => Err(status),
        None => Err(Status::new(code::INTERNAL, "server closed the stream without sending trailers")),
    }
}

/// What gRPC makes of an answer that is none of its own.
fn code_without_grpc(http: StatusCode) -> i32 {
    match http.as_u16() {
        400 => code::INTERNAL,
        401 => code::UNAUTHENTICATED,
        403 => code::PERMISSION_DENIED,
        404 => code::UNIMPLEMENTED,
        429 | 502..=504 => code::UNAVAILABLE,
        _ => code::UNKNOWN,
    }
}
