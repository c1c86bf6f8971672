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
        {name: n, type: rate_limiting, rate_limiting: {spans_per_second: 5, burst_capacity: 50}},
        {name: o, type: bytes_limiting, bytes_limiting: {bytes_per_second: 5}},
        {name: p, type: dynamic, dynamic: {keys: [service.name, status], traces_per_second: 5, window_seconds: 60, max_keys: 50}},
        {name: s, type: ottl_condition, ottl_condition: {error_mode: ignore, span: [IsRootSpan()], spanevent: []}},
        {name: q, type: novelty, novelty: {keys: [http.route], traces: 2, window_seconds: 60, max_keys: 50}},
        {name: r, type: composite, composite: {max_total_spans_per_second: 10, policy_order: [x, y],
          composite_sub_policy: [{name: x, type: trace_flags}, {name: y, type: and, and: {and_sub_policy: [{type: trace_flags}]}}],
          rate_allocation: [{policy: x, percent: 50}, {policy: y, percent: 50}]}},
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
             boolean_attribute, rate_limiting, bytes_limiting, ottl_condition, dynamic, novelty, and, not, drop, composite, wasm; a policy of your own is of type wasm",
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
    ];
    for (policies, expected) in cases {
        assert_eq!(problems(policies), expected, "{policies}");
    }
}

/// A combination of one policy.
fn of(kind: &str, member: &str) -> String {
    match kind {
        "not" => format!("{{name: a, type: not, not: {{not_sub_policy: {member}}}}}"),
        "composite" => format!(
            "{{name: a, type: composite, composite: {{max_total_spans_per_second: 1, composite_sub_policy: [{member}]}}}}"
        ),
        _ => format!("{{name: a, type: {kind}, {kind}: {{{kind}_sub_policy: [{member}]}}}}"),
    }
}

#[test]
fn combinators_nest_as_in_the_go_processor() {
    let leaves = ["{name: l, type: always_sample}", "{name: l, type: wasm, wasm: {module: p.wasm}}"];
    let combinators = ["and", "drop", "not", "composite"];
    let allowed = [("and", "not"), ("drop", "not"), ("composite", "and")];
    for outer in combinators {
        for leaf in leaves {
            assert_eq!(problems(&of(outer, leaf)), [""; 0], "{leaf} in {outer}");
        }
        for inner in combinators {
            let found = problems(&of(outer, &of(inner, leaves[0])));
            assert_eq!(found.is_empty(), allowed.contains(&(outer, inner)), "{inner} in {outer}: {found:?}");
        }
    }
    assert_eq!(problems(&of("composite", &of("and", &of("not", leaves[0])))), [""; 0]);
    assert_eq!(
        problems(&of("composite", &of("drop", leaves[0]))),
        [
            "policies::0::composite::composite_sub_policy::0::type: policy \"a\": a policy of type drop can not be a member of \
             composite | members of composite are policies that combine no others, and"
        ]
    );
}

