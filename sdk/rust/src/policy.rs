//! What an author implements.

use std::ops::Range;

use serde::de::DeserializeOwned;

use crate::batch::{Attribute, Batch, Scope, Trace};
use crate::bindings::exports::tailrace::plugin::sampling::Fields;

/// A kind of sampling policy. A value of it is one configured policy, asked once per decision tick about a batch of whole
/// traces.
///
/// ```
/// use serde::Deserialize;
/// use tailrace_sdk::{Diagnostics, Needs, Policy, Trace, Verdict};
///
/// /// Keeps the first so many failed traces; the count survives a swap.
/// struct First {
///     limit: u32,
///     kept: u32,
/// }
///
/// #[derive(Deserialize)]
/// struct Config {
///     limit: u32,
/// }
///
/// impl Policy for First {
///     const KIND: &'static str = "first";
///     const SUMMARY: &'static str = "Keeps the first failed traces.";
///     const STATE_SCHEMA: &'static str = "kept:u32le";
///     type Config = Config;
///
///     fn new(config: Config) -> Result<Self, Diagnostics> {
///         Ok(Self { limit: config.limit, kept: 0 })
///     }
///     fn evaluate(&mut self, trace: &Trace<'_>) -> Verdict {
///         let keep = trace.seen_error() && self.kept < self.limit;
///         self.kept += u32::from(keep);
///         keep.into()
///     }
///     fn save(&self) -> Option<Vec<u8>> {
///         Some(self.kept.to_le_bytes().to_vec())
///     }
///     fn restore(&mut self, state: &[u8]) {
///         self.kept = state.try_into().map_or(0, u32::from_le_bytes);
///     }
/// }
///
/// let mut old = First::new(Config { limit: 5 }).unwrap();
/// old.kept = 3;
/// let mut new = First::new(Config { limit: 5 }).unwrap();
/// new.restore(&old.save().unwrap());
/// assert_eq!(new.kept, 3);
/// ```
pub trait Policy: Sized + 'static {
    /// What the kind is called in configurations: `snake_case`.
    const KIND: &'static str;
    /// One sentence for listings.
    const SUMMARY: &'static str = "";
    /// JSON Schema (2020-12) of [`Policy::Config`].
    const SCHEMA: &'static str = "{}";
    /// Names the form of what [`Policy::save`] returns; change it with the form. Empty: the kind keeps no state.
    const STATE_SCHEMA: &'static str = "";
    /// Names of the counters that [`crate::count`] adds to.
    const COUNTERS: &'static [&'static str] = &[];
    /// The reasons that [`Votes::push_because`] refers to.
    const REASONS: &'static [&'static str] = &[];
    /// The configuration, as it stands in YAML.
    type Config: DeserializeOwned;

    /// Makes a policy, or says all that is wrong with the configuration.
    fn new(config: Self::Config) -> Result<Self, Diagnostics>;

    /// The columns that it looks at; asked once, after [`Policy::new`].
    fn needs(&self) -> Needs {
        Needs::nothing()
    }

    /// Votes on one trace. Implement this or [`Policy::evaluate_batch`].
    fn evaluate(&mut self, _trace: &Trace<'_>) -> Verdict {
        Verdict::No
    }

    /// Votes on the traces at the places `candidates` of the batch: one vote each, in order. An error costs all of them.
    fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        for &place in candidates {
            let verdict = self.evaluate(&batch.trace(place));
            votes.push(verdict);
        }
        Ok(())
    }

    /// State that is to survive a swap of the plugin, or a trap. Called after each batch if [`Policy::STATE_SCHEMA`] is
    /// not empty: keep it small.
    fn save(&self) -> Option<Vec<u8>> {
        None
    }

    /// Takes over what an earlier instance saved under the same [`Policy::STATE_SCHEMA`].
    fn restore(&mut self, _state: &[u8]) {}
}

/// A vote on one trace.
///
/// ```
/// # use tailrace_sdk::Verdict;
/// assert_eq!(Verdict::from(true), Verdict::Sample);
/// assert_eq!(Verdict::from(1 > 2), Verdict::No);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// No opinion: other policies may keep it.
    No = 0,
    /// Keep it.
    Sample = 1,
    /// Throw it away, whatever other policies say.
    Drop = 2,
}

