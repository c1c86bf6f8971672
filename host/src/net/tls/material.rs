//! Certificates and keys, from files or from the configuration itself.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Secret;
use crate::pipeline::BuildError;

/// A certificate chain and its key.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The PEM text of a file or of the option itself, `None` if neither is given.
pub(super) fn read(file: &str, pem: &Secret, what: &str) -> Result<Option<Vec<u8>>, BuildError> {
    if !pem.expose().is_empty() {
        return Ok(Some(pem.expose().as_bytes().to_vec()));
    }
    if file.is_empty() {
        return Ok(None);
    }
    let text = std::fs::read(file).map_err(|error| {
        BuildError::new(format!("failed to load TLS config: failed to load {what} {file}: {error}"))
    })?;
    Ok(Some(text))
}

pub(super) fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => {
            Err(BuildError::new(format!("failed to load TLS config: failed to parse {what}: no certificate in it")))
        }
        Err(error) => Err(BuildError::new(format!("failed to load TLS config: failed to parse {what}: {error}"))),
    }
}

pub(super) fn identity(
    cert_file: &str,
    cert_pem: &Secret,
    key_file: &str,
    key_pem: &Secret,
) -> Result<Option<Identity>, BuildError> {
    let (Some(cert), Some(key)) = (read(cert_file, cert_pem, "certificate")?, read(key_file, key_pem, "key")?) else {
        return Ok(None);
    };
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|error| BuildError::new(format!("failed to load TLS config: failed to parse key: {error}")))?;
    Ok(Some((certificates(&cert, "certificate")?, key)))
}
