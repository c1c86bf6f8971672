//! Attribute values as codes: equal values have equal codes within a batch.

use hashbrown::HashTable;
use tailrace_otlp::view::Value;

use super::hash;
use crate::wasm::policy::Dictionary;

/// The code of a value that is not there.
pub(super) const ABSENT: u32 = 0;

const STRING: u32 = 1;
const INT: u32 = 2;
const DOUBLE: u32 = 3;
const BOOL: u32 = 4;
const BYTES: u32 = 5;
const JSON: u32 = 6;

/// A dictionary in the making.
pub(super) struct Codes {
    dictionary: Dictionary,
    /// Codes of strings, bytes and JSON, by type and content.
    texts: HashTable<u32>,
    /// Codes of integers and doubles, by type and bits.
    numbers: HashTable<u32>,
}

impl Codes {
    pub(super) fn new() -> Self {
        let dictionary = Dictionary { string_offsets: vec![0], ..Dictionary::default() };
        Self { dictionary, texts: HashTable::new(), numbers: HashTable::new() }
    }

    pub(super) fn finish(self) -> Dictionary {
        self.dictionary
    }

    pub(super) fn value(&mut self, value: Value<'_>) -> u32 {
        match value {
            // An empty value is there, but nothing a policy could compare with; Go's accessors see it as they see a missing one.
            Value::Empty => ABSENT,
            Value::Str(text) => self.text(STRING, text),
            Value::Bytes(bytes) => self.text(BYTES, bytes),
            Value::Array(_) | Value::Map(_) => self.text(JSON, value.as_json().as_bytes()),
            Value::Bool(flag) => code(BOOL, usize::from(flag)),
            Value::Int(number) => self.int(number),
            Value::Double(number) => self.double(number),
        }
    }

    pub(super) fn string(&mut self, text: &[u8]) -> u32 {
        self.text(STRING, text)
    }

    fn text(&mut self, kind: u32, text: &[u8]) -> u32 {
        let Self { dictionary, texts, .. } = self;
        let hash = |kind: u32, text: &[u8]| hash::bytes(text).wrapping_add(u64::from(kind));
        let same = |known: &u32| kind_of(*known) == kind && text_at(dictionary, *known) == text;
        if let Some(known) = texts.find(hash(kind, text), same) {
            return *known;
        }
        let code = code(kind, dictionary.string_offsets.len() - 1);
        dictionary.string_pool.extend_from_slice(text);
        dictionary.string_offsets.push(dictionary.string_pool.len() as u32);
        texts.insert_unique(hash(kind, text), code, |known| hash(kind_of(*known), text_at(dictionary, *known)));
        code
    }

    fn int(&mut self, number: i64) -> u32 {
        let next = self.dictionary.ints.len();
        let code = self.number(code(INT, next), number as u64);
        if place(code) == next {
            self.dictionary.ints.push(number);
        }
        code
    }

    fn double(&mut self, number: f64) -> u32 {
        let next = self.dictionary.doubles.len();
        let code = self.number(code(DOUBLE, next), number.to_bits());
        if place(code) == next {
            self.dictionary.doubles.push(number);
        }
        code
    }

    /// The code of a number by its bits, which is `fresh` if it is new.
    fn number(&mut self, fresh: u32, bits: u64) -> u32 {
        let Self { dictionary, numbers, .. } = self;
        let bits_of = |code: u32| match kind_of(code) {
            INT => dictionary.ints.get(place(code)).map_or(bits, |number| *number as u64),
            _ => dictionary.doubles.get(place(code)).map_or(bits, |number| number.to_bits()),
        };
        let hash = |kind: u32, bits: u64| hash::bytes(&(u128::from(bits) << 64 | u128::from(kind)).to_le_bytes());
        let same = |known: &u32| kind_of(*known) == kind_of(fresh) && bits_of(*known) == bits;
        if let Some(known) = numbers.find(hash(kind_of(fresh), bits), same) {
            return *known;
        }
        numbers.insert_unique(hash(kind_of(fresh), bits), fresh, |known| hash(kind_of(*known), bits_of(*known)));
        fresh
    }
}

/// Codes have 28 bits of place; a batch with more distinct values would take gigabytes, so what is beyond counts as absent.
fn code(kind: u32, place: usize) -> u32 {
    if place < 1 << 28 { kind << 28 | place as u32 } else { ABSENT }
}

fn kind_of(code: u32) -> u32 {
    code >> 28
}

fn place(code: u32) -> usize {
    (code & 0x0fff_ffff) as usize
}

fn text_at(dictionary: &Dictionary, code: u32) -> &[u8] {
    let at = place(code);
    &dictionary.string_pool[dictionary.string_offsets[at] as usize..dictionary.string_offsets[at + 1] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_of_one_type_have_one_code() {
        let mut codes = Codes::new();
        let values = [
            Value::Str(b"a"),
            Value::Bytes(b"a"),
            Value::Str(b""),
            Value::Int(1),
            Value::Int(-1),
            Value::Double(1.0),
            Value::Double(f64::NAN),
            Value::Bool(false),
            Value::Bool(true),
            Value::Array(b""),
        ];
        let first: Vec<_> = values.iter().map(|value| codes.value(*value)).collect();
        let again: Vec<_> = values.iter().map(|value| codes.value(*value)).collect();
        assert_eq!(first, again);
        let kinds: Vec<_> = first.iter().map(|code| (kind_of(*code), place(*code))).collect();
        let expected = [(1, 0), (5, 1), (1, 2), (2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 1), (6, 3)]
            .map(|(kind, place)| (kind, place));
        assert_eq!(kinds, expected);
        assert_eq!(codes.value(Value::Empty), ABSENT);

        let dictionary = codes.finish();
        assert_eq!(dictionary.string_pool, b"aa[]");
        assert_eq!(dictionary.string_offsets, [0, 1, 2, 2, 4]);
        assert_eq!((dictionary.ints, dictionary.doubles[0]), (vec![1, -1], 1.0));
    }

    #[test]
    fn many_values_are_told_apart() {
        let mut codes = Codes::new();
        let mut all: Vec<_> = (0..5000).map(|n| codes.value(Value::Int(n))).collect();
        all.extend((0..5000).map(|n| codes.value(Value::Str(n.to_string().as_bytes()))));
        all.extend((0..5000).map(|n| codes.value(Value::Double(f64::from(n)))));
        let again = codes.value(Value::Str(b"4321"));
        assert_eq!(again, all[5000 + 4321]);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 15_000);
    }
}
