//! What the fuzz target `run` does, on requests that were damaged a little.

use std::sync::LazyLock;

use proptest::prelude::*;
use tailrace_otlp::edit::{Keep, pass};
use tailrace_otlp::{Signal, check};

use super::{full_log, full_metric, full_span, logs, metrics, traces};
use crate::{Context, Env, Group, Memory, Then};

static TRACES: LazyLock<Vec<Group>> = LazyLock::new(|| groups("traces "));
static LOGS: LazyLock<Vec<Group>> = LazyLock::new(|| groups("logs "));
static METRICS: LazyLock<Vec<Group>> = LazyLock::new(|| groups("metrics "));

/// The lines of a signal.
fn groups(signal: &str) -> Vec<Group> {
    let lines =
        include_str!("../../fuzz/statements.txt").lines().filter_map(|line| line.strip_prefix(signal)?.split_once(' '));
    let group = |(context, statement): (&str, &str)| {
        let context = Context::named(context).expect("a context");
        Group::on(context, &[statement], &[]).unwrap_or_else(|problems| panic!("{statement}: {problems:?}"))
    };
    lines.map(group).collect()
}

/// Runs every statement of a signal; what comes of it is still OTLP.
fn stays_valid(signal: Signal, groups: &[Group], request: &[u8]) {
    if check(signal, request).is_err() {
        return;
    }
    for group in groups {
        let (env, mut memory) = (Env::default(), Memory::default());
        let changed = pass(signal, group.context.level(), request, |place| {
            memory.forget();
            group.run(place, &mut memory, &env, &mut |_| Then::GoOn);
            Keep::Yes
        });
        if let Some(changed) = changed {
            assert!(check(signal, &changed).is_ok(), "{group:?} of {request:?}");
        }
    }
}

fn damaged(mut request: Vec<u8>, damage: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    for (at, byte) in damage {
        let at = at.index(request.len());
        if let Some(place) = request.get_mut(at) {
            *place = *byte;
        }
    }
    request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_valid_request_stays_valid(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        stays_valid(Signal::Traces, &TRACES, &damaged(traces(full_span()), &damage));
        stays_valid(Signal::Logs, &LOGS, &damaged(logs(full_log()), &damage));
        for kind in 0..5 {
            stays_valid(Signal::Metrics, &METRICS, &damaged(metrics(vec![full_metric(kind)]), &damage));
        }
    }
}
