//! Conditions over the columns of a batch.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use tailrace_ottl::functions::{self, Converter, Literals, World};
use tailrace_ottl::{Condition, Context, Env, Field, Glance, Path, Source, Time, Value};
use tailrace_sdk::{Batch, Code, Needs, Scope, Value as Found};

use crate::errors::Failures;

/// How the conditions' paths are served.
#[derive(Debug)]
pub(super) struct Rows {
    reads: Vec<Read>,
    /// Answers by the codes that were read, while the batch is the same. Empty where times are read, which hardly repeat.
    answers: HashMap<[u32; KEY], bool, BuildHasherDefault<CodeHasher>>,
    remembers: bool,
}

/// A path, and where its values are.
#[derive(Debug)]
struct Read {
    path: Path,
    from: From,
}

/// A column, or two.
#[derive(Clone, Debug, PartialEq, Eq)]
enum From {
    /// An attribute, the how manieth that is needed.
    Attribute(usize, Scope),
    Name,
    TraceState,
    Kind,
    Status,
    Start,
    End,
}

/// Codes that an answer is remembered by: a condition that reads more is asked each time.
const KEY: usize = 4;
/// Answers that are remembered: with more combinations in a batch, remembering does not pay.
const MAX_ANSWERS: usize = 4096;

impl Rows {
    /// If columns have all that the conditions read.
    pub(super) fn serving(conditions: &[Condition]) -> Option<Self> {
        let mut reads: Vec<Read> = Vec::new();
        let mut attributes = 0;
        for path in conditions.iter().flat_map(Condition::paths) {
            if reads.iter().any(|read| read.path == *path) {
                continue;
            }
            let from = From::of(path, attributes)?;
            attributes += usize::from(matches!(from, From::Attribute(..)));
            reads.push(Read { path: path.clone(), from });
        }
        let reads_times = reads.iter().any(|read| matches!(read.from, From::Start | From::End));
        let remembers = !reads_times && reads.len() <= KEY;
        Some(Self { reads, answers: HashMap::default(), remembers })
    }

    pub(super) fn needs(&self) -> Needs {
        let needs = self.reads.iter().fold(Needs::nothing(), |needs, read| match &read.from {
            From::Attribute(_, scope) => needs.attribute(*scope, read.path.only_key().unwrap_or_default()),
            From::Name => needs.name(),
            From::TraceState => needs.trace_state(),
            From::Kind => needs.kind(),
            From::Status => needs.status(),
            From::Start => needs.start(),
            From::End => needs.start().duration(),
        });
        // A condition that reads nothing is asked once for each span, too.
        if self.reads.is_empty() { needs.status() } else { needs }
    }

    /// Before each batch: codes mean something else then.
    pub(super) fn forget(&mut self) {
        self.answers.clear();
    }

    /// Whether a condition is true of a span of the trace.
    pub(super) fn any(
        &mut self,
        batch: &Batch<'_>,
        trace: u32,
        conditions: &[Condition],
        env: &Env<'_>,
        failures: &mut Failures,
    ) -> bool {
        batch.span_range(trace).any(|span| {
            let key = self.key(batch, span);
            if let Some(answer) = key.and_then(|key| self.answers.get(&key)) {
                return *answer;
            }
            let row = Row { reads: &self.reads, batch, span };
            let answer = conditions.iter().any(|condition| failures.holds(condition, &row, env));
            if let Some(key) = key.filter(|_| self.answers.len() < MAX_ANSWERS) {
                self.answers.insert(key, answer);
            }
            answer
        })
    }

    /// What the answer follows from.
    fn key(&self, batch: &Batch<'_>, span: usize) -> Option<[u32; KEY]> {
        let mut key = [0; KEY];
        for (place, read) in key.iter_mut().zip(&self.reads) {
            *place = read.from.code(batch, span);
        }
        self.remembers.then_some(key)
    }
}

impl From {
    fn of(path: &Path, attributes: usize) -> Option<Self> {
        let scope = match path.context {
            Context::Resource => Scope::Resource,
            Context::Scope => Scope::Instrumentation,
            Context::Span => Scope::Span,
            _ => return None,
        };
        if path.field == Field::Attributes {
            return path.only_key().map(|_| Self::Attribute(attributes, scope));
        }
        if path.context != Context::Span || !path.keys.is_empty() {
            return None;
        }
        Some(match path.field {
            Field::Name => Self::Name,
            Field::TraceState => Self::TraceState,
            Field::Kind => Self::Kind,
            Field::StatusCode => Self::Status,
            Field::StartTime | Field::StartTimeUnixNano => Self::Start,
            Field::EndTime | Field::EndTimeUnixNano => Self::End,
            _ => return None,
        })
    }

