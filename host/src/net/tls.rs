//! TLS of clients and servers, over rustls.
//!
//! ```yaml
//! tls:                              # of an exporter
//!   insecure: false                 # true and no CA given: no TLS at all
//!   insecure_skip_verify: false     # TLS with anyone
//!   server_name_override: ""
//!   ca_file: /etc/ssl/ca.crt        # or ca_pem; none: the system's roots (SSL_CERT_FILE, SSL_CERT_DIR)
//!   include_system_ca_certs_pool: false
//!   cert_file: client.crt           # or cert_pem, with key_file or key_pem: shown to servers that ask for one
//!   key_file: client.key
//!   min_version: "1.2"              # 1.2 or 1.3
//!   max_version: ""
//!   cipher_suites: []               # of TLS 1.2, by Go's names
//!   curve_preferences: []           # X25519, P256, P384, X25519MLKEM768
//!   reload_interval: 10s
//! ---
//! tls:                              # of a receiver or an extension
//!   cert_file: server.crt           # or cert_pem
//!   key_file: server.key            # or key_pem
//!   client_ca_file: clients.crt     # every client must show a certificate of this CA
//!   # and the last five above
//! ```
//!
//! **Files are read again while the host runs**, without an option for it: certificates, keys, and both sets of CAs; the system's
//! roots at most once a minute. New handshakes use what is new within `reload_interval` (10 s), open connections go on. In the
//! Go collector 0 means never, and certificates that cert-manager renews run out in a running process; CAs stay as they were, those of
//! clients without `client_ca_file_reload`. What is in the YAML itself (`…_pem`) changes with the YAML.
//!
//! Material that is bad or half written is not used: the old goes on, the log says so once, and the component is degraded in the host's
//! health until the files are good again.
//!
//! A server that asks clients for certificates resumes no sessions: each handshake shows a certificate, and it must be good then.
//! There are no insecure suites or versions to turn on, and no keys in a TPM.

mod acceptor;
mod algorithms;
mod check;
mod failures;
mod material;
mod reloading;
mod roots;
mod settings;
#[cfg(test)]
mod testing;
mod verify;

use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use sha2::{Digest as _, Sha256};

pub use self::acceptor::Acceptor;
use self::failures::Failures;
use self::material::{Material, Source, Sources, failed};
use self::reloading::Recipe;
pub use self::reloading::Reloading;
pub use self::settings::{ClientTls, ServerTls};
use crate::config::Secret;
use crate::pipeline::{BuildError, Cx};

/// Whose server it is, for what is counted.
#[derive(Clone, Copy, Debug)]
pub enum Owner {
    /// A receiver's, of this protocol.
    Receiver {
        /// `grpc` or `http`.
        transport: &'static str,
    },
    /// An extension's.
    Extension,
}

impl ClientTls {
    /// Whether there is TLS at all on a connection whose endpoint does not say so itself.
    pub fn is_plaintext(&self) -> bool {
        self.insecure && self.ca_file.is_empty() && self.ca_pem.expose().is_empty()
    }

    /// What a client connects with, kept as new as its files. `protocols` are offered by ALPN. Clients of equal settings share one,
    /// so that a thousand connections read no more files than one.
    pub fn client(&self, protocols: &[&[u8]], cx: &Cx) -> Result<Arc<Reloading<ClientConfig>>, BuildError> {
        let recipe = ClientRecipe { tls: self.clone(), protocols: owned(protocols) };
        let name = format!("tls {}", recipe.digest());
        cx.host.shared.get_or_try_make(&name, || Reloading::start(recipe, self.interval(), cx))
    }

    /// What a client connects with that does not live long.
    pub fn client_config(&self, protocols: &[&[u8]]) -> Result<ClientConfig, BuildError> {
        let recipe = ClientRecipe { tls: self.clone(), protocols: owned(protocols) };
        recipe.make(&recipe.sources().read())
    }
}

impl ServerTls {
    /// What a server accepts with, kept as new as its files. `protocols` are offered by ALPN.
    pub fn acceptor(&self, protocols: &[&[u8]], owner: Owner, cx: &Cx) -> Result<Acceptor, BuildError> {
        let recipe = ServerRecipe { tls: self.clone(), protocols: owned(protocols) };
        let config = Reloading::start(recipe, self.interval(), cx)?;
        Ok(Acceptor::new(config, Failures::new(owner, cx)))
    }
}

