use crate::config::testing;
use crate::processors::tail_sampling::Settings;

/// What is wrong with a list of policies: message and help.
fn problems(policies: &str) -> Vec<String> {
    let (_, problems) = testing::settings::<Settings>(&format!("policies: [{policies}]"));
    problems
        .all()
        .iter()
        .map(|problem| [vec![problem.message.clone()], problem.help.clone()].concat().join(" | "))
        .collect()
}

#[test]
fn every_type_is_taken_with_its_block() {
    let policies = "
        {name: a, type: always_sample},
        {name: b, type: latency, latency: {threshold_ms: 1, upper_threshold_ms: 2}},
        {name: c, type: numeric_attribute, numeric_attribute: {key: k, min_value: 1, max_value: 2, invert_match: true}},
        {name: d, type: probabilistic, probabilistic: {hash_salt: s, sampling_percentage: 12.5}},
        {name: e, type: status_code, status_code: {status_codes: [OK, ERROR, UNSET]}},
        {name: f, type: string_attribute, string_attribute: {key: k, values: [a], enabled_regex_matching: true, cache_max_size: 1}},
        {name: g, type: span_count, span_count: {min_spans: 1, max_spans: 2}},
        {name: h, type: trace_state, trace_state: {key: k, values: [a]}},
        {name: i, type: trace_flags},
        {name: j, type: boolean_attribute, boolean_attribute: {key: k, value: true}},
        {name: k, type: and, and: {and_sub_policy: [{name: x, type: always_sample}, {name: y, type: not, not: {not_sub_policy: {type: trace_flags}}}]}},
        {name: l, type: drop, drop: {drop_sub_policy: [{name: x, type: trace_flags}]}},
        {name: m, type: wasm, wasm: {module: p.wasm, digest: abc, policy: vip, config: {x: 1}, on_error: sample, limits: {memory_mib: 8}}}";
    assert_eq!(problems(policies), [""; 0]);
}

#[test]
fn what_is_misspelt_or_misplaced_is_said() {
    let cases = [
        (
            "{name: a, type: latncy, latency: {threshold_ms: 1}}",
            vec!["policies::0::type: unknown sampling policy type latncy | did you mean \"latency\"?"],
        ),
        (
            "{name: a, type: my_extension/x}",
            vec![
                "policies::0::type: unknown sampling policy type my_extension/x | the types are always_sample, latency, \
             numeric_attribute, probabilistic, status_code, string_attribute, span_count, trace_state, trace_flags, \
             boolean_attribute, and, not, drop, wasm; a policy of your own is of type wasm",
            ],
        ),
        (
            "{name: a, type: boolean_attribute, string_attribute: {key: k, values: [v]}}",
            vec![
                "policies::0::string_attribute: policy \"a\" is of type \"boolean_attribute\" and has options for \
             \"string_attribute\" | put the options under boolean_attribute:, or make the type string_attribute",
                "policies::0: policy \"a\" is of type \"boolean_attribute\" and has no boolean_attribute: block",
            ],
        ),
        (
            "{name: a, type: latency}",
            vec!["policies::0: policy \"a\" is of type \"latency\" and has no latency: block"],
        ),
        (
            "{name: a, type: always_sample, latency: {threshold_ms: 1}}",
            vec![
                "policies::0::latency: policy \"a\" is of type \"always_sample\" and has options for \"latency\" | remove them: \
             always_sample has no options",
            ],
        ),
        ("{name: a}", vec!["policies::0: policy \"a\" has no type"]),
        ("{type: always_sample}", vec!["policies::0: policy name cannot be empty"]),
        (
            "{name: a, type: always_sample}, {name: a, type: trace_flags}",
            vec!["policies::1::name: duplicate policy name \"a\""],
        ),
        (
            "{name: a, type: rate_limiting, rate_limiting: {spans_per_second: 5}}",
            vec!["policies::0::type: policy \"a\": the type rate_limiting is not available yet"],
        ),
    ];
    for (policies, expected) in cases {
        assert_eq!(problems(policies), expected, "{policies}");
    }
}

#[test]
fn combinators_nest_as_in_the_go_processor() {
    let member = |kind: &str, member: &str| match kind {
        "not" => format!("{{name: a, type: not, not: {{not_sub_policy: {member}}}}}"),
        _ => format!("{{name: a, type: {kind}, {kind}: {{{kind}_sub_policy: [{member}]}}}}"),
    };
    let leaf = "{name: l, type: always_sample}";
    for outer in ["and", "drop", "not"] {
        for inner in ["and", "drop", "not"] {
            let found = problems(&member(outer, &member(inner, leaf)));
            let allowed = inner == "not" && outer != "not";
            assert_eq!(found.is_empty(), allowed, "{inner} in {outer}: {found:?}");
        }
    }
}

#[test]
fn what_would_take_or_drop_everything_is_refused() {
    let cases = [
        (
            "{name: a, type: and, and: {and_sub_policy: []}}",
            "and: policy \"a\": and without members would sample every trace",
        ),
        ("{name: a, type: drop, drop: {}}", "drop: policy \"a\": drop without members would drop every trace"),
        ("{name: a, type: not, not: {}}", "not: policy \"a\": not without not_sub_policy"),
        (
            "{name: a, type: numeric_attribute, numeric_attribute: {key: k}}",
            "numeric_attribute: policy \"a\": at least one of min_value and max_value must be set and not 0",
        ),
        (
            "{name: a, type: status_code, status_code: {status_codes: []}}",
            "status_code: policy \"a\": expected at least one status code to filter on",
        ),
        (
            "{name: a, type: status_code, status_code: {status_codes: [ERROR, error]}}",
            "status_code::status_codes::1: policy \"a\": unknown status code \"error\", supported: OK, ERROR, UNSET",
        ),
        (
            "{name: a, type: string_attribute, string_attribute: {values: [x]}}",
            "string_attribute: policy \"a\": string_attribute without a key",
        ),
        ("{name: a, type: wasm, wasm: {}}", "wasm: policy \"a\": wasm without module, the path of the plugin"),
    ];
    for (policies, expected) in cases {
        assert_eq!(problems(policies), [format!("policies::0::{expected}")], "{policies}");
    }
    assert_eq!(problems(""), ["policies: no policies: without one, no trace would be kept"]);
}

#[test]
fn misspelt_keys_are_found_at_every_depth() {
    for policies in [
        "{name: a, type: latency, latncy: {threshold_ms: 1}}",
        "{name: a, type: latency, latency: {treshold_ms: 1}}",
        "{name: a, type: and, and: {and_sub_policy: [{name: b, type: latency, latency: {threshold: 1}}]}}",
        "{name: a, type: wasm, wasm: {modul: x}}",
        "{name: a, type: wasm, wasm: {module: x, limits: {memory: 5}}}",
    ] {
        let found = problems(policies);
        assert!(found.iter().any(|problem| problem.contains("invalid keys")), "{policies}: {found:?}");
    }
}

#[test]
fn on_ingest_only_what_can_be_known_early_is_asked() {
    let with = |policy: &str| {
        let (_, problems) =
            testing::settings::<Settings>(&format!("sampling_strategy: span-ingest\npolicies: [{policy}]"));
        problems.has_errors()
    };
    assert!(!with("{name: a, type: latency, latency: {threshold_ms: 1}}"));
    assert!(with("{name: a, type: latency, latency: {threshold_ms: 1, upper_threshold_ms: 2}}"));
    assert!(with(
        "{name: a, type: and, and: {and_sub_policy: [{name: b, type: span_count, span_count: {max_spans: 2}}]}}"
    ));
}
