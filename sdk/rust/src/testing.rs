//! Runs a policy natively over traces made by hand, for a plugin's own tests.
//!
//! ```
//! # use tailrace_sdk::{Diagnostics, Needs, Policy, Trace, Verdict, testing::{self, TestSpan, TestValue}};
//! # struct Vip;
//! # impl Policy for Vip {
//! #     const KIND: &'static str = "vip";
//! #     type Config = ();
//! #     fn new((): ()) -> Result<Self, Diagnostics> { Ok(Self) }
//! #     fn needs(&self) -> Needs { Needs::nothing().span("tier") }
//! #     fn evaluate(&mut self, trace: &Trace<'_>) -> Verdict {
//! #         trace.spans().any(|span| span.attribute("tier").as_str() == Some("vip")).into()
//! #     }
//! # }
//! let traces = [vec![TestSpan::default().attribute("tier", TestValue::Str("vip".into()))]];
//! assert_eq!(testing::evaluate::<Vip>("null", &traces).unwrap(), [Verdict::Sample]);
//! ```

use std::collections::HashMap;

use tailrace_otlp::Signal;

use crate::batch::{Batch, Scope};
use crate::bindings::exports::tailrace::plugin::sampling::{Column, Columns};
use crate::config;
use crate::policy::{Diagnostics, Needs, Policy, Verdict, Votes};
use crate::transform::{Outcome, Transform};

/// The tick's time in tests, nanoseconds since 1970.
pub const NOW: u64 = 1_700_000_000_000_000_000;

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum TestValue {
    /// A string.
    Str(String),
    /// An integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A boolean.
    Bool(bool),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An array or map, as JSON.
    Json(String),
}

/// A span.
#[derive(Clone, Debug)]
pub struct TestSpan {
    /// Of the span's trace; what counts is the first span's.
    pub trace_id: [u8; 16],
    /// 0 unset, 1 ok, 2 error.
    pub status: u8,
    /// OTLP's number.
    pub kind: u8,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds.
    pub duration: u64,
    /// Its name.
    pub name: String,
    /// Its W3C trace state.
    pub trace_state: String,
    /// The W3C sampled flag.
    pub sampled_flag: bool,
    /// Whether it has no parent.
    pub root: bool,
    /// Place of its parent in the trace, if that is there.
    pub parent: Option<usize>,
    /// Bytes that it takes.
    pub size: u32,
    /// Attributes of the span.
    pub attributes: Vec<(String, TestValue)>,
    /// Attributes of its resource.
    pub resource: Vec<(String, TestValue)>,
}

impl Default for TestSpan {
    fn default() -> Self {
        Self {
            trace_id: [0; 16],
            status: 0,
            kind: 1,
            start: NOW - 10_000_000_000,
            duration: 1_000_000,
            name: String::new(),
            trace_state: String::new(),
            sampled_flag: false,
            root: false,
            parent: None,
            size: 0,
            attributes: Vec::new(),
            resource: Vec::new(),
        }
    }
}

impl TestSpan {
    /// With the status error.
    #[must_use]
    pub fn error(mut self) -> Self {
        self.status = 2;
        self
    }

    /// With an attribute.
    #[must_use]
    pub fn attribute(mut self, key: &str, value: TestValue) -> Self {
        self.attributes.push((key.to_owned(), value));
        self
    }

    /// With an attribute of its resource.
    #[must_use]
    pub fn resource(mut self, key: &str, value: TestValue) -> Self {
        self.resource.push((key.to_owned(), value));
        self
    }
}

/// A vote, with what else was said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestVote {
    /// The vote.
    pub verdict: Verdict,
    /// Why, if the policy gives reasons.
    pub reason: Option<&'static str>,
    /// The sampling threshold that it amounts to, if the policy gives thresholds.
    pub threshold: Option<u64>,
}

/// Configures `P` with `config` (JSON) and asks it about all `traces` as one batch.
///
/// # Errors
/// What the policy has against the configuration; an error of the evaluation as a diagnostic with an empty path.
pub fn evaluate<P: Policy>(config: &str, traces: &[Vec<TestSpan>]) -> Result<Vec<Verdict>, Diagnostics> {
    Ok(votes::<P>(config, traces)?.into_iter().map(|vote| vote.verdict).collect())
}

