//! The W3C's Extended Log Format: directives that name the fields, and rows of them.

use super::super::arguments::owned;
use crate::{Map, Value};

const DIRECTIVES: [(&str, &str); 6] = [
    ("version", "elf.version"),
    ("software", "elf.software"),
    ("date", "elf.date"),
    ("start-date", "elf.start_date"),
    ("end-date", "elf.end_date"),
    ("remark", "elf.remark"),
];

/// The directives, the last list of fields, and every row by the fields that were in force for it.
pub(super) fn parse<'a>(text: &str) -> Result<Value<'a>, String> {
    let (mut file, mut rows, mut fields) = (Map::default(), Vec::new(), Vec::new());
    for line in text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix('#').map(|directive| directive.split_once(':').ok_or(directive)) {
            Some(Ok((name, value))) if name.trim().eq_ignore_ascii_case("fields") => {
                fields = value.split_whitespace().collect();
            }
            Some(Ok((name, value))) => {
                let known = DIRECTIVES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim()));
                if let Some((_, key)) = known {
                    file.insert(*key, owned(value.trim()));
                }
            }
            Some(Err(directive)) => {
                let word = directive.trim().get(.."fields".len());
                if word.is_some_and(|word| word.eq_ignore_ascii_case("fields")) {
                    return Err(format!("invalid ELF: malformed #Fields directive {line:?}: no colon separator"));
                }
            }
            None if fields.is_empty() => {
                return Err("invalid ELF: data entry found before #Fields directive".to_owned());
            }
            None => rows.push(Value::Map(row(line, &fields)?)),
        }
    }
    if file.get("elf.version").is_none() {
        return Err("invalid ELF: missing #Version directive".to_owned());
    }
    file.insert("elf.fields", Value::List(fields.into_iter().map(owned).collect()));
    file.insert("elf.entries", Value::List(rows));
    Ok(Value::Map(file))
}

/// Fields without a value are `-`; values without a field are left out.
fn row<'a>(line: &str, fields: &[&str]) -> Result<Map<'a>, String> {
    let mut values = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)
                .ok_or_else(|| format!("invalid ELF: unterminated quoted value in data line: {line:?}"))?,
            None => {
                let end = rest.find([' ', '\t']).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        values.push(value);
        rest = after.trim_start_matches([' ', '\t']);
    }
    let values = values.into_iter().map(owned).chain(std::iter::repeat(owned("-")));
    Ok(fields.iter().zip(values).map(|(field, value)| (format!("elf.{field}").into(), value)).collect())
}

/// A doubled quote is one.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let quote = rest.find('"')?;
        value.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix('"') {
            Some(after) => rest = after,
            None => return Some((value, rest)),
        }
        value.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, l, m, s};
    use crate::Value::Nil;

    #[test]
    fn reads_files() {
        let text = "#Version: 1.0\r\n#Software: IIS 10\n#Remark\n#Unknown: x\n#Fields: time cs-method\n\
                    00:34:23 GET\n\n12:21:16 \"a \"\"b\"\"\"\textra\n#fields: time\n01:00:00\n";
        let file = m([
            ("elf.version", s("1.0")),
            ("elf.software", s("IIS 10")),
            ("elf.fields", l([s("time")])),
            (
                "elf.entries",
                l([
                    m([("elf.time", s("00:34:23")), ("elf.cs-method", s("GET"))]),
                    m([("elf.time", s("12:21:16")), ("elf.cs-method", s("a \"b\""))]),
                    m([("elf.time", s("01:00:00"))]),
                ]),
            ),
        ]);
        let short = m([
            ("elf.version", s("1.0")),
            ("elf.date", s("d")),
            ("elf.start_date", s("s")),
            ("elf.end_date", s("e")),
            ("elf.remark", s("r: r")),
            ("elf.fields", l([s("a"), s("b")])),
            ("elf.entries", l([m([("elf.a", s("1")), ("elf.b", s("-"))])])),
        ]);
        check(&[
            ("ParseELF", &[s(text)], Ok(file)),
            (
                "ParseELF",
                &[s("#Version: 1.0\n#Date: d\n#Start-Date: s\n#End-Date: e\n#Remark: r: r\n#Fields: a b\n1")],
                Ok(short),
            ),
            ("ParseELF", &[s("#Version: 1.0")], {
                Ok(m([("elf.version", s("1.0")), ("elf.fields", l([])), ("elf.entries", l([]))]))
            }),
            ("ParseELF", &[s("#Fields: a\n1")], Err("missing #Version directive")),
            ("ParseELF", &[s("#Version: 1.0\n1")], Err("data entry found before #Fields directive")),
            ("ParseELF", &[s("#Version: 1.0\n#Fields a")], Err("malformed #Fields directive \"#Fields a\"")),
            ("ParseELF", &[s("#Version: 1.0\n#Fields: a\n\"x")], Err("unterminated quoted value")),
            ("ParseELF", &[s("")], Err("cannot parse empty ELF message")),
            ("ParseELF", &[Nil], Err("expected string but got nil")),
        ]);
    }
}
