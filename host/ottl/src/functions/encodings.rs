//! Encodings of bytes as text, and of text as bytes.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::{Encoding, UTF_16LE};

use super::arguments::{owned, string};
use super::{Argument, Function, Literals, Made, Parameter, pure};
use crate::Value;

/// Base64 and the character sets.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "Base64Decode",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| decode_base64(&PADDED, string(&a[0])?.as_bytes())),
    },
    Function {
        name: "Base64Encode",
        parameters: &[Parameter::required("target"), Parameter::optional_literal("variant")],
        make: |literals| {
            let name = literals.text(1)?.unwrap_or("base64");
            let engine = base64_of(name).ok_or_else(|| {
                format!("unsupported base64 variant: {name}, use base64, base64-raw, base64-url or base64-raw-url")
            })?;
            pure(move |a| Ok(owned(engine.encode(string(&a[0])?.as_bytes()))))
        },
    },
    Function {
        name: "Decode",
        parameters: &[Parameter::required("target"), Parameter::required("encoding")],
        make: decode,
    },
];

static PADDED: GeneralPurpose = base64_engine(&STANDARD, true);
static RAW: GeneralPurpose = base64_engine(&STANDARD, false);
static URL: GeneralPurpose = base64_engine(&URL_SAFE, true);
static RAW_URL: GeneralPurpose = base64_engine(&URL_SAFE, false);

/// As lenient with the last bits as Go.
const fn base64_engine(alphabet: &Alphabet, is_padded: bool) -> GeneralPurpose {
    let padding = if is_padded { DecodePaddingMode::RequireCanonical } else { DecodePaddingMode::RequireNone };
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(is_padded)
        .with_decode_padding_mode(padding)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

fn base64_of(name: &str) -> Option<&'static GeneralPurpose> {
    Some(match name {
        "base64" => &PADDED,
        "base64-raw" => &RAW,
        "base64-url" => &URL,
        "base64-raw-url" => &RAW_URL,
        _ => return None,
    })
}