/// The same with reasons and thresholds.
///
/// # Errors
/// As [`evaluate`], and votes that a host would not take.
pub fn votes<P: Policy>(config: &str, traces: &[Vec<TestSpan>]) -> Result<Vec<TestVote>, Diagnostics> {
    let candidates: Vec<u32> = (0..).take(traces.len()).collect();
    let votes = Asker::<P>::new(config)?.votes(NOW, traces, &candidates)?;
    cast::<P>(&votes, traces.len()).map_err(|message| Diagnostics::one("", message))
}

/// The votes one by one; as a host, it takes a vote on each trace, and reasons and thresholds of all or of none.
fn cast<P: Policy>(votes: &Votes, traces: usize) -> Result<Vec<TestVote>, String> {
    let (thresholds, _) = votes.thresholds.as_chunks::<7>();
    for (what, count) in [("votes", votes.len()), ("reasons", votes.reasons.len()), ("thresholds", thresholds.len())] {
        if count != traces && (count > 0 || what == "votes") {
            return Err(format!("{count} {what} on {traces} traces"));
        }
    }
    let vote = |(at, verdict): (usize, &u8)| {
        let verdict = match verdict {
            0 => Verdict::No,
            1 => Verdict::Sample,
            _ => Verdict::Drop,
        };
        let reason = votes.reasons.get(at).map(|&reason| {
            P::REASONS.get(usize::from(reason)).copied().ok_or_else(|| format!("there is no reason {reason}"))
        });
        let threshold = thresholds.get(at).map(|bytes| bytes.iter().fold(0, |bits, &byte| bits << 8 | u64::from(byte)));
        Ok(TestVote { verdict, reason: reason.transpose()?, threshold })
    };
    votes.verdicts.iter().enumerate().map(vote).collect()
}

/// The JSON Schema that a configuration derives.
pub fn schema<C: crate::JsonSchema>() -> serde_json::Value {
    crate::schemars::schema_for!(C).to_value()
}

/// A configured policy that is asked about one batch after another, for those that keep state or look at the time.
///
/// ```
/// # use tailrace_sdk::{Diagnostics, Policy, Trace, Verdict, testing::{Asker, NOW, TestSpan}};
/// /// Keeps a trace a second.
/// struct Second(u64);
/// impl Policy for Second {
///     const KIND: &'static str = "second";
///     type Config = ();
///     fn new((): ()) -> Result<Self, Diagnostics> { Ok(Self(0)) }
///     fn evaluate(&mut self, trace: &Trace<'_>) -> Verdict {
///         let second = trace.batch().now() / 1_000_000_000;
///         (std::mem::replace(&mut self.0, second) != second).into()
///     }
/// }
/// let mut policy = Asker::<Second>::new("null").unwrap();
/// let traces = [vec![TestSpan::default()], vec![TestSpan::default()]];
/// assert_eq!(policy.ask(NOW, &traces).unwrap().verdicts, [Verdict::Sample, Verdict::No]);
/// assert_eq!(policy.ask(NOW + 1_000_000_000, &traces).unwrap().verdicts, [Verdict::Sample, Verdict::No]);
/// ```
pub struct Asker<P> {
    policy: P,
    needs: Needs,
    batches: u64,
}

/// What a policy said of the traces of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// One for each trace.
    pub verdicts: Vec<Verdict>,
    /// One for each trace, or none.
    pub thresholds: Vec<u64>,
    /// The reason for each verdict, or none.
    pub reasons: Vec<&'static str>,
}

impl<P: Policy> Asker<P> {
    /// Configures `P` with `config` (JSON).
    ///
    /// # Errors
    /// What the policy has against the configuration.
    pub fn new(config: &str) -> Result<Self, Diagnostics> {
        let policy = P::new(config::parse(config)?)?;
        Ok(Self { needs: policy.needs(), policy, batches: 0 })
    }

    /// The policy itself, to save and restore its state.
    pub fn policy(&mut self) -> &mut P {
        &mut self.policy
    }

