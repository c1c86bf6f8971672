//! `POST /v1/capture`.

use serde::Deserialize;

use super::reply::{self, Reply, error};
use crate::host::Host;
use crate::recording::{Order, With};

const MAX_DURATION_MS: u64 = 24 * 3600 * 1000;
const MAX_REDACTIONS: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    processor: Option<String>,
    duration_ms: u64,
    max_bytes: u64,
    #[serde(default)]
    max_traces: u64,
    #[serde(default)]
    redact: Vec<String>,
    #[serde(default)]
    redact_with: With,
}

pub(super) fn answer(host: &Host, body: &[u8]) -> Reply {
    let request: Request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(why) => return error(400, format!("not a capture: {why}")),
    };
    let Request { processor, duration_ms, max_bytes, max_traces, redact, redact_with } = request;
    if duration_ms > MAX_DURATION_MS || redact.len() > MAX_REDACTIONS {
        return error(400, format!("at most {MAX_DURATION_MS} ms and {MAX_REDACTIONS} redactions"));
    }
    let found = host.admin.capture.find(processor.as_deref());
    let mut ids: Vec<_> = found.iter().map(|(id, _)| id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let component = match (ids.as_slice(), found.first()) {
        ([_], Some((_, component))) => component,
        ([], _) | (_, None) => {
            let which = processor.map_or_else(String::new, |id| format!(" called {id}"));
            return error(404, format!("there is no processor{which} that decides about traces"));
        }
        (several, _) => return error(400, format!("say which processor: {}", several.join(", "))),
    };
    match component.capture(Order { duration_ms, max_bytes, max_traces, redact, redact_with }) {
        Ok(pieces) => reply::pieces(pieces),
        Err(why) => error(409, why),
    }
}
