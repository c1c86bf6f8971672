//! Signatures as `cosign sign --key` leaves them beside an artefact: a payload that names the artefact's digest, and an ECDSA
//! P-256 signature over it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;

/// Payloads are a few hundred bytes.
pub(super) const MAX_BYTES: u64 = 64 << 10;

/// What stands before the point in the `SubjectPublicKeyInfo` of every P-256 key.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A public key: an uncompressed point.
pub(super) struct Key(Vec<u8>);

impl Key {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bad = |why: &dyn std::fmt::Display| format!("the key {} can not be used: {why}", path.display());
        let mut pem = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut pem));
        read.map_err(|error| bad(&error))?;
        let key = SubjectPublicKeyInfoDer::from_pem_slice(&pem).map_err(|error| bad(&error))?;
        match key.as_ref().strip_prefix(&P256_PREFIX) {
            Some(point) if point.len() == 65 => Ok(Self(point.to_vec())),
            _ => Err(bad(&"it is no ECDSA P-256 key, which is what cosign makes")),
        }
    }

    /// Tells keys apart.
    pub(super) fn fingerprint(&self) -> String {
        super::sha256(&self.0).split_off(48)
    }
}

/// What was signed, and the signature.
pub(super) struct Signature {
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

/// The simple-signing payload.
#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

const KIND: &str = "cosign container image signature";

impl Signature {
    /// Whether the key signed the artefact with this digest.
    pub(super) fn holds(&self, key: &Key, digest: &str) -> Result<(), String> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &key.0)
            .verify(&self.payload, &self.signature)
            .map_err(|_| "its cosign signature is not by the configured key".to_owned())?;
        let payload: Payload = serde_json::from_slice(&self.payload)
            .map_err(|error| format!("what its cosign signature signs can not be read: {error}"))?;
        if payload.critical.kind != KIND {
            return Err(format!("its cosign signature is a {:?}, no {KIND:?}", payload.critical.kind));
        }
        if payload.critical.image.digest != format!("sha256:{digest}") {
            return Err(format!("its cosign signature is of another artefact, {}", payload.critical.image.digest));
        }
        Ok(())
    }

    /// For the cache.
    pub(super) fn pack(&self) -> Vec<u8> {
        [STANDARD.encode(&self.signature).as_bytes(), b"\n", &self.payload].concat()
    }

    pub(super) fn unpack(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (signature, payload) = bytes.split_at(end);
        Some(Self { payload: payload.get(1..)?.to_vec(), signature: STANDARD.decode(signature).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

    use super::*;

    fn pair() -> (EcdsaKeyPair, Key) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let key = Key(pair.public_key().as_ref().to_vec());
        (pair, key)
    }

    fn sign(pair: &EcdsaKeyPair, kind: &str, digest: &str) -> Signature {
        let image = serde_json::json!({"docker-manifest-digest": format!("sha256:{digest}")});
        let payload = serde_json::json!({"critical": {"identity": {}, "image": image, "type": kind}, "optional": null});
        let payload = payload.to_string().into_bytes();
        let signature = pair.sign(&SystemRandom::new(), &payload).expect("signed").as_ref().to_vec();
        Signature { payload, signature }
    }

    #[test]
    fn only_the_key_and_the_digest_hold() {
        let ((pair, key), (_, other)) = (pair(), pair());
        let digest = "ab".repeat(32);
        let good = sign(&pair, KIND, &digest);
        assert_eq!(good.holds(&key, &digest), Ok(()));
        let kept = Signature::unpack(&good.pack()).expect("as packed");
        assert_eq!(kept.holds(&key, &digest), Ok(()));
        let fails = |signature: &Signature, key: &Key, digest: &str, with: &str| {
            let error = signature.holds(key, digest).expect_err(with);
            assert!(error.contains(with), "{error}");
        };
        fails(&good, &other, &digest, "not by the configured key");
        fails(&good, &key, &"cd".repeat(32), "of another artefact");
        fails(&sign(&pair, "something else", &digest), &key, &digest, "no \"cosign");
        let mut changed = sign(&pair, KIND, &digest);
        changed.payload.push(b' ');
        fails(&changed, &key, &digest, "not by the configured key");
        changed.signature.clear();
        fails(&changed, &key, &digest, "not by the configured key");
    }

    #[test]
    fn keys_are_read_from_pem() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("cosign.pub");
        let (_, key) = pair();
        let pem =
            |der: &[u8]| format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        std::fs::write(&path, pem(&[&P256_PREFIX[..], &key.0].concat())).expect("written");
        assert_eq!(Key::read(&path).map(|read| read.0), Ok(key.0));
        for bad in [pem(&[1, 2, 3]), "hello".to_owned()] {
            std::fs::write(&path, bad).expect("written");
            assert!(Key::read(&path).is_err());
        }
    }
}
