//! Paths from text.

use super::functions::Function;
use super::tokens::{Token, tokens};
use super::{Axis, Expression, Operator, Start, Step, Test};

/// Parentheses and predicates within each other.
const MAX_DEPTH: usize = 32;

pub(super) fn parse(text: &str) -> Result<Expression, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let expression = parser.binary(0)?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(format!("{text} has {token:?} after its end")),
    }
}

/// The operators, the weakest first.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("or", Operator::Or)],
    &[("and", Operator::And)],
    &[("=", Operator::Equal), ("!=", Operator::NotEqual)],
    &[("<=", Operator::LessOrEqual), (">=", Operator::GreaterOrEqual), ("<", Operator::Less), (">", Operator::Greater)],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("div", Operator::Divide), ("mod", Operator::Modulo)],
];

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is = self.is_sign(sign);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        match self.takes(sign) {
            true => Ok(()),
            false => Err(match self.peek() {
                Some(token) => format!("expected {sign:?} instead of {token:?}"),
                None => format!("expected {sign:?} at the end"),
            }),
        }
    }

    fn binary(&mut self, level: usize) -> Result<Expression, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            let right = self.binary(level + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operator(&mut self, operators: &[(&str, Operator)]) -> Option<Operator> {
        let found = match self.peek()? {
            Token::Sign(sign) => *sign,
            Token::Name(name) => name.as_str(),
            _ => return None,
        };
        let operator = operators.iter().find(|(text, _)| *text == found).map(|(_, operator)| *operator)?;
        self.at += 1;
        Some(operator)
    }

    fn unary(&mut self) -> Result<Expression, String> {
        let mut negations = 0;
        while self.takes("-") {
            negations += 1;
        }
        let mut expression = self.path()?;
        while self.takes("|") {
            expression = Expression::Union(Box::new(expression), Box::new(self.path()?));
        }
        // Two make a number of what is none.
        for _ in 0..negations.min(2 - negations % 2) {
            expression = Expression::Negate(Box::new(expression));
        }
        Ok(expression)
    }

    fn path(&mut self) -> Result<Expression, String> {
        let (start, mut steps) = if self.takes("//") {
            (Start::Root, vec![anywhere()])
        } else if self.takes("/") {
            if !self.starts_step() {
                return Ok(Expression::Path { start: Start::Root, steps: Vec::new() });
            }
            (Start::Root, Vec::new())
        } else if let Some(primary) = self.primary()? {
            if !self.is_sign("/") && !self.is_sign("//") {
                return Ok(primary);
            }
            let mut steps = Vec::new();
            if self.takes("//") {
                steps.push(anywhere());
            } else {
                self.takes("/");
            }
            (Start::Expression(Box::new(primary)), steps)
        } else {
            (Start::Context, Vec::new())
        };
        loop {
            steps.push(self.step()?);
            if self.takes("//") {
                steps.push(anywhere());
            } else if !self.takes("/") {
                return Ok(Expression::Path { start, steps });
            }
        }
    }

    fn starts_step(&self) -> bool {
        matches!(self.peek(), Some(Token::Name(_) | Token::Sign("@" | "." | ".." | "*")))
    }

    /// What is no location: parentheses, a literal, a number or a call.
    fn primary(&mut self) -> Result<Option<Expression>, String> {
        let expression = match self.peek() {
            Some(Token::Sign("(")) => {
                self.at += 1;
                let expression = self.nested()?;
                self.expect(")")?;
                expression
            }
            Some(Token::Literal(text)) => {
                let text = text.clone();
                self.at += 1;
                Expression::Literal(text)
            }
            Some(Token::Number(number)) => {
                let number = *number;
                self.at += 1;
                Expression::Number(number)
            }
            Some(Token::Name(name)) if self.calls() && !is_node_type(name) => {
                let function = Function::named(name)?;
                self.at += 2;
                let mut arguments = Vec::new();
                while !self.takes(")") {
                    if !arguments.is_empty() {
                        self.expect(",")?;
                    }
                    arguments.push(self.nested()?);
                }
                function.check(arguments.len())?;
                Expression::Call(function, arguments)
            }
            Some(Token::Sign("$")) => return Err("variables are not supported".to_owned()),
            _ => return Ok(None),
        };
        let predicates = self.predicates()?;
        Ok(Some(match predicates.is_empty() {
            true => expression,
            false => Expression::Filter { base: Box::new(expression), predicates },
        }))
    }

    fn calls(&self) -> bool {
        self.tokens.get(self.at + 1) == Some(&Token::Sign("("))
    }

    fn nested(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
        }
        let expression = self.binary(0);
        self.depth -= 1;
        expression
    }

    fn predicates(&mut self) -> Result<Vec<Expression>, String> {
        let mut predicates = Vec::new();
        while self.takes("[") {
            predicates.push(self.nested()?);
            self.expect("]")?;
        }
        Ok(predicates)
    }

    fn step(&mut self) -> Result<Step, String> {
        for (sign, axis) in [("..", Axis::Parent), (".", Axis::Itself)] {
            if self.takes(sign) {
                return Ok(Step { axis, test: Test::Node, predicates: self.predicates()? });
            }
        }
        let axis = self.axis()?;
        let test = self.test()?;
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn axis(&mut self) -> Result<Axis, String> {
        if self.takes("@") {
            return Ok(Axis::Attribute);
        }
        let (Some(Token::Name(name)), Some(Token::Sign("::"))) = (self.peek(), self.tokens.get(self.at + 1)) else {
            return Ok(Axis::Child);
        };
        let axis = match name.as_str() {
            "ancestor" => Axis::Ancestor,
            "ancestor-or-self" => Axis::AncestorOrSelf,
            "attribute" => Axis::Attribute,
            "child" => Axis::Child,
            "descendant" => Axis::Descendant,
            "descendant-or-self" => Axis::DescendantOrSelf,
            "following" => Axis::Following,
            "following-sibling" => Axis::FollowingSibling,
            "parent" => Axis::Parent,
            "preceding" => Axis::Preceding,
            "preceding-sibling" => Axis::PrecedingSibling,
            "self" => Axis::Itself,
            other => return Err(format!("there is no axis {other}")),
        };
        self.at += 2;
        Ok(axis)
    }

    fn test(&mut self) -> Result<Test, String> {
        if self.takes("*") {
            return Ok(Test::Any);
        }
        let Some(Token::Name(name)) = self.peek().cloned() else {
            return Err(match self.peek() {
                Some(token) => format!("expected a step instead of {token:?}"),
                None => "expected a step at the end".to_owned(),
            });
        };
        let is_type = self.calls();
        self.at += 1;
        if !is_type {
            return Ok(match name.strip_suffix(":*") {
                Some(prefix) => Test::Prefix(prefix.to_owned()),
                None => Test::Name(name),
            });
        }
        self.expect("(")?;
        self.expect(")")?;
        Ok(match name.as_str() {
            "node" => Test::Node,
            "text" => Test::Text,
            "comment" => Test::Comment,
            "processing-instruction" => Test::Instruction,
            other => return Err(format!("{other}() is no step")),
        })
    }
}

fn is_node_type(name: &str) -> bool {
    matches!(name, "node" | "text" | "comment" | "processing-instruction")
}

/// What `//` stands for.
fn anywhere() -> Step {
    Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: Vec::new() }
}
