//! A document as a tree of nodes, in one list.

use super::super::text::append;

/// The number of a node. Those that are read have them in the order of the document.
pub(super) type Id = usize;

/// What holds the document's element, and what stands beside it.
pub(super) const ROOT: Id = 0;

/// Bytes that insertions and parts within parts may make of a document.
pub(super) const MAX_BYTES: usize = 16 << 20;

pub(super) struct Document {
    pub(super) nodes: Vec<Node>,
}

pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) parent: Id,
    pub(super) children: Vec<Id>,
}

#[derive(Clone)]
pub(super) enum Kind {
    Root,
    /// What is taken out.
    Nothing,
    /// `version="1.0"` and more.
    Declaration(String),
    Element(Element),
    Text(String),
    CData(String),
    Comment(String),
    /// The target and what follows it.
    Instruction(String),
}

#[derive(Clone)]
pub(super) struct Element {
    /// With its prefix.
    pub(super) name: String,
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Clone)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) value: String,
}

impl Element {
    /// The name without its prefix.
    pub(super) fn local_name(&self) -> &str {
        self.name.split_once(':').map_or(&*self.name, |(_, local)| local)
    }
}

impl Default for Document {
    fn default() -> Self {
        Self { nodes: vec![Node { kind: Kind::Root, parent: ROOT, children: Vec::new() }] }
    }
}

impl Document {
    pub(super) fn append(&mut self, parent: Id, kind: Kind) -> Id {
        let id = self.nodes.len();
        self.nodes.push(Node { kind, parent, children: Vec::new() });
        self.nodes[parent].children.push(id);
        id
    }

    pub(super) fn append_element(&mut self, parent: Id, name: String) -> Id {
        self.append(parent, Kind::Element(Element { name, attributes: Vec::new() }))
    }

    pub(super) fn element(&self, id: Id) -> Option<&Element> {
        match &self.nodes[id].kind {
            Kind::Element(element) => Some(element),
            _ => None,
        }
    }

    pub(super) fn element_mut(&mut self, id: Id) -> Option<&mut Element> {
        match &mut self.nodes[id].kind {
            Kind::Element(element) => Some(element),
            _ => None,
        }
    }

    /// Takes a node out, and what is in it.
    pub(super) fn remove(&mut self, id: Id) {
        self.nodes[id].kind = Kind::Nothing;
        self.nodes[id].children.clear();
    }

    /// Takes the attributes out of an element that are asked for by their place.
    pub(super) fn take_attributes(&mut self, id: Id, is_taken: impl Fn(usize) -> bool) -> Vec<Attribute> {
        let Some(element) = self.element_mut(id) else { return Vec::new() };
        let attributes = std::mem::take(&mut element.attributes).into_iter().enumerate();
        let (taken, kept): (Vec<_>, Vec<_>) = attributes.partition(|(index, _)| is_taken(*index));
        element.attributes = kept.into_iter().map(|(_, attribute)| attribute).collect();
        taken.into_iter().map(|(_, attribute)| attribute).collect()
    }

    /// Appends a copy of all that is in another document, without its declaration.
    pub(super) fn graft(&mut self, parent: Id, part: &Self) {
        let mut pending: Vec<_> = part.nodes[ROOT].children.iter().rev().map(|child| (parent, *child)).collect();
        while let Some((parent, id)) = pending.pop() {
            let node = &part.nodes[id];
            if matches!(node.kind, Kind::Declaration(_)) {
                continue;
            }
            let copy = self.append(parent, node.kind.clone());
            pending.extend(node.children.iter().rev().map(|child| (copy, *child)));
        }
    }

    /// Puts an element around a node.
    pub(super) fn wrap(&mut self, id: Id, name: &str) {
        let kind = std::mem::replace(
            &mut self.nodes[id].kind,
            Kind::Element(Element { name: name.to_owned(), attributes: Vec::new() }),
        );
        self.append(id, kind);
    }

    /// All nodes within a node, in the order of the document.
    pub(super) fn descendants(&self, id: Id) -> Vec<Id> {
        let mut found = Vec::new();
        let mut pending: Vec<_> = self.nodes[id].children.iter().rev().copied().collect();
        while let Some(id) = pending.pop() {
            found.push(id);
            pending.extend(self.nodes[id].children.iter().rev());
        }
        found
    }

    /// The text within a node.
    pub(super) fn text(&self, id: Id) -> String {
        let mut text = String::new();
        for id in std::iter::once(id).chain(self.descendants(id)) {
            match &self.nodes[id].kind {
                Kind::Text(part) | Kind::CData(part) => text.push_str(part),
                _ => {}
            }
        }
        text
    }

    /// A node as XML; of the root all that is in it.
    pub(super) fn write(&self, id: Id) -> String {
        let mut xml = String::new();
        self.write_to(id, &mut xml);
        xml
    }

    /// As deep as the reader lets documents be.
    fn write_to(&self, id: Id, xml: &mut String) {
        let node = &self.nodes[id];
        match &node.kind {
            Kind::Root | Kind::Nothing => {}
            Kind::Declaration(text) => append(xml, format_args!("<?xml {text}?>")),
            Kind::Text(text) => escape(text, xml),
            Kind::CData(text) => append(xml, format_args!("<![CDATA[{text}]]>")),
            Kind::Comment(text) => append(xml, format_args!("<!--{text}-->")),
            Kind::Instruction(text) => append(xml, format_args!("<?{text}?>")),
            Kind::Element(element) => {
                append(xml, format_args!("<{}", element.name));
                for attribute in &element.attributes {
                    append(xml, format_args!(" {}=\"", attribute.name));
                    escape(&attribute.value, xml);
                    xml.push('"');
                }
                xml.push('>');
            }
        }
        for child in &node.children {
            self.write_to(*child, xml);
        }
        if let Kind::Element(element) = &node.kind {
            append(xml, format_args!("</{}>", element.name));
        }
    }
}

/// As Go's `html.EscapeString`.
pub(super) fn escape(text: &str, xml: &mut String) {
    for c in text.chars() {
        match c {
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '&' => xml.push_str("&amp;"),
            '\'' => xml.push_str("&#39;"),
            '"' => xml.push_str("&#34;"),
            _ => xml.push(c),
        }
    }
}
