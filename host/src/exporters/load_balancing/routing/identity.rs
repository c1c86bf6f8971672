//! The Go collector's identities of resources and time series (its packages `identity` and `pdatautil`).

use std::collections::BTreeMap;

use tailrace_otlp::view::Value;
use twox_hash::XxHash64;

/// FNV-1a of 64 bits, of what has been written so far.
#[derive(Clone, Copy)]
pub(super) struct Identity(u64);

impl Default for Identity {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Identity {
    /// The identity of something within this.
    pub(super) fn with(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    pub(super) fn sum(self) -> u64 {
        self.0
    }
}

/// Before a key, and before each type of value.
mod mark {
    pub(super) const SECOND_HALF: u8 = 0xf3;
    pub(super) const KEY: u8 = 0xf4;
    pub(super) const EMPTY: u8 = 0xf5;
    pub(super) const BYTES: u8 = 0xf6;
    pub(super) const STR: u8 = 0xf7;
    pub(super) const TRUE: u8 = 0xf8;
    pub(super) const FALSE: u8 = 0xf9;
    pub(super) const INT: u8 = 0xfa;
    pub(super) const DOUBLE: u8 = 0xfb;
    pub(super) const MAP: u8 = 0xfc;
    pub(super) const MAP_END: u8 = 0xfd;
    pub(super) const SLICE: u8 = 0xfe;
    pub(super) const SLICE_END: u8 = 0xff;
}

/// Maps and lists nested deeper are left out; what passed admission stays below.
const MAX_NESTING: u32 = 64;

/// The hash of attributes, whatever their order.
pub(super) fn map_hash<'a>(attributes: impl Iterator<Item = (&'a [u8], Value<'a>)>) -> [u8; 16] {
    let mut bytes = Vec::new();
    write_entries(&mut bytes, attributes, MAX_NESTING);
    if bytes.is_empty() {
        return [0; 16];
    }
    let first = XxHash64::oneshot(0, &bytes);
    bytes.push(mark::SECOND_HALF);
    let second = XxHash64::oneshot(0, &bytes);
    (u128::from(first) | u128::from(second) << 64).to_le_bytes()
}

fn write_entries<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = (&'a [u8], Value<'a>)>, depth: u32) {
    let sorted: BTreeMap<_, _> = entries.collect();
    for (key, value) in sorted {
        write_text(out, mark::KEY, key);
        write_value(out, value, depth);
    }
}

fn write_value(out: &mut Vec<u8>, value: Value<'_>, depth: u32) {
    match value {
        Value::Empty => out.push(mark::EMPTY),
        Value::Str(text) => write_text(out, mark::STR, text),
        Value::Bytes(bytes) => write_text(out, mark::BYTES, bytes),
        Value::Bool(flag) => out.push(if flag { mark::TRUE } else { mark::FALSE }),
        Value::Int(number) => write_word(out, mark::INT, number as u64),
        Value::Double(number) => write_word(out, mark::DOUBLE, number.to_bits()),
        Value::Map(_) => {
            out.push(mark::MAP);
            if let Some(depth) = depth.checked_sub(1) {
                write_entries(out, value.entries(), depth);
            }
            out.push(mark::MAP_END);
        }
        Value::Array(_) => {
            out.push(mark::SLICE);
            if let Some(depth) = depth.checked_sub(1) {
                value.items().for_each(|item| write_value(out, item, depth));
            }
            out.push(mark::SLICE_END);
        }
    }
}

fn write_text(out: &mut Vec<u8>, mark: u8, text: &[u8]) {
    out.push(mark);
    tailrace_otlp::wire::put_varint(out, text.len() as u64);
    out.extend_from_slice(text);
}

fn write_word(out: &mut Vec<u8>, mark: u8, word: u64) {
    out.push(mark);
    out.extend_from_slice(&word.to_le_bytes());
}
