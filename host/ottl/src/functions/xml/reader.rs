//! Reads documents, as strictly as Go's `encoding/xml`: what is opened is closed, attributes are quoted, entities are the five
//! that XML has and numbers. A document type is skipped, so there is nothing that could multiply.

use super::document::{Attribute, Document, Element, Id, Kind, ROOT};

/// Levels of elements. (Go's bound is 10,000, on a stack that grows.)
const MAX_DEPTH: usize = 256;

/// A document with an element; several are taken, as there.
pub(super) fn read(text: &str) -> Result<Document, String> {
    // A byte order mark is none of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { rest: text, document: Document::default(), open: vec![ROOT], has_element: false };
    while !reader.rest.is_empty() {
        if let Err(why) = reader.node() {
            let line = text[..text.len() - reader.rest.len()].matches('\n').count() + 1;
            return Err(format!("XML syntax error on line {line}: {why}"));
        }
    }
    let Reader { document, open, has_element, .. } = reader;
    if open.len() > 1 {
        return Err(format!("XML syntax error on line {}: unexpected EOF", text.matches('\n').count() + 1));
    }
    match has_element {
        true => Ok(document),
        false => Err("invalid XML document: there is no element".to_owned()),
    }
}

pub(super) fn is_name(text: &str) -> bool {
    let is_start = |c: char| c.is_alphabetic() || matches!(c, '_' | ':');
    let is_part = |c: char| is_start(c) || c.is_numeric() || matches!(c, '-' | '.');
    text.starts_with(is_start) && text.chars().all(is_part)
}

struct Reader<'t> {
    /// What is not read yet.
    rest: &'t str,
    document: Document,
    /// The elements that are open, the root first.
    open: Vec<Id>,
    has_element: bool,
}

impl<'t> Reader<'t> {
    fn parent(&self) -> Id {
        self.open.last().copied().unwrap_or(ROOT)
    }

    fn node(&mut self) -> Result<(), String> {
        if let Some(after) = self.rest.strip_prefix("<!--") {
            let comment = self.until(after, "-->")?;
            self.document.append(self.parent(), Kind::Comment(comment.to_owned()));
        } else if let Some(after) = self.rest.strip_prefix("<![CDATA[") {
            let text = self.until(after, "]]>")?;
            let kind = Kind::CData(unify_breaks(text));
            self.document.append(self.parent(), kind);
        } else if let Some(after) = self.rest.strip_prefix("<?") {
            let instruction = self.until(after, "?>")?;
            let kind =
                match instruction.strip_prefix("xml").filter(|rest| rest.starts_with(|c: char| c.is_whitespace())) {
                    Some(declaration) => Kind::Declaration(declaration.trim().to_owned()),
                    None => Kind::Instruction(instruction.to_owned()),
                };
            self.document.append(self.parent(), kind);
        } else if self.rest.starts_with("<!") {
            self.skip_directive()?;
        } else if let Some(after) = self.rest.strip_prefix("</") {
            self.close(after)?;
        } else if let Some(after) = self.rest.strip_prefix('<') {
            self.open(after)?;
        } else {
            self.characters()?;
        }
        Ok(())
    }