    /// Asks about all `traces` as one batch that is decided at `now`.
    ///
    /// # Errors
    /// An error of the evaluation as a diagnostic with an empty path.
    pub fn ask(&mut self, now: u64, traces: &[Vec<TestSpan>]) -> Result<Answers, Diagnostics> {
        let candidates: Vec<u32> = (0..).take(traces.len()).collect();
        self.ask_about(now, traces, &candidates)
    }

    /// Asks about the traces at these places of a batch that is decided at `now`.
    ///
    /// # Errors
    /// An error of the evaluation as a diagnostic with an empty path.
    pub fn ask_about(
        &mut self,
        now: u64,
        traces: &[Vec<TestSpan>],
        candidates: &[u32],
    ) -> Result<Answers, Diagnostics> {
        Ok(Answers::of::<P>(&self.votes(now, traces, candidates)?))
    }

    fn votes(&mut self, now: u64, traces: &[Vec<TestSpan>], candidates: &[u32]) -> Result<Votes, Diagnostics> {
        let attributes = &self.needs.attributes;
        let columns = Builder::columns(now, traces, attributes);
        let bound: Vec<u32> = (0..).take(attributes.len()).collect();
        self.batches += 1;
        let batch = Batch { columns: &columns, generation: self.batches, attributes, bound: &bound };
        let mut votes = Votes::default();
        self.policy.evaluate_batch(&batch, candidates, &mut votes).map_err(|error| Diagnostics::one("", error))?;
        Ok(votes)
    }
}

impl Answers {
    fn of<P: Policy>(votes: &Votes) -> Self {
        let verdict = |verdict: &u8| match verdict {
            0 => Verdict::No,
            1 => Verdict::Sample,
            _ => Verdict::Drop,
        };
        let threshold = |bytes: &[u8; 7]| bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        Self {
            verdicts: votes.verdicts.iter().map(verdict).collect(),
            thresholds: votes.thresholds.as_chunks().0.iter().map(threshold).collect(),
            reasons: votes.reasons.iter().filter_map(|reason| P::REASONS.get(usize::from(*reason)).copied()).collect(),
        }
    }
}

/// Configures the transform `T` with `config` (JSON) and shows it a request, which has to be well-formed, as must be what it gives
/// back.
///
/// # Errors
/// What the transform has against the configuration; an error of [`Transform::apply`], or what is wrong with the requests, as a
/// diagnostic with an empty path.
pub fn apply<T: Transform>(config: &str, signal: Signal, request: &[u8]) -> Result<Outcome, Diagnostics> {
    let whole = |what: &str, message: &dyn std::fmt::Display| Diagnostics::one("", format!("{what}{message}"));
    let mut transform = T::new(config::parse(config)?)?;
    tailrace_otlp::check(signal, request).map_err(|error| whole("the request: ", &error))?;
    let outcome = transform.apply(signal, request).map_err(|error| whole("", &error))?;
    if let Outcome::Replaced(request) = &outcome {
        tailrace_otlp::check(signal, request).map_err(|error| whole("what came back: ", &error))?;
    }
    Ok(outcome)
}

/// Runs `work` as if within [`Transform::apply`] of a request that arrived then, from a client that sent this beside the data.
#[cfg(not(target_arch = "wasm32"))]
pub fn with_request<R>(arrived_unix_ns: u64, client: &[(&str, &str)], work: impl FnOnce() -> R) -> R {
    use crate::request::pretended::{Request, set};
    let client = client.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let before = set(Request { arrived_unix_ns, client });
    let result = work();
    set(before);
    result
}

struct Builder {
    columns: Columns,
    codes: HashMap<(u32, Vec<u8>), u32>,
}

impl Builder {
    fn columns(now: u64, traces: &[Vec<TestSpan>], attributes: &[crate::Attribute]) -> Columns {
        let mut builder = Self { columns: Columns { now, ..Columns::default() }, codes: HashMap::new() };
        builder.columns.dictionary.string_offsets.push(0);
        builder.columns.span_offsets.push(0);
        builder.columns.attributes = attributes.iter().map(|_| Column::default()).collect();
        for trace in traces {
            let first = builder.columns.span_status.len();
            builder.trace(trace);
            for span in trace {
                builder.span(span, first, attributes);
            }
        }
        builder.columns
    }

