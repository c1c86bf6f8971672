//! Consistent probability sampling in the W3C `tracestate`: the member `ot` with `th`, the threshold under which a span was sampled,
//! and `rv`, the randomness that thresholds are held against. With it, spans that are left can be extrapolated to those that were.
//!
//! Takes what `pkg/sampling` of the Go collector takes and writes what it writes; on any bytes, nothing here panics.
//!
//! ```
//! use tailrace_otlp::tracestate::{Sampling, Threshold, with_threshold};
//!
//! let half = Threshold::of_share(0.5);
//! assert_eq!(half.to_string(), "8");
//! assert!(half.samples(0x80_0000_0000_0000) && !half.samples(0x7f_ffff_ffff_ffff));
//! assert_eq!(with_threshold(b"vendor=1", half), Ok(Some("ot=th:8,vendor=1".to_owned())));
//! // What was thinned more already stays as it is.
//! assert_eq!(with_threshold(b"ot=th:c", half), Ok(None));
//! assert_eq!(Sampling::read(b"ot=th:c;rv:00000000000001").map(|read| read.rv), Ok(Some(1)));
//! ```

use std::fmt::{self, Write as _};

/// Digits of a threshold and of a randomness: 56 bits.
const DIGITS: usize = 14;
/// Bytes of a `tracestate`, and of its member `ot`, beyond which they are not read.
const MAX_BYTES: usize = 1024;
const MAX_OT_BYTES: usize = 256;
/// W3C allows 32; the Go collector reads one fewer, and so leaves room for `ot`.
const MAX_MEMBERS: usize = 31;

/// How many of the 2^56 random values are rejected: the `th` of a sampler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u64);

impl Threshold {
    /// Rejects nothing.
    pub const ALWAYS: Self = Self(0);
    /// Rejects everything. Has no text: nothing that is sampled carries it.
    pub const NEVER: Self = Self(1 << 56);

    /// So many values are rejected; from 2^56 on, all.
    pub const fn new(rejected: u64) -> Self {
        if rejected >= Self::NEVER.0 { Self::NEVER } else { Self(rejected) }
    }

    /// The threshold that leaves this share, from 0 to 1. What is smaller than any threshold can say leaves nothing.
    pub fn of_share(share: f64) -> Self {
        let all = Self::NEVER.0 as f64;
        if share >= 1.0 {
            Self::ALWAYS
        } else if share >= 1.0 / all {
            Self(Self::NEVER.0 - (share * all).round() as u64)
        } else {
            Self::NEVER
        }
    }

    /// The share that it leaves.
    pub fn share(self) -> f64 {
        (Self::NEVER.0 - self.0) as f64 / Self::NEVER.0 as f64
    }

    /// How many values are rejected.
    pub const fn rejected(self) -> u64 {
        self.0
    }

    /// Whether a trace of this randomness is sampled.
    pub const fn samples(self, randomness: u64) -> bool {
        self.0 <= randomness
    }

    /// Reads the text of a `th`: up to 14 hex digits, zeros at the end left out.
    fn parse(text: &[u8]) -> Option<Self> {
        let digits = (1..=DIGITS).contains(&text.len()).then(|| hex(text)).flatten()?;
        Some(Self(digits << (4 * (DIGITS - text.len()))))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ALWAYS => f.write_char('0'),
            Self::NEVER => Ok(()),
            Self(rejected) => f.write_str(format!("{rejected:014x}").trim_end_matches('0')),
        }
    }
}

/// The randomness of a trace whose `tracestate` gives none: the low 56 bits of its id.
pub fn randomness(trace_id: [u8; 16]) -> u64 {
    u128::from_be_bytes(trace_id) as u64 & (Threshold::NEVER.0 - 1)
}

/// It is no `tracestate`, or none that the member `ot` can be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed tracestate")]
pub struct Malformed;

/// What a `tracestate` says of sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    /// The threshold under which the span was sampled.
    pub th: Option<Threshold>,
    /// The randomness of its trace.
    pub rv: Option<u64>,
}

