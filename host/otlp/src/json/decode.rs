//! JSON to wire bytes, by the schema, in one pass over the text.

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

use crate::schema::{Field, Kind, Message};
use crate::wire;

/// The bytes written so far, and where in the message the reading stands.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: Vec<u8>,
    /// Left as it is when reading fails, so that the error can tell.
    at: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Field(&'static str),
    Item(usize),
}

impl Writer {
    pub(super) fn root(&mut self, kind: &'static Message) -> Root<'_> {
        Root { writer: self, kind }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// As in `resourceSpans[0].resource`.
    pub(super) fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.at {
            // Writing to a string does not fail.
            _ = match step {
                Step::Field(name) if path.is_empty() => write!(path, "{name}"),
                Step::Field(name) => write!(path, ".{name}"),
                Step::Item(at) => write!(path, "[{at}]"),
            };
        }
        path
    }

    /// Writes what `body` writes as a length-delimited field.
    fn framed<T, E>(&mut self, number: u32, body: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let start = self.out.len();
        let result = body(self)?;
        let end = self.out.len();
        // The length is known only now: write it behind, and turn the two around.
        wire::put_prefix(&mut self.out, number, end - start);
        let prefix = self.out.len() - end;
        if let Some(field) = self.out.get_mut(start..) {
            field.rotate_right(prefix);
        }
        Ok(result)
    }

    fn fields<'de, A: MapAccess<'de>>(&mut self, kind: &'static Message, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key(kind))? {
            let Some(field) = key else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            self.at.push(Step::Field(field.name));
            map.next_value_seed(Value { writer: self, field, place: Place::Field })?;
            self.at.pop();
        }
        Ok(())
    }
}

/// A whole message, which must be an object.
pub(super) struct Root<'w> {
    writer: &'w mut Writer,
    kind: &'static Message,
}

impl<'de> DeserializeSeed<'de> for Root<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<(), D::Error> {
        text.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Root<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object ({})", self.kind.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.writer.fields(self.kind, map)
    }
}

/// A key of an object: the field of that name, if the message has one.
struct Key(&'static Message);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Self::Value, D::Error> {
        text.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.fields.iter().find(|field| field.name == key || is_snake_case(field.name, key)))
    }
}

/// Whether `key` is the camelCase `name` in `snake_case`.
fn is_snake_case(name: &str, key: &str) -> bool {
    let snake = name.chars().flat_map(|char| {
        let underscore = char.is_ascii_uppercase().then_some('_');
        underscore.into_iter().chain([char.to_ascii_lowercase()])
    });
    key.contains('_') && key.chars().eq(snake)
}

/// Where a value stands, which decides what is written around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// After a key.
    Field,
    /// In a list of messages or strings: each has its tag.
    Item,
    /// In a list of numbers: only their bytes.
    Packed,
}