    /// What stands before an end, which is read too.
    fn until(&mut self, text: &'t str, end: &str) -> Result<&'t str, String> {
        let (found, rest) = text.split_once(end).ok_or("unexpected EOF")?;
        check_characters(found)?;
        self.rest = rest;
        Ok(found)
    }

    /// `<!DOCTYPE …>`, with what is quoted or in angle brackets within it.
    fn skip_directive(&mut self) -> Result<(), String> {
        let (mut depth, mut quote) = (0usize, None);
        for (at, c) in self.rest.char_indices() {
            match (quote, c) {
                (Some(open), c) => quote = Some(open).filter(|open| *open != c),
                (None, '"' | '\'') => quote = Some(c),
                (None, '<') => depth += 1,
                (None, '>') if depth == 1 => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(());
                }
                (None, '>') => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        Err("unexpected EOF".to_owned())
    }

    fn close(&mut self, after: &'t str) -> Result<(), String> {
        let name = self.until(after, ">")?.trim_end();
        let Some(id) = self.open.pop().filter(|id| *id != ROOT) else {
            return Err(format!("unexpected end element </{name}>"));
        };
        let open = self.document.element(id).map_or("", |element| &element.name);
        match open == name {
            true => Ok(()),
            false => Err(format!("element <{open}> closed by </{name}>")),
        }
    }

    fn open(&mut self, after: &'t str) -> Result<(), String> {
        let (name, mut rest) = name(after).ok_or("expected element name after <")?;
        let mut element = Element { name: name.to_owned(), attributes: Vec::new() };
        self.has_element = true;
        loop {
            let trimmed = rest.trim_start();
            if let Some(after) = trimmed.strip_prefix("/>") {
                self.rest = after;
                self.document.append(self.parent(), Kind::Element(element));
                return Ok(());
            }
            if let Some(after) = trimmed.strip_prefix('>') {
                self.rest = after;
                break;
            }
            let (attribute, after) = attribute(trimmed)?;
            element.attributes.push(attribute);
            rest = after;
        }
        if self.open.len() > MAX_DEPTH {
            return Err(format!("elements are nested deeper than {MAX_DEPTH} levels"));
        }
        let id = self.document.append(self.parent(), Kind::Element(element));
        self.open.push(id);
        Ok(())
    }

    fn characters(&mut self) -> Result<(), String> {
        let end = self.rest.find('<').unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        if text.contains("]]>") {
            return Err("unescaped ]]> not in CDATA section".to_owned());
        }
        if !self.has_element && !text.trim().is_empty() {
            let shown: String = text.trim().chars().take(20).collect();
            return Err(format!("text {shown:?} outside of an element"));
        }
        let text = unescape(&unify_breaks(text))?;
        self.rest = rest;
        self.document.append(self.parent(), Kind::Text(text));
        Ok(())
    }
}

/// A name, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let end =
        text.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>' | '=' | '<' | '"' | '\'')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    is_name(name).then_some((name, rest))
}

fn attribute(text: &str) -> Result<(Attribute, &str), String> {
    if text.is_empty() {
        return Err("unexpected EOF".to_owned());
    }
    let (name, rest) = name(text).ok_or("expected attribute name in element")?;
    let rest = rest.trim_start().strip_prefix('=').ok_or("attribute name without = in element")?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let quote = quote.ok_or("unquoted or missing attribute value in element")?;
    let (value, rest) = rest[1..].split_once(quote).ok_or("unexpected EOF")?;
    if value.contains('<') {
        return Err("unescaped < inside quoted string".to_owned());
    }
    let value = unescape(&unify_breaks(value))?;
    Ok((Attribute { name: name.to_owned(), value }, rest))
}

fn unify_breaks(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn check_characters(text: &str) -> Result<(), String> {
    let is_illegal = |c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}');
    match text.chars().find(|c| is_illegal(*c)) {
        Some(c) => Err(format!("illegal character code U+{:04X}", u32::from(c))),
        None => Ok(()),
    }
}

/// Replaces `&amp;` and `&#65;`.
fn unescape(text: &str) -> Result<String, String> {
    check_characters(text)?;
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, after) = after.split_once(';').ok_or("invalid character entity & (no semicolon)")?;
        plain.push(character(entity).ok_or_else(|| format!("invalid character entity &{entity};"))?);
        rest = after;
    }
    plain.push_str(rest);
    Ok(plain)
}

fn character(entity: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        let c = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32)?;
        check_characters(c.encode_utf8(&mut [0; 4])).is_ok().then_some(c)
    };
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => match entity.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(entity.strip_prefix('#')?, 10),
        },
    }
}
