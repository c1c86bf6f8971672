//! Conditions over a trace's OTLP bytes.

use tailrace_ottl::{Condition, Context, Env, Item, Memory};
use tailrace_sdk::otlp::Signal;
use tailrace_sdk::otlp::edit::{Keep, pass};

use crate::errors::Failures;

/// Whether a condition is true of a span of the `TracesData` message, or of an event.
pub(super) fn any(
    otlp: &[u8],
    span: &[Condition],
    span_event: &[Condition],
    env: &Env<'_>,
    failures: &mut Failures,
) -> bool {
    any_of(otlp, Context::Span, span, env, failures) || any_of(otlp, Context::SpanEvent, span_event, env, failures)
}

fn any_of(otlp: &[u8], context: Context, conditions: &[Condition], env: &Env<'_>, failures: &mut Failures) -> bool {
    if conditions.is_empty() {
        return false;
    }
    let mut memory = Memory::default();
    let mut found = false;
    // Nothing is changed: a pass is the way to visit everything in its place.
    pass(Signal::Traces, context.level(), otlp, |place| {
        if !found {
            let item = Item::new(context, place, &mut memory);
            found = conditions.iter().any(|condition| failures.holds(condition, &item, env));
        }
        Keep::Yes
    });
    found
}
