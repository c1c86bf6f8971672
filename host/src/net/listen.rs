//! Accepting connections, and how they end: idle, too old, or because the server stops. The protocols differ only in how a
//! connection is driven and told to finish ([`Drive`]).

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

use super::stream::Stream;
use super::tls::Acceptor;
use crate::pipeline::Stop;

/// How long a peer may take for HTTP/2's first words.
pub const HANDSHAKE: Duration = Duration::from_secs(20);

/// How long a stopping server waits for requests that are still being sent. Those that are being worked on have no limit.
const GRACE: Duration = Duration::from_secs(10);

/// How often a connection past its grace looks whether it still owes a result.
const WORK_CHECK: Duration = Duration::from_millis(50);

/// When a connection ends by itself; zero durations mean never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lifetime {
    /// Without requests for this long.
    pub idle: Duration,
    /// This long after it began.
    pub age: Duration,
    /// How long requests may go on after that.
    pub age_grace: Duration,
}

/// The requests of a connection.
#[derive(Clone)]
pub struct Activity(Arc<ActivityState>);

struct ActivityState {
    open: AtomicUsize,
    working: AtomicUsize,
    idle_since: Mutex<Instant>,
}

/// A request under way. It counts as worked on once its body has been read.
pub struct Ongoing {
    activity: Activity,
    working: bool,
}

impl Default for Activity {
    fn default() -> Self {
        Self(Arc::new(ActivityState {
            open: AtomicUsize::new(0),
            working: AtomicUsize::new(0),
            idle_since: Mutex::new(Instant::now()),
        }))
    }
}

impl Activity {
    /// A request begins.
    pub fn begin(&self) -> Ongoing {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Ongoing { activity: self.clone(), working: false }
    }

    fn is_working(&self) -> bool {
        self.0.working.load(Ordering::Relaxed) > 0
    }

    fn idle_since(&self) -> Option<Instant> {
        (self.0.open.load(Ordering::Relaxed) == 0).then(|| *self.0.idle_since.lock())
    }
}

impl Ongoing {
    /// The body is read; a stopping server waits for what follows.
    pub fn work(&mut self) {
        if !self.working {
            self.working = true;
            self.activity.0.working.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let state = &self.activity.0;
        if self.working {
            state.working.fetch_sub(1, Ordering::Relaxed);
        }
        if state.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            *state.idle_since.lock() = Instant::now();
        }
    }
}

/// One connection of some protocol.
pub trait Drive: Send {
    /// Works until the connection is over. May be dropped and called again.
    fn run(&mut self) -> impl Future<Output = ()> + Send;
    /// Has the peer send no further requests; `run` ends with those under way.
    fn finish(&mut self);
}

/// Accepts until `stop`, serves each connection with a task of its own, returns when all of them are over.
pub async fn serve<F, D>(listener: TcpListener, tls: Option<Acceptor>, stop: Stop, connect: F)
where
    F: Fn(Stream) -> D + Clone + Send + Sync + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.requested() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (tls, connect) = (tls.clone(), connect.clone());
                connections.spawn(async move {
                    if let Some(stream) = shake_hands(stream, peer, tls).await {
                        connect(stream).await;
                    }
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: it will not pass by asking again at once.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Drives one connection until it is over, by itself or by `lifetime` or `stop`.
pub async fn drive(mut connection: impl Drive, activity: &Activity, lifetime: Lifetime, stop: &Stop) {
    let patience = tokio::select! {
        biased;
        () = connection.run() => return,
        () = stop.requested() => Some(GRACE),
        patience = expired(lifetime, activity) => patience,
    };
    connection.finish();
    let patience = match patience {
        Some(patience) => patience,
        None => tokio::select! {
            () = connection.run() => return,
            () = stop.requested() => GRACE,
        },
    };
    tokio::select! {
        () = connection.run() => return,
        () = sleep(patience) => {}
    }
    // From here on nothing is waited for but results that clients are owed.
    while activity.is_working() {
        tokio::select! {
            () = connection.run() => return,
            () = sleep(WORK_CHECK) => {}
        }
    }
}

/// Completes when the connection is to end by itself, with how long its requests may go on (`None`: as long as they like).
async fn expired(lifetime: Lifetime, activity: &Activity) -> Option<Duration> {
    let idle = async {
        if lifetime.idle.is_zero() {
            return pending().await;
        }
        loop {
            let idle_for = activity.idle_since().map_or(Duration::ZERO, |since| since.elapsed());
            match lifetime.idle.checked_sub(idle_for) {
                Some(left) if !left.is_zero() => sleep(left).await,
                _ => return Some(GRACE),
            }
        }
    };
    let aged = async {
        if lifetime.age.is_zero() {
            return pending().await;
        }
        sleep(lifetime.age).await;
        (!lifetime.age_grace.is_zero()).then_some(lifetime.age_grace)
    };
    tokio::select! {
        patience = idle => patience,
        patience = aged => patience,
    }
}

async fn shake_hands(stream: TcpStream, peer: SocketAddr, tls: Option<Acceptor>) -> Option<Stream> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let Some(tls) = tls else { return Some(Stream::Plain(stream)) };
    let stream = tls.accept(stream, peer).await?;
    Some(Stream::Tls(Box::new(stream.into())))
}
