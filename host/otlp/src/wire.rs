//! Protobuf's wire format: reading fields without knowing the message, writing varints and length-delimited fields.
//!
//! Everything here is total: on bytes that are no protobuf a reader ends, it never panics. Messages that passed
//! [`check`](crate::check()) never end early.

#![expect(
    clippy::inline_always,
    reason = "measured: without, walking a span takes twice as long, its fields passing through memory"
)]

/// Levels of messages or groups inside a message beyond which it is refused; prost, and with it most Rust servers, has the same.
pub const MAX_DEPTH: u32 = 100;

/// Wire type of a varint.
pub const VARINT: u8 = 0;
/// Wire type of eight bytes.
pub const FIXED64: u8 = 1;
/// Wire type of a length and so many bytes.
pub const LEN: u8 = 2;
/// Wire type that opens a group.
pub const START_GROUP: u8 = 3;
/// Wire type that closes a group.
pub const END_GROUP: u8 = 4;
/// Wire type of four bytes.
pub const FIXED32: u8 = 5;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Integers, booleans, enums.
    Varint(u64),
    /// `fixed64`, `sfixed64`, or the bits of a `double`.
    Fixed64(u64),
    /// A string, bytes, a message, or packed numbers.
    Len(&'a [u8]),
    /// The bytes between the two tags of a group, which OTLP never uses.
    Group(&'a [u8]),
    /// `fixed32`.
    Fixed32(u32),
}

impl<'a> Payload<'a> {
    /// The bytes of a length-delimited field.
    #[inline(always)]
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Len(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its number, at least 1.
    pub number: u32,
    /// Its value.
    pub payload: Payload<'a>,
    /// The whole field as it stands on the wire, tag included.
    pub framed: &'a [u8],
}

/// The fields of a message in wire order; ends at the first byte that is no field.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

/// The fields of a message.
#[inline(always)]
pub fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

impl<'a> Fields<'a> {
    /// What has not been read: empty after the last field of a well-formed message.
    #[inline(always)]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Field<'a>> {
        let (number, wire, after) = tag(self.rest)?;
        let (payload, after) = payload(number, wire, after)?;
        let framed = self.rest.get(..self.rest.len() - after.len())?;
        self.rest = after;
        Some(Field { number, payload, framed })
    }
}

/// Reads a field's tag: its number, its wire type, and what follows.
#[inline(always)]
pub fn tag(bytes: &[u8]) -> Option<(u32, u8, &[u8])> {
    match bytes {
        [key @ 8..0x80, after @ ..] => Some((u32::from(*key >> 3), *key & 7, after)),
        _ => long_tag(bytes),
    }
}

#[inline(never)]
fn long_tag(bytes: &[u8]) -> Option<(u32, u8, &[u8])> {
    let (key, after) = varint(bytes)?;
    let number = u32::try_from(key >> 3).ok().filter(|number| (1..1 << 29).contains(number))?;
    Some((number, (key & 7) as u8, after))
}

#[inline(always)]
fn payload(number: u32, wire: u8, bytes: &[u8]) -> Option<(Payload<'_>, &[u8])> {
    Some(match wire {
        LEN => {
            let (body, after) = delimited(bytes)?;
            (Payload::Len(body), after)
        }
        VARINT => {
            let (value, after) = varint(bytes)?;
            (Payload::Varint(value), after)
        }
        FIXED64 => {
            let (value, after) = bytes.split_first_chunk()?;
            (Payload::Fixed64(u64::from_le_bytes(*value)), after)
        }
        FIXED32 => {
            let (value, after) = bytes.split_first_chunk()?;
            (Payload::Fixed32(u32::from_le_bytes(*value)), after)
        }
        START_GROUP => {
            let (body, after) = group(number, bytes, MAX_DEPTH)?;
            (Payload::Group(body), after)
        }
        _ => return None,
    })
}

/// Reads one value of that wire type, which is none of a group; gives it and what follows.
#[cfg(feature = "json")]
pub(crate) fn value(wire: u8, bytes: &[u8]) -> Option<(Payload<'_>, &[u8])> {
    if wire == START_GROUP { None } else { payload(0, wire, bytes) }
}

/// Skips the value of a field of that number and wire type, groups in it at most `depth` deep; gives what follows.
#[inline(always)]
pub fn skip(number: u32, wire: u8, bytes: &[u8], depth: u32) -> Option<&[u8]> {
    match wire {
        START_GROUP => group(number, bytes, depth).map(|(_, after)| after),
        _ => payload(number, wire, bytes).map(|(_, after)| after),
    }
}

/// Reads a length and so many bytes; gives them and what follows.
#[inline(always)]
pub fn delimited(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, after) = varint(bytes)?;
    after.split_at_checked(usize::try_from(len).ok()?)
}

/// Reads a varint; gives it and what follows.
#[inline(always)]
pub fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    // Almost all tags have one byte, almost all lengths one or two.
    match bytes {
        [low, after @ ..] if *low < 0x80 => Some((u64::from(*low), after)),
        [low, high, after @ ..] if *high < 0x80 => Some((u64::from(*low & 0x7f) | u64::from(*high) << 7, after)),
        _ => long_varint(bytes),
    }
}

