//! Tells orchestrators whether the host is ready: 200 while everything runs, 503 while it starts, ends, or a component's task
//! has broken down. The JSON names, as `degraded`, components that work but not as they were asked to, such as a processor whose
//! plugin's newest file was refused; they recover without a restart and the answer stays 200.
//!
//! ```yaml
//! extensions:
//!   health_check:
//!     endpoint: localhost:13133
//!     tls: {cert_file: server.crt, key_file: server.key}
//!     path: /
//!     response_body: {healthy: fine, unhealthy: not yet}
//! service:
//!   extensions: [health_check]
//! ```

use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{Check, Duration};
use crate::host::Host;
use crate::host::health::Health;
use crate::host::pages::{self, Page};
use crate::net::tls::{self, Acceptor, Owner, ServerTls};
use crate::pipeline::{BuildError, Cx, Extension, Stop};
use crate::telemetry::clock::rfc3339;

/// `health_check:`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where to listen.
    pub endpoint: String,
    /// None: plaintext, which tells nobody more than whether the host is up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
    /// The one path that is answered.
    pub path: String,
    /// What to answer instead of the JSON.
    pub response_body: Option<ResponseBody>,
    /// Accepted and without effect, as in the Go collector, which documents that it does not work.
    pub check_collector_pipeline: CollectorPipeline,
}

/// `response_body`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResponseBody {
    /// With 200.
    pub healthy: String,
    /// With 503.
    pub unhealthy: String,
}

/// `check_collector_pipeline`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectorPipeline {
    /// Off.
    pub enabled: bool,
    /// Between two checks.
    pub interval: Duration,
    /// Failures that were to make it unhealthy.
    pub exporter_failure_threshold: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: "localhost:13133".to_owned(),
            tls: None,
            path: "/".to_owned(),
            response_body: None,
            check_collector_pipeline: CollectorPipeline::default(),
        }
    }
}

impl Default for CollectorPipeline {
    fn default() -> Self {
        Self { enabled: false, interval: Duration::from_secs(300), exporter_failure_threshold: 5 }
    }
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        if self.endpoint.is_empty() {
            check.problem("", "bad config: endpoint must be specified");
        }
        if !self.path.starts_with('/') {
            check.problem("", "bad config: path must start with /");
        }
        if let Some(tls) = &self.tls {
            tls.check("tls", check);
        }
        if self.check_collector_pipeline.enabled {
            check.warning("check_collector_pipeline", "check_collector_pipeline has no effect");
        }
    }
}

/// The extension.
pub struct HealthCheck {
    settings: Settings,
    host: Arc<Host>,
    address: SocketAddr,
    listener: Mutex<Option<TcpListener>>,
    tls: Option<Acceptor>,
}

impl Extension for HealthCheck {
    const TYPE: &'static str = "health_check";
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        let tls = tls::acceptor(settings.tls.as_ref(), &[b"http/1.1"], Owner::Extension, cx)?;
        let listener = cx.host.listeners.bind(&settings.endpoint).map_err(BuildError::new)?;
        let address = listener.local_addr().map_err(BuildError::new)?;
        let listener = TcpListener::from_std(listener).map_err(BuildError::new)?;
        Ok(Self { settings, host: Arc::clone(&cx.host), address, listener: Mutex::new(Some(listener)), tls })
    }

    async fn run(&self, stop: Stop) {
        let Some(listener) = self.listener.lock().take() else { return };
        let (settings, host) = (self.settings.clone(), Arc::clone(&self.host));
        let stopped = CancellationToken::new();
        let serving = pages::serve(
            listener,
            self.tls.clone(),
            move |path| answer(&settings, &host.health, path),
            stopped.clone(),
        );
        let stopping = async {
            stop.requested().await;
            stopped.cancel();
        };
        tokio::join!(serving, stopping);
    }

    fn bound(&self) -> Vec<(&'static str, SocketAddr)> {
        vec![("health", self.address)]
    }
}

fn answer(settings: &Settings, health: &Health, path: &str) -> Page {
    if path != settings.path {
        return pages::not_found();
    }
    let is_available = health.is_available();
    let status = if is_available { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if let Some(body) = &settings.response_body {
        let body = if is_available { &body.healthy } else { &body.unhealthy };
        return pages::page(status, "text/plain; charset=utf-8", body.clone());
    }
    let mut body = match health.ready_since().filter(|_| is_available) {
        Some((since, instant)) => {
            let uptime = Duration(instant.elapsed()).to_string();
            json!({"status": "Server available", "upSince": rfc3339(since), "uptime": uptime})
        }
        None => json!({"status": "Server not available", "upSince": "0001-01-01T00:00:00Z", "uptime": ""}),
    };
    let degraded = health.degraded();
    if !degraded.is_empty() {
        let degraded = degraded.into_iter().map(|(component, why)| json!({"component": component, "why": why}));
        body["degraded"] = degraded.collect();
    }
    pages::page(status, "application/json", body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing;
    use crate::host::health::Degraded;
    use crate::host::pages::get;
    use crate::telemetry::Metrics;

    #[tokio::test]
    async fn answers_by_readiness() {
        let cx = Cx {
            id: "health_check".parse().unwrap(),
            pipeline: None,
            signal: None,
            metrics: Metrics::default(),
            host: Host::new(),
        };
        let settings = Settings { endpoint: "127.0.0.1:0".into(), path: "/health".into(), ..Settings::default() };
        let extension = Arc::new(HealthCheck::new(settings, &cx).unwrap());
        let (stop, stopped) = Stop::new();
        let (address, of_task) = (extension.bound()[0].1, extension.clone());
        let running = tokio::spawn(async move { of_task.run(stopped).await });
        let answer = get(address, "/health").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("0001-01-01T00:00:00Z"), "{answer}");
        cx.host.health.set_ready(true);
        let answer = get(address, "/health").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"status\":\"Server available\""), "{answer}");
        let degraded = Degraded::new(&cx.host, "tail_sampling", "an old plugin".to_owned());
        let answer = get(address, "/health").await;
        assert!(
            answer.starts_with("HTTP/1.1 200")
                && answer.contains(r#"{"component":"tail_sampling","why":"an old plugin"}"#),
            "{answer}"
        );
        drop(degraded);
        assert!(!get(address, "/health").await.contains("degraded"));
        assert!(get(address, "/").await.starts_with("HTTP/1.1 404"));
        cx.host.health.fail("broken".into());
        assert!(get(address, "/health").await.starts_with("HTTP/1.1 503"));
        stop.cancel();
        running.await.unwrap();
    }

    #[test]
    fn settings() {
        let (settings, problems) = testing::settings::<Settings>("{response_body: {healthy: up}}");
        assert_eq!(settings.unwrap().response_body.unwrap().healthy, "up");
        assert!(!problems.has_errors());
        assert!(testing::settings::<Settings>("{path: health}").1.has_errors());
    }
}
