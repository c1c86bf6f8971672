//! `POST /v1/plugins/reload`.

use std::sync::Arc;

use serde::Deserialize;

use super::reply::{self, Reply, error};
use crate::host::Host;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Request {
    component: Option<String>,
}

pub(super) async fn answer(host: &Arc<Host>, body: &[u8]) -> Reply {
    let request: Request = match body {
        [] => Request::default(),
        body => match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(why) => return error(400, format!("not a reload: {why}")),
        },
    };
    let host = host.clone();
    match tokio::task::spawn_blocking(move || host.wasm.check_now()).await {
        Ok(mut checked) => {
            checked.retain(|checked| request.component.as_ref().is_none_or(|id| *id == checked.component));
            reply::json(&checked)
        }
        Err(why) => error(500, why.to_string()),
    }
}