#[test]
fn composites_are_held_to_what_they_name() {
    let block = |block: &str| {
        let members = "composite_sub_policy: [{name: x, type: trace_flags}, {name: y, type: always_sample}]";
        format!("{{name: a, type: composite, composite: {{{members}, {block}}}}}")
    };
    let at = |message: &str| format!("policies::0::composite{message}");
    let cases = [
        ("max_total_spans_per_second: 10, policy_order: [x, y]", vec![]),
        (
            "mode: documented, max_total_spans_per_second: 10, policy_order: [y, x], rate_allocation: [{policy: x, percent: 50}]",
            vec![],
        ),
        (
            "policy_order: []",
            vec![
                "::max_total_spans_per_second: policy \"a\": without max_total_spans_per_second, composite would sample nothing",
            ],
        ),
        (
            "max_total_spans_per_second: 10, rate_allocation: [{policy: nobody, percent: -1}]",
            vec![
                "::rate_allocation::0::policy: policy \"a\": composite has no member \"nobody\" | the members are x, y",
                "::rate_allocation::0::percent: policy \"a\": percent must not be negative",
            ],
        ),
        (
            "max_total_spans_per_second: 10, policy_order: [y, x]",
            vec![
                "::policy_order: policy \"a\": policy_order is not looked at, as in the Go processor: members are asked in the order \
                 of composite_sub_policy; mode: documented goes by it",
            ],
        ),
        (
            "max_total_spans_per_second: 10, rate_allocation: [{policy: x, percent: 60}]",
            vec![
                "::rate_allocation: policy \"a\": the members may sample 110 % of max_total_spans_per_second together, since as in \
                 the Go processor the total holds for each of them, and one without a percentage gets the total divided by the \
                 number of all; mode: documented enforces the total",
            ],
        ),
        (
            "mode: documented, max_total_spans_per_second: 10, rate_allocation: [{policy: x, percent: 60}, {policy: y, percent: 60}]",
            vec!["::rate_allocation: policy \"a\": the percentages add up to 120"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(problems(&block(text)), expected.into_iter().map(at).collect::<Vec<_>>(), "{text}");
    }
    let twice = "mode: documented, max_total_spans_per_second: 1, \
                 composite_sub_policy: [{name: x, type: trace_flags}, {name: x, type: trace_flags}]";
    let found = problems(&format!("{{name: a, type: composite, composite: {{{twice}}}}}"));
    assert_eq!(found, [at("::composite_sub_policy::1: policy \"a\": two members are called \"x\"")]);
}

#[test]
fn plugins_are_told_what_the_processor_knows() {
    let config = |yaml: &str, shards, tracestate| {
        let policy: super::Policy = serde_yaml::from_str(yaml).unwrap();
        policy.config(super::Frame { shards, tracestate }).to_string()
    };
    let limiting = "{name: a, type: rate_limiting, rate_limiting: {spans_per_second: 5}}";
    assert_eq!(config(limiting, 0, false), r#"{"spans_per_second":5,"burst_capacity":0}"#);
    assert_eq!(config(limiting, 4, true), r#"{"spans_per_second":5,"burst_capacity":0,"tracestate":true,"shards":4}"#);
    let share = "{name: a, type: probabilistic, probabilistic: {sampling_percentage: 5}}";
    assert_eq!(config(share, 4, false), r#"{"hash_salt":"","sampling_percentage":5.0}"#);
    assert_eq!(config(share, 4, true), r#"{"hash_salt":"","sampling_percentage":5.0,"tracestate":true}"#);
    assert_eq!(config("{name: a, type: always_sample}", 4, true), "{}");
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
        (
            "{name: a, type: composite, composite: {max_total_spans_per_second: 1}}",
            "composite: policy \"a\": composite without members would sample nothing",
        ),
        (
            "{name: a, type: rate_limiting, rate_limiting: {}}",
            "rate_limiting: policy \"a\": rate_limiting without spans_per_second samples nothing",
        ),
        (
            "{name: a, type: bytes_limiting, bytes_limiting: {bytes_per_second: -1}}",
            "bytes_limiting: policy \"a\": bytes_per_second must not be negative",
        ),
        (
            "{name: a, type: novelty, novelty: {}}",
            "novelty: policy \"a\": novelty without keys, the attributes that tell traces apart",
        ),
        (
            "{name: a, type: dynamic, dynamic: {keys: [k]}}",
            "dynamic: policy \"a\": dynamic without traces_per_second, how many to sample",
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
    let fine = [
        "{name: a, type: latency, latency: {threshold_ms: 1}}",
        "{name: a, type: span_count, span_count: {min_spans: 2}}",
        "{name: a, type: drop, drop: {drop_sub_policy: [{type: trace_flags}]}}",
    ];
    let limiting = "{name: b, type: rate_limiting, rate_limiting: {spans_per_second: 2}}";
    let refused = [
        "{name: a, type: latency, latency: {threshold_ms: 1, upper_threshold_ms: 2}}".to_owned(),
        "{name: a, type: bytes_limiting, bytes_limiting: {bytes_per_second: 2}}".to_owned(),
        "{name: a, type: dynamic, dynamic: {keys: [k], traces_per_second: 2}}".to_owned(),
        "{name: a, type: novelty, novelty: {keys: [k]}}".to_owned(),
        of("and", "{name: b, type: span_count, span_count: {max_spans: 2}}"),
        of("not", limiting),
        of("drop", limiting),
        of("composite", limiting),
    ];
    for policy in fine {
        assert!(!with(policy), "{policy}");
    }
    for policy in refused {
        assert!(with(&policy), "{policy}");
    }
}
