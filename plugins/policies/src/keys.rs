//! What `dynamic` and `novelty` tell traces apart by: the values of chosen attributes and fields of spans.
//!
//! | entry | stands for |
//! |---|---|
//! | `http.route` | the attribute of the span, or of its resource if the span has none |
//! | `span.http.route` | the attribute of the span |
//! | `resource.service.name` | the attribute of its resource |
//! | `name` | the span's name |
//! | `kind` | its kind |
//! | `status` | `error` or not |

use std::collections::HashMap;

use serde::Deserialize;
use tailrace_sdk::{Batch, Code, Diagnostics, Needs, Value};

/// As it stands in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Keys(Vec<String>);

/// More make no sense, and each is a column.
const MAX_KEYS: usize = 16;

/// Where an entry's value comes from; columns as their places among those that the policy needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The first that is there.
    Attribute([Option<usize>; 2]),
    Name,
    Kind,
    Status,
}

/// Reads combinations of values.
pub(crate) struct Reader {
    sources: Vec<Source>,
    needs: Needs,
    /// Of codes, what they hash to: each combination of a batch is looked up once.
    known: HashMap<Vec<u32>, u64>,
    codes: Vec<u32>,
}

impl Keys {
    /// Checks them, and adds to `needs` what is to be seen.
    pub(crate) fn reader(&self, needs: Needs) -> Result<Reader, Diagnostics> {
        let mut problems = Diagnostics::none();
        if self.0.is_empty() {
            problems.push("/keys", "keys without an entry: name the attributes that tell traces apart");
        }
        if self.0.len() > MAX_KEYS {
            problems.push("/keys", format!("keys must have at most {MAX_KEYS} entries"));
        }
        for (place, key) in self.0.iter().enumerate() {
            if matches!(key.as_str(), "" | "span." | "resource.") {
                problems.push(format!("/keys/{place}"), format!("{key:?} names no attribute"));
            }
            if self.0[..place].contains(key) {
                problems.push(format!("/keys/{place}"), format!("{key:?} is there twice"));
            }
        }
        problems.or(())?;
        let mut reader = Reader { sources: Vec::new(), needs, known: HashMap::new(), codes: Vec::new() };
        let mut columns = 0;
        for key in &self.0 {
            reader.add(key, &mut columns);
        }
        Ok(reader)
    }
}

impl Reader {
    fn add(&mut self, key: &str, columns: &mut usize) {
        let mut column = || {
            *columns += 1;
            Some(*columns - 1)
        };
        let needs = self.needs.clone();
        let (needs, source) = match (key, key.split_once('.')) {
            ("name", _) => (needs.name(), Source::Name),
            ("kind", _) => (needs.kind(), Source::Kind),
            ("status", _) => (needs.status(), Source::Status),
            (_, Some(("span", key))) => (needs.span(key), Source::Attribute([column(), None])),
            (_, Some(("resource", key))) => (needs.resource(key), Source::Attribute([column(), None])),
            _ => (needs.span(key).resource(key), Source::Attribute([column(), column()])),
        };
        self.needs = needs;
        self.sources.push(source);
    }

    pub(crate) fn needs(&self) -> Needs {
        self.needs.clone()
    }

    /// What is known is of another batch.
    pub(crate) fn start(&mut self) {
        self.known.clear();
    }

    /// A hash of the span's values; `None` if it has none of the attributes. `failed` stands for its status, where that is not its own.
    pub(crate) fn combination(&mut self, batch: &Batch<'_>, span: usize, failed: Option<bool>) -> Option<u64> {
        let Self { sources, known, codes, .. } = self;
        let columns = batch.columns();
        let (mut attributes, mut found) = (0, 0);
        codes.clear();
        for source in sources.iter() {
            codes.push(match *source {
                Source::Name => columns.span_name[span],
                Source::Kind => columns.span_kind[span].into(),
                Source::Status => failed.unwrap_or_else(|| columns.span_status[span] == 2).into(),
                Source::Attribute(places) => {
                    let code = |place: usize| Code(batch.column(place)[span]);
                    let code = places.into_iter().flatten().map(code).find(|code| code.is_present());
                    attributes += 1;
                    found += u32::from(code.is_some());
                    code.unwrap_or(Code::ABSENT).0
                }
            });
        }
        if attributes > 0 && found == 0 {
            return None;
        }
        if let Some(hash) = known.get(codes.as_slice()) {
            return Some(*hash);
        }
        let mut hash = Hash::default();
        for (source, &code) in sources.iter().zip(codes.iter()) {
            match source {
                Source::Kind | Source::Status => hash.number(8, code.into()),
                Source::Name | Source::Attribute(_) => hash.value(batch.value(Code(code))),
            }
        }
        known.insert(codes.clone(), hash.0);
        Some(hash.0)
    }
}