    /// A number that is the same for equal values of one batch; of no use for times.
    fn code(&self, batch: &Batch<'_>, span: usize) -> u32 {
        let columns = batch.columns();
        let codes = match self {
            Self::Attribute(place, _) => batch.column(*place),
            Self::Name => &columns.span_name,
            Self::TraceState => &columns.span_trace_state,
            Self::Kind => return columns.span_kind.get(span).copied().unwrap_or_default().into(),
            Self::Status => return columns.span_status.get(span).copied().unwrap_or_default().into(),
            Self::Start | Self::End => return 0,
        };
        codes.get(span).copied().unwrap_or_default()
    }
}

/// A span of the batch.
struct Row<'b> {
    reads: &'b [Read],
    batch: &'b Batch<'b>,
    span: usize,
}

impl Source for Row<'_> {
    fn get<'s>(&'s self, path: &Path) -> Result<Value<'s>, String> {
        let Some(read) = self.reads.iter().find(|read| read.path == *path) else { return Ok(Value::Nil) };
        let columns = self.batch.columns();
        let found = match &read.from {
            From::Kind | From::Status => return Ok(Value::Int(read.from.code(self.batch, self.span).into())),
            From::Start | From::End => {
                let start = columns.span_start.get(self.span).copied().unwrap_or_default();
                let duration = columns.span_duration.get(self.span).copied().unwrap_or_default();
                let start = i128::from(self.batch.now()) + i128::from(start);
                let end = start + i128::from(duration);
                return Ok(time(path.field, if read.from == From::Start { start } else { end }));
            }
            from => self.batch.value(Code(from.code(self.batch, self.span))),
        };
        match (found, &read.from) {
            // Fields of a span are never absent.
            (Found::Absent, From::Name | From::TraceState) => Ok(Value::Str("".into())),
            (found, _) => value(found),
        }
    }

    fn glance<'s>(&'s self, path: &Path) -> Glance<'s> {
        match self.reads.iter().find(|read| read.path == *path).map(|read| &read.from) {
            Some(from @ From::Attribute(..)) => glance(self.batch.value(Code(from.code(self.batch, self.span)))),
            _ => Glance::Unknown,
        }
    }
}

/// What a value is at a glance.
fn glance(found: Found<'_>) -> Glance<'_> {
    match found {
        Found::Absent => Glance::Nothing,
        Found::Str(text) => Glance::Text(text),
        Found::Bool(flag) => Glance::Bool(flag),
        Found::Int(number) => Glance::Int(number),
        Found::Double(number) => Glance::Double(number),
        Found::Bytes(_) | Found::Json(_) => Glance::Other,
    }
}

fn time(field: Field, unix_ns: i128) -> Value<'static> {
    match field {
        Field::StartTime | Field::EndTime => Value::Time(Time { unix_ns, offset_seconds: 0 }),
        _ => Value::Int(i64::try_from(unix_ns).unwrap_or(i64::MAX)),
    }
}

fn value(found: Found<'_>) -> Result<Value<'_>, String> {
    Ok(match found {
        Found::Absent => Value::Nil,
        Found::Str(text) => Value::Str(String::from_utf8_lossy(text)),
        Found::Int(number) => Value::Int(number),
        Found::Double(number) => Value::Double(number),
        Found::Bool(flag) => Value::Bool(flag),
        Found::Bytes(bytes) => Value::Bytes(bytes.into()),
        Found::Json(text) => return parse_json(text),
    })
}

/// Lists and maps come as JSON. Their numbers are doubles then, which compare with integers all the same.
fn parse_json(text: &[u8]) -> Result<Value<'_>, String> {
    thread_local! {
        static PARSE: Option<Box<dyn Converter>> = functions::find("ParseJSON").and_then(|function| {
            let argument = [functions::Argument::Expression];
            (function.make)(&Literals(&argument)).ok()
        });
    }
    let text = Value::Str(String::from_utf8_lossy(text));
    let world = World { now_unix_ns: 0, random: &|| 0 };
    PARSE.with(|parse| parse.as_ref().map_or(Ok(Value::Nil), |parse| parse.call(&[text], &world)))
}

/// Codes are small numbers in a few high bits: multiplied, they are spread well enough.
#[derive(Clone, Copy, Debug, Default)]
struct CodeHasher(u64);

impl Hasher for CodeHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        for word in bytes.chunks(4) {
            let word = word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(SPREAD);
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.write(&word.to_le_bytes());
    }

    /// The number of codes, which is the same for all.
    fn write_usize(&mut self, _: usize) {}
}
