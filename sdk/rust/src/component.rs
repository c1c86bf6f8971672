//! The component's side of the contract: typed policies behind the exported functions.

mod transform;

pub use transform::{TransformComponent, TransformKind};

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;

use crate::batch::{Attribute, Batch};
use crate::bindings::exports::tailrace::plugin::sampling::{self as wit, Columns};
use crate::bindings::tailrace::plugin::types;
use crate::policy::{Diagnostics, Needs, Policy, Votes};
use crate::schema::Derive;
use crate::{config, host};

/// One kind that a component offers: a [`Policy`] with its type erased.
pub struct Kind {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) schema: &'static str,
    pub(crate) derive: Derive,
    pub(crate) state_schema: &'static str,
    pub(crate) counters: &'static [&'static str],
    pub(crate) reasons: &'static [&'static str],
    configure: fn(&str) -> Result<Box<dyn Erased>, Diagnostics>,
}

impl Kind {
    /// The kind that `P` implements; `derive` is used if it gives no schema of its own.
    pub const fn of<P: Policy>(derive: Derive) -> Self {
        Self {
            name: P::KIND,
            summary: P::SUMMARY,
            schema: P::SCHEMA,
            derive,
            state_schema: P::STATE_SCHEMA,
            counters: P::COUNTERS,
            reasons: P::REASONS,
            configure: |json| {
                let policy = P::new(config::parse(json)?)?;
                Ok(Box::new(policy))
            },
        }
    }
}

/// What a component offers; implemented by `export!`.
pub trait Component: 'static {
    /// Its kinds.
    const KINDS: &'static [Kind];
}

/// [`Policy`] without its associated items.
pub(crate) trait Erased {
    fn needs(&self) -> Needs;
    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String>;
    fn save(&self) -> Option<Vec<u8>>;
    fn restore(&mut self, state: &[u8]);
}

impl<P: Policy> Erased for P {
    fn needs(&self) -> Needs {
        Policy::needs(self)
    }

    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        Policy::evaluate_batch(self, batch, candidates, votes)
    }

    fn save(&self) -> Option<Vec<u8>> {
        Policy::save(self)
    }

    fn restore(&mut self, state: &[u8]) {
        Policy::restore(self, state);
    }
}

thread_local! {
    /// The batch that all evaluators look at, and how many there were before it; a guest has one thread.
    static BATCH: RefCell<(Columns, u64)> = RefCell::default();
}

/// The exported functions of the component `C`.
pub struct Exports<C>(PhantomData<C>);

impl<C: Component> Exports<C> {
    fn counters() -> Vec<&'static str> {
        distinct(C::KINDS.iter().flat_map(|kind| kind.counters))
    }

    /// Sets up what the first call of an instance needs.
    fn prepare() {
        host::set_counters(Self::counters());
        log_panics();
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a &'static str>) -> Vec<&'static str> {
    let mut distinct = Vec::new();
    for name in names {
        if !distinct.contains(name) {
            distinct.push(*name);
        }
    }
    distinct
}

fn log_panics() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| host::log(crate::Level::Error, &panic.to_string())));
}

impl<C: Component> wit::Guest for Exports<C> {
    type Evaluator = Evaluator;

    fn describe() -> types::Description {
        Self::prepare();
        let kind = |kind: &Kind| types::Kind {
            name: kind.name.to_owned(),
            summary: kind.summary.to_owned(),
            schema: crate::schema::text(kind.schema, kind.derive),
            state_schema: kind.state_schema.to_owned(),
        };
        types::Description {
            kinds: C::KINDS.iter().map(kind).collect(),
            counters: Self::counters().into_iter().map(str::to_owned).collect(),
            reasons: C::KINDS.iter().flat_map(|kind| kind.reasons).map(|&reason| reason.to_owned()).collect(),
        }
    }

    fn configure(kind: String, config: String) -> Result<wit::Evaluator, Vec<types::Diagnostic>> {
        Self::prepare();
        let mut reason_base = 0;
        for offered in C::KINDS {
            if offered.name == kind {
                let policy = (offered.configure)(&config).map_err(diagnostics)?;
                return Ok(wit::Evaluator::new(Evaluator::new(policy, reason_base)));
            }
            reason_base += u16::try_from(offered.reasons.len()).unwrap_or(0);
        }
        let kinds: Vec<_> = C::KINDS.iter().map(|kind| kind.name).collect();
        Err(diagnostics(Diagnostics::one("", format!("no kind {kind:?} here, but {}", kinds.join(", ")))))
    }

    fn load(batch: Columns) {
        BATCH.with_borrow_mut(|(columns, generation)| {
            *columns = batch;
            *generation += 1;
        });
    }
}

fn diagnostics(problems: Diagnostics) -> Vec<types::Diagnostic> {
    problems.0.into_iter().map(|(path, message)| types::Diagnostic { path, message }).collect()
}

/// A configured policy.
pub struct Evaluator {
    policy: RefCell<Box<dyn Erased>>,
    needs: Needs,
    bound: RefCell<Vec<u32>>,
    /// Place of the kind's first reason in `description.reasons`.
    reason_base: u16,
    /// Whether it was asked while it was at work, which only a broken host does.
    busy: Cell<bool>,
}

impl Evaluator {
    fn new(policy: Box<dyn Erased>, reason_base: u16) -> Self {
        let needs = policy.needs();
        let policy = RefCell::new(policy);
        Self { policy, needs, bound: RefCell::default(), reason_base, busy: Cell::new(false) }
    }
}

impl wit::GuestEvaluator for Evaluator {
    fn needs(&self) -> wit::Requirements {
        let attribute =
            |attribute: &Attribute| wit::Attribute { scope: attribute.scope.into(), key: attribute.key.clone() };
        wit::Requirements {
            fields: self.needs.fields,
            attributes: self.needs.attributes.iter().map(attribute).collect(),
        }
    }

    fn bind(&self, attributes: Vec<u32>) {
        self.bound.replace(attributes);
    }

    fn evaluate(&self, candidates: Vec<u32>) -> Result<wit::Votes, String> {
        if self.busy.replace(true) {
            return Err("asked while it was at work".to_owned());
        }
        let mut votes = Votes::with_capacity(candidates.len());
        let outcome = BATCH.with_borrow(|(columns, generation)| {
            let bound = self.bound.borrow();
            let attributes = &self.needs.attributes;
            let batch = Batch { columns, generation: *generation, attributes, bound: &bound };
            self.policy.borrow_mut().evaluate_batch(&batch, &candidates, &mut votes)
        });
        self.busy.set(false);
        outcome?;
        for reason in &mut votes.reasons {
            *reason += self.reason_base;
        }
        Ok(wit::Votes { verdicts: votes.verdicts, thresholds: votes.thresholds, reasons: votes.reasons })
    }

    fn save(&self) -> Option<Vec<u8>> {
        self.policy.borrow().save()
    }

    fn restore(&self, state: Vec<u8>) {
        self.policy.borrow_mut().restore(&state);
    }
}
