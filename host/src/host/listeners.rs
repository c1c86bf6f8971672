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
    /// A non-blocking listener on `endpoint` (`host:port`; no host means every address), new or shared with the component
    /// that has it open. A name is listened on at its first IPv4 address, as Go does. Errors read as Go's do.
    pub fn bind(&self, endpoint: &str) -> io::Result<TcpListener> {
        if let Some(port) = endpoint.strip_prefix(':') {
            // A machine without IPv6 has no [::].
            return self.bind_to(&format!("[::]:{port}")).or_else(|_| self.bind_to(&format!("0.0.0.0:{port}")));
        }
        self.bind_to(endpoint)
    }

    fn bind_to(&self, endpoint: &str) -> io::Result<TcpListener> {
        let said = |what: String, error: io::Error| {
            io::Error::new(error.kind(), format!("listen tcp {what}: {}", plain(&error)))
        };
        let addresses: Vec<_> = endpoint.to_socket_addrs().map_err(|error| said(endpoint.to_owned(), error))?.collect();
        let Some(address) = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()) else {
            let error = io::Error::new(io::ErrorKind::NotFound, "no such host");
            return Err(said(endpoint.to_owned(), error));
        };
        self.open_at(*address).map_err(|error| said(format!("{address}: bind"), error))
    }

    fn open_at(&self, address: SocketAddr) -> io::Result<TcpListener> {
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

/// The words that Go uses, without the number of the error.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_address_is_shared_until_forgotten() {
        let listeners = Listeners::default();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let endpoint = format!("127.0.0.1:{port}");
        let first = listeners.bind(&endpoint).unwrap();
        let second = listeners.bind(&endpoint).unwrap();
        assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
        drop((first, second));
        assert!(TcpListener::bind(&endpoint).is_err());
        listeners.retain(|_| false);
        TcpListener::bind(&endpoint).unwrap();
    }

    #[test]
    fn a_name_means_its_ipv4_address() {
        let listener = Listeners::default().bind("localhost:0").unwrap();
        assert!(listener.local_addr().unwrap().is_ipv4());
        assert_ne!(Listeners::default().bind(":0").unwrap().local_addr().unwrap().port(), 0);
    }
}
