//! Single fields of messages, read without the rest. Where a field that should stand once stands several times, the last one
//! counts.

use tailrace_otlp::walk;
use tailrace_otlp::wire::{self, Payload};

/// The bytes of a field; none if it is not there.
#[inline]
pub(crate) fn bytes(message: &[u8], number: u32) -> &[u8] {
    walk::children(message, number).last().map_or(&[], |(_, body)| body)
}

/// The bits of a number, if it is there.
#[inline]
pub(crate) fn bits(message: &[u8], number: u32) -> Option<u64> {
    let mut found = None;
    for field in wire::fields(message).filter(|field| field.number == number) {
        found = match field.payload {
            Payload::Varint(value) | Payload::Fixed64(value) => Some(value),
            Payload::Fixed32(value) => Some(value.into()),
            Payload::Len(_) | Payload::Group(_) => found,
        };
    }
    found
}

/// The bits of a number; zeros if it is not there.
#[inline]
pub(crate) fn scalar(message: &[u8], number: u32) -> u64 {
    bits(message, number).unwrap_or_default()
}

/// A `double`, if it is there.
pub(crate) fn double(message: &[u8], number: u32) -> Option<f64> {
    bits(message, number).map(f64::from_bits)
}

/// Repeated numbers of a wire type, packed or one by one.
pub(crate) fn numbers(message: &[u8], number: u32, wire: u8) -> Vec<u64> {
    let mut all = Vec::new();
    for field in wire::fields(message).filter(|field| field.number == number) {
        match field.payload {
            Payload::Varint(value) | Payload::Fixed64(value) => all.push(value),
            Payload::Len(packed) if wire == wire::FIXED64 => {
                all.extend(packed.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)));
            }
            Payload::Len(mut packed) => {
                while let Some((value, after)) = wire::varint(packed) {
                    all.push(value);
                    packed = after;
                }
            }
            Payload::Group(_) | Payload::Fixed32(_) => {}
        }
    }
    all
}

/// Repeated `double`s.
pub(crate) fn doubles(message: &[u8], number: u32) -> Vec<f64> {
    numbers(message, number, wire::FIXED64).into_iter().map(f64::from_bits).collect()
}

/// Numbers of eight bytes, packed.
pub(crate) fn packed_fixed(bits: impl Iterator<Item = u64>) -> Vec<u8> {
    bits.flat_map(u64::to_le_bytes).collect()
}

/// Varints, packed.
pub(crate) fn packed_varints(values: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut packed = Vec::new();
    values.for_each(|value| wire::put_varint(&mut packed, value));
    packed
}
