//! XML in strings: parts of it, changes to it, and maps.
//!
//! Paths are those of `XPath` 1.0 without variables and namespaces: a prefix is a part of a name. Documents come back as Go writes
//! them: spaces between elements stay, `<a/>` becomes `<a></a>`, a document type is left out.

mod document;
mod maps;
mod reader;
mod xpath;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use document::{Attribute, Document, Id, Kind, ROOT};
use xpath::{Found, XPath};

use super::arguments::{owned, string};
use super::{Function, Literals, Made, Parameter, pure};
use crate::Value;

/// From XML to XML and to maps.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "ConvertAttributesToElementsXML",
        parameters: &[Parameter::required("target"), Parameter::optional_literal("xPath")],
        make: |literals| edit(path(literals, "//@*")?, convert_attributes),
    },
    Function {
        name: "ConvertTextToElementsXML",
        parameters: &[
            Parameter::required("target"),
            Parameter::optional_literal("xPath"),
            Parameter::optional_literal("elementName"),
        ],
        make: |literals| {
            let name = literals.text(2)?.filter(|name| !name.is_empty()).unwrap_or("value").to_owned();
            if !reader::is_name(&name) {
                return Err(format!("elementName {name:?} is no name of an element"));
            }
            edit(path(literals, "/")?, move |document, found| convert_text(document, found, &name))
        },
    },
    Function {
        name: "GetXML",
        parameters: &[Parameter::required("target"), Parameter::literal("xPath")],
        make: |literals| {
            let path = path(literals, "/")?;
            pure(move |a| get(string(&a[0])?, &path).map(owned))
        },
    },
    Function {
        name: "InsertXML",
        parameters: &[Parameter::required("target"), Parameter::literal("xPath"), Parameter::required("subDocument")],
        make: |literals| {
            let path = path(literals, "/")?;
            pure(move |a| insert(string(&a[0])?, &path, string(&a[2])?).map(owned))
        },
    },
    Function {
        name: "ParseSimplifiedXML",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| Ok(Value::Map(maps::simplified(&read(string(&a[0])?)?)))),
    },
    Function {
        name: "ParseXML",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| maps::faithful(string(&a[0])?).map(Value::Map)),
    },
    Function {
        name: "RemoveXML",
        parameters: &[Parameter::required("target"), Parameter::literal("xPath")],
        make: |literals| edit(path(literals, "/")?, remove),
    },
];

/// The path of a call, its second argument.
fn path(literals: &Literals<'_>, default: &str) -> Result<XPath, String> {
    let text = literals.text(1)?.filter(|text| !text.is_empty()).unwrap_or(default);
    XPath::new(text).map_err(|why| format!("invalid xpath: {why}"))
}

fn read(text: &str) -> Result<Document, String> {
    reader::read(text).map_err(|why| format!("parse xml: {why}"))
}

/// A converter that changes what a path finds. Nothing in a text that is empty.
fn edit(path: XPath, change: impl Fn(&mut Document, Vec<Found>) + Send + Sync + 'static) -> Made {
    pure(move |a| {
        let text = string(&a[0])?;
        if text.is_empty() {
            return Ok(owned(""));
        }
        let mut document = read(text)?;
        let found = path.find(&document)?;
        change(&mut document, found);
        Ok(owned(document.write(ROOT)))
    })
}

/// What is found, one after the other. Attributes and marked sections become text.
fn get(text: &str, path: &XPath) -> Result<String, String> {
    let document = read(text)?;
    let mut result = String::new();
    for found in path.find(&document)? {
        match found {
            Found::Attribute(element, index) => {
                let value = document.element(element).and_then(|element| element.attributes.get(index));
                document::escape(value.map_or("", |attribute| &attribute.value), &mut result);
            }
            Found::Node(id) => match &document.nodes[id].kind {
                Kind::Root | Kind::Element(_) | Kind::Text(_) => result.push_str(&document.write(id)),
                Kind::CData(text) => document::escape(text, &mut result),
                _ => {}
            },
        }
        check_size(result.len())?;
    }
    Ok(result)
}

