//! Bodies of log records: texts, and everything in maps and lists.

use tailrace_sdk::otlp::edit::{Draft, NewValue};
use tailrace_sdk::otlp::view::Value;
use tailrace_sdk::otlp::wire;

use super::rules::Verdict;
use super::summary::{self, Tally};
use super::{RECORD_ATTRIBUTES, Redaction};

const RECORD_BODY: u32 = 5;

/// Fields of an `AnyValue` that hold lists and maps.
const ARRAY: u32 = 5;
const MAP: u32 = 6;

impl Redaction {
    /// The body of a log record. What was done to it is said among the record's attributes.
    pub(super) fn body(&self, record: &mut Draft<'_>) {
        let mut tally = Tally::default();
        record.edit_each(RECORD_BODY, |body| match Value::parse(body.body()) {
            Value::Map(_) => body.edit_each(MAP, |map| self.entries(map, "", &mut tally)),
            Value::Array(_) => body.edit_each(ARRAY, |array| self.elements(array, "", &mut tally)),
            // A body that must not be masked is not worth a word, in the Go collector.
            _ => self.value(body, "body", &mut tally, false),
        });
        self.summary.write(record, RECORD_ATTRIBUTES, &tally, summary::OF_BODY);
    }

    /// A value in a body, `path` being its keys from there.
    fn any(&self, any_value: &mut Draft<'_>, path: &str, tally: &mut Tally) {
        match Value::parse(any_value.body()) {
            Value::Map(_) => any_value.edit_each(MAP, |map| self.entries(map, path, tally)),
            Value::Array(_) => any_value.edit_each(ARRAY, |array| self.elements(array, path, tally)),
            _ => self.value(any_value, path, tally, true),
        }
    }

    fn value(&self, any_value: &mut Draft<'_>, path: &str, tally: &mut Tally, counts_allowed: bool) {
        match self.rules.value(Value::parse(any_value.body())) {
            Some(Verdict::Mask(masked)) => {
                replace(any_value, &masked);
                tally.add(&Verdict::Mask(masked), path.as_bytes());
            }
            Some(verdict) if counts_allowed => tally.add(&verdict, path.as_bytes()),
            _ => {}
        }
    }

    fn elements(&self, array: &mut Draft<'_>, path: &str, tally: &mut Tally) {
        let mut place = 0..;
        array.edit_each(1, |element| {
            let place = place.next().unwrap_or(0);
            self.any(element, &below(path, &format!("[{place}]")), tally);
        });
    }

    fn entries(&self, map: &mut Draft<'_>, path: &str, tally: &mut Tally) {
        let mut gone = Vec::new();
        let mut place = 0..;
        map.edit_each(1, |pair| {
            let place = place.next().unwrap_or(0);
            let key = String::from_utf8_lossy(last(pair.body(), 1)).into_owned();
            let path = below(path, &key);
            let verdict = self.rules.entry(&key, Value::parse(last(pair.body(), 2)));
            match &verdict {
                None => _ = pair.edit(2, 0, |value| self.any(value, &path, tally)),
                Some(Verdict::Remove) => gone.push(place),
                Some(Verdict::Mask(masked)) => pair.set_bytes(2, &NewValue::Str(masked.clone()).encode()),
                Some(Verdict::Allow | Verdict::Ignore) => {}
            }
            if let Some(verdict) = verdict {
                tally.add(&verdict, path.as_bytes());
            }
        });
        if !gone.is_empty() {
            let mut place = 0..;
            map.retain(1, |_| !place.next().is_some_and(|place| gone.contains(&place)));
        }
    }
}

/// Makes a value this text.
fn replace(any_value: &mut Draft<'_>, text: &str) {
    let len = any_value.body().len();
    any_value.splice(0..len, &NewValue::Str(text.to_owned()).encode());
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn last(message: &[u8], number: u32) -> &[u8] {
    let all = wire::fields(message).filter(|field| field.number == number);
    all.filter_map(|field| field.payload.bytes()).last().unwrap_or_default()
}
