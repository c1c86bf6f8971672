//! Any text is read, or refused at a place in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tailrace_ottl::{Condition, Context, Statement};

const CONTEXTS: [Context; 4] = [Context::Span, Context::Log, Context::Metric, Context::DataPoint];

fuzz_target!(|text: &str| {
    for context in CONTEXTS {
        let problems = [Condition::parse(text, context).err(), Statement::parse(text, context).err()];
        for problem in problems.into_iter().flatten().flatten() {
            assert!(text.get(problem.span.clone()).is_some(), "{problem:?}");
        }
    }
});
