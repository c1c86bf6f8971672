//! Documents as maps.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::arguments::owned;
use super::document::{Document, Id, Kind, ROOT};
use super::reader;
use crate::{Map, Value};

/// Each element as a map of its tag, its attributes, its text without space around it, and its children.
pub(super) fn faithful<'a>(text: &str) -> Result<Map<'a>, String> {
    let document = reader::read(text).map_err(|why| format!("unmarshal xml: {why}"))?;
    let mut top = document.nodes[ROOT].children.iter().skip_while(|id| document.element(**id).is_none());
    let element = top.next().map(|id| element(&document, *id)).unwrap_or_default();
    match top.all(|id| matches!(&document.nodes[*id].kind, Kind::Text(text) if text.trim().is_empty())) {
        true => Ok(element),
        false => Err("trailing bytes after parsing xml".to_owned()),
    }
}

/// As deep as the reader lets documents be.
fn element<'a>(document: &Document, id: Id) -> Map<'a> {
    let mut map = Map::default();
    let Some(element_of) = document.element(id) else { return map };
    map.insert("tag", owned(element_of.local_name()));
    let (mut content, mut children) = (String::new(), Vec::new());
    for child in &document.nodes[id].children {
        match &document.nodes[*child].kind {
            Kind::Text(text) | Kind::CData(text) => content.push_str(text.trim()),
            Kind::Element(_) => children.push(Value::Map(element(document, *child))),
            _ => {}
        }
    }
    if !content.is_empty() {
        map.insert("content", owned(content));
    }
    if !element_of.attributes.is_empty() {
        let attributes = element_of.attributes.iter().map(|attribute| {
            let local = attribute.name.split_once(':').map_or(&*attribute.name, |(_, local)| local);
            (local.to_owned().into(), owned(attribute.value.as_str()))
        });
        map.insert("attributes", Value::Map(attributes.collect()));
    }
    if !children.is_empty() {
        map.insert("children", Value::List(children));
    }
    map
}

/// Elements as keys, their text or their elements as values; those that repeat as lists. The rest is left out.
pub(super) fn simplified<'a>(document: &Document) -> Map<'a> {
    elements(document, ROOT)
}

fn elements<'a>(document: &Document, parent: Id) -> Map<'a> {
    let children =
        document.nodes[parent].children.iter().filter_map(|id| Some((*id, document.element(*id)?.local_name())));
    let mut counts: HashMap<&str, usize> = HashMap::new();
    children.clone().for_each(|(_, name)| *counts.entry(name).or_default() += 1);
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut entries: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
    for (id, name) in children.filter(|(id, _)| !document.nodes[*id].children.is_empty()) {
        let value = value(document, id);
        let repeats = counts.get(name).is_some_and(|count| *count > 1);
        match (repeats, value) {
            (false, Some(value)) => entries.push((name.to_owned().into(), value)),
            (false, None) => {}
            // Even if none of them has something to say.
            (true, value) => {
                let place = *places.entry(name).or_insert_with(|| {
                    entries.push((name.to_owned().into(), Value::List(Vec::new())));
                    entries.len() - 1
                });
                if let (Value::List(list), Some(value)) = (&mut entries[place].1, value) {
                    list.push(value);
                }
            }
        }
    }
    entries.into_iter().collect()
}

/// The elements of an element, or its first text.
fn value<'a>(document: &Document, id: Id) -> Option<Value<'a>> {
    let children = &document.nodes[id].children;
    if children.iter().any(|child| document.element(*child).is_some()) {
        let map = elements(document, id);
        return (!map.is_empty()).then_some(Value::Map(map));
    }
    let text = children.iter().find_map(|child| match &document.nodes[*child].kind {
        Kind::Text(text) | Kind::CData(text) => Some(text.as_str()),
        _ => None,
    })?;
    (!text.is_empty()).then(|| owned(text))
}
