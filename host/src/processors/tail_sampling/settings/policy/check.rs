//! What can be known to be wrong with policies without asking their plugins.

use std::collections::HashSet;

use super::super::Strategy;
use super::blocks::StatusCode;
use super::{BARE, KINDS, Kind, Policy, wasm};
use crate::config::Check;

/// Checks the list of policies.
pub(in super::super) fn check_all(policies: &[Policy], strategy: Strategy, check: &mut Check<'_>) {
    if policies.is_empty() {
        check.problem("policies", "no policies: without one, no trace would be kept");
    }
    let mut names = HashSet::new();
    for (place, policy) in policies.iter().enumerate() {
        let path = format!("policies.{place}");
        if policy.name.is_empty() {
            check.problem(&path, "policy name cannot be empty");
        } else if !names.insert(policy.name.as_str()) {
            check.problem(&format!("{path}.name"), format!("duplicate policy name {:?}", policy.name));
        }
        if strategy == Strategy::SpanIngest && policy.needs_whole_traces() {
            let message = format!(
                "policy {:?} keeps state or needs the whole trace, which span-ingest does not wait for",
                policy.name
            );
            check.problem(&path, message);
        }
        check_one(policy, None, &path, check);
    }
    wasm::check_references(policies, strategy, check);
}

fn check_one(policy: &Policy, parent: Option<Kind>, path: &str, check: &mut Check<'_>) {
    let Policy { name, kind, .. } = policy;
    let evaluated = check_kind(policy, parent, path, check);
    let known = evaluated.is_some();
    let blocks = policy.blocks();
    for block in blocks.iter().filter(|block| known && *block != kind) {
        check.problem_with_help(
            &format!("{path}.{block}"),
            format!("policy {name:?} is of type {kind:?} and has options for {block:?}"),
            if BARE.contains(&kind.as_str()) {
                format!("remove them: {kind} has no options")
            } else {
                format!("put the options under {kind}:, or make the type {block}")
            },
        );
    }
    let wants_block = known && !BARE.contains(&kind.as_str());
    if wants_block && !blocks.contains(kind) {
        check.problem(path, format!("policy {name:?} is of type {kind:?} and has no {kind}: block"));
        return;
    }
    check_values(policy, path, check);
    for (member, path) in policy.members().iter().zip(member_paths(policy, path)) {
        check_one(member, evaluated, &path, check);
    }
}

/// Checks the type and whether it may stand here.
fn check_kind(policy: &Policy, parent: Option<Kind>, path: &str, check: &mut Check<'_>) -> Option<Kind> {
    let Policy { name, kind, .. } = policy;
    let at = format!("{path}.type");
    if kind.is_empty() {
        check.problem(path, format!("policy {name:?} has no type"));
        return None;
    }
    let Some(evaluated) = policy.evaluated() else {
        let known = || KINDS.iter().map(|(name, _)| *name);
        let help = match crate::config::problem::closest(kind, known()) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!(
                "the types are {}; a policy of your own is of type wasm",
                known().collect::<Vec<_>>().join(", ")
            ),
        };
        check.problem_with_help(&at, format!("unknown sampling policy type {kind}"), help);
        return None;
    };
    let combined = matches!(evaluated, Kind::And | Kind::Drop | Kind::Not | Kind::Composite);
    let (allowed, also) = match parent {
        None => (true, ""),
        Some(Kind::Not) => (!combined, ""),
        Some(Kind::Composite) => (!combined || evaluated == Kind::And, ", and"),
        Some(_) => (!combined || evaluated == Kind::Not, ", not"),
    };
    if let Some(parent) = parent.filter(|_| !allowed) {
        let parent = KINDS.iter().find(|(_, other)| *other == parent).map_or("", |(name, _)| name);
        check.problem_with_help(
            &at,
            format!("policy {name:?}: a policy of type {kind} can not be a member of {parent}"),
            format!("members of {parent} are policies that combine no others{also}"),
        );
    }
    Some(evaluated)
}

