//! Ids: of traces, spans and profiles, and new ones.

use super::arguments::{owned, unsupported};
use super::{Function, Made, Parameter, World, made, pure};
use crate::Value;

/// Ids are bytes; those of UUIDs are text.
pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "ProfileID", parameters: TARGET, make: |_| id("ProfileID", 16) },
    Function { name: "SpanID", parameters: TARGET, make: |_| id("SpanID", 8) },
    Function { name: "TraceID", parameters: TARGET, make: |_| id("TraceID", 16) },
    Function { name: "UUID", parameters: &[], make: |_| made(|_, world| Ok(owned(uuid(random(world), 4)))) },
    Function { name: "UUIDv7", parameters: &[], make: |_| made(|_, world| Ok(owned(uuid(timed(world), 7)))) },
];

const TARGET: &[Parameter] = &[Parameter::required("target")];

/// An id of `len` bytes, or of twice as many hexadecimal digits.
fn id(name: &'static str, len: usize) -> Made {
    pure(move |a| {
        let given: &[u8] = match &a[0] {
            Value::Str(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            other => return Err(unsupported(other)),
        };
        if given.len() == len {
            return Ok(match &a[0] {
                Value::Bytes(bytes) => Value::Bytes(bytes.clone()),
                _ => Value::Bytes(given.to_vec().into()),
            });
        }
        if given.len() != 2 * len {
            return Err(format!("{name} needs {len} bytes or {} hexadecimal characters, not {}", 2 * len, given.len()));
        }
        let bytes = hex::decode(given).map_err(|error| format!("{name} is not hexadecimal: {error}"))?;
        Ok(Value::Bytes(bytes.into()))
    })
}

fn random(world: &World<'_>) -> u128 {
    (u128::from((world.random)()) << 64) | u128::from((world.random)())
}

/// The milliseconds of the request's time, then random bits.
fn timed(world: &World<'_>) -> u128 {
    let unix_ms = world.now_unix_ns.div_euclid(1_000_000) as u64;
    (u128::from(unix_ms) << 80) | (random(world) >> 48)
}

/// The text of a UUID of a version (RFC 9562).
fn uuid(bits: u128, version: u128) -> String {
    let bits = bits & !(0xf << 76) | (version << 76);
    let bits = bits & !(0b11 << 62) | (0b10 << 62);
    let digits = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{b, call, check, s};
    use crate::Value::{Int, Nil};

    #[test]
    fn reads_ids() {
        check(&[
            ("SpanID", &[b(&[1, 2, 3, 4, 5, 6, 7, 8])], Ok(b(&[1, 2, 3, 4, 5, 6, 7, 8]))),
            ("SpanID", &[s("0102030405060708")], Ok(b(&[1, 2, 3, 4, 5, 6, 7, 8]))),
            ("SpanID", &[s("010203040506070x")], Err("SpanID is not hexadecimal")),
            ("SpanID", &[s("0102")], Err("SpanID needs 8 bytes or 16 hexadecimal characters, not 4")),
            ("SpanID", &[b(&[0; 9])], Err("not 9")),
            ("TraceID", &[b(&[0; 16])], Ok(b(&[0; 16]))),
            (
                "TraceID",
                &[s("A389023abaa839283293ed323892389d")],
                call("TraceID", &[s("a389023abaa839283293ed323892389d")]).map_err(|_| ""),
            ),
            ("TraceID", &[s("")], Err("TraceID needs 16 bytes or 32 hexadecimal characters, not 0")),
            ("TraceID", &[Int(1)], Err("unsupported type: int64")),
            (
                "ProfileID",
                &[s("00000000000000000000000000000001")],
                Ok(b(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
            ),
            ("ProfileID", &[Nil], Err("unsupported type: nil")),
        ]);
    }

    #[test]
    fn makes_ids() {
        check(&[
            ("UUID", &[], Ok(s("00000000-0000-4001-8000-000000000002"))),
            ("UUIDv7", &[], Ok(s("0188580e-1095-7000-8000-000000010000"))),
        ]);
    }
}
