//! Certificate authorities and certificates as PEM files, good and bad ones.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

/// A certificate authority.
pub struct Ca {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Ca {
    /// A fresh one of this name.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Its certificate.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A server's certificate for `localhost` and `127.0.0.1`.
    pub fn server(&self, common_name: &str) -> Pair {
        let mut params = params(common_name, &["localhost", "127.0.0.1"]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// A server's certificate for another name.
    pub fn server_of(&self, name: &str) -> Pair {
        self.sign(&params(name, &[name]))
    }

    /// A client's certificate.
    pub fn client(&self, common_name: &str) -> Pair {
        let mut params = params(common_name, &[]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    /// A certificate for either side that ran out in 2021.
    pub fn expired(&self, common_name: &str) -> Pair {
        let mut params = params(common_name, &["localhost", "127.0.0.1"]);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Pair {
    /// Writes `<name>.crt` and `<name>.key`, each at once as a whole.
    pub fn write(&self, folder: &Path, name: &str) {
        write(folder, &format!("{name}.crt"), &self.certificate);
        write(folder, &format!("{name}.key"), &self.key);
    }
}

/// Writes a file at once as a whole, and gives its path.
pub fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let (path, fresh) = (folder.join(name), folder.join(format!(".{name}")));
    std::fs::write(&fresh, text).expect("written");
    std::fs::rename(&fresh, &path).expect("renamed");
    path
}

fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}
