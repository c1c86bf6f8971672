//! Paths and keys.

use std::ops::Range;

use super::{Checker, Paths};
use crate::context::is_unsupported;
use crate::expr::{KeyExpr, PathExpr};
use crate::path::{Shape, fields, find};
use crate::syntax::{Kind, Node, Segment};
use crate::{Context, Field, Key, Path, Problem};

impl Checker {
    pub(crate) fn path(&mut self, segments: &[Segment], span: &Range<usize>) -> Option<PathExpr> {
        let (context, rest) = self.owner(segments, span)?;
        let written: Vec<&str> = rest.iter().map(|segment| segment.name.as_str()).collect();
        let Some((_, field, shape)) = find(context, &written.join(".")) else {
            return self.unknown_field(context, rest, &written);
        };
        let (last, before) = rest.split_last()?;
        if let Some(segment) = before.iter().find(|segment| !segment.keys.is_empty()) {
            return self.no_keys(segment);
        }
        if field == Field::Cache && context != self.context {
            let message = format!(
                "access to cache must be performed using the same context, please replace \"{}.cache\" with \"{}.cache\"",
                context.name(),
                self.context.name()
            );
            return self.fail(Problem::new(span.clone(), message));
        }
        self.check_keys(last, shape)?;
        let keys: Vec<_> = last.keys.iter().map(|key| self.key(key)).collect();
        let keys = keys.into_iter().collect::<Option<Vec<_>>>()?;
        Some(split(context, field, keys))
    }

    /// What a path belongs to, and what is left of it.
    fn owner<'n>(&mut self, segments: &'n [Segment], span: &Range<usize>) -> Option<(Context, &'n [Segment])> {
        let (first, rest) = segments.split_first()?;
        let written = || segments.iter().map(|segment| segment.name.as_str()).collect::<Vec<_>>().join(".");
        match Context::named(&first.name).filter(|_| first.keys.is_empty() && !rest.is_empty()) {
            Some(context) if self.context.sees(context) => Some((context, rest)),
            Some(context) => {
                let message = format!("context \"{}\" from path \"{}\" is not valid", context.name(), written());
                let seen: Vec<_> =
                    super::ALL.iter().filter(|other| self.context.sees(**other)).map(|other| other.name()).collect();
                let hint = format!("this runs on {}, which has paths of {}", self.context.name(), seen.join(", "));
                self.fail(Problem::new(first.span.clone(), message).hint(hint))
            }
            None if is_unsupported(&written()) => {
                let message = format!("context \"{}\" from path \"{}\" is not valid", first.name, written());
                self.fail(Problem::new(first.span.clone(), message).hint("profiles and span links are not supported"))
            }
            None if self.paths == Paths::Bare => Some((self.context, segments)),
            None => {
                let message = format!("missing context name for path \"{}\"", written());
                let hint = format!("write {}.{}", self.context.name(), written());
                self.fail(Problem::new(span.clone(), message).hint(hint))
            }
        }
    }

    fn unknown_field<T>(&mut self, context: Context, rest: &[Segment], written: &[&str]) -> Option<T> {
        // As far as the path exists, what follows is to blame.
        let is_known = |len: usize| find(context, &written.get(..len).unwrap_or_default().join(".")).is_some();
        let known = (1..rest.len()).rev().find(|len| is_known(*len)).unwrap_or(0);
        let blamed = rest.get(known)?;
        let whole = format!("{}.{}", context.name(), written.join("."));
        let message = format!(
            "segment \"{}\" from path \"{whole}\" is not a valid path nor a valid OTTL keyword for the {} context",
            blamed.name,
            context.name()
        );
        let problem = Problem::new(blamed.span.clone(), message);
        self.fail(problem.meant(&written.join("."), fields(context).iter().map(|(name, ..)| *name)))
    }

    fn check_keys(&mut self, segment: &Segment, shape: Shape) -> Option<()> {
        let is_index = |key: &Node| matches!(key.kind, Kind::Int(_));
        match (shape, segment.keys.as_slice()) {
            (_, []) | (Shape::Any, _) | (Shape::Flat, [_]) => Some(()),
            (Shape::Plain | Shape::Fixed, _) => self.no_keys(segment),
            (Shape::Flat, [_, second, ..]) => {
                let message = format!("must provide exactly 1 key when accessing {}", segment.name);
                self.fail(Problem::new(second.span.clone(), message))
            }
            (Shape::Map | Shape::Lists, [first, ..]) if is_index(first) => {
                let problem = Problem::new(first.span.clone(), crate::codec::NO_STRING_KEY);
                self.fail(problem.hint(format!("{} is a map, its keys are strings", segment.name)))
            }
            (Shape::Map | Shape::Lists, _) => Some(()),
        }
    }

    fn no_keys<T>(&mut self, segment: &Segment) -> Option<T> {
        let span = match (segment.keys.first(), segment.keys.last()) {
            (Some(first), Some(last)) => first.span.start..last.span.end,
            _ => segment.span.clone(),
        };
        let message = format!(
            "the keys indexing \"{}\" were not used by the context - this likely means you are trying to index a path that does \
             not support indexing",
            segment.name
        );
        self.fail(Problem::new(span, message))
    }

    pub(super) fn key(&mut self, node: &Node) -> Option<KeyExpr> {
        match &node.kind {
            Kind::Text(key) => Some(KeyExpr::Known(Key::Str(key.as_str().into()))),
            Kind::Int(index) => Some(KeyExpr::Known(Key::Int(*index))),
            _ => self.expr(node).map(KeyExpr::Computed),
        }
    }
}

/// A path whose keys are known up to the first that is computed.
fn split(context: Context, field: Field, keys: Vec<KeyExpr>) -> PathExpr {
    let mut path = Path { context, field, keys: Vec::new() };
    let mut more = Vec::new();
    let is_header = matches!(field, Field::ClientMetadata | Field::GrpcMetadata);
    for key in keys {
        match key {
            // The names of headers have no case.
            KeyExpr::Known(Key::Str(key)) if is_header && path.keys.is_empty() && more.is_empty() => {
                path.keys.push(Key::Str(key.to_lowercase().into()));
            }
            KeyExpr::Known(key) if more.is_empty() => path.keys.push(key),
            key => more.push(key),
        }
    }
    PathExpr { path, more }
}
