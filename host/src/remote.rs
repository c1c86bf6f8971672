//! Asking a running host: the client's side of the `admin` extension.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::extensions::admin::{Place, default_socket};
use crate::net::tls::ClientTls;

const CONNECT: Duration = Duration::from_secs(5);
/// Compiling and trying a large plugin takes tens of seconds.
const ANSWER: Duration = Duration::from_mins(3);
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Which host to ask.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_field_names, reason = "these are names of flags, among those of other commands")]
pub struct Admin {
    /// Where its `admin` extension listens: a socket's path, host:port, or https://host:port if it has TLS. Without it, the
    /// extension's default socket.
    #[arg(long, value_name = "ADDR", env = "TAILRACE_ADMIN")]
    admin: Option<String>,
    /// The token that it asks for over TCP.
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// Who signed its certificate, instead of the system's CAs (with https://).
    #[arg(long, value_name = "FILE")]
    admin_ca: Option<String>,
    /// The certificate to show it, if it asks for one (with https://).
    #[arg(long, value_name = "FILE", requires = "admin_key")]
    admin_cert: Option<String>,
    /// The key of that certificate.
    #[arg(long, value_name = "FILE", requires = "admin_cert")]
    admin_key: Option<String>,
}

impl Admin {
    /// The answer to a question.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(Method::GET, path, Bytes::new())
    }

    /// The answer to an order.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.ask(Method::POST, path, serde_json::to_vec(body)?.into())
    }

    fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<T> {
        runtime()?.block_on(async {
            let response =
                timeout(ANSWER, self.send(method, path, body)).await.context("the host does not answer")??;
            let reading = timeout(ANSWER, Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect());
            let read = reading.await.context("the host does not end its answer")?;
            let body = read.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?.to_bytes();
            serde_json::from_slice(&body).context("the answer is not what was expected")
        })
    }

    /// Hands the pieces of a long answer to `take` as they come.
    pub fn stream(
        &self,
        path: &str,
        body: &impl Serialize,
        mut take: impl FnMut(&Bytes) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let body = serde_json::to_vec(body)?.into();
        runtime()?.block_on(async {
            let sent = timeout(ANSWER, self.send(Method::POST, path, body)).await;
            let mut pieces = sent.context("the host does not answer")??.into_body();
            while let Some(frame) = pieces.frame().await {
                let frame = frame.context("the answer broke off")?;
                if let Some(piece) = frame.data_ref() {
                    take(piece)?;
                }
            }
            Ok(())
        })
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Response<Incoming>> {
        let address = self.admin.as_deref();
        let secured =
            address.and_then(|address| address.strip_prefix("https://")).map(|rest| rest.trim_end_matches('/'));
        let place = match secured.or(address) {
            Some(address) => Place::parse(address).map_err(anyhow::Error::msg)?,
            None => Place::Socket(default_socket()),
        };
        let said =
            || format!("no host answers at {place}: is its `admin` extension on? (--admin names another address)");
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "tailrace");
        if let Some(token) = self.token()? {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body))?;
        let response = match &place {
            Place::Socket(path) => {
                let stream =
                    timeout(CONNECT, UnixStream::connect(path)).await.with_context(said)?.with_context(said)?;
                converse(stream, request).await?
            }
            Place::Tcp(address) => {
                let stream =
                    timeout(CONNECT, TcpStream::connect(address)).await.with_context(said)?.with_context(said)?;
                match secured {
                    None => converse(stream, request).await?,
                    Some(_) => converse(self.secure(address, stream).await?, request).await?,
                }
            }
        };
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        match serde_json::from_slice::<serde_json::Value>(&body)
            .ok()
            .and_then(|body| body.get("error").and_then(|error| error.as_str()).map(str::to_owned))
        {
            Some(error) => bail!("{error}"),
            None => bail!("the host answers {status}"),
        }
    }

    async fn secure(&self, address: &str, stream: TcpStream) -> anyhow::Result<TlsStream<TcpStream>> {
        let file = |path: &Option<String>| path.clone().unwrap_or_default();
        let tls = ClientTls {
            ca_file: file(&self.admin_ca),
            cert_file: file(&self.admin_cert),
            key_file: file(&self.admin_key),
            ..ClientTls::default()
        };
        let config = tls.client_config(&[b"http/1.1"])?;
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let name = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']').to_owned())?;
        let shaking = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let said = || format!("the TLS handshake with {address} failed");
        timeout(CONNECT, shaking).await.with_context(said)?.with_context(said)
    }

    fn token(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.admin_token_file else { return Ok(None) };
        let token = std::fs::read_to_string(path).with_context(|| format!("can not read {}", path.display()))?;
        let token = token.trim();
        ensure!(!token.is_empty(), "{} is empty", path.display());
        Ok(Some(token.to_owned()))
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<Response<Incoming>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // An error reaches whoever waits for the answer.
    tokio::spawn(async move { _ = connection.await });
    sender.send_request(request).await.context("the host hung up")
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")
}
