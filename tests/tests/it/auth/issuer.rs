//! An `OpenID` Connect issuer and OAuth 2 token endpoint of the test's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tailrace_tests::eventually;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A running issuer. Stops when dropped; its keys stay the caller's.
pub(crate) struct Issuer {
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

struct State {
    url: String,
    keys: Mutex<Vec<Signer>>,
    tokens: AtomicUsize,
}

/// A key pair and its name.
#[derive(Clone)]
pub(crate) struct Signer {
    id: String,
    key: Arc<EcdsaKeyPair>,
}

impl Signer {
    pub(crate) fn new(id: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { id: id.to_owned(), key: Arc::new(key) }
    }

    fn public(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": x, "y": y})
    }

    /// A signed token that says so.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "ES256", "kid": self.id, "typ": "JWT"});
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// For `subject`, from `issuer`, good for so many seconds.
pub(crate) fn claims(issuer: &str, subject: &str, seconds: i64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    json!({"iss": issuer, "aud": "gateway", "sub": subject, "exp": now + seconds, "groups": ["agents"]})
}

impl Issuer {
    pub(crate) async fn start(address: &str, signer: &Signer) -> Self {
        let listener = eventually("the issuer's address", async || TcpListener::bind(address).await.ok()).await;
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let keys = Mutex::new(vec![signer.clone()]);
        let state = Arc::new(State { url, keys, tokens: AtomicUsize::new(0) });
        let mut tasks = JoinSet::new();
        let serving = state.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = serving.clone();
                let service = service_fn(move |request| answer(state.clone(), request));
                let connection = hyper::server::conn::http1::Builder::new();
                connections.spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { state, _tasks: tasks }
    }

    /// From now on only this key is known, and signs.
    pub(crate) fn rotate(&self, signer: &Signer) {
        *self.state.keys.lock() = vec![signer.clone()];
    }

    /// Tokens given out so far.
    pub(crate) fn tokens(&self) -> usize {
        self.state.tokens.load(Ordering::Relaxed)
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let form = body.collect().await?.to_bytes();
    let (status, body) = match head.uri.path() {
        "/.well-known/openid-configuration" => {
            (200, json!({"issuer": state.url, "jwks_uri": format!("{}/keys", state.url)}))
        }
        "/keys" => (200, json!({"keys": state.keys.lock().iter().map(Signer::public).collect::<Vec<_>>()})),
        "/token" => {
            // "agent:secret".
            let knows = head.headers.get("authorization").is_some_and(|value| value == "Basic YWdlbnQ6c2VjcmV0");
            if knows && form.starts_with(b"grant_type=client_credentials&scope=write") {
                state.tokens.fetch_add(1, Ordering::Relaxed);
                let token = state.keys.lock()[0].sign(&claims(&state.url, "agent", 3600));
                (200, json!({"access_token": token, "token_type": "bearer", "expires_in": 3600}))
            } else {
                (401, json!({"error": "invalid_client"}))
            }
        }
        _ => (404, json!({})),
    };
    let body = Full::new(Bytes::from(body.to_string()));
    Ok(Response::builder().status(status).header("content-type", "application/json").body(body).expect("valid"))
}