/// What is found may lie within what is found, and what is inserted is inserted often.
fn check_size(bytes: usize) -> Result<(), String> {
    match bytes > document::MAX_BYTES {
        true => Err(format!("the XML would have more than {} bytes", document::MAX_BYTES)),
        false => Ok(()),
    }
}

fn insert(text: &str, path: &XPath, part: &str) -> Result<String, String> {
    let mut document = if text.is_empty() { Document::default() } else { read(text)? };
    let found = path.find(&document)?;
    check_size(text.len().saturating_add(part.len().saturating_mul(found.len())))?;
    let part = read(part)?;
    for found in found {
        match found {
            Found::Node(id) if matches!(document.nodes[id].kind, Kind::Root | Kind::Element(_)) => {
                document.graft(id, &part);
            }
            Found::Node(id) => return Err(format!("InsertXML XPath selected non-element: {:?}", document.write(id))),
            Found::Attribute(element, index) => {
                let name = document.element(element).map_or("", |element| &element.attributes[index].name);
                return Err(format!("InsertXML XPath selected non-element: {name:?}"));
            }
        }
    }
    Ok(document.write(ROOT))
}

/// The nodes that are found, and the places of attributes by their element.
fn sort_out(found: Vec<Found>) -> (Vec<Id>, BTreeMap<Id, HashSet<usize>>) {
    let (mut nodes, mut attributes) = (Vec::new(), BTreeMap::<Id, HashSet<usize>>::new());
    for found in found {
        match found {
            Found::Node(id) => nodes.push(id),
            Found::Attribute(element, index) => _ = attributes.entry(element).or_default().insert(index),
        }
    }
    (nodes, attributes)
}

fn remove(document: &mut Document, found: Vec<Found>) {
    let (nodes, attributes) = sort_out(found);
    for (element, places) in attributes {
        document.take_attributes(element, |index| places.contains(&index));
    }
    nodes.into_iter().filter(|id| *id != ROOT).for_each(|id| document.remove(id));
}

/// Attributes that are found, and those of elements that are found and of what is in them, become elements at the end of theirs.
fn convert_attributes(document: &mut Document, found: Vec<Found>) {
    let (nodes, attributes) = sort_out(found);
    for (element, places) in attributes {
        let taken = document.take_attributes(element, |index| places.contains(&index));
        append_converted(document, element, taken);
    }
    for element in within(document, &nodes) {
        let taken = document.take_attributes(element, |_| true);
        append_converted(document, element, taken);
    }
}

fn append_converted(document: &mut Document, element: Id, attributes: Vec<Attribute>) {
    for attribute in attributes {
        let name = attribute.name.rsplit(':').next().unwrap_or_default().to_owned();
        let child = document.append_element(element, name);
        document.append(child, Kind::Text(attribute.value));
    }
}

/// Nodes and all that is in them, each once.
fn within(document: &Document, nodes: &[Id]) -> BTreeSet<Id> {
    let mut all = BTreeSet::new();
    for id in nodes {
        // What is in a node that is known is known.
        if all.insert(*id) {
            all.extend(document.descendants(*id));
        }
    }
    all
}

/// Wraps text that stands beside elements or other text. What is only space between elements is no text.
fn convert_text(document: &mut Document, found: Vec<Found>, name: &str) {
    let (nodes, _) = sort_out(found);
    for id in within(document, &nodes) {
        let kind = |id: &Id| &document.nodes[*id].kind;
        let children = &document.nodes[id].children;
        let is_text = |id: &Id| matches!(kind(id), Kind::Text(text) if !text.trim().is_empty());
        let elements = children.iter().filter(|id| matches!(kind(id), Kind::Element(_))).count();
        let texts: Vec<_> = children.iter().copied().filter(is_text).collect();
        if texts.len() + elements > 1 {
            for text in texts {
                document.wrap(text, name);
            }
        }
    }
}

#[cfg(test)]
mod tests;