impl From<bool> for Verdict {
    fn from(sample: bool) -> Self {
        if sample { Self::Sample } else { Self::No }
    }
}

/// The votes on a batch's candidates, in their order.
///
/// ```
/// use tailrace_sdk::{Batch, Diagnostics, Policy, Votes, testing::{TestSpan, votes}};
///
/// /// Keeps large traces and a quarter of the small ones; says why, and which share that is.
/// struct Large;
///
/// impl Policy for Large {
///     const KIND: &'static str = "large";
///     const REASONS: &'static [&'static str] = &["few spans", "few spans, in the share", "many spans"];
///     type Config = ();
///
///     fn new((): ()) -> Result<Self, Diagnostics> {
///         Ok(Self)
///     }
///     fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
///         // A quarter of all 56-bit numbers is not below it.
///         let quarter = 3 << 54;
///         for &place in candidates {
///             let trace = batch.trace(place);
///             if trace.span_count() > 2 {
///                 votes.push_because(true, 2);
///                 votes.threshold(0);
///             } else {
///                 let randomness = trace.id()[9..].iter().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
///                 votes.push_because(randomness >= quarter, u16::from(randomness >= quarter));
///                 votes.threshold(quarter);
///             }
///         }
///         assert_eq!(votes.len(), candidates.len());
///         Ok(())
///     }
/// }
///
/// let lucky = TestSpan { trace_id: [0xff; 16], ..TestSpan::default() };
/// let traces = [vec![TestSpan::default(); 2], vec![lucky; 2], vec![TestSpan::default(); 3]];
/// let votes = votes::<Large>("null", &traces).unwrap();
/// assert_eq!(votes.iter().map(|vote| vote.verdict).collect::<Vec<_>>(), [false.into(), true.into(), true.into()]);
/// assert_eq!(votes[1].reason, Some("few spans, in the share"));
/// assert_eq!(votes.iter().map(|vote| vote.threshold).collect::<Vec<_>>(), [Some(3 << 54), Some(3 << 54), Some(0)]);
/// ```
#[derive(Debug, Default)]
pub struct Votes {
    pub(crate) verdicts: Vec<u8>,
    pub(crate) thresholds: Vec<u8>,
    pub(crate) reasons: Vec<u16>,
}

impl Votes {
    pub(crate) fn with_capacity(candidates: usize) -> Self {
        Self { verdicts: Vec::with_capacity(candidates), ..Self::default() }
    }

    /// The vote on the next candidate.
    #[inline]
    pub fn push(&mut self, verdict: impl Into<Verdict>) {
        self.verdicts.push(verdict.into() as u8);
    }

    /// The vote on the next candidate with its reason, a place in [`Policy::REASONS`]. A policy gives reasons for all votes
    /// of a batch or for none.
    pub fn push_because(&mut self, verdict: impl Into<Verdict>, reason: u16) {
        self.push(verdict);
        self.reasons.push(reason);
    }

    /// The sampling threshold (`th` in a W3C trace state) that the vote just pushed amounts to: the low 56 bits of `threshold`.
    /// Traces whose random 56 bits are below it are not kept. For all votes of a batch or for none.
    pub fn threshold(&mut self, threshold: u64) {
        self.thresholds.extend_from_slice(&threshold.to_be_bytes()[1..]);
    }

    /// Votes pushed so far.
    pub fn len(&self) -> usize {
        self.verdicts.len()
    }

    /// Whether nothing was pushed yet.
    pub fn is_empty(&self) -> bool {
        self.verdicts.is_empty()
    }
}

/// What is wrong with a configuration. What does not fit the type of [`Policy::Config`] is found without it.
///
/// ```
/// use tailrace_sdk::Diagnostics;
///
/// fn check(ports: &[u16]) -> Result<usize, Diagnostics> {
///     let mut problems = Diagnostics::none();
///     for (place, port) in ports.iter().enumerate() {
///         if *port == 0 {
///             problems.push(format!("/ports/{place}"), "must not be 0");
///         }
///     }
///     problems.or(ports.len())
/// }
///
/// assert_eq!(check(&[80]), Ok(1));
/// let problems = check(&[80, 0]).unwrap_err();
/// assert_eq!(problems.iter().collect::<Vec<_>>(), [("/ports/1", "must not be 0")]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub(crate) Vec<(String, String)>);

