//! A message that is being changed.

use std::borrow::Cow;
use std::ops::Range;

use smallvec::SmallVec;

use crate::view::{self, Value};
use crate::wire::{self, Payload};

/// A message that is read where it lies, and becomes a copy of its own on the first change. A change moves bytes within the copy and
/// leaves every other field as it was: for messages of the size of a span that costs less than taking them apart.
///
/// ```
/// use tailrace_otlp::edit::{Draft, NewValue};
/// # use tailrace_otlp::{view::Span, wire};
/// # let mut body = Vec::new(); wire::put_bytes(&mut body, 5, b"GET /");
/// const NAME: u32 = 5;
/// const ATTRIBUTES: u32 = 9;
/// let mut span = Draft::new(&body);
/// span.set_bytes(NAME, b"GET /users");
/// span.set_attribute(ATTRIBUTES, b"tier", &NewValue::Str("gold".into()).encode());
/// assert_eq!(Span(span.body()).name(), b"GET /users");
/// assert!(span.attribute(ATTRIBUTES, b"tier").is_some());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Draft<'a> {
    body: Cow<'a, [u8]>,
    is_changed: bool,
}

/// A field that is about to be written; those of numbers fit.
type Framed = SmallVec<[u8; 16]>;

impl<'a> Draft<'a> {
    /// A message as it lies in a request.
    pub fn new(body: &'a [u8]) -> Self {
        Self { body: Cow::Borrowed(body), is_changed: false }
    }

    /// A message put together of pieces of a request, which is no change yet.
    pub(super) fn joined(body: Vec<u8>) -> Self {
        Self { body: Cow::Owned(body), is_changed: false }
    }

