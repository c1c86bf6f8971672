//! Whatever passes the check still does after every statement of `statements.txt`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tailrace_otlp::edit::{Keep, pass};
use tailrace_otlp::{Signal, check};
use tailrace_ottl::{Context, Env, Group, Memory, Then};

/// Signal, context and statement in each line.
static STATEMENTS: LazyLock<Vec<(Signal, Group)>> = LazyLock::new(|| {
    let group = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let signal = match words.next() {
            Some("traces") => Signal::Traces,
            Some("metrics") => Signal::Metrics,
            _ => Signal::Logs,
        };
        let context = Context::named(words.next().expect("a context")).expect("a context");
        (signal, Group::on(context, &[words.next().expect("a statement")], &[]).expect("a statement"))
    };
    include_str!("../statements.txt").lines().map(group).collect()
});

fuzz_target!(|request: &[u8]| {
    for (signal, group) in STATEMENTS.iter() {
        if check(*signal, request).is_err() {
            continue;
        }
        let (env, mut memory) = (Env::default(), Memory::default());
        let changed = pass(*signal, group.context.level(), request, |place| {
            memory.forget();
            group.run(place, &mut memory, &env, &mut |_| Then::GoOn);
            Keep::Yes
        });
        if let Some(changed) = changed {
            check(*signal, &changed).expect("still OTLP");
        }
    }
});
