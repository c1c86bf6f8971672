//! TLS of clients and servers, over rustls.
//!
//! ```yaml
//! tls:                              # of an exporter
//!   insecure: false                 # true and no CA given: no TLS at all
//!   insecure_skip_verify: false     # TLS with anyone
//!   server_name_override: ""
//!   ca_file: /etc/ssl/ca.crt        # or ca_pem; none: the system's roots (SSL_CERT_FILE, SSL_CERT_DIR)
//!   include_system_ca_certs_pool: false
//!   cert_file: client.crt           # or cert_pem, with key_file or key_pem
//!   key_file: client.key
//!   min_version: "1.2"              # 1.2 or 1.3
//!   max_version: ""
//! ```

mod material;
mod settings;
mod verify;

use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

pub use self::settings::{ClientTls, ServerTls};
use crate::pipeline::BuildError;

impl ClientTls {
    /// Whether there is TLS at all on a connection whose endpoint does not say so itself.
    pub fn is_plaintext(&self) -> bool {
        self.insecure && self.ca_file.is_empty() && self.ca_pem.expose().is_empty()
    }

    /// What a client connects with. `protocols` are offered by ALPN.
    pub fn client_config(&self, protocols: &[&[u8]]) -> Result<ClientConfig, BuildError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions(&self.min_version, &self.max_version))
            .map_err(|error| BuildError::new(format!("failed to load TLS config: {error}")))?;
        let builder = if self.insecure_skip_verify {
            builder.dangerous().with_custom_certificate_verifier(verify::trust_anyone(provider()))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        let identity = material::identity(&self.cert_file, &self.cert_pem, &self.key_file, &self.key_pem)?;
        let mut config = match identity {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| BuildError::new(format!("failed to load TLS cert and key: {error}")))?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    fn roots(&self) -> Result<RootCertStore, BuildError> {
        let mut roots = RootCertStore::empty();
        let own = material::read(&self.ca_file, &self.ca_pem, "CA")?;
        if own.is_none() || self.include_system_ca_certs_pool {
            // What can not be read is left out, as everywhere; an empty store fails at the handshake.
            for root in rustls_native_certs::load_native_certs().certs {
                roots.add_parsable_certificates([root]);
            }
        }
        if let Some(pem) = own {
            for root in material::certificates(&pem, "CA")? {
                roots.add(root).map_err(|error| BuildError::new(format!("failed to load CA: {error}")))?;
            }
        }
        Ok(roots)
    }
}

impl ServerTls {
    /// What a server accepts with. `protocols` are offered by ALPN.
    pub fn server_config(&self, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, BuildError> {
        let identity = material::identity(&self.cert_file, &self.cert_pem, &self.key_file, &self.key_pem)?;
        let (chain, key) = identity.ok_or_else(|| BuildError::new(settings::NO_SERVER_IDENTITY))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions(&self.min_version, &self.max_version))
            .map_err(|error| BuildError::new(format!("failed to load TLS config: {error}")))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| BuildError::new(format!("failed to load TLS cert and key: {error}")))?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The versions from `min` to `max`; 1.0 and 1.1 as a minimum mean the oldest there is.
fn versions(min: &str, max: &str) -> Vec<&'static SupportedProtocolVersion> {
    let mut versions = Vec::new();
    if min != "1.3" {
        versions.push(&TLS12);
    }
    if max != "1.2" {
        versions.push(&TLS13);
    }
    versions
}

#[cfg(test)]
mod tests;
