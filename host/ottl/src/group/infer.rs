//! What a group runs on, by what its texts name.

use std::ops::Range;

use tailrace_otlp::Signal;

use super::{Part, PartProblem, Tree};
use crate::check::has_converter;
use crate::context::is_unsupported;
use crate::syntax::{Call, Kind, Node, Segment, Test};
use crate::{Context, Problem, editors};

/// What the texts of a group name.
#[derive(Default)]
struct Named {
    contexts: Vec<Context>,
    editors: Vec<String>,
    converters: Vec<String>,
    enums: Vec<String>,
    /// The first path that does not say what it belongs to.
    bare: Option<(Part, Range<usize>, String)>,
}

/// The context of a group on a signal.
pub(super) fn context(signal: Signal, trees: &[(Part, Tree)]) -> Result<Context, PartProblem> {
    let mut named = Named::default();
    for (part, tree) in trees {
        let part = *part;
        match tree {
            Tree::Statement(statement) => {
                named.editors.push(statement.editor.name.clone());
                named.arguments(part, &statement.editor);
                statement.condition.iter().for_each(|test| named.test(part, test));
            }
            Tree::Condition(test) => named.test(part, test),
        }
    }
    let candidates = Context::of(signal);
    let innermost = named.contexts.iter().copied().filter(|context| candidates.contains(context)).min();
    let serves = |context: &Context| named.are_in(*context);
    let found = match innermost {
        Some(context) if serves(&context) => Some(context),
        // Something that lies in it, the innermost first.
        Some(context) => candidates.iter().copied().find(|inner| inner.sees(context) && serves(inner)),
        // No path tells, so the functions and enums have to.
        None => {
            let mut serving = candidates.iter().copied().filter(serves);
            serving.next().filter(|_| serving.next().is_none())
        }
    };
    // What does not exist at all is told better by the check on what the paths name.
    let fallback = || {
        let is_better = named.has_unknown(candidates) && named.bare.is_none();
        is_better.then(|| innermost.unwrap_or_else(|| named.suggestion(signal)))
    };
    found.or_else(fallback).ok_or_else(|| named.problem(signal, trees))
}

impl Named {
    fn are_in(&self, context: Context) -> bool {
        self.editors.iter().all(|name| editors::has(context, name))
            && self.converters.iter().all(|name| has_converter(context, name))
            && self.enums.iter().all(|name| context.number(name).is_some())
    }

    /// Whether something named is nowhere.
    fn has_unknown(&self, candidates: &[Context]) -> bool {
        let nowhere = |known: &dyn Fn(Context, &str) -> bool, name: &String| {
            !candidates.iter().any(|context| known(*context, name))
        };
        self.editors.iter().any(|name| nowhere(&editors::has, name))
            || self.converters.iter().any(|name| nowhere(&has_converter, name))
            || self.enums.iter().any(|name| nowhere(&|context, name| context.number(name).is_some(), name))
    }

    #[cold]
    fn problem(&self, signal: Signal, trees: &[(Part, Tree)]) -> PartProblem {
        let names: Vec<_> = Context::of(signal).iter().map(|context| context.name()).collect();
        let names = names.join(", ");
        if let Some((part, span, path)) = &self.bare {
            if is_unsupported(path) {
                let problem = Problem::new(span.clone(), format!("unable to infer context from path \"{path}\""));
                return PartProblem { part: *part, problem: problem.hint("profiles and span links are not supported") };
            }
            let message = format!("missing context name for path \"{path}\"");
            let hint =
                format!("write what it belongs to, one of {names}, as in {}.{path}", self.suggestion(signal).name());
            return PartProblem { part: *part, problem: Problem::new(span.clone(), message).hint(hint) };
        }
        let message = "unable to infer context: path's first segment must be a valid context name, and at least one context must \
                       be capable of parsing all statements";
        let hint = format!(
            "of {names}, none has all paths, functions and enums named here; make groups of statements that go together"
        );
        let part = trees.first().map_or(Part::Statement(0), |(part, _)| *part);
        PartProblem { part, problem: Problem::new(0..0, message).hint(hint) }
    }

    fn suggestion(&self, signal: Signal) -> Context {
        let usual = match signal {
            Signal::Traces => Context::Span,
            Signal::Metrics => Context::Metric,
            Signal::Logs => Context::Log,
        };
        self.contexts.iter().copied().min().unwrap_or(usual)
    }

    fn test(&mut self, part: Part, test: &Test) {
        match test {
            Test::Constant(_) => {}
            Test::Converter(node) => self.node(part, node),
            Test::Compare(_, left, right) => {
                self.node(part, left);
                self.node(part, right);
            }
            Test::Not(inner) => self.test(part, inner),
            Test::All(all) | Test::Any(all) => all.iter().for_each(|test| self.test(part, test)),
        }
    }

    fn node(&mut self, part: Part, node: &Node) {
        match &node.kind {
            Kind::Path(segments) => self.path(part, segments, node.span.clone()),
            Kind::Call(call) => {
                self.converters.push(call.name.clone());
                self.arguments(part, call);
                call.keys.iter().for_each(|key| self.node(part, key));
            }
            Kind::Name(name) if crate::functions::find(name).is_none() => self.enums.push(name.clone()),
            Kind::List(items) => items.iter().for_each(|item| self.node(part, item)),
            Kind::Map(entries) => entries.iter().for_each(|(_, value)| self.node(part, value)),
            Kind::Math(terms) => terms.iter().for_each(|(_, term)| self.node(part, term)),
            Kind::Minus(inner) => self.node(part, inner),
            _ => {}
        }
    }

    fn arguments(&mut self, part: Part, call: &Call) {
        call.arguments.iter().for_each(|argument| self.node(part, &argument.value));
    }

    fn path(&mut self, part: Part, segments: &[Segment], span: Range<usize>) {
        let first = segments.first().filter(|first| first.keys.is_empty() && segments.len() > 1);
        match first.and_then(|first| Context::named(&first.name)) {
            Some(context) => self.contexts.push(context),
            None => {
                let names: Vec<_> = segments.iter().map(|segment| segment.name.as_str()).collect();
                self.bare.get_or_insert((part, span, names.join(".")));
            }
        }
        segments.iter().flat_map(|segment| &segment.keys).for_each(|key| self.node(part, key));
    }
}
