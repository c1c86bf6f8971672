//! Accepts connections, reads requests within bounds, and asks for answers.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::Answer;
use super::reply::{Reply, error};
use super::socket::Socket;
use crate::net::tls::Acceptor;
use crate::pipeline::Stop;

/// People and their scripts.
const MAX_CONNECTIONS: usize = 16;
const MAX_BODY_BYTES: usize = 64 << 10;
/// For a request's headers, and for its body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stopping host waits for answers under way.
const GRACE: Duration = Duration::from_secs(5);

pub(super) enum Listener {
    Unix(Socket),
    Tcp(TcpListener, Option<Acceptor>),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection, before its first word.
enum Accepted {
    Plain(Box<dyn Stream>),
    Tls(TcpStream, SocketAddr, Acceptor),
}

impl Listener {
    async fn accept(&self) -> io::Result<Accepted> {
        Ok(match self {
            Self::Unix(socket) => Accepted::Plain(Box::new(socket.listener.accept().await?.0)),
            Self::Tcp(listener, tls) => match (listener.accept().await?, tls) {
                ((stream, _), None) => Accepted::Plain(Box::new(stream)),
                ((stream, peer), Some(tls)) => Accepted::Tls(stream, peer, tls.clone()),
            },
        })
    }
}

impl Accepted {
    /// The stream to read requests from, if it comes to one.
    async fn stream(self) -> Option<Box<dyn Stream>> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(stream, peer, tls) => Some(Box::new(tls.accept(stream, peer).await?)),
        }
    }
}

/// Answers until `stop`.
pub(super) async fn serve(listener: Listener, answer: &Arc<Answer>, stop: &Stop) {
    let (places, connections) = (Arc::new(Semaphore::new(MAX_CONNECTIONS)), TaskTracker::new());
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stop.requested() => break,
            next = next => next,
        };
        let Ok(accepted) = accepted else {
            // Out of file descriptors: accepting again at once would spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (answer, stop) = (answer.clone(), stop.clone());
        connections.spawn(async move {
            let _place = place;
            let stream = tokio::select! {
                () = stop.requested() => None,
                stream = accepted.stream() => stream,
            };
            if let Some(stream) = stream {
                converse(stream, &answer, &stop).await;
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn converse(stream: Box<dyn Stream>, answer: &Answer, stop: &Stop) {
    let service = service_fn(|request| async move { Ok::<_, Infallible>(respond(answer, request).await) });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.requested() => {
            connection.as_mut().graceful_shutdown();
            // Whether the client got its last answer is its own affair.
            let _ = timeout(GRACE, connection).await;
        }
    }
}

async fn respond(answer: &Answer, request: Request<Incoming>) -> Reply {
    if let Some(token) = &answer.token {
        let shown = request.headers().get(header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
        if !shown.and_then(|shown| shown.strip_prefix(b"Bearer ")).is_some_and(|shown| token.is(shown)) {
            return error(401, "the token is missing or wrong (--admin-token-file)");
        }
    }
    let (parts, body) = request.into_parts();
    if let Some(auth) = &answer.auth
        && let Err(denied) = auth.authenticate(&parts.headers).await
    {
        return error(if denied.passing { 503 } else { 401 }, denied.why);
    }
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return error(413, format!("the request's body has more than {MAX_BODY_BYTES} bytes"));
    }
    match timeout(REQUEST_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await {
        Ok(Ok(body)) => answer.to(&parts.method, parts.uri.path(), &body.to_bytes()).await,
        Ok(Err(why)) => error(400, format!("the request's body can not be read: {why}")),
        Err(_) => error(408, "the request's body takes too long"),
    }
}