    /// The message as it now is; everything in [`view`](crate::view) reads it.
    #[inline]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether anything was changed.
    #[inline]
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// The message as it now is, to be kept.
    pub fn into_body(self) -> Cow<'a, [u8]> {
        self.body
    }

    /// Puts `with` in the place of some bytes: whole fields, for the message to stay one.
    pub fn splice(&mut self, range: Range<usize>, with: &[u8]) {
        let body = self.edit_body(with.len());
        let end = range.end.min(body.len());
        let begin = range.start.min(end);
        let tail = body.len() - end;
        let (old, new) = (end - begin, with.len());
        if new > old {
            body.resize(body.len() + new - old, 0);
        }
        body.copy_within(end..end + tail, begin + new);
        body.truncate(begin + new + tail);
        if let Some(place) = body.get_mut(begin..begin + new) {
            place.copy_from_slice(with);
        }
    }

    /// Adds fields at the end, tags included.
    pub fn append(&mut self, fields: &[u8]) {
        self.edit_body(fields.len()).extend_from_slice(fields);
    }

    /// Adds a length-delimited field at the end: an element of a list.
    pub fn push(&mut self, number: u32, body: &[u8]) {
        let buffer = self.edit_body(wire::framed_len(number, body.len()));
        wire::put_bytes(buffer, number, body);
    }

    /// The copy, made if this is the first change, with room for `more` bytes.
    fn edit_body(&mut self, more: usize) -> &mut Vec<u8> {
        self.is_changed = true;
        if let Cow::Borrowed(body) = self.body {
            let mut copy = Vec::with_capacity(body.len() + more);
            copy.extend_from_slice(body);
            self.body = Cow::Owned(copy);
        }
        self.body.to_mut()
    }

    /// Sets a string, bytes, or a whole inner message. Where the field stood several times, it stands once.
    pub fn set_bytes(&mut self, number: u32, body: &[u8]) {
        let mut framed = Vec::with_capacity(wire::framed_len(number, body.len()));
        wire::put_bytes(&mut framed, number, body);
        self.set_framed(number, &framed);
    }

    /// Sets an integer, boolean or enum.
    pub fn set_varint(&mut self, number: u32, value: u64) {
        let mut framed = Vec::with_capacity(12);
        wire::put_tag(&mut framed, number, wire::VARINT);
        wire::put_varint(&mut framed, value);
        self.set_framed(number, &framed);
    }

    /// Sets a `fixed64`, a `sfixed64`, or the bits of a `double`.
    pub fn set_fixed64(&mut self, number: u32, value: u64) {
        self.set_framed(number, &fixed(number, wire::FIXED64, &value.to_le_bytes()));
    }

    /// Sets a `fixed32`.
    pub fn set_fixed32(&mut self, number: u32, value: u32) {
        self.set_framed(number, &fixed(number, wire::FIXED32, &value.to_le_bytes()));
    }

    /// Puts a field, tag included, in the place of all of its number, or at the end.
    fn set_framed(&mut self, number: u32, framed: &[u8]) {
        match self.first_from(0, number) {
            None => self.append(framed),
            Some(first) => {
                let after = first.start + framed.len();
                self.splice(first, framed);
                self.remove_from(number, after);
            }
        }
    }

    /// Removes all fields of that number; tells whether there was one.
    pub fn remove(&mut self, number: u32) -> bool {
        self.remove_from(number, 0)
    }

    fn remove_from(&mut self, number: u32, from: usize) -> bool {
        let mut removed = false;
        while let Some(range) = self.first_from(from, number) {
            self.splice(range, &[]);
            removed = true;
        }
        removed
    }

    /// Keeps the length-delimited fields of that number that `keep` says to, asked about their content; tells how many went.
    pub fn retain(&mut self, number: u32, mut keep: impl FnMut(&[u8]) -> bool) -> usize {
        let gone: Vec<_> = self
            .ranges(number)
            .filter(|(_, payload)| payload.bytes().is_some_and(|body| !keep(body)))
            .map(|(range, _)| range)
            .collect();
        for range in gone.iter().rev() {
            self.splice(range.clone(), &[]);
        }
        gone.len()
    }

    /// Changes the `nth` message under that number, from 0; `None` if there is none.
    pub fn edit<R>(&mut self, number: u32, nth: usize, change: impl FnOnce(&mut Draft<'_>) -> R) -> Option<R> {
        let range = self.ranges(number).nth(nth)?.0;
        self.edit_at(range, change).map(|(result, _)| result)
    }

    /// Changes each message under that number, in order.
    pub fn edit_each(&mut self, number: u32, mut change: impl FnMut(&mut Draft<'_>)) {
        let mut from = 0;
        while let Some(range) = self.first_from(from, number) {
            let end = range.end;
            from = self.edit_at(range, &mut change).map_or(end, |((), after)| after);
        }
    }

    /// Changes the message of the field at `range`; gives where the field then ends, too.
    fn edit_at<R>(&mut self, range: Range<usize>, change: impl FnOnce(&mut Draft<'_>) -> R) -> Option<(R, usize)> {
        let field = wire::fields(self.body.get(range.clone())?).next()?;
        let mut inner = Draft::new(field.payload.bytes()?);
        let result = change(&mut inner);
        if !inner.is_changed {
            return Some((result, range.end));
        }
        let framed = framed(field.number, &inner.body);
        let end = range.start + framed.len();
        self.splice(range, &framed);
        Some((result, end))
    }

    /// The value of an attribute under field `number`. Of several with one key the first counts, as in the Go collector.
    #[inline]
    pub fn attribute(&self, number: u32, key: &[u8]) -> Option<Value<'_>> {
        view::attributes(self.body(), number).find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Gives an attribute under field `number` a value, the message `AnyValue`. A new one stands last.
    pub fn set_attribute(&mut self, number: u32, key: &[u8], any_value: &[u8]) {
        let pair_len = wire::framed_len(1, key.len()) + wire::framed_len(2, any_value.len());
        let place = self.pair(number, key);
        let mut framed = match place {
            // Straight into the copy.
            None => std::mem::take(self.edit_body(wire::framed_len(number, pair_len))),
            Some(_) => Vec::with_capacity(wire::framed_len(number, pair_len)),
        };
        wire::put_prefix(&mut framed, number, pair_len);
        wire::put_bytes(&mut framed, 1, key);
        wire::put_bytes(&mut framed, 2, any_value);
        match place {
            None => self.body = Cow::Owned(framed),
            Some(range) => self.splice(range, &framed),
        }
    }

    /// Removes the attributes of that key under field `number`; tells whether there was one.
    pub fn remove_attribute(&mut self, number: u32, key: &[u8]) -> bool {
        let mut removed = false;
        while let Some(range) = self.pair(number, key) {
            self.splice(range, &[]);
            removed = true;
        }
        removed
    }

    fn pair(&self, number: u32, key: &[u8]) -> Option<Range<usize>> {
        let is_it = |payload: Payload<'_>| payload.bytes().is_some_and(|pair| view::key_value(pair).0 == key);
        self.ranges(number).find(|(_, payload)| is_it(*payload)).map(|(range, _)| range)
    }

    /// Where the fields of that number lie, tags included, and what they hold.
    fn ranges(&self, number: u32) -> impl Iterator<Item = (Range<usize>, Payload<'_>)> {
        self.ranges_from(0, number)
    }

    /// Where the first field of that number lies, from an offset on.
    fn first_from(&self, from: usize, number: u32) -> Option<Range<usize>> {
        self.ranges_from(from, number).next().map(|(range, _)| range)
    }

    /// As [`Draft::ranges`], from an offset on, which must be a field's.
    fn ranges_from(&self, from: usize, number: u32) -> impl Iterator<Item = (Range<usize>, Payload<'_>)> {
        let mut end = from;
        wire::fields(self.body.get(from..).unwrap_or_default()).filter_map(move |field| {
            let begin = end;
            end += field.framed.len();
            (field.number == number).then_some((begin..end, field.payload))
        })
    }
}

fn fixed(number: u32, wire: u8, bytes: &[u8]) -> Framed {
    let mut tag = Vec::with_capacity(5);
    wire::put_tag(&mut tag, number, wire);
    let mut framed = Framed::from_slice(&tag);
    framed.extend_from_slice(bytes);
    framed
}

fn framed(number: u32, body: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(wire::framed_len(number, body.len()));
    wire::put_bytes(&mut framed, number, body);
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(fields: &[(u32, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, body) in fields {
            wire::put_bytes(&mut out, *number, body);
        }
        out
    }

    fn pair(key: &str, text: &str) -> Vec<u8> {
        message(&[(1, key.as_bytes()), (2, &message(&[(1, text.as_bytes())]))])
    }

    #[test]
    fn reading_changes_nothing() {
        let body = message(&[(5, b"name"), (9, &pair("a", "1"))]);
        let draft = Draft::new(&body);
        assert_eq!(draft.attribute(9, b"a"), Some(Value::Str(b"1")));
        assert_eq!(draft.attribute(9, b"b"), None);
        assert!(!draft.is_changed());
    }

    #[test]
    fn a_field_is_set_where_it_stood_or_at_the_end() {
        let body = message(&[(3, b"x"), (5, b"name"), (7, b"y"), (5, b"again"), (9, b"z")]);
        let cases: [(&[u8], u32); 5] = [(b"", 5), (b"abcd", 5), (b"longer than before", 5), (b"new", 11), (b"w", 3)];
        for (value, number) in cases {
            let mut draft = Draft::new(&body);
            draft.set_bytes(number, value);
            let mut expected: Vec<(u32, &[u8])> = vec![(3, b"x"), (5, b"name"), (7, b"y"), (5, b"again"), (9, b"z")];
            match number {
                5 => {
                    expected[1].1 = value;
                    expected.remove(3);
                }
                3 => expected[0].1 = value,
                _ => expected.push((number, value)),
            }
            assert_eq!(draft.body(), message(&expected), "{number} {value:?}");
            assert!(draft.is_changed());
        }
    }

    #[test]
    fn numbers_are_set() {
        let mut draft = Draft::new(&[]);
        draft.set_varint(6, 300);
        draft.set_fixed64(7, 5);
        draft.set_fixed32(16, 1);
        draft.set_varint(6, 2);
        let fields: Vec<_> = wire::fields(draft.body()).map(|field| (field.number, field.payload)).collect();
        assert_eq!(fields, [(6, Payload::Varint(2)), (7, Payload::Fixed64(5)), (16, Payload::Fixed32(1))]);
    }

    #[test]
    fn fields_are_removed_and_retained() {
        let body = message(&[(1, b"a"), (2, b"b"), (1, b"c"), (1, b"d")]);
        let mut draft = Draft::new(&body);
        assert!(!draft.remove(3));
        assert!(!draft.is_changed());
        assert_eq!(draft.retain(1, |body| body != b"c"), 1);
        assert_eq!(draft.body(), message(&[(1, b"a"), (2, b"b"), (1, b"d")]));
        assert!(draft.remove(1));
        assert_eq!(draft.body(), message(&[(2, b"b")]));
    }

    #[test]
    fn attributes_are_set_and_removed() {
        let body = message(&[(9, &pair("a", "1")), (5, b"name"), (9, &pair("b", "2")), (9, &pair("a", "3"))]);
        let value = |text: &str| message(&[(1, text.as_bytes())]);
        let mut draft = Draft::new(&body);
        draft.set_attribute(9, b"b", &value("changed"));
        draft.set_attribute(9, b"c", &value("new"));
        let expected = [(9, pair("a", "1")), (5, b"name".to_vec()), (9, pair("b", "changed")), (9, pair("a", "3"))];
        let mut expected: Vec<(u32, &[u8])> = expected.iter().map(|(number, body)| (*number, &body[..])).collect();
        let new = pair("c", "new");
        expected.push((9, &new));
        assert_eq!(draft.body(), message(&expected));
        assert!(draft.remove_attribute(9, b"a"));
        assert!(!draft.remove_attribute(9, b"a"));
        let keys: Vec<_> = view::attributes(draft.body(), 9).map(|(key, _)| key.to_vec()).collect();
        assert_eq!(keys, [b"b", b"c"]);
    }

    #[test]
    fn inner_messages_are_changed() {
        let body = message(&[(11, &message(&[(2, b"one")])), (5, b"n"), (11, &message(&[(2, b"two")]))]);
        let mut draft = Draft::new(&body);
        assert_eq!(draft.edit(11, 2, |_| ()), None);
        assert_eq!(draft.edit(11, 1, |event| event.set_bytes(2, b"second")), Some(()));
        draft.edit_each(11, |event| event.set_varint(4, 1));
        let event = |name: &[u8]| [message(&[(2, name)]), vec![0x20, 1]].concat();
        assert_eq!(draft.body(), message(&[(11, &event(b"one")), (5, b"n"), (11, &event(b"second"))]));
    }
}
