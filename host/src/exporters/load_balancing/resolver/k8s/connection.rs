//! The API server, as far as one service's slices go.

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use futures_util::{StreamExt as _, pin_mut};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::{Client, Config, Error};
use tokio::time::{Instant, timeout};

use super::super::settings::Service;
use super::slices::Slices;

const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Slices hold 100 endpoints each unless the cluster says otherwise; more than a page is rare.
const PAGE: u32 = 500;

/// What the API server takes at most.
const LONGEST_WATCH_SECS: u64 = 290;

/// A server that ends a watch at its time needs a moment to say so. Silence beyond means that the connection is dead.
const GRACE: Duration = Duration::from_secs(5);

/// A watch that is over sooner did not do its work: beginning it anew at once could go on for ever.
const SHORTEST_WATCH: Duration = Duration::from_millis(500);

/// A way to the API server. It is made anew after every failure, and with it all that was read from files.
pub(super) struct Connection {
    slices: Api<EndpointSlice>,
    selector: String,
    timeout: Duration,
}

impl Connection {
    pub(super) async fn new(service: &Service, timeout: Duration) -> Result<Self, String> {
        let mut config =
            Config::infer().await.map_err(|error| format!("no way to the API server is configured: {error}"))?;
        // Waiting between attempts is done above, and counted.
        config.default_retry = false;
        config.connect_timeout = Some(timeout);
        let client = Client::try_from(config).map_err(in_words)?;
        let namespace = service.namespace.as_deref().unwrap_or("default");
        let selector = format!("kubernetes.io/service-name={}", service.name);
        Ok(Self { slices: Api::namespaced(client, namespace), selector, timeout })
    }

    /// Puts all there are into `slices`, and gives the version that this was.
    pub(super) async fn list(&self, slices: &mut Slices<'_>) -> Result<String, String> {
        let list = async {
            let mut page = ListParams::default().labels(&self.selector).limit(PAGE);
            loop {
                let list = self.slices.list(&page).await.map_err(in_words)?;
                list.items.iter().for_each(|slice| slices.put(slice));
                page.continue_token = list.metadata.continue_.filter(|token| !token.is_empty());
                if page.continue_token.is_none() {
                    return list.metadata.resource_version.ok_or_else(|| "a list without a resourceVersion".to_owned());
                }
            }
        };
        timeout(self.timeout, list).await.unwrap_or_else(|_| Err(format!("no list within {:?}", self.timeout)))
    }

    /// Gives all changes since `version` to `take`, until the server says that it is time to begin anew.
    pub(super) async fn watch(
        &self,
        version: &mut String,
        mut take: impl FnMut(WatchEvent<EndpointSlice>),
    ) -> Result<(), String> {
        let lasting_secs = self.timeout.as_secs().clamp(1, LONGEST_WATCH_SECS);
        let silence = Duration::from_secs(lasting_secs) + GRACE;
        let begun = Instant::now();
        let params = WatchParams::default().labels(&self.selector).timeout(lasting_secs as u32);
        let started = timeout(self.timeout, self.slices.watch(&params, version)).await;
        let events = started.map_err(|_| format!("no watch within {:?}", self.timeout))?.map_err(in_words)?;
        pin_mut!(events);
        loop {
            let next = timeout(silence, events.next()).await;
            match next.map_err(|_| format!("the watch has been silent for {silence:?}"))? {
                Some(Ok(WatchEvent::Error(status))) => return Err(in_words(Error::Api(status))),
                Some(Ok(event)) => {
                    if let Some(at) = version_of(&event) {
                        version.clone_from(at);
                    }
                    take(event);
                }
                Some(Err(error)) => return Err(in_words(error)),
                None if begun.elapsed() < SHORTEST_WATCH => return Err("the watch ended at once".to_owned()),
                None => return Ok(()),
            }
        }
    }
}

/// The namespace of the pod that this runs in.
pub(super) fn own_namespace() -> String {
    let namespace = std::fs::read_to_string(NAMESPACE_FILE).unwrap_or_default();
    let namespace = namespace.trim();
    if namespace.is_empty() { "default".to_owned() } else { namespace.to_owned() }
}

fn version_of(event: &WatchEvent<EndpointSlice>) -> Option<&String> {
    match event {
        WatchEvent::Added(slice) | WatchEvent::Modified(slice) | WatchEvent::Deleted(slice) => {
            slice.metadata.resource_version.as_ref()
        }
        WatchEvent::Bookmark(bookmark) => Some(&bookmark.metadata.resource_version),
        WatchEvent::Error(_) => None,
    }
}

/// What the server says, or the whole chain of what went wrong on the way to it.
fn in_words(error: Error) -> String {
    if let Error::Api(status) = &error {
        let what = if status.message.is_empty() { &status.reason } else { &status.message };
        return format!("{what} ({})", status.code);
    }
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            let _ = write!(words, ": {cause_words}");
        }
        source = cause.source();
    }
    words
}