/// FNV-1a over values with their types: codes are a batch's own, what they stand for is not.
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn number(&mut self, tag: u8, number: u64) {
        self.bytes(&[tag]);
        self.bytes(&number.to_le_bytes());
    }

    fn text(&mut self, tag: u8, text: &[u8]) {
        self.number(tag, text.len() as u64);
        self.bytes(text);
    }

    fn value(&mut self, value: Value<'_>) {
        match value {
            Value::Absent => self.bytes(&[0]),
            Value::Str(text) => self.text(1, text),
            Value::Int(number) => self.number(2, number.cast_unsigned()),
            Value::Double(number) => self.number(3, number.to_bits()),
            Value::Bool(flag) => self.number(4, flag.into()),
            Value::Bytes(bytes) => self.text(5, bytes),
            Value::Json(text) => self.text(6, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use tailrace_sdk::testing::{Asker, NOW, TestSpan, TestValue};
    use tailrace_sdk::{Policy, Votes};

    use super::*;

    /// Gives the low bits of the first span's combination as its threshold, and samples what has one.
    struct Tells(Reader);

    impl Policy for Tells {
        const KIND: &'static str = "tells";
        type Config = Keys;
        fn new(keys: Keys) -> Result<Self, Diagnostics> {
            keys.reader(Needs::nothing()).map(Self)
        }
        fn needs(&self) -> Needs {
            self.0.needs()
        }
        fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
            self.0.start();
            for &trace in candidates {
                let combination = self.0.combination(batch, batch.span_range(trace).start, None);
                votes.push(combination.is_some());
                votes.threshold(combination.unwrap_or(0));
            }
            Ok(())
        }
    }

    fn combinations(keys: &str, spans: &[TestSpan]) -> Vec<Option<u64>> {
        let traces: Vec<_> = spans.iter().map(|span| vec![span.clone()]).collect();
        let answers = Asker::<Tells>::new(keys).and_then(|mut tells| tells.ask(NOW, &traces)).expect("good keys");
        let votes = answers.verdicts.iter().zip(answers.thresholds);
        votes.map(|(verdict, hash)| (*verdict == tailrace_sdk::Verdict::Sample).then_some(hash)).collect()
    }

    fn text(value: &str) -> TestValue {
        TestValue::Str(value.to_owned())
    }

    #[test]
    fn spans_are_told_apart_by_what_is_named() {
        let plain = TestSpan { name: "GET".to_owned(), kind: 2, ..TestSpan::default() };
        let own = plain.clone().attribute("k", text("a"));
        let resource = plain.clone().resource("k", text("a"));
        let both = own.clone().resource("k", text("b"));
        let number = plain.clone().attribute("k", TestValue::Int(1));
        let named = TestSpan { name: "PUT".to_owned(), ..own.clone() };
        let spans =
            [plain, own.clone(), resource, both, number, named, TestSpan { kind: 3, ..own.clone() }, own.error()];
        let cases: [(&str, [Option<usize>; 8]); 6] = [
            // Which other span each equals, or itself; `None`: it has no combination.
            (r#"["k"]"#, [None, Some(1), Some(1), Some(1), Some(4), Some(1), Some(1), Some(1)]),
            (r#"["span.k"]"#, [None, Some(1), None, Some(1), Some(4), Some(1), Some(1), Some(1)]),
            (r#"["resource.k"]"#, [None, None, Some(2), Some(3), None, None, None, None]),
            (r#"["name"]"#, [Some(0), Some(0), Some(0), Some(0), Some(0), Some(5), Some(0), Some(0)]),
            (r#"["k", "kind"]"#, [None, Some(1), Some(1), Some(1), Some(4), Some(1), Some(6), Some(1)]),
            (r#"["status"]"#, [Some(0), Some(0), Some(0), Some(0), Some(0), Some(0), Some(0), Some(7)]),
        ];
        for (keys, expected) in cases {
            let found = combinations(keys, &spans);
            let first =
                |hash: &Option<u64>| hash.is_some().then(|| found.iter().position(|other| other == hash)).flatten();
            assert_eq!(found.iter().map(first).collect::<Vec<_>>(), expected, "{keys}");
        }
    }

    #[test]
    fn a_combination_is_the_same_in_another_batch() {
        let of = |value: &str| TestSpan::default().attribute("k", text(value));
        let first = combinations(r#"["k"]"#, &[of("a"), of("b")]);
        let second = combinations(r#"["k"]"#, &[of("x"), of("b"), of("a")]);
        assert_eq!((first[0], first[1]), (second[2], second[1]));
    }

    #[test]
    fn what_names_nothing_is_refused() {
        let many = format!("[{}]", (0..17).map(|n| format!("\"k{n}\"")).collect::<Vec<_>>().join(","));
        for keys in ["[]", r#"[""]"#, r#"["span."]"#, r#"["a", "a"]"#, &many] {
            assert!(Asker::<Tells>::new(keys).is_err(), "{keys}");
        }
    }
}
