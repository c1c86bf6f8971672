//! The thread that writes lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that may wait to be written; beyond that they are lost.
const QUEUE_LINES: usize = 4096;

/// Where lines go.
pub(crate) enum Output {
    Stderr,
    Stdout,
    File(File),
}

impl Output {
    /// `stderr`, `stdout`, or a file that is appended to.
    pub(crate) fn open(path: &str) -> io::Result<Self> {
        match path {
            "stderr" => Ok(Self::Stderr),
            "stdout" => Ok(Self::Stdout),
            path => {
                let path = path.strip_prefix("file://").unwrap_or(path);
                let file = OpenOptions::new().create(true).append(true).open(path);
                file.map(Self::File).map_err(|error| io::Error::new(error.kind(), format!("open {path}: {error}")))
            }
        }
    }

    fn write(&mut self, line: &[u8]) {
        // There is nobody to tell when the log can not be written.
        let _ = match self {
            Self::Stderr => io::stderr().write_all(line),
            Self::Stdout => io::stdout().write_all(line),
            Self::File(file) => file.write_all(line),
        };
    }
}

enum Order {
    Line(String),
    Outputs(Vec<Output>),
    Flush(SyncSender<()>),
}

/// The way to the thread; it ends when this is dropped.
pub(crate) struct Writer(SyncSender<Order>);

impl Writer {
    pub(crate) fn spawn() -> Self {
        let (sender, orders) = sync_channel(QUEUE_LINES);
        let thread = thread::Builder::new().name("log".to_owned());
        // Without the thread the channel is closed and every line counts as lost.
        let _ = thread.spawn(move || work(&orders));
        Self(sender)
    }

    /// Queues a line; `false` if it is lost.
    pub(crate) fn write(&self, line: String) -> bool {
        self.0.try_send(Order::Line(line)).is_ok()
    }

    /// Writes to `outputs` what is logged from now on.
    pub(crate) fn set_outputs(&self, outputs: Vec<Output>) {
        let _ = self.0.send(Order::Outputs(outputs));
    }

    pub(crate) fn flush(&self, patience: Duration) {
        let (done, wait) = sync_channel(1);
        if self.0.try_send(Order::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(patience);
        }
    }
}

fn work(orders: &Receiver<Order>) {
    let mut outputs = vec![Output::Stderr];
    for order in orders {
        match order {
            Order::Line(line) => outputs.iter_mut().for_each(|output| output.write(line.as_bytes())),
            Order::Outputs(new) => outputs = new,
            Order::Flush(done) => {
                let _ = done.send(());
            }
        }
    }
}
