//! `GET /v1/status`.

use serde_json::json;

use super::reply::{self, Reply};
use crate::host::Host;

pub(super) fn answer(host: &Host) -> Reply {
    let ids = |found: Vec<String>| {
        let mut ids = found;
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let capture = host.admin.capture.find(None).into_iter().map(|(id, _)| id).collect();
    let explain = host.admin.explain.find(None).into_iter().map(|(id, _)| id).collect();
    reply::json(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "available": host.health.is_available(),
        "failures": host.health.failures(),
        "capture": ids(capture),
        "explain": ids(explain),
    }))
}
