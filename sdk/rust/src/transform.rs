//! What the author of a transform implements.

use serde::de::DeserializeOwned;
use tailrace_otlp::Signal;

use crate::Diagnostics;

/// A kind of transform. A value of it is one configured transform, shown one OTLP request after the other.
///
/// A transform is plain Rust, so its tests are too:
///
/// ```
/// use serde::Deserialize;
/// use tailrace_sdk::otlp::{Signal, edit, view::Span};
/// use tailrace_sdk::{Diagnostics, Outcome, Transform, testing};
///
/// /// Removes spans that are shorter than a bound.
/// struct DropShort {
///     at_least_ns: u64,
/// }
///
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     at_least_ns: u64,
/// }
///
/// impl Transform for DropShort {
///     const KIND: &'static str = "drop_short";
///     type Config = Config;
///
///     fn new(config: Config) -> Result<Self, Diagnostics> {
///         Ok(Self { at_least_ns: config.at_least_ns })
///     }
///     fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String> {
///         if signal != Signal::Traces {
///             return Ok(Outcome::Unchanged);
///         }
///         let is_long = |span: &[u8]| Span(span).end().saturating_sub(Span(span).start()) >= self.at_least_ns;
///         Ok(edit::retain(signal, request, is_long).into())
///     }
/// }
///
/// tailrace_sdk::export!(transforms: [DropShort]);
///
/// // An empty request has no short spans.
/// let outcome = testing::apply::<DropShort>(r#"{"at_least_ns": 1000}"#, Signal::Traces, &[]).unwrap();
/// assert_eq!(outcome, Outcome::Unchanged);
/// ```
///
/// What [`Transform::apply`] gives back may depend on its configuration and the request alone: a host runs several instances
/// side by side, and makes a new one whenever it sees fit. (Memory of earlier requests is good for caches.)
pub trait Transform: Sized + 'static {
    /// What the kind is called in configurations: `snake_case`.
    const KIND: &'static str;
    /// One sentence for listings.
    const SUMMARY: &'static str = "";
    /// JSON Schema (2020-12) of [`Transform::Config`]; not needed where that derives [`crate::JsonSchema`].
    const SCHEMA: &'static str = "{}";
    /// Names of the counters that [`crate::count`] adds to.
    const COUNTERS: &'static [&'static str] = &[];
    /// The configuration, as it stands in YAML.
    type Config: DeserializeOwned;

    /// Makes a transform, or says all that is wrong with the configuration.
    fn new(config: Self::Config) -> Result<Self, Diagnostics>;

    /// What becomes of an OTLP export request: its bytes, in protobuf. They are well-formed, so that
    /// [`crate::otlp`] walks and edits them; what comes back must be too. An error tells the host that there is no answer to this
    /// request, and never will be.
    fn apply(&mut self, signal: Signal, request: &[u8]) -> Result<Outcome, String>;
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on as it is; cheaper than giving the same bytes back.
    Unchanged,
    /// This request of the same signal goes on in its place.
    Replaced(Vec<u8>),
    /// Nothing goes on.
    Discarded,
}

/// What an edit gives: `None` if nothing changed, nothing if nothing is left.
impl From<Option<Vec<u8>>> for Outcome {
    fn from(edited: Option<Vec<u8>>) -> Self {
        match edited {
            None => Self::Unchanged,
            Some(request) if request.is_empty() => Self::Discarded,
            Some(request) => Self::Replaced(request),
        }
    }
}
