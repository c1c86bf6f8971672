//! The connections to one endpoint. A task keeps them up: it resolves the name, connects to what is missing, waits longer
//! after each failure, and rests while everything is there. Requests use what is up, or wait while the first attempt is
//! under way, and otherwise fail with what went wrong last (or wait too, with `wait_for_ready`).

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::connection::{Connection, Connector};
use super::endpoint::Endpoint;
use super::settings::OtlpGrpcSettings;
use crate::net::status::{Status, code};
use crate::net::tls::Reloading;
use crate::pipeline::BuildError;

/// gRPC's connection backoff.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_mins(2);
const GROWTH: f64 = 1.6;
const JITTER: f64 = 0.2;

/// A connection that lasted less counts as a failed attempt, so that a server that hangs up at once is not hammered.
const TOO_SHORT: Duration = Duration::from_secs(1);

/// What requests are sent over.
pub(super) struct Channel {
    shared: Arc<Shared>,
    started: AtomicBool,
}

struct Shared {
    endpoint: Endpoint,
    connector: Connector,
    pick_first: bool,
    wait_for_ready: bool,
    live: ArcSwap<Vec<Arc<Connection>>>,
    turn: AtomicUsize,
    /// A connection is over, or the channel itself.
    changed: Arc<Notify>,
    /// Why there is no connection; changes with every attempt.
    trouble: watch::Sender<Option<String>>,
}

impl Channel {
    pub(super) fn new(
        endpoint: Endpoint,
        tls: Option<Arc<Reloading<ClientConfig>>>,
        settings: &OtlpGrpcSettings,
    ) -> Result<Self, BuildError> {
        let tls = tls.map(|config| Ok((config, server_name(&endpoint, settings)?))).transpose()?;
        let shared = Shared {
            endpoint,
            connector: Connector { tls, keepalive: settings.keepalive.clone() },
            pick_first: settings.balancer_name == "pick_first",
            wait_for_ready: settings.wait_for_ready,
            live: ArcSwap::default(),
            turn: AtomicUsize::new(0),
            changed: Arc::default(),
            trouble: watch::Sender::default(),
        };
        Ok(Self { shared: Arc::new(shared), started: AtomicBool::new(false) })
    }

    /// Begins to connect, if that has not begun.
    pub(super) fn start(&self) {
        if !self.started.swap(true, Ordering::Relaxed) {
            tokio::spawn(keep_up(Arc::downgrade(&self.shared), self.shared.changed.clone()));
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.shared.pick().is_some()
    }

    /// A connection to send over.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, Status> {
        let shared = &self.shared;
        if let Some(connection) = shared.pick() {
            return Ok(connection);
        }
        self.start();
        let mut trouble = shared.trouble.subscribe();
        loop {
            // Marked as seen before looking, so that no change is missed.
            let last = trouble.borrow_and_update().clone();
            if let Some(connection) = shared.pick() {
                return Ok(connection);
            }
            if let Some(reason) = last.filter(|_| !shared.wait_for_ready) {
                return Err(Status::new(code::UNAVAILABLE, reason));
            }
            if trouble.changed().await.is_err() {
                return Err(Status::new(code::UNAVAILABLE, "the exporter is shut down"));
            }
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.shared.changed.notify_one();
    }
}

impl Shared {
    /// The next open connection in turn.
    fn pick(&self) -> Option<Arc<Connection>> {
        let live = self.live.load();
        let turn = if live.len() > 1 { self.turn.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let count = live.len();
        (0..count).map(|step| &live[(turn + step) % count]).find(|connection| connection.is_open()).cloned()
    }

    /// One attempt at having all connections. `Err` says what is missing and why.
    async fn connect_missing(&self) -> io::Result<()> {
        let mut live: Vec<_> = self.live.load().iter().filter(|connection| connection.is_open()).cloned().collect();
        if self.pick_first && !live.is_empty() {
            self.live.store(Arc::new(live));
            return Ok(());
        }
        let addresses = self.endpoint.resolve().await?;
        // What the name no longer has gets no new requests and ends with those under way.
        live.retain(|connection| addresses.contains(&connection.address));
        self.live.store(Arc::new(live.clone()));
        let missing: Vec<_> =
            addresses.into_iter().filter(|address| live.iter().all(|up| up.address != *address)).collect();
        if self.pick_first { self.connect_first(missing).await } else { self.connect_all(missing).await }
    }

    async fn connect_first(&self, addresses: Vec<SocketAddr>) -> io::Result<()> {
        let mut result = Ok(());
        for address in addresses {
            match self.connector.connect(address, self.changed.clone()).await {
                Ok(connection) => {
                    self.add(connection);
                    return Ok(());
                }
                Err(error) => result = Err(at(address, &error)),
            }
        }
        result
    }

    async fn connect_all(&self, addresses: Vec<SocketAddr>) -> io::Result<()> {
        let connect = |address| async move { (address, self.connector.connect(address, self.changed.clone()).await) };
        let mut attempts: FuturesUnordered<_> = addresses.into_iter().map(connect).collect();
        let mut result = Ok(());
        while let Some((address, attempt)) = attempts.next().await {
            match attempt {
                Ok(connection) => self.add(connection),
                Err(error) => result = Err(at(address, &error)),
            }
        }
        result
    }

    /// Requests use it from now on.
    fn add(&self, connection: Connection) {
        let mut live = Vec::clone(&self.live.load());
        live.push(Arc::new(connection));
        live.sort_by_key(|connection| connection.address);
        self.live.store(Arc::new(live));
        self.trouble.send_replace(None);
    }
}

/// Keeps the connections up until the channel is gone.
async fn keep_up(shared: Weak<Shared>, changed: Arc<Notify>) {
    let mut wait = FIRST_WAIT;
    loop {
        let began = Instant::now();
        let Some(strong) = shared.upgrade() else { return };
        let result = strong.connect_missing().await;
        if let Err(error) = &result {
            tracing::debug!(endpoint = %strong.endpoint.authority(), %error, "cannot connect");
            if strong.pick().is_none() {
                strong.trouble.send_replace(Some(format!("connection error: {error}")));
            }
        }
        let tls = strong.connector.tls.as_ref().map(|(config, _)| config.clone());
        drop(strong);
        if result.is_ok() {
            changed.notified().await;
            if began.elapsed() >= TOO_SHORT {
                wait = FIRST_WAIT;
                continue;
            }
        }
        let jitter = 1.0 + JITTER * (2.0 * fastrand::f64() - 1.0);
        let newer_material = async {
            match &tls {
                Some(tls) => tls.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait.mul_f64(jitter)) => {}
            // It may be what the last attempt lacked.
            () = newer_material => {}
        }
        wait = wait.mul_f64(GROWTH).min(MAX_WAIT);
    }
}

fn at(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("dial tcp {address}: {error}"))
}

fn server_name(endpoint: &Endpoint, settings: &OtlpGrpcSettings) -> Result<ServerName<'static>, BuildError> {
    let name = &settings.tls.server_name_override;
    let name = if name.is_empty() { endpoint.host.clone() } else { name.clone() };
    ServerName::try_from(name.clone()).map_err(|_| BuildError::new(format!("invalid server name {name:?}")))
}
