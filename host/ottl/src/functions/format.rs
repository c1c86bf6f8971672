//! `Format`: Go's `fmt.Sprintf`, its way of saying what is wrong in the text included.

mod verbs;

use super::arguments::{list, owned};
use super::text::append;
use super::{Function, Literals, Made, Parameter, pure};
use crate::Value;

/// One converter, with its own language.
pub(super) static FUNCTIONS: &[Function] = &[Function {
    name: "Format",
    parameters: &[Parameter::literal("format"), Parameter::required("vals")],
    make: format,
}];

fn format(literals: &Literals<'_>) -> Made {
    let pieces = pieces(literals.text(0)?.unwrap_or_default());
    pure(move |a| Ok(owned(print(&pieces, list(&a[1])?))))
}

/// A part of a format.
#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Directive(Directive),
}

/// What follows a per cent sign.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Directive {
    flags: Flags,
    width: Option<Size>,
    precision: Option<Size>,
    /// Which argument, from 1, if it is said; 0 is a bad one.
    index: Option<usize>,
    /// None where the format ends.
    verb: Option<char>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
}

/// A width or precision.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Size {
    Is(usize),
    /// That of an argument, which one if it is said.
    Argument(Option<usize>),
}

/// Go's bound is a million; a number out of a request must not make megabytes of spaces.
const MAX_SIZE: usize = 4096;

fn pieces(format: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(percent) = rest.find('%') {
        if percent > 0 {
            pieces.push(Piece::Text(rest[..percent].to_owned()));
        }
        let (directive, after) = directive(&rest[percent + 1..]);
        pieces.push(Piece::Directive(directive));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    pieces
}

fn directive(text: &str) -> (Directive, &str) {
    let mut directive = Directive::default();
    let mut rest = text;
    while let Some(flag) = rest.chars().next() {
        match flag {
            '+' => directive.flags.plus = true,
            '-' => directive.flags.minus = true,
            '#' => directive.flags.sharp = true,
            ' ' => directive.flags.space = true,
            '0' => directive.flags.zero = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    let mut index;
    (index, rest) = argument_index(rest);
    (directive.width, rest) = size(rest, &mut index);
    if let Some(after) = rest.strip_prefix('.') {
        let (own, after) = argument_index(after);
        index = own.or(index);
        let precision;
        (precision, rest) = size(after, &mut index);
        directive.precision = precision.or(Some(Size::Is(0)));
    }
    if index.is_none() {
        (index, rest) = argument_index(rest);
    }
    directive.index = index;
    directive.verb = rest.chars().next();
    let len = directive.verb.map_or(0, char::len_utf8);
    (directive, &rest[len..])
}

/// `[3]`.
fn argument_index(text: &str) -> (Option<usize>, &str) {
    let Some(after) = text.strip_prefix('[') else { return (None, text) };
    match after.split_once(']') {
        Some((number, rest)) => (Some(number.parse().unwrap_or_default()), rest),
        None => (Some(0), after),
    }
}

/// Digits, or a star that takes the index before it.
fn size<'t>(text: &'t str, index: &mut Option<usize>) -> (Option<Size>, &'t str) {
    if let Some(rest) = text.strip_prefix('*') {
        return (Some(Size::Argument(index.take())), rest);
    }
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..len].parse().ok();
    (number.map(Size::Is), &text[len..])
}

/// Where among the arguments the printing is.
struct Arguments<'v, 'a> {
    values: &'v [Value<'a>],
    next: usize,
    /// Whether an index was said: then Go does not mind arguments that are left.
    reordered: bool,
}

impl<'v, 'a> Arguments<'v, 'a> {
    fn take(&mut self, index: Option<usize>) -> Result<&'v Value<'a>, &'static str> {
        if let Some(index) = index {
            self.reordered = true;
            self.next = index.checked_sub(1).filter(|index| *index < self.values.len()).ok_or("BADINDEX")?;
        }
        let value = self.values.get(self.next).ok_or("MISSING")?;
        self.next += 1;
        Ok(value)
    }
}

fn print(pieces: &[Piece], values: &[Value<'_>]) -> String {
    let mut text = String::new();
    let mut arguments = Arguments { values, next: 0, reordered: false };
    for piece in pieces {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Directive(directive) => print_directive(directive, &mut arguments, &mut text),
        }
    }
    if !arguments.reordered && arguments.next < values.len() {
        let extra: Vec<_> = values[arguments.next..].iter().map(verbs::with_type).collect();
        append(&mut text, format_args!("%!(EXTRA {})", extra.join(", ")));
    }
    text
}

fn print_directive(directive: &Directive, arguments: &mut Arguments<'_, '_>, text: &mut String) {
    let mut flags = directive.flags;
    let width = match sized(directive.width, arguments) {
        Ok(width) => width,
        Err(()) => {
            text.push_str("%!(BADWIDTH)");
            None
        }
    };
    let width = width.map(|width| {
        flags.minus |= width < 0;
        width.unsigned_abs() as usize
    });
    let precision = match sized(directive.precision, arguments) {
        Ok(None) => None,
        Ok(Some(precision @ 0..)) => Some(precision as usize),
        Ok(Some(_)) | Err(()) => {
            text.push_str("%!(BADPREC)");
            None
        }
    };
    let Some(verb) = directive.verb else {
        text.push_str("%!(NOVERB)");
        return;
    };
    if verb == '%' {
        text.push('%');
        return;
    }
    match arguments.take(directive.index) {
        Err(why) => append(text, format_args!("%!{verb}({why})")),
        Ok(value) => text.push_str(&verbs::print(value, verb, flags, width, precision)),
    }
}

/// A width or precision, of the argument if it is one; what is no number or too large is an error.
fn sized(size: Option<Size>, arguments: &mut Arguments<'_, '_>) -> Result<Option<i64>, ()> {
    let size = match size {
        None => return Ok(None),
        Some(Size::Is(size)) => i64::try_from(size).map_err(|_| ())?,
        Some(Size::Argument(index)) => match arguments.take(index) {
            Ok(Value::Int(size)) => *size,
            _ => return Err(()),
        },
    };
    match size.unsigned_abs() <= MAX_SIZE as u64 {
        true => Ok(Some(size)),
        false => Err(()),
    }
}

#[cfg(test)]
mod tests;