impl Diagnostics {
    /// Nothing wrong so far.
    pub fn none() -> Self {
        Self::default()
    }

    /// One problem: `path` is a JSON pointer into the configuration (`/values/2`; empty: all of it).
    pub fn one(path: impl Into<String>, message: impl Into<String>) -> Self {
        let mut all = Self::none();
        all.push(path, message);
        all
    }

    /// Adds a problem.
    pub fn push(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push((path.into(), message.into()));
    }

    /// Adds a problem with these bytes of the text at `path`: where in an expression it went wrong.
    ///
    /// ```
    /// # use tailrace_sdk::Diagnostics;
    /// let mut problems = Diagnostics::none();
    /// problems.push_part("/statements/0", 4..8, "there is no function \"sett\"");
    /// assert_eq!(problems.iter().next(), Some(("/statements/0#char=4,8", "there is no function \"sett\"")));
    /// ```
    pub fn push_part(&mut self, path: impl std::fmt::Display, bytes: Range<usize>, message: impl Into<String>) {
        self.push(format!("{path}#char={},{}", bytes.start, bytes.end), message);
    }

    /// `policy` if there was no problem.
    pub fn or<P>(self, policy: P) -> Result<P, Self> {
        if self.0.is_empty() { Ok(policy) } else { Err(self) }
    }

    /// The problems: JSON pointer and message.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, message)| (path.as_str(), message.as_str()))
    }
}

/// The columns that a policy looks at. The fewer, the cheaper: figures of the whole trace need none.
///
/// ```
/// use tailrace_sdk::{Needs, Scope};
///
/// let needs = Needs::nothing()
///     .status()
///     .span("http.route")
///     .resource("service.name")
///     .attribute(Scope::Event, "exception.type");
/// # let _ = needs;
/// ```
#[derive(Clone, Debug)]
pub struct Needs {
    pub(crate) fields: Fields,
    pub(crate) attributes: Vec<Attribute>,
}

impl Needs {
    /// Only what comes with every trace: id, start, duration, size, span count, what was seen.
    pub fn nothing() -> Self {
        Self { fields: Fields::empty(), attributes: Vec::new() }
    }

    /// An attribute of spans. Repeated calls give it the places 0, 1, 2 … in [`Batch::column`].
    #[must_use]
    pub fn span(self, key: impl Into<String>) -> Self {
        self.attribute(Scope::Span, key)
    }

    /// An attribute of the spans' resources.
    #[must_use]
    pub fn resource(self, key: impl Into<String>) -> Self {
        self.attribute(Scope::Resource, key)
    }

    /// An attribute of any scope.
    #[must_use]
    pub fn attribute(mut self, scope: Scope, key: impl Into<String>) -> Self {
        self.attributes.push(Attribute { scope, key: key.into() });
        self
    }

    /// Each span's status.
    #[must_use]
    pub fn status(self) -> Self {
        self.field(Fields::STATUS)
    }

    /// Each span's kind.
    #[must_use]
    pub fn kind(self) -> Self {
        self.field(Fields::KIND)
    }

    /// Each span's start.
    #[must_use]
    pub fn start(self) -> Self {
        self.field(Fields::START)
    }

    /// Each span's duration.
    #[must_use]
    pub fn duration(self) -> Self {
        self.field(Fields::DURATION)
    }

    /// Each span's name.
    #[must_use]
    pub fn name(self) -> Self {
        self.field(Fields::NAME)
    }

    /// Each span's parent, as a place in the batch.
    #[must_use]
    pub fn parent(self) -> Self {
        self.field(Fields::PARENT)
    }

    /// Each span's W3C trace state.
    #[must_use]
    pub fn trace_state(self) -> Self {
        self.field(Fields::TRACE_STATE)
    }

    /// Each trace whole, as an OTLP `TracesData` message. Costs twenty times a column.
    #[must_use]
    pub fn otlp(self) -> Self {
        self.field(Fields::OTLP)
    }

    fn field(mut self, field: Fields) -> Self {
        self.fields |= field;
        self
    }
}
