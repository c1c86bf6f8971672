//! What stands in front of an API server and can answer watches itself.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::kubernetes::{ApiServer, RESOLVER};

/// What becomes of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watches {
    /// The server answers.
    Pass,
    /// The version has expired, as an event of the watch.
    ExpireInside,
    /// The version has expired, as the status of the answer.
    ExpireOutside,
    /// It begins, and is over.
    End,
}

/// A gate on loopback, over plain HTTP. Who comes through is [`RESOLVER`]. Stops when dropped.
pub struct Gate {
    address: String,
    state: Arc<State>,
    _task: JoinSet<()>,
}

struct State {
    client: kube::Client,
    watches: Mutex<Watches>,
    requests: Mutex<usize>,
}

impl Gate {
    /// One that lets everything pass.
    pub async fn start(api: &ApiServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let client = api.client(RESOLVER).await;
        let state = Arc::new(State { client, watches: Mutex::new(Watches::Pass), requests: Mutex::new(0) });
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, _task: task }
    }

    /// The text of a kubeconfig that leads here.
    pub fn kubeconfig(&self) -> String {
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        })
        .to_string()
    }

    /// From now on treats watches so that are begun.
    pub fn set(&self, watches: Watches) {
        *self.state.watches.lock() = watches;
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        *self.state.requests.lock()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            // A client that goes away is none of the gate's business.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Answer = Response<UnsyncBoxBody<Bytes, kube::Error>>;

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, kube::Error> {
    *state.requests.lock() += 1;
    let watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let watches = if watch { *state.watches.lock() } else { Watches::Pass };
    let expired = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "too old resource version: 1 (2)",
        "reason": "Expired",
        "code": 410,
    });
    Ok(match watches {
        Watches::Pass => {
            let path = request.uri().path_and_query().expect("a path").as_str().to_owned();
            let request = Request::get(path).body(Body::empty()).expect("a request");
            state.client.send(request).await?.map(BodyExt::boxed_unsync)
        }
        Watches::ExpireInside => own(200, format!("{}\n", json!({"type": "ERROR", "object": expired}))),
        Watches::ExpireOutside => own(410, expired.to_string()),
        Watches::End => own(200, String::new()),
    })
}

fn own(status: u16, text: String) -> Answer {
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(status).header("content-type", "application/json").body(body).expect("a response")
}
