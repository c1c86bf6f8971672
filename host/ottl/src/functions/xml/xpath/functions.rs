//! The functions of `XPath` 1.0, but for those of namespaces, languages and ids.

use super::super::document::{Document, Kind};
use super::Found;
use super::evaluate::{Context, Data, text_of};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Boolean,
    Ceiling,
    Concat,
    Contains,
    Count,
    EndsWith,
    False,
    Floor,
    Last,
    LocalName,
    LowerCase,
    Name,
    NormalizeSpace,
    Not,
    Number,
    Position,
    Round,
    StartsWith,
    String,
    StringLength,
    Substring,
    SubstringAfter,
    SubstringBefore,
    Sum,
    Translate,
    True,
}

/// Name, function, least and most arguments.
const FUNCTIONS: [(&str, Function, usize, usize); 26] = [
    ("boolean", Function::Boolean, 1, 1),
    ("ceiling", Function::Ceiling, 1, 1),
    ("concat", Function::Concat, 2, 64),
    ("contains", Function::Contains, 2, 2),
    ("count", Function::Count, 1, 1),
    ("ends-with", Function::EndsWith, 2, 2),
    ("false", Function::False, 0, 0),
    ("floor", Function::Floor, 1, 1),
    ("last", Function::Last, 0, 0),
    ("local-name", Function::LocalName, 0, 1),
    ("lower-case", Function::LowerCase, 1, 1),
    ("name", Function::Name, 0, 1),
    ("normalize-space", Function::NormalizeSpace, 0, 1),
    ("not", Function::Not, 1, 1),
    ("number", Function::Number, 0, 1),
    ("position", Function::Position, 0, 0),
    ("round", Function::Round, 1, 1),
    ("starts-with", Function::StartsWith, 2, 2),
    ("string", Function::String, 0, 1),
    ("string-length", Function::StringLength, 0, 1),
    ("substring", Function::Substring, 2, 3),
    ("substring-after", Function::SubstringAfter, 2, 2),
    ("substring-before", Function::SubstringBefore, 2, 2),
    ("sum", Function::Sum, 1, 1),
    ("translate", Function::Translate, 3, 3),
    ("true", Function::True, 0, 0),
];

impl Function {
    pub(super) fn named(name: &str) -> Result<Self, String> {
        let found = FUNCTIONS.iter().find(|(known, ..)| *known == name);
        found.map(|(_, function, ..)| *function).ok_or_else(|| format!("not yet support this function {name}()"))
    }

    pub(super) fn check(self, arguments: usize) -> Result<(), String> {
        match FUNCTIONS.iter().find(|(_, function, ..)| *function == self) {
            Some((name, _, min, max)) if arguments < *min || arguments > *max => {
                Err(format!("{name}() takes {min} to {max} arguments, not {arguments}"))
            }
            _ => Ok(()),
        }
    }

    /// The result for arguments; what may be left out is then the context's node.
    pub(super) fn call(self, arguments: &[Data], context: &Context, document: &Document) -> Result<Data, String> {
        let own = Data::Nodes(vec![context.node]);
        let first = arguments.first().unwrap_or(&own);
        let text = |index: usize| arguments.get(index).map(|data| data.text(document)).unwrap_or_default();
        Ok(match self {
            Self::Boolean => Data::Boolean(first.boolean()),
            Self::Ceiling => Data::Number(first.number(document).ceil()),
            Self::Concat => Data::Text(arguments.iter().map(|data| data.text(document)).collect()),
            Self::Contains => Data::Boolean(text(0).contains(&text(1))),
            Self::Count => Data::Number(first.nodes()?.len() as f64),
            Self::EndsWith => Data::Boolean(text(0).ends_with(&text(1))),
            Self::False => Data::Boolean(false),
            Self::Floor => Data::Number(first.number(document).floor()),
            Self::Last => Data::Number(context.size as f64),
            Self::LocalName => Data::Text(name(first, document)?.rsplit(':').next().unwrap_or_default().to_owned()),
            Self::LowerCase => Data::Text(text(0).to_lowercase()),
            Self::Name => Data::Text(name(first, document)?),
            Self::NormalizeSpace => Data::Text(first.text(document).split_whitespace().collect::<Vec<_>>().join(" ")),
            Self::Not => Data::Boolean(!first.boolean()),
            Self::Number => Data::Number(first.number(document)),
            Self::Position => Data::Number(context.position as f64),
            Self::Round => Data::Number((first.number(document) + 0.5).floor()),
            Self::StartsWith => Data::Boolean(text(0).starts_with(&text(1))),
            Self::String => Data::Text(first.text(document)),
            Self::StringLength => Data::Number(first.text(document).chars().count() as f64),
            Self::Substring => Data::Text(substring(&text(0), arguments, document)),
            Self::SubstringAfter => {
                Data::Text(text(0).split_once(&text(1)).map(|(_, after)| after.to_owned()).unwrap_or_default())
            }
            Self::SubstringBefore => {
                Data::Text(text(0).split_once(&text(1)).map(|(before, _)| before.to_owned()).unwrap_or_default())
            }
            Self::Sum => {
                let numbers = first.nodes()?.iter().map(|node| Data::Text(text_of(*node, document)).number(document));
                Data::Number(numbers.sum())
            }
            Self::Translate => Data::Text(translate(&text(0), &text(1), &text(2))),
            Self::True => Data::Boolean(true),
        })
    }
}

fn name(nodes: &Data, document: &Document) -> Result<String, String> {
    Ok(match nodes.nodes()?.first() {
        None => String::new(),
        Some(Found::Attribute(id, index)) => {
            document.element(*id).map(|element| element.attributes[*index].name.clone()).unwrap_or_default()
        }
        Some(Found::Node(id)) => match &document.nodes[*id].kind {
            Kind::Element(element) => element.name.clone(),
            Kind::Instruction(text) => text.split_whitespace().next().unwrap_or_default().to_owned(),
            _ => String::new(),
        },
    })
}

/// Characters whose places, from 1, are at least the rounded start, and before it and the rounded length.
fn substring(text: &str, arguments: &[Data], document: &Document) -> String {
    let round = |number: f64| (number + 0.5).floor();
    let start = arguments.get(1).map_or(1.0, |data| round(data.number(document)));
    let end = arguments.get(2).map_or(f64::INFINITY, |data| start + round(data.number(document)));
    let is_in = |place: usize| place as f64 + 1.0 >= start && (place as f64 + 1.0) < end;
    text.chars().enumerate().filter(|(place, _)| is_in(*place)).map(|(_, c)| c).collect()
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let to: Vec<_> = to.chars().collect();
    let replaced = text.chars().filter_map(|c| match from.chars().position(|known| known == c) {
        Some(place) => to.get(place).copied(),
        None => Some(c),
    });
    replaced.collect()
}
