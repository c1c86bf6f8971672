//! Ports, and certificates under a CA of the test's own.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// Below the range that Linux gives to outgoing connections, so that none of them takes a port in between.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// A port that nothing listens on, and that no other call in this process gets.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = PORTS.end - PORTS.start;
    // Several processes at once begin at places of their own.
    let offset = (std::process::id() as u16).wrapping_mul(101);
    (0..width)
        .map(|_| PORTS.start + offset.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % width)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("no free port")
}

/// A certificate authority and one server certificate of its, for `localhost` and `127.0.0.1`.
pub struct Authority {
    folder: tempfile::TempDir,
    acceptor: TlsAcceptor,
}

impl Authority {
    /// A fresh one.
    pub fn new() -> Self {
        let mut ca_params = CertificateParams::new([]).expect("no names");
        ca_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().expect("a key");
        let ca = ca_params.self_signed(&ca_key).expect("a CA certificate");
        let issuer = Issuer::new(ca_params, ca_key);
        let key = KeyPair::generate().expect("a key");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate =
            CertificateParams::new(names).and_then(|params| params.signed_by(&key, &issuer)).expect("a certificate");

        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).expect("written");
        Self { folder, acceptor: acceptor(certificate.der().clone(), &key) }
    }

    /// The CA certificate as PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A folder that holds nothing but the CA certificate.
    pub fn ca_folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider's versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("the key fits the certificate");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
