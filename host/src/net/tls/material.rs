//! Certificates and keys: where they stand, and what stands there at the moment.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};

use super::roots::system_roots;
use crate::config::Secret;
use crate::pipeline::BuildError;

/// The largest file that is read; the bundle of all public CAs has a quarter of a MiB.
const MAX_BYTES: u64 = 4 << 20;

/// A certificate chain and its key.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Tells one state of all sources from another.
pub(super) type Fingerprint = [u8; 32];

/// Where a PEM text is.
#[derive(Clone, Debug, Default)]
pub(super) enum Source {
    #[default]
    Nowhere,
    File(String),
    Text(Secret),
}

/// All that a client or server is made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    pub(super) certificate: Source,
    pub(super) key: Source,
    pub(super) ca: Source,
    pub(super) client_ca: Source,
    pub(super) system_roots: bool,
}

/// What the sources held when they were read. A file that can not be read is a state like others.
pub(super) struct Material {
    certificate: Pem,
    key: Pem,
    ca: Pem,
    client_ca: Pem,
    system_roots: Option<Arc<Vec<CertificateDer<'static>>>>,
}

type Pem = Option<Result<Vec<u8>, String>>;

impl Source {
    /// The text if there is one, the file otherwise.
    pub(super) fn of(file: &str, pem: &Secret) -> Self {
        if !pem.expose().is_empty() {
            Self::Text(pem.clone())
        } else if file.is_empty() {
            Self::Nowhere
        } else {
            Self::File(file.to_owned())
        }
    }

    fn read(&self, what: &str) -> Pem {
        match self {
            Self::Nowhere => None,
            Self::Text(pem) => Some(Ok(pem.expose().as_bytes().to_vec())),
            Self::File(path) => Some(read_file(path).map_err(|error| format!("failed to load {what} {path}: {error}"))),
        }
    }
}

impl Sources {
    /// Whether they can change while the host runs.
    pub(super) fn can_change(&self) -> bool {
        let files = [&self.certificate, &self.key, &self.ca, &self.client_ca];
        self.system_roots || files.into_iter().any(|source| matches!(source, Source::File(_)))
    }

    /// Reads all of them.
    pub(super) fn read(&self) -> Material {
        Material {
            certificate: self.certificate.read("certificate"),
            key: self.key.read("key"),
            ca: self.ca.read("CA"),
            client_ca: self.client_ca.read("client CA"),
            system_roots: self.system_roots.then(system_roots),
        }
    }
}

impl Material {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        let mut add = |kind: u8, bytes: &[u8]| {
            hash.update([kind]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        for pem in [&self.certificate, &self.key, &self.ca, &self.client_ca] {
            match pem {
                None => add(0, &[]),
                Some(Ok(text)) => add(1, text),
                Some(Err(error)) => add(2, error.as_bytes()),
            }
        }
        for root in self.system_roots.iter().flat_map(|roots| roots.iter()) {
            add(3, root);
        }
        hash.finalize().into()
    }

    /// The own certificate, if there is one.
    pub(super) fn identity(&self) -> Result<Option<Identity>, BuildError> {
        let (Some(certificate), Some(key)) = (text(&self.certificate)?, text(&self.key)?) else { return Ok(None) };
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| failed(format!("failed to parse key: {error}")))?;
        Ok(Some((certificates(certificate, "certificate")?, key)))
    }

    /// What the CA's file has, if there is one.
    pub(super) fn ca_certificates(&self) -> Result<Option<Vec<CertificateDer<'static>>>, BuildError> {
        text(&self.ca)?.map(|text| certificates(text, "CA")).transpose()
    }

    /// Who is trusted to sign servers' certificates.
    pub(super) fn roots(&self) -> Result<RootCertStore, BuildError> {
        self.store(&self.ca, "CA")
    }

    /// Who is trusted to sign clients' certificates; `None` if they need none.
    pub(super) fn client_roots(&self) -> Result<Option<RootCertStore>, BuildError> {
        if self.client_ca.is_none() {
            return Ok(None);
        }
        self.store(&self.client_ca, "client CA").map(Some)
    }

    /// With the system's roots, where those are asked for.
    fn store(&self, pem: &Pem, what: &str) -> Result<RootCertStore, BuildError> {
        let mut store = RootCertStore::empty();
        if let Some(text) = text(pem)? {
            // As in Go: bundles have odd ones, which are left out as long as there is another.
            let (added, _) = store.add_parsable_certificates(certificates(text, what)?);
            if added == 0 {
                return Err(failed(format!("failed to parse {what}: no usable certificate in it")));
            }
        }
        // What can not be read is left out, as everywhere; an empty store fails at the handshake.
        store.add_parsable_certificates(self.system_roots.iter().flat_map(|roots| roots.iter().cloned()));
        Ok(store)
    }
}

fn text(pem: &Pem) -> Result<Option<&Vec<u8>>, BuildError> {
    pem.as_ref().map(|read| read.as_ref().map_err(|error| failed(error.clone()))).transpose()
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(failed(format!("failed to parse {what}: no certificate in it"))),
        Err(error) => Err(failed(format!("failed to parse {what}: {error}"))),
    }
}

/// What is not a file, such as a pipe, could be read only once, or never end.
fn read_file(path: &str) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("has more than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

pub(super) fn failed(why: impl std::fmt::Display) -> BuildError {
    BuildError::new(format!("failed to load TLS config: {why}"))
}
