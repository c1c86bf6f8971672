//! "A span or a resource of the trace has …": what the three attribute policies share.

use tailrace_sdk::{Batch, Code, Needs, Votes};

/// The attribute of spans at place 0, that of resources at place 1.
pub(crate) fn needs(key: &str) -> Needs {
    Needs::nothing().span(key).resource(key)
}

/// Votes to sample a trace if `on_span` or `on_resource` holds for a code that is there; with `invert` if neither does for any.
pub(crate) fn vote(
    batch: &Batch<'_>,
    candidates: &[u32],
    invert: bool,
    votes: &mut Votes,
    mut matches: impl FnMut(Code, Place) -> bool,
) {
    let (spans, resources) = (batch.column(0), batch.column(1));
    for &trace in candidates {
        let range = batch.span_range(trace);
        // A resource's code is repeated for each of its spans: ask again only when it changes.
        let mut last = Code::ABSENT;
        let found = resources[range.clone()].iter().any(|&code| {
            let code = Code(code);
            let asked = code != last && code.is_present() && matches(code, Place::Resource);
            last = code;
            asked
        }) || spans[range].iter().any(|&code| Code(code).is_present() && matches(Code(code), Place::Span));
        votes.push(found != invert);
    }
}

/// Where a value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Span,
    Resource,
}
