//! `GET /v1/explain/{id}`.

use super::reply::{self, Reply, error};
use crate::host::Host;

const MAX_DECISIONS: usize = 20;

pub(super) fn answer(host: &Host, id: &str) -> Reply {
    let id = id.to_ascii_lowercase();
    if id.is_empty() || id.len() > 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return error(400, format!("{id:?} is no trace id: up to 32 digits in hex"));
    }
    let mut remembering = false;
    let mut decisions = Vec::new();
    for (_, component) in host.admin.explain.find(None) {
        if let Some(found) = component.explain(&id, MAX_DECISIONS) {
            remembering = true;
            decisions.extend(found);
        }
    }
    if !remembering {
        return error(
            409,
            "no processor remembers its decisions: give tail_sampling the option `explain: {traces: 10000}`",
        );
    }
    decisions.sort_by_key(|decision| std::cmp::Reverse(decision.decided_at_unix_ns));
    decisions.truncate(MAX_DECISIONS);
    reply::json(&decisions)
}
