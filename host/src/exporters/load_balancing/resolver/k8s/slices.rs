//! A service's slices, and the backends in them.

use std::collections::BTreeMap;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use kube::api::WatchEvent;

use super::super::Report;
use super::Form;

/// The slices at present.
pub(super) struct Slices<'a> {
    form: &'a Form,
    by_name: BTreeMap<String, Slice>,
    /// So that it is said once, not at each change.
    nameless: usize,
}

/// What is kept of one.
#[derive(Debug, Default, PartialEq, Eq)]
struct Slice {
    backends: Vec<String>,
    /// Endpoints without the hostname that was asked for.
    nameless: usize,
}

impl<'a> Slices<'a> {
    pub(super) fn new(form: &'a Form) -> Self {
        Self { form, by_name: BTreeMap::new(), nameless: 0 }
    }

    /// Takes a change in, and reports what the list is now.
    pub(super) fn take(&mut self, event: WatchEvent<EndpointSlice>, report: &Report) {
        match event {
            WatchEvent::Added(slice) | WatchEvent::Modified(slice) => self.put(&slice),
            WatchEvent::Deleted(slice) => self.remove(&slice),
            WatchEvent::Bookmark(_) | WatchEvent::Error(_) => return,
        }
        report.resolved(self.backends());
    }

    pub(super) fn put(&mut self, slice: &EndpointSlice) {
        if let Some(name) = slice.metadata.name.clone() {
            self.by_name.insert(name, self.form.slice(slice));
        }
    }

    fn remove(&mut self, slice: &EndpointSlice) {
        if let Some(name) = &slice.metadata.name {
            self.by_name.remove(name);
        }
    }

    /// All of them, in any order; one may be there twice.
    pub(super) fn backends(&mut self) -> Vec<String> {
        let nameless = self.by_name.values().map(|slice| slice.nameless).sum();
        if nameless > self.nameless {
            tracing::warn!(
                endpoints = nameless,
                "Endpoints have no hostname, and are left out: with return_hostnames, the pods must be a StatefulSet's"
            );
        }
        self.nameless = nameless;
        self.by_name.values().flat_map(|slice| slice.backends.iter().cloned()).collect()
    }
}

impl Form {
    fn slice(&self, slice: &EndpointSlice) -> Slice {
        let mut kept = Slice::default();
        for endpoint in slice.endpoints.iter().filter(|endpoint| !self.ready_only || is_ready(endpoint)) {
            match (&self.hostnames_of, endpoint.hostname.as_deref().filter(|hostname| !hostname.is_empty())) {
                (None, _) => endpoint.addresses.iter().for_each(|address| self.add(address, &mut kept.backends)),
                (Some(domain), Some(hostname)) => self.add(&format!("{hostname}.{domain}"), &mut kept.backends),
                (Some(_), None) => kept.nameless += 1,
            }
        }
        kept
    }

    /// Go's `JoinHostPort` for each port; without ports, the address as it is.
    fn add(&self, host: &str, backends: &mut Vec<String>) {
        if self.ports.is_empty() {
            backends.push(host.to_owned());
        }
        let brackets = if host.contains(':') { ["[", "]"] } else { ["", ""] };
        backends.extend(self.ports.iter().map(|port| format!("{}{host}{}:{port}", brackets[0], brackets[1])));
    }
}

/// Kubernetes: what is unknown counts as ready.
fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready) != Some(false)
}

#[cfg(test)]
mod tests;
