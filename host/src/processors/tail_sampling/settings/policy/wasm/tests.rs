use crate::config::testing;
use crate::processors::tail_sampling::Settings;
use crate::wasm::Bounds;
use crate::wasm::policy::Limits;

/// What is wrong with these policies.
fn problems(settings: &str) -> String {
    let (_, problems) = testing::settings::<Settings>(&format!("{{{settings}}}"));
    problems.to_string()
}

const ALL: &str = "{name: all, type: always_sample}";

#[test]
fn what_can_not_be_meant_is_told() {
    let wasm = |block: &str| format!("policies: [{ALL}, {{name: p, type: wasm, wasm: {{module: p.wasm, {block}}}}}]");
    let cases = [
        ("on_error: fallback", "on_error: fallback without fallback"),
        ("fallback: nobody", "there is no policy \"nobody\" to fall back on"),
        ("fallback: p", "its fallback \"p\" would fall back on itself"),
        ("mode: canary", "mode: canary without canary"),
        ("mode: canary, canary: {module: q.wasm}", "canary without share"),
        ("mode: canary, canary: {share: 10%}", "canary without module"),
        ("mode: canary, canary: {module: q.wasm, share: 101%}", "\"101%\" is no share"),
        ("canary: {module: q.wasm, share: 1%}", "canary has an effect in mode: canary alone"),
        ("against: all", "against has an effect in mode: shadow alone"),
        ("mode: shadow, against: nobody", "there is no policy \"nobody\" to be compared with"),
        ("mode: shadow, fallback: all", "a shadow's votes do not count"),
        ("limits: {memory_mib: 0}", "memory_mib must be from 1 to 4096"),
        ("limits: {memory_mib: 5000}", "memory_mib must be from 1 to 4096"),
        ("limits: {evaluate: 0s}", "evaluate must be greater than 0"),
        ("limits: {load: 0s}", "load must be greater than 0"),
        ("limits: {configure: 0s}", "configure must be greater than 0"),
        ("limits: {retry_after: 0s}", "retry_after must be greater than 0"),
        ("limits: {max_failures: 0}", "max_failures must be greater than 0"),
        ("limits: {retry_traces: 0}", "retry_traces must be greater than 0"),
        ("limits: {state_kib: 0}", "state_kib must be greater than 0"),
        ("limits: {recycle_percentage: 0}", "recycle_percentage must be from 1 to 100"),
        ("limits: {recycle_percentage: 101}", "recycle_percentage must be from 1 to 100"),
        ("limits: {evaluate: soon}", "soon"),
    ];
    for (block, expected) in cases {
        let problems = problems(&wasm(block));
        assert!(problems.contains(expected), "{block}: {problems}");
    }
    let good = [
        "limits: {memory_mib: 16, evaluate: 10ms, evaluate_per_trace: 0s, log_lines_per_second: 0}",
        "limits: {state_kib: 64, recycle_percentage: 100, trial_batches: 0, trial_mib: 0}",
        "on_error: fallback, fallback: all",
        "mode: canary, canary: {module: q.wasm, share: 0.5%}",
        "mode: shadow, against: all",
        "mode: shadow",
    ];
    for block in good {
        assert_eq!(problems(&wasm(block)), "", "{block}");
    }
}

#[test]
fn fallbacks_form_no_circle_and_shadows_stand_alone() {
    let policies = |policies: &[&str]| problems(&format!("policies: [{}]", policies.join(", ")));
    let p = |name: &str, fallback: &str| {
        format!("{{name: {name}, type: wasm, wasm: {{module: p.wasm, fallback: {fallback}}}}}")
    };
    assert_eq!(policies(&[&p("a", "b"), &p("b", "all"), ALL]), "");
    let circle = policies(&[&p("a", "b"), &p("b", "a"), ALL]);
    assert!(circle.contains("its fallback \"b\" would fall back on itself"), "{circle}");
    let and = |member: &str| format!("{{name: and, type: and, and: {{and_sub_policy: [{member}]}}}}");
    assert!(policies(&[&and(&p("a", "c")), &p("c", "and")]).contains("would fall back on itself"));

    let shadow = "{name: s, type: wasm, wasm: {module: p.wasm, mode: shadow}}";
    assert!(policies(&[shadow]).contains("all policies are shadows"));
    assert!(policies(&[ALL, &and(shadow)]).contains("a shadow can not be a member of another policy"));
    let ingest = problems(&format!("sampling_strategy: span-ingest, policies: [{ALL}, {shadow}]"));
    assert!(ingest.contains("a shadow needs whole traces"), "{ingest}");
}

#[test]
fn limits_are_in_the_units_of_their_names_and_the_usual_ones_where_unset() {
    let limits = |yaml: &str| serde_yaml::from_str::<super::WasmLimits>(yaml).expect("good").limits();
    assert_eq!(limits("{}"), Limits::default());
    let usual = Limits::default();
    for (yaml, expected) in [
        ("memory_mib: 2", Limits { memory_bytes: 2 << 20, ..usual }),
        ("state_kib: 3", Limits { state_bytes: 3 << 10, ..usual }),
        ("recycle_percentage: 50", Limits { recycle_percentage: 50, ..usual }),
        ("trial_batches: 4", Limits { trial: Bounds { items: 4, ..usual.trial }, ..usual }),
        ("trial_mib: 5", Limits { trial: Bounds { bytes: 5 << 20, ..usual.trial }, ..usual }),
    ] {
        assert_eq!(limits(yaml), expected, "{yaml}");
    }
}