/// The value of a field.
struct Value<'w> {
    writer: &'w mut Writer,
    field: &'static Field,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<(), D::Error> {
        text.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_list() {
            return f.write_str("a list");
        }
        match self.field.kind {
            Kind::Bool => f.write_str("true or false"),
            Kind::Int32 | Kind::Sint32 => f.write_str("a 32-bit integer"),
            Kind::Uint32 | Kind::Fixed32 => f.write_str("an unsigned 32-bit integer"),
            Kind::Int64 | Kind::Sfixed64 => f.write_str("a 64-bit integer, as a string or a number"),
            Kind::Uint64 | Kind::Fixed64 => f.write_str("an unsigned 64-bit integer, as a string or a number"),
            Kind::Double => f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\""),
            Kind::Enum(names) => write!(f, "a number or a name like {}", names.last().unwrap_or(&"")),
            Kind::String => f.write_str("a string"),
            Kind::Bytes => f.write_str("a string in base64"),
            Kind::Id(len) => write!(f, "{} hexadecimal digits or an empty string", len * 2),
            Kind::Message(message) => write!(f, "an object ({})", message.name),
        }
    }

    /// The same as absent; in a list of messages an empty one, so that the others keep their places.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match (self.place, self.field.kind) {
            (Place::Field, _) => Ok(()),
            (Place::Item, Kind::Message(_)) => self.writer.framed(self.field.number, |_| Ok(())),
            _ => Err(E::invalid_type(Unexpected::Unit, &self)),
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.field.kind {
            Kind::Bool if !self.is_list() => self.varint(u64::from(value)),
            _ => return Err(E::invalid_type(Unexpected::Bool(value), &self)),
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.integer(value.into(), Unexpected::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.integer(value.into(), Unexpected::Unsigned(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match (self.field.kind, integral(value)) {
            (Kind::Double, _) if !self.is_list() => {
                self.fixed64(value.to_bits());
                Ok(())
            }
            (_, Some(whole)) => self.integer(whole, Unexpected::Float(value)),
            _ => Err(E::invalid_type(Unexpected::Float(value), &self)),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        let unexpected = Unexpected::Str(value);
        if self.is_list() {
            return Err(E::invalid_type(unexpected, &self));
        }
        match self.field.kind {
            Kind::String => self.bytes(value.as_bytes()),
            Kind::Bytes => match BASE64.decode(value.replace('-', "+").replace('_', "/")) {
                Ok(bytes) => self.bytes(&bytes),
                Err(_) => return Err(E::invalid_value(unexpected, &self)),
            },
            Kind::Id(len) => match hex(value).filter(|id| id.is_empty() || id.len() == len) {
                Some(id) => self.bytes(&id),
                None => return Err(E::invalid_value(unexpected, &self)),
            },
            Kind::Double => match double(value) {
                Some(number) => self.fixed64(number.to_bits()),
                None => return Err(E::invalid_value(unexpected, &self)),
            },
            Kind::Enum(names) => match names.iter().position(|name| *name == value) {
                Some(number) => self.varint(number as u64),
                None => return Err(E::invalid_value(unexpected, &self)),
            },
            Kind::Bool | Kind::Message(_) => return Err(E::invalid_type(unexpected, &self)),
            _ => match value.parse().ok().or_else(|| integral(value.parse().ok()?)) {
                Some(number) => return self.integer(number, unexpected),
                None => return Err(E::invalid_value(unexpected, &self)),
            },
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.field.kind {
            Kind::Message(kind) if !self.is_list() => {
                self.writer.framed(self.field.number, |writer| writer.fields(kind, map))
            }
            _ => Err(A::Error::invalid_type(Unexpected::Map, &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        if !self.is_list() {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        let field = self.field;
        if field.kind.wire() == wire::LEN {
            list(self.writer, field, Place::Item, items)
        } else {
            self.writer.framed(field.number, |writer| list(writer, field, Place::Packed, items))
        }
    }
}

fn list<'de, A: SeqAccess<'de>>(
    writer: &mut Writer,
    field: &'static Field,
    place: Place,
    mut items: A,
) -> Result<(), A::Error> {
    for at in 0.. {
        writer.at.push(Step::Item(at));
        let item = items.next_element_seed(Value { writer, field, place })?;
        writer.at.pop();
        if item.is_none() {
            break;
        }
    }
    Ok(())
}

impl Value<'_> {
    /// Whether a list must stand here.
    fn is_list(&self) -> bool {
        self.field.repeated && self.place == Place::Field
    }

    fn integer<E: Error>(mut self, value: i128, unexpected: Unexpected<'_>) -> Result<(), E> {
        if self.is_list() {
            return Err(E::invalid_type(unexpected, &self));
        }
        let signed = |bits: u32| (-(1 << (bits - 1))..1 << (bits - 1)).contains(&value);
        let unsigned = |bits: u32| (0..1_i128 << bits).contains(&value);
        match self.field.kind {
            Kind::Double => self.fixed64((value as f64).to_bits()),
            Kind::Int32 | Kind::Enum(_) if signed(32) => self.varint(value as u64),
            Kind::Int64 if signed(64) => self.varint(value as u64),
            Kind::Sint32 if signed(32) => self.varint(wire::zigzag(value as i64)),
            Kind::Uint32 if unsigned(32) => self.varint(value as u64),
            Kind::Uint64 if unsigned(64) => self.varint(value as u64),
            Kind::Sfixed64 if signed(64) => self.fixed64(value as u64),
            Kind::Fixed64 if unsigned(64) => self.fixed64(value as u64),
            Kind::Fixed32 if unsigned(32) => {
                self.tag();
                self.writer.out.extend((value as u32).to_le_bytes());
            }
            Kind::Bool | Kind::String | Kind::Bytes | Kind::Id(_) | Kind::Message(_) => {
                return Err(E::invalid_type(unexpected, &self));
            }
            _ => return Err(E::invalid_value(unexpected, &self)),
        }
        Ok(())
    }

    fn tag(&mut self) {
        if self.place != Place::Packed {
            wire::put_tag(&mut self.writer.out, self.field.number, self.field.kind.wire());
        }
    }

    fn varint(mut self, value: u64) {
        self.tag();
        wire::put_varint(&mut self.writer.out, value);
    }

    fn fixed64(mut self, value: u64) {
        self.tag();
        self.writer.out.extend(value.to_le_bytes());
    }

    fn bytes(self, value: &[u8]) {
        wire::put_bytes(&mut self.writer.out, self.field.number, value);
    }
}

/// With or without padding; the caller has turned the URL-safe letters into the others.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
            _ => None,
        })
        .collect()
}

fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// A number written with fraction or exponent that is a whole one none the less.
fn integral(value: f64) -> Option<i128> {
    (value.fract() == 0.0).then_some(value as i128)
}