#[inline(never)]
fn long_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    let mut rest = bytes;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        rest = after;
        if *byte < 0x80 {
            // The tenth byte has room for one bit.
            return (shift < 63 || *byte <= 1).then_some((value, rest));
        }
    }
    None
}

/// The bytes of the group `number` up to its end tag, and what follows that.
#[cold]
fn group(number: u32, bytes: &[u8], depth: u32) -> Option<(&[u8], &[u8])> {
    let depth = depth.checked_sub(1)?;
    let mut rest = bytes;
    loop {
        let (inner, wire, after) = tag(rest)?;
        if wire == END_GROUP {
            let body = bytes.get(..bytes.len() - rest.len())?;
            return (inner == number).then_some((body, after));
        }
        rest = skip(inner, wire, after, depth)?;
    }
}

/// Key and value of a `KeyValue` that is written as everyone writes it: both once, in order, shorter than 128 bytes. Reads an
/// attribute in half the time that its fields take one by one.
#[inline(always)]
pub(crate) fn plain_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0a, len @ 0..0x80, rest @ ..] = pair else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*len))?;
    match rest {
        [0x12, len @ 0..0x80, value @ ..] if value.len() == usize::from(*len) => Some((key, value)),
        _ => None,
    }
}

/// The text of an `AnyValue` that holds a string shorter than 128 bytes and nothing else.
#[inline(always)]
pub(crate) fn plain_text(any_value: &[u8]) -> Option<&[u8]> {
    match any_value {
        [0x0a, len @ 0..0x80, text @ ..] if text.len() == usize::from(*len) => Some(text),
        _ => None,
    }
}

/// The value of a `sint32` or `sint64`.
#[inline(always)]
pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// The varint of a `sint32` or `sint64`.
#[inline(always)]
pub const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// How many bytes a varint takes.
#[inline(always)]
pub const fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a varint.
#[inline(always)]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field's tag.
#[inline(always)]
pub fn put_tag(out: &mut Vec<u8>, number: u32, wire: u8) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire));
}

/// Appends the tag and the length of a length-delimited field; its `len` bytes must follow.
#[inline(always)]
pub fn put_prefix(out: &mut Vec<u8>, number: u32, len: usize) {
    put_tag(out, number, LEN);
    put_varint(out, len as u64);
}

/// Appends a whole length-delimited field.
#[inline(always)]
pub fn put_bytes(out: &mut Vec<u8>, number: u32, body: &[u8]) {
    put_prefix(out, number, body.len());
    out.extend_from_slice(body);
}

/// How many bytes a length-delimited field takes whose content has `len` bytes, tag and length included.
#[inline(always)]
pub const fn framed_len(number: u32, len: usize) -> usize {
    varint_len((number as u64) << 3) + varint_len(len as u64) + len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_at_every_width() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                assert_eq!(out.len(), varint_len(value));
                assert_eq!(varint(&out), Some((value, &[][..])));
            }
        }
    }

    #[test]
    fn zigzag_round_trips() {
        for value in [0, -1, 1, i64::MIN, i64::MAX, -12345] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
        assert_eq!((zigzag(-1), zigzag(1)), (1, 2));
    }

    #[test]
    fn what_is_no_field_ends_the_iteration() {
        let cases: [(&str, &[u8]); 10] = [
            ("truncated varint", &[0x08, 0x80]),
            ("varint of eleven bytes", &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
            ("varint beyond 64 bits", &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2]),
            ("length beyond the end", &[0x0a, 2, 0]),
            ("huge length", &[0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
            ("truncated fixed64", &[0x09, 0, 0, 0]),
            ("truncated fixed32", &[0x0d, 0, 0, 0]),
            ("field number 0", &[0x00, 0x00]),
            ("wire type 6", &[0x0e, 0x00]),
            ("end of a group that never began", &[0x0c]),
        ];
        for (name, bytes) in cases {
            let mut fields = fields(bytes);
            assert_eq!(fields.next(), None, "{name}");
            assert_eq!(fields.rest(), bytes, "{name}");
        }
    }

    #[test]
    fn groups_are_fields_too() {
        // Group 1 with a varint and an empty group 2 inside, then field 3.
        let bytes = [0x0b, 0x08, 0x05, 0x13, 0x14, 0x0c, 0x18, 0x07];
        let all: Vec<_> = fields(&bytes).map(|field| (field.number, field.payload)).collect();
        assert_eq!(all, [(1, Payload::Group(&[0x08, 0x05, 0x13, 0x14])), (3, Payload::Varint(7))]);
        assert_eq!(fields(&[0x0b, 0x14]).next(), None, "closed by another number");
        assert_eq!(fields(&[0x0b; 1000]).next(), None, "nested without end");
    }

    #[test]
    fn a_length_delimited_field_has_the_length_foretold() {
        for len in [0, 1, 127, 128, 20_000] {
            for number in [1, 15, 16, 3000] {
                let mut out = Vec::new();
                put_bytes(&mut out, number, &vec![7; len]);
                assert_eq!(out.len(), framed_len(number, len));
                let field = fields(&out).next().unwrap();
                assert_eq!(
                    (field.number, field.payload.bytes().unwrap().len(), field.framed.len()),
                    (number, len, out.len())
                );
            }
        }
    }
}
