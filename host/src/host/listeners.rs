//! Sockets by address. A rebuilt server asks for the address that its predecessor still serves and gets the same socket, so
//! that no connection is refused during a reload.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use parking_lot::Mutex;

/// Open listening sockets.
#[derive(Default)]
pub struct Listeners {
    open: Mutex<HashMap<SocketAddr, TcpListener>>,
}

impl Listeners {
    /// A non-blocking listener on `endpoint` (`host:port`), new or shared with the component that has it open.
    pub fn bind(&self, endpoint: &str) -> io::Result<TcpListener> {
        let address = endpoint
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
        let mut open = self.open.lock();
        if let Some(listener) = open.get(&address) {
            return listener.try_clone();
        }
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        // Port 0 asks for a fresh port each time: nothing to share.
        if address.port() != 0 {
            open.insert(address, listener.try_clone()?);
        }
        Ok(listener)
    }

    /// Closes the sockets of addresses that `in_use` no longer names (after a reload).
    pub fn retain(&self, in_use: impl Fn(&SocketAddr) -> bool) {
        self.open.lock().retain(|address, _| in_use(address));
    }
}
