use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;
use crate::config::testing::settings;
use crate::net::testing::cx;

const ISSUER: &str = "https://issuer.example";

/// A key of an issuer.
struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    fn new(id: &'static str, algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_der(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap().to_pkcs8v1().unwrap().as_ref(),
            ),
            Algorithm::ES384 => EncodingKey::from_ec_der(
                EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap().to_pkcs8v1().unwrap().as_ref(),
            ),
            Algorithm::EdDSA => {
                EncodingKey::from_ed_der(Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref())
            }
            _ => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
                // PKCS #1 lies in PKCS #8 behind a header of fixed length.
                EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..])
            }
        };
        Self { id, algorithm, key }
    }

    fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        jwk.common.key_algorithm = None;
        serde_json::to_value(jwk).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.to_owned()), ..Header::new(self.algorithm) };
        encode(&header, claims, &self.key).unwrap()
    }
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": ["other", "us"], "sub": "alice", "exp": in_seconds(600), "email": "a@example.com", "groups": ["x", "y"], "admin": true})
}

fn in_seconds(seconds: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() as i64 + seconds
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

fn extension(keys: &[&Signer], more: &str) -> Oidc {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let mut set: Vec<_> = keys.iter().map(|key| key.public()).collect();
    set.push(json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}));
    set.push(json!({"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}));
    std::fs::write(&file, json!({"keys": set}).to_string()).unwrap();
    let yaml = format!("providers: [{{issuer_url: '{ISSUER}', public_keys_file: {}{more}}}]", file.display());
    let (settings, problems) = settings::<Settings>(&yaml);
    assert!(!problems.has_errors(), "{problems}");
    Oidc::new(settings.unwrap(), &cx("oidc", None)).unwrap()
}

async fn check(extension: &Oidc, token: &str) -> Result<Arc<Identity>, Denied> {
    let headers: HeaderMap =
        [(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())].into_iter().collect();
    extension.authenticate(&headers).await.map(|identity| identity.expect("known"))
}

async fn why(extension: &Oidc, token: &str) -> String {
    let denied = check(extension, token).await.unwrap_err();
    assert!(!denied.passing && denied.challenge.is_some(), "{denied:?}");
    denied.why
}

#[tokio::test]
async fn every_algorithm_is_verified_and_claims_become_attributes() {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let rsa = Signer::new("rsa", RS256);
    let others = [Signer::new("p256", ES256), Signer::new("p384", ES384), Signer::new("ed", EdDSA)];
    let keys: Vec<_> = others.iter().chain([&rsa]).collect();
    let extension = extension(&keys, ", audience: us, username_claim: email, groups_claim: groups");
    for algorithm in [RS256, RS384, RS512, PS256, PS384, PS512] {
        let signer = Signer { id: "rsa", algorithm, key: rsa.key.clone() };
        check(&extension, &signer.sign(&claims())).await.unwrap_or_else(|denied| panic!("{algorithm:?} {denied:?}"));
    }
    for signer in &others {
        let token = signer.sign(&claims());
        for _ in 0..2 {
            let identity = check(&extension, &token).await.unwrap();
            let values = |name| identity.values(name).collect::<Vec<_>>();
            assert_eq!((values("subject"), values("membership")), (vec!["a@example.com"], vec!["x", "y"]));
            assert_eq!((values("claims.sub"), values("claims.admin")), (vec!["alice"], vec!["true"]));
            assert_eq!(values("raw"), [token.as_str()]);
        }
    }
}

#[tokio::test]
async fn what_does_not_hold_is_refused() {
    let (signer, stranger) = (Signer::new("a", Algorithm::ES256), Signer::new("a", Algorithm::ES256));
    let extension = extension(&[&signer], ", audience: us, groups_claim: groups");
    for (token, text) in [
        (signer.sign(&with("exp", json!(in_seconds(-120)))), "failed to verify token: ExpiredSignature"),
        (signer.sign(&with("nbf", json!(in_seconds(120)))), "failed to verify token: ImmatureSignature"),
        (signer.sign(&with("iss", json!("https://other"))), "failed to verify token: InvalidIssuer"),
        (signer.sign(&with("aud", json!("other"))), "failed to verify token: InvalidAudience"),
        (signer.sign(&with("aud", Value::Null)), "failed to verify token: Missing required claim: aud"),
        (signer.sign(&with("exp", Value::Null)), "failed to verify token: Missing required claim: exp"),
        (signer.sign(&with("groups", Value::Null)), ""),
        (stranger.sign(&claims()), "failed to verify token: InvalidSignature"),
        (Signer { id: "b", ..stranger }.sign(&claims()), "failed to verify token: no key of the issuer fits it"),
        ("a.b.c".to_owned(), "failed to parse the token: "),
        (format!("{}.e30.", "eyJhbGciOiJub25lIn0"), "failed to parse the token: "),
        ("x".repeat(20_000), "failed to parse the token: it is longer than 16384 bytes"),
    ] {
        if text.is_empty() {
            check(&extension, &token).await.unwrap();
        } else {
            let why = why(&extension, &token).await;
            assert!(why.starts_with(text), "{why}");
        }
    }
    // A public key must not serve as a shared secret.
    let shared = Signer { id: "shared", algorithm: Algorithm::HS256, key: EncodingKey::from_secret(b"secret") };
    let text = "failed to verify token: its algorithm needs a shared secret";
    assert_eq!(why(&extension, &shared.sign(&claims())).await, text);
    let none = extension.authenticate(&HeaderMap::new()).await.unwrap_err();
    assert_eq!(none.why, "authentication didn't succeed");
}

#[tokio::test]
async fn audiences_may_be_ignored_and_claims_be_asked_for() {
    let signer = Signer::new("a", Algorithm::EdDSA);
    let extension = extension(&[&signer], ", ignore_audience: true, username_claim: name");
    let text = "failed to get subject from claims in the token: claim not found";
    assert_eq!(why(&extension, &signer.sign(&claims())).await, text);
    let named = signer.sign(&with("name", json!("bob")));
    assert_eq!(check(&extension, &named).await.unwrap().values("subject").collect::<Vec<_>>(), ["bob"]);
}

#[test]
fn settings_that_are_wrong_are_named() {
    for (yaml, expected) in [
        ("{}", "no provider"),
        ("{issuer_url: 'https://a'}", "no Audience provided for the OIDC configuration"),
        ("{audience: a}", "no IssuerURL provided for the OIDC configuration"),
        ("{providers: [{issuer_url: a, audience: a}]}", "\"a\" must be a valid URL"),
        (
            "{issuer_url: 'https://a', audience: a, providers: [{issuer_url: 'https://a', audience: b}]}",
            "duplicate issuer URL found: https://a",
        ),
        ("{issuer_url: 'http://a', audience: a}", "can be replaced by whoever is in between"),
    ] {
        let (_, problems) = settings::<Settings>(yaml);
        let messages: Vec<_> = problems.all().iter().map(|problem| problem.message.clone()).collect();
        assert!(messages.len() == 1 && messages[0].ends_with(expected), "{yaml} {messages:?}");
    }
}
