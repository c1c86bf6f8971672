//! A TCP proxy whose connections can be cut, held up, or not made.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What becomes of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// They are made.
    Open,
    /// They are taken and closed at once.
    Closed,
    /// They are taken, and nothing happens on them.
    Silent,
}

/// A proxy on loopback. Stops when dropped, and its connections with it.
pub struct Proxy {
    address: String,
    mode: Arc<watch::Sender<Mode>>,
    _task: JoinSet<()>,
}

impl Proxy {
    /// Leads to `target`.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let (mode, modes) = watch::channel(Mode::Open);
        let mut task = JoinSet::new();
        task.spawn(accept(listener, target, modes));
        Self { address, mode: Arc::new(mode), _task: task }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Cuts all connections; new ones are made.
    pub fn cut(&self) {
        self.set(Mode::Open);
    }

    /// Cuts all connections, and new ones as soon as they come.
    pub fn close(&self) {
        self.set(Mode::Closed);
    }

    /// Cuts all connections; new ones come to nothing, and nobody says so.
    pub fn silence(&self) {
        self.set(Mode::Silent);
    }

    /// A change is what cuts connections, even if it is one to the same.
    fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn accept(listener: TcpListener, target: String, modes: watch::Receiver<Mode>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(carry(stream, target.clone(), modes.clone()));
    }
}

async fn carry(mut stream: TcpStream, target: String, mut modes: watch::Receiver<Mode>) {
    let mode = *modes.borrow_and_update();
    let carried = async {
        match mode {
            Mode::Closed => {}
            Mode::Silent => std::future::pending().await,
            Mode::Open => {
                if let Ok(mut other) = TcpStream::connect(target).await {
                    let _ = copy_bidirectional(&mut stream, &mut other).await;
                }
            }
        }
    };
    tokio::select! {
        () = carried => {}
        _ = modes.changed() => {}
    }
}
