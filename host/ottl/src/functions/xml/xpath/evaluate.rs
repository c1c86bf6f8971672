//! What expressions find.

use std::cell::Cell;
use std::collections::HashSet;

use super::super::document::{Document, Kind, ROOT};
use super::axes;
use super::{Expression, Found, Operator, Start, Step, Test};

/// Nodes that are looked at for one answer. A path that goes through a document within a document, as `//a[//b]` does, takes as
/// many as the square of its nodes.
const MAX_VISITS: usize = 1_000_000;

pub(super) fn find(expression: &Expression, document: &Document) -> Result<Vec<Found>, String> {
    let evaluator = Evaluator { document, visits: Cell::new(0) };
    let context = Context { node: Found::Node(ROOT), position: 1, size: 1 };
    match evaluator.evaluate(expression, &context)? {
        Data::Nodes(nodes) => Ok(nodes),
        _ => Err("the xpath gives no nodes".to_owned()),
    }
}

/// What an expression gives.
pub(super) enum Data {
    /// Each once.
    Nodes(Vec<Found>),
    Number(f64),
    Text(String),
    Boolean(bool),
}

/// Where an expression is evaluated.
pub(super) struct Context {
    pub(super) node: Found,
    /// From 1.
    pub(super) position: usize,
    pub(super) size: usize,
}

impl Data {
    pub(super) fn nodes(&self) -> Result<&[Found], String> {
        match self {
            Self::Nodes(nodes) => Ok(nodes),
            _ => Err("a function of the xpath needs nodes".to_owned()),
        }
    }

    pub(super) fn boolean(&self) -> bool {
        match self {
            Self::Nodes(nodes) => !nodes.is_empty(),
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Boolean(boolean) => *boolean,
        }
    }

    pub(super) fn number(&self, document: &Document) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Boolean(boolean) => f64::from(u8::from(*boolean)),
            other => number_of(&other.text(document)),
        }
    }

    pub(super) fn text(&self, document: &Document) -> String {
        match self {
            Self::Nodes(nodes) => nodes.first().map(|node| text_of(*node, document)).unwrap_or_default(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Boolean(boolean) => boolean.to_string(),
        }
    }
}

fn number_of(text: &str) -> f64 {
    let trimmed = text.trim();
    let is_number = trimmed.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    trimmed.parse().ok().filter(|_| is_number).unwrap_or(f64::NAN)
}

/// The string value of a node.
pub(super) fn text_of(node: Found, document: &Document) -> String {
    match node {
        Found::Attribute(id, index) => {
            document.element(id).map(|element| element.attributes[index].value.clone()).unwrap_or_default()
        }
        Found::Node(id) => match &document.nodes[id].kind {
            Kind::Comment(text) | Kind::Instruction(text) => text.clone(),
            _ => document.text(id),
        },
    }
}

struct Evaluator<'d> {
    document: &'d Document,
    visits: Cell<usize>,
}

