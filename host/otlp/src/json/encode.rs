//! Wire bytes to JSON, by the schema.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::literal;
use crate::schema::{Field, Kind, Message};
use crate::wire::{self, Payload};

/// Writes a message that may lie in several pieces, as a decoder would merge them. The bytes have passed the check.
pub(super) fn message(kind: &'static Message, pieces: &[&[u8]], out: &mut String) {
    let all = || pieces.iter().flat_map(|piece| wire::fields(piece));
    let is_alternative = |number| kind.field(number).is_some_and(|field| field.alternative);
    let chosen = all().map(|field| field.number).filter(|number| is_alternative(*number)).last();
    out.push('{');
    let mut written = 0;
    for field in kind.fields.iter().filter(|field| !field.alternative || Some(field.number) == chosen) {
        let values: Vec<Payload<'_>> =
            all().filter(|found| found.number == field.number).map(|found| found.payload).collect();
        let Some(last) = values.last() else { continue };
        literal::separate(out, written);
        written += 1;
        literal::string(out, field.name);
        out.push(':');
        match field.kind {
            _ if field.repeated => list(field, &values, out),
            Kind::Message(inner) => {
                let pieces: Vec<&[u8]> = values.iter().filter_map(|value| value.bytes()).collect();
                message(inner, &pieces, out);
            }
            _ => scalar(field.kind, *last, out),
        }
    }
    out.push('}');
}

fn list(field: &Field, values: &[Payload<'_>], out: &mut String) {
    out.push('[');
    let mut written = 0;
    for value in values {
        match (field.kind, value) {
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
                scalar(kind, *value, out);
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
