//! `headers_setter`: clients send headers with values of their own choice, or of what is known of whoever sent the data.
//!
//! ```yaml
//! extensions:
//!   headers_setter:
//!     headers:
//!       - {action: upsert, key: X-Scope-OrgID, from_context: x-tenant, default_value: none}
//!       - {action: insert, key: X-User, from_attribute: subject}   # of the receiver's authenticator; also from_context: auth.subject
//!       - {action: update, key: X-Source, value: agent}            # or value_file, read again when it changes
//!       - {action: delete, key: X-Internal}
//!     additional_auth: oauth2client                                # goes first
//! exporters:
//!   otlp_http: {endpoint: "https://backend", auth: {authenticator: headers_setter}}
//! ```
//!
//! `from_context` finds what clients sent where the receiver has `include_metadata: true`, and behind a `batch` processor only what its
//! `metadata_keys` name (`auth.subject` among them keeps an attribute of the authenticator). A header for which there is neither a value nor
//! a `default_value` is left as it is; the Go collector sends an empty one. Several values are refused for good: which one is
//! meant can not be known.

mod settings;

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;

use self::settings::From;
pub use self::settings::{Action, Header, Settings};
use crate::host::Host;
use crate::net::auth::secret_file::{self, EVERY};
use crate::net::auth::{self, AuthenticateClient, Offer, Sides};
use crate::pipeline::{BoxFuture, BuildError, Cx, Extension, Metadata, Refusal, Stop};

/// The extension.
pub struct HeadersSetter {
    host: Arc<Host>,
    id: String,
    rules: Vec<Rule>,
    additional: Option<auth::Client>,
    /// The files, as they were at the start.
    files: Mutex<Option<Vec<String>>>,
}

/// One element of `headers`.
struct Rule {
    action: Action,
    key: HeaderName,
    from: From,
    default: Option<HeaderValue>,
    /// What the file holds.
    read: ArcSwap<String>,
}

impl Extension for HeadersSetter {
    const TYPE: &'static str = "headers_setter";
    type Settings = Settings;

    fn new(settings: Settings, cx: &Cx) -> Result<Self, BuildError> {
        let rules = settings.headers.iter().map(Rule::new).collect::<Result<Vec<_>, _>>().map_err(BuildError)?;
        let extension = Self {
            host: Arc::clone(&cx.host),
            id: cx.id.to_string(),
            rules,
            additional: cx.host.auth.client(settings.additional_auth.as_ref()),
            files: Mutex::default(),
        };
        let files = read(&extension.files()).map_err(BuildError)?;
        extension.take(&files).map_err(BuildError)?;
        *extension.files.lock() = Some(files);
        Ok(extension)
    }

    async fn run(&self, stop: Stop) {
        let (files, known) = (self.files(), self.files.lock().take());
        if files.is_empty() {
            stop.requested().await;
            return;
        }
        let take = |values: &Vec<String>| self.take(values);
        secret_file::follow(&self.host, &self.id, EVERY, known, move || read(&files), take, &stop).await;
    }

    fn sides(_settings: &Settings) -> Sides {
        Sides::CLIENT
    }

    fn offer(self: Arc<Self>) -> Offer {
        Offer { server: None, client: Some(self) }
    }
}

fn read(files: &[String]) -> Result<Vec<String>, String> {
    files.iter().map(|file| secret_file::read_value(file.as_ref())).collect()
}

impl HeadersSetter {
    fn of_files(&self) -> impl Iterator<Item = (&Rule, &String)> {
        self.rules.iter().filter_map(|rule| match &rule.from {
            From::File(file) => Some((rule, file)),
            _ => None,
        })
    }

    fn files(&self) -> Vec<String> {
        self.of_files().map(|(_, file)| file.clone()).collect()
    }

    /// The files' new values, all of them or none.
    fn take(&self, values: &[String]) -> Result<(), String> {
        for value in values {
            HeaderValue::from_str(value).map_err(|_| "what a value_file holds can not stand in a header")?;
        }
        for ((rule, _), value) in self.of_files().zip(values) {
            rule.read.store(Arc::new(value.clone()));
        }
        Ok(())
    }
}

impl Rule {
    fn new(settings: &Header) -> Result<Self, String> {
        let default = settings.default_value.as_ref().map(|value| HeaderValue::from_str(value.expose()));
        Ok(Self {
            action: settings.action,
            key: settings.key.parse().map_err(|_| format!("invalid header name {:?}", settings.key))?,
            from: settings.from()?,
            default: default.transpose().map_err(|_| "default_value can not stand in a header")?,
            read: ArcSwap::default(),
        })
    }

    fn apply(&self, headers: &mut HeaderMap, about: Option<&Metadata>) -> Result<(), Refusal> {
        let is_there = headers.contains_key(&self.key);
        match self.action {
            Action::Delete => {
                headers.remove(&self.key);
                return Ok(());
            }
            Action::Insert if is_there => return Ok(()),
            Action::Update if !is_there => return Ok(()),
            Action::Insert | Action::Update | Action::Upsert => {}
        }
        if let Some(mut value) = self.value(about)? {
            value.set_sensitive(true);
            headers.insert(self.key.clone(), value);
        }
        Ok(())
    }

    fn value(&self, about: Option<&Metadata>) -> Result<Option<HeaderValue>, Refusal> {
        let mut found = match &self.from {
            From::Nothing => return Ok(None),
            From::Value(value) => return self.sendable(value).map(Some),
            From::File(_) => return self.sendable(&self.read.load()).map(Some),
            From::Metadata(name) => about.into_iter().flat_map(|about| about.values(name)).collect::<Vec<_>>(),
            From::Identity(name) => {
                let identity = about.and_then(|about| about.identity.as_ref());
                identity.into_iter().flat_map(|identity| identity.values(name)).collect()
            }
        };
        if found.len() > 1 {
            let count = found.len();
            let why =
                format!("{count} source keys found in the context, can't determine which one to use for {}", self.key);
            return Err(Refusal::permanent(why));
        }
        found.pop().map_or(Ok(self.default.clone()), |value| self.sendable(value).map(Some))
    }

    fn sendable(&self, value: &str) -> Result<HeaderValue, Refusal> {
        HeaderValue::from_str(value)
            .map_err(|_| Refusal::permanent(format!("the value for {} is none of a header", self.key)))
    }
}

impl AuthenticateClient for HeadersSetter {
    fn apply<'a>(
        &'a self,
        headers: &'a mut HeaderMap,
        about: Option<&'a Metadata>,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            if let Some(additional) = &self.additional {
                additional.apply(headers, about).await?;
            }
            self.rules.iter().try_for_each(|rule| rule.apply(headers, about))
        })
    }

    fn rejected(&self) {
        if let Some(additional) = &self.additional {
            additional.rejected();
        }
    }
}

#[cfg(test)]
mod tests;