/// What bytes are decoded with.
#[derive(Clone, Copy)]
enum Decoder {
    Base64(&'static GeneralPurpose),
    /// The bytes are UTF-8, or a part of it.
    None,
    /// Every byte is the character of its number.
    Latin1,
    Charset(&'static Encoding),
}

impl Decoder {
    fn named(name: &str) -> Result<Self, String> {
        if let Some(engine) = base64_of(name) {
            return Ok(Self::Base64(engine));
        }
        Ok(match &*name.to_ascii_lowercase() {
            "utf-8" | "utf8" | "ascii" | "us-ascii" | "nop" | "" => Self::None,
            // Without a mark of the byte order Go takes the little end first.
            "utf-16" | "utf16" => Self::Charset(UTF_16LE),
            // The web's labels mean windows-1252 by these.
            "iso-8859-1" | "iso_8859-1" | "iso8859-1" | "latin1" | "l1" | "cp819" | "ibm819" => Self::Latin1,
            label => {
                let encoding = Encoding::for_label_no_replacement(label.as_bytes());
                Self::Charset(encoding.ok_or_else(|| format!("unsupported encoding '{name}'"))?)
            }
        })
    }

    fn decode<'a>(self, bytes: &[u8]) -> Result<Value<'a>, String> {
        Ok(match self {
            Self::Base64(engine) => return decode_base64(engine, bytes),
            Self::None => owned(String::from_utf8_lossy(bytes)),
            Self::Latin1 => owned(bytes.iter().map(|byte| char::from(*byte)).collect::<String>()),
            Self::Charset(encoding) => owned(encoding.decode_without_bom_handling(bytes).0),
        })
    }
}

/// Line breaks are skipped.
fn decode_base64<'a>(engine: &GeneralPurpose, bytes: &[u8]) -> Result<Value<'a>, String> {
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let unbroken = match bytes.iter().any(is_break) {
        true => Cow::Owned(bytes.iter().copied().filter(|byte| !is_break(byte)).collect::<Vec<_>>()),
        false => Cow::Borrowed(bytes),
    };
    let decoded = engine.decode(&*unbroken).map_err(|error| format!("could not decode: {error}"))?;
    Ok(owned(String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())))
}

fn decode(literals: &Literals<'_>) -> Made {
    let written = match &literals.0[1] {
        Argument::Literal(value) => Some(Decoder::named(string(value)?)?),
        _ => None,
    };
    pure(move |a| {
        let bytes = match &a[0] {
            Value::Str(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            other => return Err(format!("unsupported type provided to Decode function: {}", other.type_name())),
        };
        written.map_or_else(|| Decoder::named(string(&a[1])?), Ok)?.decode(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{b, check, s};
    use crate::Value::{Int, Nil};

    #[test]
    fn speaks_base64() {
        check(&[
            ("Base64Encode", &[s("test string")], Ok(s("dGVzdCBzdHJpbmc="))),
            ("Base64Encode", &[s("\u{7ff}?>"), s("base64")], Ok(s("378/Pg=="))),
            ("Base64Encode", &[s("\u{7ff}?>"), s("base64-url")], Ok(s("378_Pg=="))),
            ("Base64Encode", &[s("\u{7ff}?>"), s("base64-raw")], Ok(s("378/Pg"))),
            ("Base64Encode", &[s("\u{7ff}?>"), s("base64-raw-url")], Ok(s("378_Pg"))),
            ("Base64Encode", &[s("a"), s("base32")], Err("unsupported base64 variant: base32")),
            ("Base64Encode", &[Nil], Err("expected string but got nil")),
            ("Base64Decode", &[s("aGVsbG8gd29ybGQ=")], Ok(s("hello world"))),
            ("Base64Decode", &[s("aGVs\r\nbG8=\n")], Ok(s("hello"))),
            ("Base64Decode", &[s("aGVsbG8")], Err("could not decode: ")),
            ("Base64Decode", &[Int(1)], Err("expected string but got int64")),
            ("Decode", &[s("aGVsbG8gd29ybGQ="), s("base64")], Ok(s("hello world"))),
            ("Decode", &[b(b"aGVsbG8"), s("base64-raw")], Ok(s("hello"))),
            ("Decode", &[s("378_Pg=="), s("base64-url")], Ok(s("\u{7ff}?>"))),
            ("Decode", &[s("378_Pg"), s("base64-raw-url")], Ok(s("\u{7ff}?>"))),
            ("Decode", &[s("/w=="), s("base64")], Ok(s("\u{fffd}"))),
            ("Decode", &[s("!"), s("base64")], Err("could not decode: ")),
        ]);
    }

    #[test]
    fn reads_character_sets() {
        check(&[
            ("Decode", &[s("test"), s("us-ascii")], Ok(s("test"))),
            ("Decode", &[b("é".as_bytes()), s("UTF-8")], Ok(s("é"))),
            ("Decode", &[b(&[0xe9, 0x80]), s("ISO-8859-1")], Ok(s("é\u{80}"))),
            ("Decode", &[b(&[0xe9, 0x80]), s("windows-1252")], Ok(s("é€"))),
            ("Decode", &[b(&[0xe9, 0]), s("utf-16")], Ok(s("é"))),
            ("Decode", &[b(&[0, 0xe9]), s("UTF-16BE")], Ok(s("é"))),
            ("Decode", &[b(&[0x82, 0xb1]), s("Shift_JIS")], Ok(s("こ"))),
            ("Decode", &[b(&[0xc4, 0xe3]), s("GBK")], Ok(s("你"))),
            ("Decode", &[s("a"), s("klingon")], Err("unsupported encoding 'klingon'")),
            ("Decode", &[Int(1), s("utf-8")], Err("unsupported type provided to Decode function: int64")),
            ("Decode", &[s("a"), Int(1)], Err("expected string but got int64")),
        ]);
    }
}
