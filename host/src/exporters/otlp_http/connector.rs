//! Connections, with the newest TLS material there is when they begin.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tower::Service;

use super::settings::OtlpHttpSettings;
use crate::net::tls::Reloading;
use crate::pipeline::{BuildError, Cx};

/// Go's dialer gives up after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: Arc<Reloading<ClientConfig>>,
    names: Arc<dyn ResolveServerName + Send + Sync>,
}

impl Connector {
    pub(super) fn new(settings: &OtlpHttpSettings, cx: &Cx) -> Result<Self, BuildError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let protocols: &[&[u8]] = if settings.force_attempt_http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        let tls = settings.tls.client(protocols, cx)?;
        let name = &settings.tls.server_name_override;
        let names: Arc<dyn ResolveServerName + Send + Sync> = if name.is_empty() {
            Arc::new(DefaultServerNameResolver::default())
        } else {
            let name = ServerName::try_from(name.clone());
            let name = name.map_err(|_| BuildError::new("invalid `server_name_override`"))?;
            Arc::new(FixedServerNameResolver::new(name))
        };
        Ok(Self { tcp, tls, names })
    }
}

type Https = HttpsConnector<HttpConnector>;

impl Service<Uri> for Connector {
    type Response = <Https as Service<Uri>>::Response;
    type Error = <Https as Service<Uri>>::Error;
    type Future = <Https as Service<Uri>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        HttpsConnector::new(self.tcp.clone(), self.tls.newest(), false, self.names.clone()).call(uri)
    }
}