    fn trace(&mut self, spans: &[TestSpan]) {
        let start = spans.iter().map(|span| span.start).min().unwrap_or(NOW);
        let end = spans.iter().map(|span| span.start + span.duration).max().unwrap_or(start);
        let seen = |seen: u8, span: &TestSpan| {
            seen | 1 << span.status | u8::from(span.root) << 3 | u8::from(span.sampled_flag) << 4
        };
        let columns = &mut self.columns;
        columns.trace_ids.extend(spans.first().map_or([0; 16], |span| span.trace_id));
        columns.start.push(start.wrapping_sub(columns.now).cast_signed());
        columns.duration.push(end.saturating_sub(start));
        columns.size.push(spans.iter().map(|span| span.size).sum());
        columns.seen.push(spans.iter().fold(0, seen));
        columns.span_count.push(u32::try_from(spans.len()).unwrap_or(u32::MAX));
        columns.span_offsets.push(columns.span_offsets.last().unwrap_or(&0) + u32::try_from(spans.len()).unwrap_or(0));
    }

    fn span(&mut self, span: &TestSpan, first: usize, attributes: &[crate::Attribute]) {
        let name = self.bytes(1, span.name.as_bytes());
        let trace_state = self.bytes(1, span.trace_state.as_bytes());
        let columns = &mut self.columns;
        columns.span_status.push(span.status);
        columns.span_kind.push(span.kind);
        columns.span_start.push(span.start.wrapping_sub(columns.now).cast_signed());
        columns.span_duration.push(span.duration);
        columns.span_name.push(name);
        columns.span_trace_state.push(trace_state);
        let parent = span.parent.map_or(0, |place| u32::try_from(first + place + 1).unwrap_or(0));
        columns.span_parent.push(parent);
        for (place, attribute) in attributes.iter().enumerate() {
            let from = match attribute.scope {
                Scope::Resource => &span.resource,
                Scope::Span => &span.attributes,
                Scope::Instrumentation | Scope::Event | Scope::Link => continue,
            };
            let value = from.iter().find(|(key, _)| *key == attribute.key).map(|(_, value)| value);
            let code = value.map_or(0, |value| self.code(value));
            self.columns.attributes[place].codes.push(code);
        }
    }

    fn code(&mut self, value: &TestValue) -> u32 {
        let dictionary = &mut self.columns.dictionary;
        match value {
            TestValue::Str(text) => self.bytes(1, text.as_bytes()),
            TestValue::Int(value) => numbered(2, &mut dictionary.ints, *value, |a, b| a == b),
            TestValue::Double(value) => {
                numbered(3, &mut dictionary.doubles, *value, |a: &f64, b: &f64| a.to_bits() == b.to_bits())
            }
            TestValue::Bool(value) => 4 << 28 | u32::from(*value),
            TestValue::Bytes(bytes) => self.bytes(5, bytes),
            TestValue::Json(text) => self.bytes(6, text.as_bytes()),
        }
    }

    fn bytes(&mut self, tag: u32, bytes: &[u8]) -> u32 {
        let dictionary = &mut self.columns.dictionary;
        *self.codes.entry((tag, bytes.to_vec())).or_insert_with(|| {
            let index = u32::try_from(dictionary.string_offsets.len() - 1).unwrap_or(0);
            dictionary.string_pool.extend_from_slice(bytes);
            dictionary.string_offsets.push(u32::try_from(dictionary.string_pool.len()).unwrap_or(0));
            tag << 28 | index
        })
    }
}

fn numbered<T: Copy>(tag: u32, values: &mut Vec<T>, value: T, same: impl Fn(&T, &T) -> bool) -> u32 {
    let place = values.iter().position(|known| same(known, &value)).unwrap_or_else(|| {
        values.push(value);
        values.len() - 1
    });
    tag << 28 | u32::try_from(place).unwrap_or(0)
}
