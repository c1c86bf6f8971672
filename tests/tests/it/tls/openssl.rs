//! `openssl s_client` and `openssl s_server`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tailrace_tests::{eventually, net};

/// A request that any HTTP server answers and then hangs up.
pub(super) const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// What came of a connection.
#[derive(Debug)]
pub(super) struct Said {
    /// What the server sent.
    pub(super) answer: String,
    /// What openssl has to say: version, peer, errors.
    pub(super) report: String,
}

/// A connection that is kept until the request is written. Killed when dropped.
pub(super) struct Connection(Option<Child>);

/// Connects with these arguments, and writes nothing yet.
pub(super) fn connect(address: &str, ca: &Path, arguments: &[&str]) -> Connection {
    let client = Command::new("openssl")
        .args(["s_client", "-brief", "-ign_eof", "-verify_return_error", "-verify_hostname", "localhost"])
        .args(["-connect", address, "-servername", "localhost", "-CAfile"])
        .arg(ca)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    Connection(Some(client.expect("openssl runs")))
}

impl Connection {
    /// Writes the request, and reads until the server hangs up.
    pub(super) async fn get(mut self) -> Said {
        let mut client = self.0.take().expect("asked once");
        // A server that has refused takes nothing in.
        let _ = client.stdin.as_mut().expect("piped").write_all(GET.as_bytes());
        let output = tokio::task::spawn_blocking(move || client.wait_with_output()).await.expect("no panic");
        let output = output.expect("openssl ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { answer: text(&output.stdout), report: text(&output.stderr) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(mut client) = self.0.take() {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

/// Connects, asks for `/`, and hears the server out.
pub(super) async fn get(address: &str, ca: &Path, arguments: &[&str]) -> Said {
    connect(address, ca, arguments).get().await
}

/// A server that writes down what clients send and answers nothing. Killed when dropped.
pub(super) struct Server {
    child: Child,
    heard: PathBuf,
    pub(super) address: String,
}

impl Server {
    /// With these arguments, in this folder.
    pub(super) async fn start(folder: &Path, arguments: &[&str]) -> Self {
        let address = format!("127.0.0.1:{}", net::free_port());
        let heard = folder.join(format!("heard-{}", address.rsplit(':').next().unwrap_or_default()));
        let child = Command::new("openssl")
            .args(["s_server", "-accept", &address])
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(File::create(&heard).expect("a file"))
            .stderr(Stdio::null())
            .spawn();
        let server = Self { child: child.expect("openssl runs"), heard, address };
        eventually("openssl to listen", async || server.heard().contains("ACCEPT").then_some(())).await;
        server
    }

    /// All that it has written.
    pub(super) fn heard(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.heard).unwrap_or_default()).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
