//! TLS on a server's side of a connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::failures::Failures;
use super::reloading::Reloading;

/// How long a client may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Shakes hands with the newest material, and counts what fails.
#[derive(Clone)]
pub struct Acceptor(Arc<State>);

struct State {
    config: Reloading<ServerConfig>,
    failures: Failures,
}

impl Acceptor {
    pub(super) fn new(config: Reloading<ServerConfig>, failures: Failures) -> Self {
        Self(Arc::new(State { config, failures }))
    }

    /// The encrypted stream; `None` if it did not come to one, which is told already.
    pub async fn accept<S>(&self, stream: S, peer: SocketAddr) -> Option<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.try_accept(stream).await.inspect_err(|error| self.0.failures.count(error, peer)).ok()
    }

    pub(super) async fn try_accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let shaking = TlsAcceptor::from(self.0.config.newest()).accept(stream);
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the client takes too long");
        tokio::time::timeout(TIMEOUT, shaking).await.unwrap_or_else(|_| Err(late()))
    }
}