/// Values that mean nothing, or what nobody wants.
fn check_values(policy: &Policy, path: &str, check: &mut Check<'_>) {
    let Policy { name, .. } = policy;
    match policy.evaluated() {
        Some(Kind::And) if policy.members().is_empty() => {
            let message = format!("policy {name:?}: and without members would sample every trace");
            check.problem(&format!("{path}.and"), message);
        }
        Some(Kind::Drop) if policy.members().is_empty() => {
            let message = format!("policy {name:?}: drop without members would drop every trace");
            check.problem(&format!("{path}.drop"), message);
        }
        Some(Kind::Not) if policy.members().is_empty() => {
            check.problem(&format!("{path}.not"), format!("policy {name:?}: not without not_sub_policy"));
        }
        Some(Kind::Composite) => {
            if let Some(block) = &policy.composite {
                block.check(name, &format!("{path}.composite"), check);
            }
        }
        Some(Kind::Wasm) => {
            if let Some(block) = &policy.wasm {
                block.check(name, &format!("{path}.wasm"), check);
            }
        }
        _ => {}
    }
    let no_key = [
        ("numeric_attribute", policy.numeric_attribute.as_ref().is_some_and(|block| block.key.is_empty())),
        ("string_attribute", policy.string_attribute.as_ref().is_some_and(|block| block.key.is_empty())),
        ("boolean_attribute", policy.boolean_attribute.as_ref().is_some_and(|block| block.key.is_empty())),
        ("trace_state", policy.trace_state.as_ref().is_some_and(|block| block.key.is_empty())),
    ];
    for (block, _) in no_key.into_iter().filter(|(_, is_empty)| *is_empty) {
        check.problem(&format!("{path}.{block}"), format!("policy {name:?}: {block} without a key"));
    }
    if policy.numeric_attribute.as_ref().is_some_and(|block| block.min_value == 0 && block.max_value == 0) {
        let message = format!("policy {name:?}: at least one of min_value and max_value must be set and not 0");
        check.problem(&format!("{path}.numeric_attribute"), message);
    }
    check_limits(policy, path, check);
    if let Some(StatusCode { status_codes }) = &policy.status_code {
        check_status_codes(name, status_codes, &format!("{path}.status_code"), check);
    }
}

fn check_limits(policy: &Policy, path: &str, check: &mut Check<'_>) {
    let Policy { name, .. } = policy;
    let rates = [
        ("rate_limiting", "spans_per_second", policy.rate_limiting.as_ref().map(|block| block.spans_per_second)),
        ("bytes_limiting", "bytes_per_second", policy.bytes_limiting.as_ref().map(|block| block.bytes_per_second)),
    ];
    for (block, key, rate) in rates {
        let at = format!("{path}.{block}");
        match rate {
            Some(i64::MIN..0) => check.problem(&at, format!("policy {name:?}: {key} must not be negative")),
            Some(0) => check.warning(&at, format!("policy {name:?}: {block} without {key} samples nothing")),
            _ => {}
        }
    }
    let keys = [
        ("dynamic", policy.dynamic.as_ref().map(|block| &block.keys)),
        ("novelty", policy.novelty.as_ref().map(|block| &block.keys)),
    ];
    for (block, _) in keys.into_iter().filter(|(_, keys)| keys.is_some_and(Vec::is_empty)) {
        let message = format!("policy {name:?}: {block} without keys, the attributes that tell traces apart");
        check.problem(&format!("{path}.{block}"), message);
    }
    if policy.dynamic.as_ref().is_some_and(|block| block.traces_per_second <= 0.0) {
        let message = format!("policy {name:?}: dynamic without traces_per_second, how many to sample");
        check.problem(&format!("{path}.dynamic"), message);
    }
}

fn check_status_codes(name: &str, codes: &[String], path: &str, check: &mut Check<'_>) {
    if codes.is_empty() {
        check.problem(path, format!("policy {name:?}: expected at least one status code to filter on"));
    }
    for (place, code) in codes.iter().enumerate() {
        if !["OK", "ERROR", "UNSET"].contains(&code.as_str()) {
            let message = format!("policy {name:?}: unknown status code {code:?}, supported: OK, ERROR, UNSET");
            check.problem(&format!("{path}.status_codes.{place}"), message);
        }
    }
}

fn member_paths(policy: &Policy, path: &str) -> impl Iterator<Item = String> {
    let (block, list) = match policy.evaluated() {
        Some(Kind::And) => ("and.and_sub_policy", true),
        Some(Kind::Drop) => ("drop.drop_sub_policy", true),
        Some(Kind::Composite) => ("composite.composite_sub_policy", true),
        _ => ("not.not_sub_policy", false),
    };
    let path = path.to_owned();
    (0..).map(move |place| if list { format!("{path}.{block}.{place}") } else { format!("{path}.{block}") })
}
