//! Where steps of a path lead.

use super::super::document::{Document, Id, ROOT};
use super::{Axis, Found};

/// The nodes of an axis, the nearest first.
pub(super) fn nodes(document: &Document, node: Found, axis: Axis) -> Vec<Found> {
    let (id, is_attribute) = match node {
        Found::Node(id) => (id, false),
        Found::Attribute(id, _) => (id, true),
    };
    let found = |ids: Vec<Id>| ids.into_iter().map(Found::Node).collect::<Vec<_>>();
    match axis {
        Axis::Itself => vec![node],
        Axis::Parent if is_attribute => vec![Found::Node(id)],
        Axis::Parent => found(ancestors(document, id).into_iter().take(1).collect()),
        Axis::Ancestor if is_attribute => {
            std::iter::once(Found::Node(id)).chain(found(ancestors(document, id))).collect()
        }
        Axis::Ancestor => found(ancestors(document, id)),
        Axis::AncestorOrSelf => {
            let own = is_attribute.then_some(node).into_iter().chain([Found::Node(id)]);
            own.chain(found(ancestors(document, id))).collect()
        }
        Axis::DescendantOrSelf if is_attribute => vec![node],
        _ if is_attribute => Vec::new(),
        Axis::Attribute => {
            let count = document.element(id).map_or(0, |element| element.attributes.len());
            (0..count).map(|index| Found::Attribute(id, index)).collect()
        }
        Axis::Child => found(document.nodes[id].children.clone()),
        Axis::Descendant => found(document.descendants(id)),
        Axis::DescendantOrSelf => std::iter::once(node).chain(found(document.descendants(id))).collect(),
        Axis::FollowingSibling => found(siblings(document, id).into_iter().filter(|other| *other > id).collect()),
        Axis::PrecedingSibling => found(siblings(document, id).into_iter().filter(|other| *other < id).rev().collect()),
        Axis::Following => {
            let last = document.descendants(id).last().copied().unwrap_or(id);
            found((last + 1..document.nodes.len()).collect())
        }
        Axis::Preceding => {
            let ancestors = ancestors(document, id);
            found((1..id).rev().filter(|other| !ancestors.contains(other)).collect())
        }
    }
}

/// The parent first.
fn ancestors(document: &Document, id: Id) -> Vec<Id> {
    let mut ancestors = Vec::new();
    let mut at = id;
    while at != ROOT {
        at = document.nodes[at].parent;
        ancestors.push(at);
    }
    ancestors
}

fn siblings(document: &Document, id: Id) -> Vec<Id> {
    match id {
        ROOT => Vec::new(),
        id => document.nodes[document.nodes[id].parent].children.clone(),
    }
}
