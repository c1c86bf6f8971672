//! Values, paths and calls.

use super::{Parsed, Parser};
use crate::Problem;
use crate::lexer::{self, Token};
use crate::syntax::{Argument, Call, Kind, MathOp, Node, Segment};

/// Names that are no fields.
const KEYWORDS: [&str; 7] = ["nil", "not", "or", "and", "true", "false", "where"];

impl Parser<'_> {
    /// The editor of a statement.
    pub(super) fn editor(&mut self) -> Parsed<Call> {
        if self.token() != Token::Name || !self.sees_after("(") {
            return Err(self.unexpected("an editor, as in set(…)"));
        }
        let call = self.call()?;
        if !call.name.starts_with(|first: char| first.is_ascii_lowercase()) {
            let message = format!("editor names must start with a lowercase letter but got '{}'", call.name);
            return Err(Problem::new(call.name_span, message));
        }
        if let Some(key) = call.keys.first() {
            let message = format!("only paths and converters may be indexed, not editors, but got {}", call.name);
            return Err(Problem::new(key.span.clone(), message));
        }
        Ok(call)
    }

    pub(super) fn value(&mut self) -> Parsed<Node> {
        self.nested(|parser| match parser.token() {
            Token::Symbol("{") => parser.map(),
            Token::Symbol("[") => parser.list(),
            Token::Text => {
                let begin = parser.span().start;
                let text = parser.text()?;
                Ok(parser.node(begin, Kind::Text(text)))
            }
            Token::Bytes => parser.bytes(),
            Token::Name if parser.is_plain_name() => Ok(parser.plain_name()),
            _ => parser.sum(),
        })
    }

    fn node(&self, begin: usize, kind: Kind) -> Node {
        Node { kind, span: begin..self.before() }
    }

    /// A string.
    fn text(&mut self) -> Parsed<String> {
        if self.token() != Token::Text {
            return Err(self.unexpected("a string"));
        }
        let text = lexer::unquote(self.word()).map_err(|message| Problem::new(self.span(), message))?;
        self.at += 1;
        Ok(text)
    }

    fn bytes(&mut self) -> Parsed<Node> {
        let span = self.span();
        let digits = self.word().as_bytes().get(2..).unwrap_or_default();
        if !digits.len().is_multiple_of(2) {
            let problem = Problem::new(span, "encoding/hex: odd length hex string");
            return Err(problem.hint("a byte has two digits, as in 0x0f"));
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
        let bytes =
            digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, next| byte << 4 | digit(*next))).collect();
        self.at += 1;
        Ok(Node { kind: Kind::Bytes(bytes), span })
    }

    /// Whether the name here is a literal, or one that is handed on: not the beginning of a path or a call.
    fn is_plain_name(&self) -> bool {
        match self.word() {
            "nil" | "true" | "false" => true,
            word => word.starts_with(|first: char| first.is_ascii_uppercase()) && !self.sees_after("("),
        }
    }

    fn plain_name(&mut self) -> Node {
        let kind = match self.word() {
            "nil" => Kind::Nil,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            word => Kind::Name(word.to_owned()),
        };
        let span = self.span();
        self.at += 1;
        Node { kind, span }
    }

    fn list(&mut self) -> Parsed<Node> {
        let begin = self.span().start;
        self.expect("[")?;
        let items = self.until("]", Self::value)?;
        Ok(self.node(begin, Kind::List(items)))
    }

    fn map(&mut self) -> Parsed<Node> {
        let begin = self.span().start;
        self.expect("{")?;
        let entries = self.until("}", |parser| {
            let key = parser.text()?;
            parser.expect(":")?;
            Ok((key, parser.value()?))
        })?;
        Ok(self.node(begin, Kind::Map(entries)))
    }

    /// What stands between commas up to the closing symbol.
    fn until<T>(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut all = Vec::new();
        if self.take(close) {
            return Ok(all);
        }
        loop {
            all.push(item(self)?);
            if self.take(close) {
                return Ok(all);
            }
            if !self.take(",") {
                return Err(self.unexpected(&format!("\",\" or \"{close}\"")));
            }
            // A map may end in a comma.
            if close == "}" && self.take(close) {
                return Ok(all);
            }
        }
    }

    fn sum(&mut self) -> Parsed<Node> {
        self.chain(Self::product, |symbol| match symbol {
            "+" => Some(MathOp::Add),
            "-" => Some(MathOp::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> Parsed<Node> {
        self.chain(Self::operand, |symbol| match symbol {
            "*" => Some(MathOp::Multiply),
            "/" => Some(MathOp::Divide),
            _ => None,
        })
    }

    fn chain(&mut self, operand: fn(&mut Self) -> Parsed<Node>, operator: fn(&str) -> Option<MathOp>) -> Parsed<Node> {
        let begin = self.span().start;
        let first = operand(self)?;
        let next = |parser: &Self| match parser.token() {
            Token::Symbol(symbol) => operator(symbol),
            _ => None,
        };
        if next(self).is_none() {
            return Ok(first);
        }
        let mut all = vec![(MathOp::Add, first)];
        while let Some(operator) = next(self) {
            self.at += 1;
            all.push((operator, operand(self)?));
        }
        Ok(self.node(begin, Kind::Math(all)))
    }

    fn operand(&mut self) -> Parsed<Node> {
        match self.token() {
            Token::Symbol("(") => self.nested(|parser| {
                parser.expect("(")?;
                let sum = parser.sum()?;
                parser.expect(")")?;
                Ok(sum)
            }),
            Token::Symbol("+") => self.nested(|parser| {
                parser.at += 1;
                parser.operand()
            }),
            Token::Symbol("-") => self.nested(Self::minus),
            Token::Int => self.int(""),
            Token::Double => self.double(""),
            Token::Name if self.sees_after("(") => self.converter(),
            Token::Name if !KEYWORDS.contains(&self.word()) => self.path(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn minus(&mut self) -> Parsed<Node> {
        let begin = self.span().start;
        self.at += 1;
        let operand = match self.token() {
            Token::Int => return self.int("-").map(|node| Node { span: begin..node.span.end, ..node }),
            Token::Double => return self.double("-").map(|node| Node { span: begin..node.span.end, ..node }),
            _ => self.operand()?,
        };
        Ok(self.node(begin, Kind::Minus(Box::new(operand))))
    }

    fn int(&mut self, sign: &str) -> Parsed<Node> {
        let digits = format!("{sign}{}", self.word());
        let number = digits.parse().map_err(|_| {
            Problem::new(self.span(), format!("strconv.ParseInt: parsing \"{digits}\": value out of range"))
        })?;
        let span = self.span();
        self.at += 1;
        Ok(Node { kind: Kind::Int(number), span })
    }

    fn double(&mut self, sign: &str) -> Parsed<Node> {
        let digits = format!("{sign}{}", self.word());
        let number = digits.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| {
            Problem::new(self.span(), format!("strconv.ParseFloat: parsing \"{digits}\": value out of range"))
        })?;
        let span = self.span();
        self.at += 1;
        Ok(Node { kind: Kind::Double(number), span })
    }

    fn converter(&mut self) -> Parsed<Node> {
        let begin = self.span().start;
        let call = self.call()?;
        if call.name.starts_with(|first: char| first.is_ascii_lowercase()) {
            let message = format!("converter names must start with an uppercase letter but got '{}'", call.name);
            return Err(
                Problem::new(call.name_span, message).hint("an editor stands alone, at the start of a statement")
            );
        }
        Ok(self.node(begin, Kind::Call(call)))
    }

    fn call(&mut self) -> Parsed<Call> {
        let (name, name_span) = (self.word().to_owned(), self.span());
        self.at += 1;
        self.expect("(")?;
        let arguments = self.until(")", Self::argument)?;
        Ok(Call { name, name_span, arguments, keys: self.keys()? })
    }

    fn argument(&mut self) -> Parsed<Argument> {
        let begin = self.span().start;
        let named = self.token() == Token::Name && self.sees_after("=");
        let name = named.then(|| self.word().to_owned());
        if named {
            self.at += 2;
        }
        let value = self.value()?;
        Ok(Argument { name, value, span: begin..self.before() })
    }

    fn path(&mut self) -> Parsed<Node> {
        let begin = self.span().start;
        let mut segments = vec![self.segment()?];
        while self.take(".") {
            segments.push(self.segment()?);
        }
        Ok(self.node(begin, Kind::Path(segments)))
    }

    fn segment(&mut self) -> Parsed<Segment> {
        let (name, span) = (self.word().to_owned(), self.span());
        let is_lowercase = !name.contains(|letter: char| letter.is_ascii_uppercase());
        if self.token() != Token::Name || !is_lowercase {
            return Err(self.unexpected("a field, which has small letters, digits and underscores"));
        }
        self.at += 1;
        Ok(Segment { name, span, keys: self.keys()? })
    }

    /// What stands in brackets after a path or a call.
    fn keys(&mut self) -> Parsed<Vec<Node>> {
        let mut keys = Vec::new();
        while self.take("[") {
            keys.push(match self.token() {
                Token::Text => self.value()?,
                _ => self.nested(Self::sum)?,
            });
            self.expect("]")?;
        }
        Ok(keys)
    }
}
