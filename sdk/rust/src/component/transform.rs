//! The component's side of the contract for transforms.

use std::cell::RefCell;

use tailrace_otlp::Signal;

use super::{Exports, diagnostics};
use crate::bindings::tailrace::plugin::types;
use crate::bindings::transforms::exports::tailrace::plugin::transform as wit;
use crate::policy::Diagnostics;
use crate::schema::Derive;
use crate::transform::{Outcome, Transform};
use crate::{config, host};

/// One kind of transform that a component offers: a [`Transform`] with its type erased.
pub struct TransformKind {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) schema: &'static str,
    pub(crate) derive: Derive,
    pub(crate) counters: &'static [&'static str],
    configure: fn(&str) -> Result<Box<dyn Erased>, Diagnostics>,
}

impl TransformKind {
    /// The kind that `T` implements; `derive` is used if it gives no schema of its own.
    pub const fn of<T: Transform>(derive: Derive) -> Self {
        Self {
            name: T::KIND,
            summary: T::SUMMARY,
            schema: T::SCHEMA,
            derive,
            counters: T::COUNTERS,
            configure: |json| {
                let transform = T::new(config::parse(json)?)?;
                Ok(Box::new(transform))
            },
        }
    }
}

/// What a component offers; implemented by `export!`.
pub trait TransformComponent: 'static {
    /// Its kinds.
    const TRANSFORMS: &'static [TransformKind];
}

/// [`Transform`] without its associated items.
pub(crate) trait Erased {
    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String>;
}

impl<T: Transform> Erased for T {
    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String> {
        Transform::apply(self, signal, request)
    }
}

fn counters<C: TransformComponent>() -> Vec<&'static str> {
    super::distinct(C::TRANSFORMS.iter().flat_map(|kind| kind.counters))
}

/// Sets up what the first call of an instance needs.
fn prepare<C: TransformComponent>() {
    host::set_counters(counters::<C>());
    super::log_panics();
}

impl<C: TransformComponent> wit::Guest for Exports<C> {
    type Transformer = Transformer;

    fn describe() -> types::Description {
        prepare::<C>();
        let kind = |kind: &TransformKind| types::Kind {
            name: kind.name.to_owned(),
            summary: kind.summary.to_owned(),
            schema: crate::schema::text(kind.schema, kind.derive),
            state_schema: String::new(),
        };
        types::Description {
            kinds: C::TRANSFORMS.iter().map(kind).collect(),
            counters: counters::<C>().into_iter().map(str::to_owned).collect(),
            reasons: Vec::new(),
        }
    }

    fn configure(kind: String, config: String) -> Result<wit::Transformer, Vec<types::Diagnostic>> {
        prepare::<C>();
        if let Some(offered) = C::TRANSFORMS.iter().find(|offered| offered.name == kind) {
            let transform = (offered.configure)(&config).map_err(diagnostics)?;
            return Ok(wit::Transformer::new(Transformer(RefCell::new(transform))));
        }
        let kinds: Vec<_> = C::TRANSFORMS.iter().map(|kind| kind.name).collect();
        Err(diagnostics(Diagnostics::one("", format!("no transform {kind:?} here, but {}", kinds.join(", ")))))
    }
}

/// A configured transform.
pub struct Transformer(RefCell<Box<dyn Erased>>);

impl wit::GuestTransformer for Transformer {
    fn apply(&self, signal: wit::Signal, request: Vec<u8>) -> Result<wit::Outcome, String> {
        let signal = match signal {
            wit::Signal::Traces => Signal::Traces,
            wit::Signal::Metrics => Signal::Metrics,
            wit::Signal::Logs => Signal::Logs,
        };
        let mut transform = self.0.try_borrow_mut().map_err(|_| "asked while it was at work".to_owned())?;
        Ok(match transform.apply(signal, &request)? {
            Outcome::Unchanged => wit::Outcome::Unchanged,
            Outcome::Replaced(request) => wit::Outcome::Replaced(request),
            Outcome::Discarded => wit::Outcome::Discarded,
        })
    }
}
