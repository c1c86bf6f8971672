//! `otlp`: traces, metrics and logs over gRPC and HTTP.
//!
//! ```yaml
//! receivers:
//!   otlp:
//!     protocols:
//!       grpc:                             # on if its key is there
//!         endpoint: localhost:4317
//!         max_recv_msg_size_mib: 4
//!         max_concurrent_streams: 0       # no limit
//!         keepalive: {server_parameters: {time: 2h, timeout: 20s, max_connection_age: 0s}}
//!         include_metadata: false
//!         auth: {authenticator: oidc}     # see net::auth; over HTTP request_params: [token], too
//!         tls: {cert_file: server.crt, key_file: server.key, client_ca_file: clients.crt}
//!       http:
//!         endpoint: localhost:4318
//!         max_request_body_size: 20971520 # before and after decompression
//!         traces_url_path: /v1/traces
//!         cors: {allowed_origins: ["https://*.example.com"], max_age: 7200}
//!         response_headers: {x-frame-options: deny}
//!         keepalive: {idle_timeout: 1m}
//! ```
//!
//! A request goes on as the bytes that came in, once their framing has been checked; what comes back from the pipeline is
//! the client's answer. Who may send is decided on a request's headers, before its body is read. Signals that no pipeline uses are answered as unknown. Bodies of requests under way are bounded
//! together: a quarter of the memory limiter's soft limit, 256 MiB without one; beyond it requests are refused, retryably.

mod cors;
mod grpc;
mod http;
mod intake;
mod settings;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use self::intake::{Budget, Intake, Transport};
pub use self::settings::{
    Cors, Dialer, EnforcementPolicy, Grpc, GrpcKeepalive, Http, HttpKeepalive, OtlpSettings, Protocols,
    ServerParameters,
};
use crate::net::auth::HttpServerAuth;
use crate::net::tls::{self, Acceptor, Owner};
use crate::pipeline::{BuildError, Cx, Outputs, Receiver, Stop};

/// The node: sockets that are bound, served by `run`.
pub struct Otlp {
    grpc: Option<Server<Grpc>>,
    http: Option<Server<Http>>,
    cx: Cx,
}

/// One protocol's settings and socket.
struct Server<S> {
    settings: Arc<S>,
    listener: TcpListener,
    tls: Option<Acceptor>,
}

impl Receiver for Otlp {
    const TYPE: &'static str = "otlp";
    type Settings = OtlpSettings;

    fn new(settings: OtlpSettings, cx: &Cx) -> Result<Self, BuildError> {
        let Protocols { grpc, http } = settings.protocols;
        let grpc = grpc.filter(|grpc| grpc.enabled).map(|grpc| {
            let owner = Owner::Receiver { transport: "grpc" };
            let tls = tls::acceptor(grpc.tls.as_ref(), &[b"h2"], owner, cx)?;
            let listener = bind(&grpc.endpoint, cx)?;
            Ok(Server { listener, tls, settings: Arc::new(grpc) })
        });
        let http = http.filter(|http| http.enabled).map(|http| {
            let owner = Owner::Receiver { transport: "http" };
            let tls = tls::acceptor(http.tls.as_ref(), &[b"h2", b"http/1.1"], owner, cx)?;
            let listener = bind(&http.endpoint, cx)?;
            Ok(Server { listener, tls, settings: Arc::new(http) })
        });
        Ok(Self { grpc: grpc.transpose()?, http: http.transpose()?, cx: cx.clone() })
    }

    async fn run(&self, outputs: Outputs, stop: Stop) {
        let budget = Arc::new(Budget::new(self.cx.host.clone()));
        let grpc = async {
            let Some(server) = &self.grpc else { return };
            let Some(listener) = listener(&server.listener) else { return };
            let auth = server.settings.auth.as_ref().and_then(|auth| self.cx.host.auth.server(auth.id()));
            let intake = Intake::new(outputs.clone(), budget.clone(), Transport::Grpc, auth, &self.cx);
            grpc::serve(listener, server.tls.clone(), server.settings.clone(), intake, stop.clone()).await;
        };
        let http = async {
            let Some(server) = &self.http else { return };
            let Some(listener) = listener(&server.listener) else { return };
            let auth = server.settings.auth.as_ref().map(HttpServerAuth::common);
            let auth = auth.and_then(|auth| self.cx.host.auth.server(auth.id()));
            let intake = Intake::new(outputs.clone(), budget.clone(), Transport::Http, auth, &self.cx);
            http::serve(listener, server.tls.clone(), server.settings.clone(), intake, stop.clone()).await;
        };
        tokio::join!(grpc, http);
    }

    fn bound(&self) -> Vec<(&'static str, SocketAddr)> {
        let grpc = self.grpc.as_ref().and_then(|server| Some(("grpc", server.listener.local_addr().ok()?)));
        let http = self.http.as_ref().and_then(|server| Some(("http", server.listener.local_addr().ok()?)));
        grpc.into_iter().chain(http).collect()
    }
}

/// `:4317` is every interface, IPv6 included where there is any.
fn bind(endpoint: &str, cx: &Cx) -> Result<TcpListener, BuildError> {
    let listeners = &cx.host.listeners;
    let listener = match endpoint.strip_prefix(':') {
        Some(port) => listeners.bind(&format!("[::]:{port}")).or_else(|_| listeners.bind(&format!("0.0.0.0:{port}"))),
        None => listeners.bind(endpoint),
    };
    listener.map_err(|error| {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => "bind: address already in use".to_owned(),
            io::ErrorKind::PermissionDenied => "bind: permission denied".to_owned(),
            _ => error.to_string(),
        };
        BuildError::new(format!("listen tcp {endpoint}: {reason}"))
    })
}

/// A handle of its own for the server: the receiver keeps the socket as long as it lives.
fn listener(socket: &TcpListener) -> Option<tokio::net::TcpListener> {
    let listener = socket.try_clone().and_then(tokio::net::TcpListener::from_std);
    listener.inspect_err(|error| tracing::error!(%error, "cannot serve the socket")).ok()
}

#[cfg(test)]
mod tests;
