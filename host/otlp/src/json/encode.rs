//! Wire bytes to JSON, by the schema.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use smallvec::SmallVec;

use crate::literal;
use crate::schema::{Field, Kind, Message};
use crate::wire::{self, Payload};

/// Writes a message that may lie in several pieces, as a decoder would merge them. The bytes have passed the check.
pub(super) fn message(kind: &'static Message, pieces: &[&[u8]], out: &mut String) {
    let mut found: SmallVec<[Found<'_>; 16]> = SmallVec::new();
    for field in pieces.iter().flat_map(|piece| wire::fields(piece)) {
        let place = kind.fields.iter().enumerate().find(|(_, known)| known.number == field.number);
        if let Some((place, known)) = place {
            found.push(Found { place, field: known, payload: field.payload });
        }
    }
    let chosen = found.iter().rfind(|found| found.field.alternative).map(|found| found.place);
    found.retain(|found| !found.field.alternative || Some(found.place) == chosen);
    // Stable: the values of one field stay in order.
    found.sort_by_key(|found| found.place);
    out.push('{');
    for (at, values) in found.chunk_by(|one, next| one.place == next.place).enumerate() {
        let Some(last) = values.last() else { continue };
        literal::separate(out, at);
        literal::string(out, last.field.name);
        out.push(':');
        match last.field.kind {
            kind if last.field.repeated => list(kind, values, out),
            Kind::Message(inner) => {
                let pieces: SmallVec<[&[u8]; 1]> = values.iter().filter_map(|value| value.payload.bytes()).collect();
                message(inner, &pieces, out);
            }
            kind => scalar(kind, last.payload, out),
        }
    }
    out.push('}');
}

/// A field on the wire, with its place in the schema, which is its place in JSON.
struct Found<'a> {
    place: usize,
    field: &'static Field,
    payload: Payload<'a>,
}

fn list(kind: Kind, values: &[Found<'_>], out: &mut String) {
    out.push('[');
    let mut written = 0;
    for value in values {
        match (kind, value.payload) {
            (Kind::Message(inner), Payload::Len(body)) => {
                literal::separate(out, written);
                written += 1;
                message(inner, &[body], out);
            }
            (kind, Payload::Len(body)) if kind.wire() != wire::LEN => {
                for value in packed(kind, body) {
                    literal::separate(out, written);
                    written += 1;
                    scalar(kind, value, out);
                }
            }
            (kind, value) => {
                literal::separate(out, written);
                written += 1;
                scalar(kind, value, out);
            }
        }
    }
    out.push(']');
}

/// The numbers in a packed list.
fn packed(kind: Kind, body: &[u8]) -> impl Iterator<Item = Payload<'_>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (value, after) = wire::value(kind.wire(), rest)?;
        rest = after;
        Some(value)
    })
}

fn scalar(kind: Kind, value: Payload<'_>, out: &mut String) {
    // Writing to a string does not fail.
    _ = match (kind, value) {
        (Kind::Bool, Payload::Varint(bits)) => write!(out, "{}", bits != 0),
        (Kind::Int32 | Kind::Enum(_), Payload::Varint(bits)) => write!(out, "{}", bits as i32),
        (Kind::Uint32, Payload::Varint(bits)) => write!(out, "{}", bits as u32),
        (Kind::Sint32, Payload::Varint(bits)) => write!(out, "{}", wire::unzigzag(bits) as i32),
        (Kind::Uint64, Payload::Varint(bits)) | (Kind::Fixed64, Payload::Fixed64(bits)) => write!(out, "\"{bits}\""),
        (Kind::Int64, Payload::Varint(bits)) | (Kind::Sfixed64, Payload::Fixed64(bits)) => {
            write!(out, "\"{}\"", bits as i64)
        }
        (Kind::Fixed32, Payload::Fixed32(bits)) => write!(out, "{bits}"),
        (Kind::Double, Payload::Fixed64(bits)) => {
            double(f64::from_bits(bits), out);
            Ok(())
        }
        (Kind::String, Payload::Len(text)) => {
            literal::string(out, &String::from_utf8_lossy(text));
            Ok(())
        }
        (Kind::Bytes, Payload::Len(bytes)) => {
            literal::string(out, &STANDARD.encode(bytes));
            Ok(())
        }
        (Kind::Id(_), Payload::Len(bytes)) => {
            out.push('"');
            bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}")).and_then(|()| out.write_char('"'))
        }
        // The check has refused a field of another wire type.
        _ => out.write_str("null"),
    };
}

fn double(value: f64, out: &mut String) {
    if literal::number(out, value).is_none() {
        out.push_str(if value.is_nan() {
            "\"NaN\""
        } else if value > 0.0 {
            "\"Infinity\""
        } else {
            "\"-Infinity\""
        });
    }
}