impl Evaluator<'_> {
    fn evaluate(&self, expression: &Expression, context: &Context) -> Result<Data, String> {
        Ok(match expression {
            Expression::Number(number) => Data::Number(*number),
            Expression::Literal(text) => Data::Text(text.clone()),
            Expression::Negate(of) => Data::Number(-self.evaluate(of, context)?.number(self.document)),
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right, context)?,
            Expression::Union(left, right) => {
                let mut nodes = self.evaluate(left, context)?.nodes()?.to_vec();
                nodes.extend(self.evaluate(right, context)?.nodes()?);
                let mut seen = HashSet::new();
                nodes.retain(|node| seen.insert(*node));
                Data::Nodes(nodes)
            }
            Expression::Call(function, arguments) => {
                let arguments = arguments.iter().map(|argument| self.evaluate(argument, context));
                function.call(&arguments.collect::<Result<Vec<_>, _>>()?, context, self.document)?
            }
            Expression::Path { start, steps } => {
                let mut nodes = match start {
                    Start::Root => vec![Found::Node(ROOT)],
                    Start::Context => vec![context.node],
                    Start::Expression(expression) => self.evaluate(expression, context)?.nodes()?.to_vec(),
                };
                for step in steps {
                    nodes = self.step(&nodes, step)?;
                }
                Data::Nodes(nodes)
            }
            Expression::Filter { base, predicates } => {
                let mut nodes = self.evaluate(base, context)?.nodes()?.to_vec();
                for predicate in predicates {
                    nodes = self.filter(nodes, predicate)?;
                }
                Data::Nodes(nodes)
            }
        })
    }

    fn binary(
        &self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
        context: &Context,
    ) -> Result<Data, String> {
        let left = self.evaluate(left, context)?;
        match (operator, left.boolean()) {
            (Operator::Or, true) => return Ok(Data::Boolean(true)),
            (Operator::And, false) => return Ok(Data::Boolean(false)),
            _ => {}
        }
        let right = self.evaluate(right, context)?;
        let number = |data: &Data| data.number(self.document);
        Ok(match operator {
            Operator::Or | Operator::And => Data::Boolean(right.boolean()),
            Operator::Add => Data::Number(number(&left) + number(&right)),
            Operator::Subtract => Data::Number(number(&left) - number(&right)),
            Operator::Multiply => Data::Number(number(&left) * number(&right)),
            Operator::Divide => Data::Number(number(&left) / number(&right)),
            Operator::Modulo => Data::Number(number(&left) % number(&right)),
            _ => Data::Boolean(self.compare(operator, &left, &right)?),
        })
    }

    /// Nodes compare if one of them does.
    fn compare(&self, operator: Operator, left: &Data, right: &Data) -> Result<bool, String> {
        match (left, right) {
            (Data::Boolean(_), _) | (_, Data::Boolean(_)) => {
                Ok(compare_numbers(operator, f64::from(u8::from(left.boolean())), f64::from(u8::from(right.boolean()))))
            }
            (Data::Nodes(nodes), other) => {
                for node in nodes {
                    self.visit(1)?;
                    if self.compare(operator, &Data::Text(text_of(*node, self.document)), other)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (other, Data::Nodes(nodes)) => {
                for node in nodes {
                    self.visit(1)?;
                    if self.compare(operator, other, &Data::Text(text_of(*node, self.document)))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Data::Text(left), Data::Text(right)) if operator == Operator::Equal => Ok(left == right),
            (Data::Text(left), Data::Text(right)) if operator == Operator::NotEqual => Ok(left != right),
            _ => Ok(compare_numbers(operator, left.number(self.document), right.number(self.document))),
        }
    }

    /// In the order of the document.
    fn step(&self, nodes: &[Found], step: &Step) -> Result<Vec<Found>, String> {
        let mut found = Vec::new();
        for node in nodes {
            let mut reached = axes::nodes(self.document, *node, step.axis);
            self.visit(reached.len() + 1)?;
            reached.retain(|node| self.passes(*node, step));
            for predicate in &step.predicates {
                reached = self.filter(reached, predicate)?;
            }
            found.extend(reached);
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn visit(&self, nodes: usize) -> Result<(), String> {
        self.visits.set(self.visits.get() + nodes);
        match self.visits.get() > MAX_VISITS {
            true => Err(format!("the xpath looks at more than {MAX_VISITS} nodes of this document")),
            false => Ok(()),
        }
    }

    fn filter(&self, nodes: Vec<Found>, predicate: &Expression) -> Result<Vec<Found>, String> {
        let size = nodes.len();
        let mut kept = Vec::new();
        for (index, node) in nodes.into_iter().enumerate() {
            self.visit(1)?;
            let context = Context { node, position: index + 1, size };
            let is_kept = match self.evaluate(predicate, &context)? {
                Data::Number(number) => compare_numbers(Operator::Equal, number, context.position as f64),
                other => other.boolean(),
            };
            if is_kept {
                kept.push(node);
            }
        }
        Ok(kept)
    }

    fn passes(&self, node: Found, step: &Step) -> bool {
        let (kind, name) = match node {
            Found::Attribute(id, index) => {
                (None, self.document.element(id).map(|element| &*element.attributes[index].name))
            }
            Found::Node(id) => {
                (Some(&self.document.nodes[id].kind), self.document.element(id).map(|element| &*element.name))
            }
        };
        match &step.test {
            Test::Node => true,
            Test::Any => name.is_some(),
            Test::Name(wanted) => name == Some(wanted),
            Test::Prefix(wanted) => {
                name.and_then(|name| name.split_once(':')).is_some_and(|(prefix, _)| prefix == wanted)
            }
            Test::Text => matches!(kind, Some(Kind::Text(_) | Kind::CData(_))),
            Test::Comment => matches!(kind, Some(Kind::Comment(_))),
            Test::Instruction => matches!(kind, Some(Kind::Instruction(_))),
        }
    }
}

#[expect(clippy::float_cmp, reason = "the language compares so")]
fn compare_numbers(operator: Operator, left: f64, right: f64) -> bool {
    match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        _ => left >= right,
    }
}