/// [`ServerTls::acceptor`] of a section that may be missing or off: then there is no TLS.
pub fn acceptor(
    tls: Option<&ServerTls>,
    protocols: &[&[u8]],
    owner: Owner,
    cx: &Cx,
) -> Result<Option<Acceptor>, BuildError> {
    tls.filter(|tls| tls.enabled).map(|tls| tls.acceptor(protocols, owner, cx)).transpose()
}

struct ClientRecipe {
    tls: ClientTls,
    protocols: Vec<Vec<u8>>,
}

impl ClientRecipe {
    /// The same for equal settings. A digest, because there may be a key in them.
    fn digest(&self) -> String {
        let tls = Secret::unredacted(|| serde_json::to_vec(&self.tls)).unwrap_or_default();
        let protocols = self.protocols.iter().flat_map(|name| [&[name.len() as u8], name.as_slice()].concat());
        hex::encode(Sha256::new().chain_update(tls).chain_update(protocols.collect::<Vec<_>>()).finalize())
    }
}

impl Recipe for ClientRecipe {
    type Product = ClientConfig;

    fn sources(&self) -> Sources {
        let ca = Source::of(&self.tls.ca_file, &self.tls.ca_pem);
        let needs_system_roots = matches!(ca, Source::Nowhere) || self.tls.include_system_ca_certs_pool;
        Sources {
            certificate: Source::of(&self.tls.cert_file, &self.tls.cert_pem),
            key: Source::of(&self.tls.key_file, &self.tls.key_pem),
            ca,
            client_ca: Source::Nowhere,
            system_roots: needs_system_roots && !self.tls.insecure_skip_verify,
        }
    }

    fn make(&self, material: &Material) -> Result<ClientConfig, BuildError> {
        let tls = &self.tls;
        let provider = algorithms::provider(&tls.cipher_suites, &tls.curve_preferences);
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions(&tls.min_version, &tls.max_version))
            .map_err(failed)?;
        let builder = match material.ca_certificates()? {
            _ if tls.insecure_skip_verify => {
                builder.dangerous().with_custom_certificate_verifier(verify::trust_anyone(provider))
            }
            Some(own) => {
                let verifier = verify::trust(material.roots()?, own, provider).map_err(failed)?;
                builder.dangerous().with_custom_certificate_verifier(verifier)
            }
            None => builder.with_root_certificates(material.roots()?),
        };
        let mut config = match material.identity()? {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(unfit)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(config)
    }
}

struct ServerRecipe {
    tls: ServerTls,
    protocols: Vec<Vec<u8>>,
}

impl Recipe for ServerRecipe {
    type Product = ServerConfig;

    fn sources(&self) -> Sources {
        let client_ca = Source::of(&self.tls.client_ca_file, &Secret::default());
        Sources {
            certificate: Source::of(&self.tls.cert_file, &self.tls.cert_pem),
            key: Source::of(&self.tls.key_file, &self.tls.key_pem),
            ca: Source::Nowhere,
            system_roots: self.tls.include_system_ca_certs_pool && !matches!(client_ca, Source::Nowhere),
            client_ca,
        }
    }

    fn make(&self, material: &Material) -> Result<ServerConfig, BuildError> {
        let tls = &self.tls;
        let (chain, key) = material.identity()?.ok_or_else(|| BuildError::new(check::NO_SERVER_IDENTITY))?;
        let provider = algorithms::provider(&tls.cipher_suites, &tls.curve_preferences);
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions(&tls.min_version, &tls.max_version))
            .map_err(failed)?;
        let client_roots = material.client_roots()?;
        let resumes = client_roots.is_none();
        let builder = match client_roots {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().map_err(failed)?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(unfit)?;
        if !resumes {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(config)
    }
}

fn unfit(error: rustls::Error) -> BuildError {
    failed(format!("failed to load TLS cert and key: {error}"))
}

fn owned(protocols: &[&[u8]]) -> Vec<Vec<u8>> {
    protocols.iter().map(|name| name.to_vec()).collect()
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
