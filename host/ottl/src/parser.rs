//! Tokens to a syntax tree: recursive descent over the collector's grammar.

mod value;

use std::ops::Range;

use crate::Problem;
use crate::lexer::{self, Lexeme, Token};
use crate::syntax::{CompareOp, Statement, Test};

/// Bytes beyond which a text is refused. The longest seen in configurations has some hundreds.
pub(crate) const MAX_TEXT: usize = 64 * 1024;
/// How deeply values and conditions may lie in each other: the stack that evaluates them has an end.
pub(crate) const MAX_DEPTH: u32 = 48;

/// Reads a statement.
pub(crate) fn statement(text: &str) -> Result<Statement, Problem> {
    parse("statement", text, |parser| {
        let editor = parser.editor()?;
        let condition = match parser.take_name("where") {
            true => Some(parser.test()?),
            false => None,
        };
        Ok(Statement { editor, condition })
    })
}

/// Reads a condition.
#[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough in its lifetime")]
pub(crate) fn condition(text: &str) -> Result<Test, Problem> {
    parse("condition", text, |parser| parser.test())
}

fn parse<T>(what: &str, text: &str, rule: impl FnOnce(&mut Parser<'_>) -> Result<T, Problem>) -> Result<T, Problem> {
    if text.len() > MAX_TEXT {
        return Err(Problem::new(0..text.len(), format!("{what} is longer than {MAX_TEXT} bytes")));
    }
    let invalid =
        |problem: Problem| Problem { message: format!("{what} has invalid syntax: {}", problem.message), ..problem };
    let tokens = lexer::tokens(text).map_err(invalid)?;
    let mut parser = Parser { text, tokens, at: 0, depth: 0 };
    match rule(&mut parser).and_then(|tree| parser.end().map(|()| tree)) {
        Ok(tree) => Ok(tree),
        Err(problem) => Err(parser.lambda().unwrap_or_else(|| invalid(problem))),
    }
}

pub(super) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Lexeme>,
    at: usize,
    depth: u32,
}

type Parsed<T> = Result<T, Problem>;

impl Parser<'_> {
    /// An or-expression.
    fn test(&mut self) -> Parsed<Test> {
        self.nested(|parser| parser.joined("or", |parser| parser.joined("and", Self::negatable, Test::All), Test::Any))
    }

    fn joined(
        &mut self,
        operator: &str,
        mut operand: impl FnMut(&mut Self) -> Parsed<Test>,
        join: fn(Vec<Test>) -> Test,
    ) -> Parsed<Test> {
        let first = operand(self)?;
        if !self.sees_name(operator) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.take_name(operator) {
            all.push(operand(self)?);
        }
        Ok(join(all))
    }

    fn negatable(&mut self) -> Parsed<Test> {
        match self.take_name("not") {
            true => Ok(Test::Not(Box::new(self.single()?))),
            false => self.single(),
        }
    }

    /// A comparison, a constant, a converter, or a condition in parentheses.
    fn single(&mut self) -> Parsed<Test> {
        if !self.sees("(") {
            return self.comparison();
        }
        // What parentheses begin is a sum that is compared, or a condition: whichever comes further.
        let begin = self.at;
        let sum = match self.comparison() {
            Ok(test) => return Ok(test),
            Err(problem) => problem,
        };
        self.at = begin;
        let group = self.expect("(").and_then(|()| self.test()).and_then(|test| self.expect(")").map(|()| test));
        group.map_err(|problem| if problem.span.start >= sum.span.start { problem } else { sum })
    }

    fn comparison(&mut self) -> Parsed<Test> {
        use crate::syntax::Kind;
        let left = self.value()?;
        if let Some(operator) = self.compare_op() {
            return Ok(Test::Compare(operator, left, self.value()?));
        }
        match left.kind {
            Kind::Bool(flag) => Ok(Test::Constant(flag)),
            Kind::Call(_) => Ok(Test::Converter(left)),
            _ if self.sees("=") => Err(self.unexpected("a comparison").hint("equality is written ==")),
            _ => Err(self.unexpected("a comparison: ==, !=, <, <=, >, >=")),
        }
    }

    fn compare_op(&mut self) -> Option<CompareOp> {
        let operator = match self.token() {
            Token::Symbol("==") => CompareOp::Equal,
            Token::Symbol("!=") => CompareOp::NotEqual,
            Token::Symbol("<") => CompareOp::Less,
            Token::Symbol("<=") => CompareOp::LessOrEqual,
            Token::Symbol(">") => CompareOp::Greater,
            Token::Symbol(">=") => CompareOp::GreaterOrEqual,
            _ => return None,
        };
        self.at += 1;
        Some(operator)
    }

    fn end(&self) -> Parsed<()> {
        match self.token() {
            Token::End => Ok(()),
            _ => Err(self.unexpected("the end")),
        }
    }

    /// The complaint about a lambda, if the text has one. (Asked when it can not be read.)
    fn lambda(&self) -> Option<Problem> {
        let arrow = self.tokens.iter().find(|lexeme| lexeme.token == Token::Symbol("=>"))?;
        let message = "lambda expressions are disabled, the feature gate ottl.functions.enableLambda is not enabled";
        Some(
            Problem::new(arrow.span.clone(), message)
                .hint("they are experimental in the collector, and not offered here"),
        )
    }

    /// Runs a rule one level deeper.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            return Err(Problem::new(self.span(), format!("nested more than {MAX_DEPTH} levels deep")));
        }
        self.depth += 1;
        let parsed = rule(self);
        self.depth -= 1;
        parsed
    }

    fn lexeme(&self, ahead: usize) -> Option<&Lexeme> {
        self.tokens.get(self.at + ahead).or(self.tokens.last())
    }

    fn token(&self) -> Token {
        self.lexeme(0).map_or(Token::End, |lexeme| lexeme.token)
    }

    fn span(&self) -> Range<usize> {
        self.lexeme(0).map_or(0..0, |lexeme| lexeme.span.clone())
    }

    /// Where the token before this one ends.
    fn before(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |lexeme| lexeme.span.end)
    }

    /// What the token is written as.
    fn word(&self) -> &str {
        self.text.get(self.span()).unwrap_or_default()
    }

    fn sees(&self, symbol: &str) -> bool {
        matches!(self.token(), Token::Symbol(seen) if seen == symbol)
    }

    fn sees_after(&self, symbol: &str) -> bool {
        matches!(self.lexeme(1).map(|lexeme| lexeme.token), Some(Token::Symbol(seen)) if seen == symbol)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let sees = self.sees(symbol);
        self.at += usize::from(sees);
        sees
    }

    fn expect(&mut self, symbol: &str) -> Parsed<()> {
        match self.take(symbol) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("\"{symbol}\""))),
        }
    }

    fn sees_name(&self, name: &str) -> bool {
        self.token() == Token::Name && self.word() == name
    }

    fn take_name(&mut self, name: &str) -> bool {
        let sees = self.sees_name(name);
        self.at += usize::from(sees);
        sees
    }

    #[cold]
    fn unexpected(&self, expected: &str) -> Problem {
        let found = match self.token() {
            Token::End => "<EOF>",
            _ => self.word(),
        };
        Problem::new(self.span(), format!("unexpected token \"{found}\" (expected {expected})"))
    }
}

#[cfg(test)]
mod tests;
