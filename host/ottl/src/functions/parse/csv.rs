//! A row of comma-separated values (RFC 4180, as Go reads it).

use super::super::arguments::{owned, string};
use super::super::{Literals, Made, pure};
use crate::{Map, Value};

/// How quotes are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// By the rules.
    Strict,
    /// Where they are against the rules they are part of the field.
    Lazy,
    /// They are part of the field.
    Ignored,
}

/// The fields of a row under the names of a header.
pub(super) fn parse_csv(literals: &Literals<'_>) -> Made {
    let delimiter = single(literals, 2, "delimiter")?.unwrap_or(',');
    let header_delimiter = single(literals, 3, "header_delimiter")?.unwrap_or(delimiter);
    let quotes = match literals.text(4)?.unwrap_or("strict") {
        "strict" => Quotes::Strict,
        "lazyQuotes" => Quotes::Lazy,
        "ignoreQuotes" => Quotes::Ignored,
        other => return Err(format!("unknown mode: {other}, use strict, lazyQuotes or ignoreQuotes")),
    };
    if quotes != Quotes::Ignored && matches!(delimiter, '"' | '\r' | '\n') {
        return Err(format!("invalid arguments: delimiter {delimiter:?} is a quote or a line break"));
    }
    pure(move |a| {
        let (row, header) = (string(&a[0])?, string(&a[1])?);
        if header.is_empty() {
            return Err("headers must not be an empty string".to_owned());
        }
        let row = row.trim_matches(['\r', '\n']);
        let fields = match quotes {
            Quotes::Ignored => row.split(delimiter).map(str::to_owned).collect(),
            _ => fields(row, delimiter, quotes == Quotes::Lazy).map_err(|why| format!("read csv line: {why}"))?,
        };
        let expected = header.split(header_delimiter).count();
        if fields.len() != expected {
            return Err(format!("wrong number of fields: expected {expected}, found {}", fields.len()));
        }
        let names = header.split(header_delimiter).map(|name| name.to_owned().into());
        Ok(Value::Map(names.zip(fields.into_iter().map(owned)).collect::<Map<'_>>()))
    })
}

fn single(literals: &Literals<'_>, index: usize, name: &str) -> Result<Option<char>, String> {
    let Some(text) = literals.text(index)? else { return Ok(None) };
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(Some(c)),
        _ => Err(format!("invalid arguments: {name} must be a single character")),
    }
}

/// The fields of a row. A line break within a field is part of it.
fn fields(row: &str, delimiter: char, is_lazy: bool) -> Result<Vec<String>, String> {
    if row.is_empty() {
        return Err("no csv lines found".to_owned());
    }
    let mut fields = Vec::new();
    let mut rest = row;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted, delimiter, is_lazy)?,
            None => {
                let end = rest.find(delimiter).unwrap_or(rest.len());
                let field = &rest[..end];
                if !is_lazy && field.contains('"') {
                    return Err("bare \" in non-quoted-field".to_owned());
                }
                (field.to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(delimiter) {
            Some(next) => rest = next,
            None => return Ok(fields),
        }
    }
}

/// What follows an opening quote, and what follows the closing one.
fn quoted_field(text: &str, delimiter: char, is_lazy: bool) -> Result<(String, &str), String> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let Some(quote) = rest.find('"') else {
            field.push_str(rest);
            return if is_lazy { Ok((field, "")) } else { Err("extraneous or missing \" in quoted-field".to_owned()) };
        };
        field.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        if rest.is_empty() || rest.starts_with(delimiter) {
            return Ok((field, rest));
        }
        match rest.strip_prefix('"') {
            Some(after) => rest = after,
            None if is_lazy => {}
            None => return Err("extraneous or missing \" in quoted-field".to_owned()),
        }
        field.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, m, s};
    use crate::Value::{Int, Nil};

    #[test]
    fn reads_rows() {
        let joe = m([("phone", s("999-999-9999")), ("name", s("Joe Smith")), ("email", s("joe@example.com"))]);
        let ab = |a, b| Ok(m([("a", s(a)), ("b", s(b))]));
        check(&[
            ("ParseCSV", &[s("999-999-9999,Joe Smith,joe@example.com"), s("phone,name,email")], Ok(joe.clone())),
            (
                "ParseCSV",
                &[s("999-999-9999|Joe Smith|joe@example.com"), s("phone|name|email"), s("|")],
                Ok(joe.clone()),
            ),
            (
                "ParseCSV",
                &[s("999-999-9999|Joe Smith|joe@example.com"), s("phone,name,email"), s("|"), s(",")],
                Ok(joe),
            ),
            ("ParseCSV", &[s("\"1,2\",\"x \"\"y\"\"\""), s("a,b")], ab("1,2", "x \"y\"")),
            ("ParseCSV", &[s("\r\n1,\n"), s("a,b")], ab("1", "")),
            ("ParseCSV", &[s("1\n2,\"3\n4\""), s("a,b")], ab("1\n2", "3\n4")),
            ("ParseCSV", &[s("a\tb"), s("a\tb"), s("\t")], ab("a", "b")),
            ("ParseCSV", &[s("1,x\"y"), s("a,b"), Nil, Nil, s("lazyQuotes")], ab("1", "x\"y")),
            ("ParseCSV", &[s("\"x\"y\",\"z"), s("a,b"), Nil, Nil, s("lazyQuotes")], ab("x\"y", "z")),
            ("ParseCSV", &[s("\"1,2"), s("a,b"), Nil, Nil, s("ignoreQuotes")], ab("\"1", "2")),
            (
                "ParseCSV",
                &[s("1,x\"y"), s("a,b"), Nil, Nil, s("strict")],
                Err("read csv line: bare \" in non-quoted-field"),
            ),
            ("ParseCSV", &[s("\"x\"y,z"), s("a,b")], Err("extraneous or missing \" in quoted-field")),
            ("ParseCSV", &[s("\"x,z"), s("a,b")], Err("extraneous or missing \" in quoted-field")),
            ("ParseCSV", &[s("1,2,3"), s("a,b")], Err("wrong number of fields: expected 2, found 3")),
            ("ParseCSV", &[s("\n"), s("a")], Err("no csv lines found")),
            ("ParseCSV", &[s("1"), s("")], Err("headers must not be an empty string")),
            ("ParseCSV", &[s("1"), s("a"), s("||")], Err("delimiter must be a single character")),
            ("ParseCSV", &[s("1"), s("a"), Nil, s("")], Err("header_delimiter must be a single character")),
            ("ParseCSV", &[s("1"), s("a"), Nil, Nil, s("loose")], Err("unknown mode: loose")),
            ("ParseCSV", &[s("1"), s("a"), s("\"")], Err("is a quote or a line break")),
            ("ParseCSV", &[Int(1), s("a")], Err("expected string but got int64")),
            ("ParseCSV", &[s("1"), Nil], Err("expected string but got nil")),
        ]);
    }
}