impl Sampling {
    /// Reads a `tracestate`, which may be empty.
    ///
    /// # Errors
    /// If it is malformed anywhere, in members of others too.
    pub fn read(state: &[u8]) -> Result<Self, Malformed> {
        read(state).map(|parts| parts.sampling)
    }
}

/// A `tracestate` that says `threshold`; `None` if a stricter one is there already, which stands. The member moves to the front.
///
/// # Errors
/// As in [`Sampling::read`]: what can not be read can not be changed.
pub fn with_threshold(state: &[u8], threshold: Threshold) -> Result<Option<String>, Malformed> {
    let Parts { sampling, ot_rest, rest } = read(state)?;
    if sampling.th.is_some_and(|stricter| stricter > threshold) {
        return Ok(None);
    }
    let rv = sampling.rv.map(|rv| format!("rv:{rv:014x}"));
    let th = (threshold != Threshold::NEVER).then(|| format!("th:{threshold}"));
    let ot: Vec<_> = rv.iter().chain(&th).map(String::as_str).chain(ot_rest).collect();
    let ot = (!ot.is_empty()).then(|| format!("ot={}", ot.join(";")));
    Ok(Some(ot.iter().map(String::as_str).chain(rest).collect::<Vec<_>>().join(",")))
}

#[derive(Default)]
struct Parts<'a> {
    sampling: Sampling,
    /// Items of `ot` that are neither threshold nor randomness.
    ot_rest: Vec<&'a str>,
    /// Members of others.
    rest: Vec<&'a str>,
}

fn read(state: &[u8]) -> Result<Parts<'_>, Malformed> {
    let mut parts = Parts::default();
    if state.is_empty() {
        return Ok(parts);
    }
    let state = str::from_utf8(state).ok().filter(|state| state.len() <= MAX_BYTES).ok_or(Malformed)?;
    // An empty member at the very end does not count as one.
    let members = state.strip_suffix(',').unwrap_or(state).split(',');
    for (place, member) in members.enumerate() {
        let member = member.trim_matches([' ', '\t']);
        if place >= MAX_MEMBERS {
            return Err(Malformed);
        }
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=').ok_or(Malformed)?;
        if !is_key(key) || !is_value(value) {
            return Err(Malformed);
        }
        if key == "ot" {
            (parts.sampling, parts.ot_rest) = read_ot(value)?;
        } else {
            parts.rest.push(member);
        }
    }
    Ok(parts)
}

fn read_ot(value: &str) -> Result<(Sampling, Vec<&str>), Malformed> {
    let mut sampling = Sampling::default();
    let mut rest = Vec::new();
    if value.len() > MAX_OT_BYTES {
        return Err(Malformed);
    }
    for item in value.split(';') {
        let (key, value) = item.split_once(':').ok_or(Malformed)?;
        if !is_ot_key(key) || !value.bytes().all(is_ot_value_byte) {
            return Err(Malformed);
        }
        match key {
            "th" => sampling.th = Some(Threshold::parse(value.as_bytes()).ok_or(Malformed)?),
            "rv" if value.len() == DIGITS => sampling.rv = Some(hex(value.as_bytes()).ok_or(Malformed)?),
            "rv" => return Err(Malformed),
            _ => rest.push(item),
        }
    }
    Ok((sampling, rest))
}

fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | u64::from((*digit as char).to_digit(16)?)))
}

/// `key`, or `tenant@system`.
fn is_key(key: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase();
    match key.split_once('@') {
        None => is_key_part(key, 256, letter),
        Some((tenant, system)) => {
            let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            is_key_part(tenant, 241, first) && is_key_part(system, 14, letter)
        }
    }
}

fn is_key_part(part: &str, max_bytes: usize, first: impl Fn(u8) -> bool) -> bool {
    let rest = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
    part.len() <= max_bytes && part.bytes().next().is_some_and(first) && part.bytes().skip(1).all(rest)
}

fn is_value(value: &str) -> bool {
    let inner = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(inner) && !value.ends_with(' ')
}

fn is_ot_key(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_ot_value_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests;
