mod hostile;

use serde_json::json;

use super::*;
use crate::wasm::testing::{all, columns, count, cx, embedded, hostile, policies, spec, specs, with_broken_log};

fn short(kind: &str, config: serde_json::Value) -> PolicySpec {
    let mut spec = spec(&hostile(), kind, config);
    spec.limits.evaluate = Duration::from_millis(20);
    spec.limits.evaluate_per_trace = Duration::ZERO;
    spec
}

#[test]
fn a_panic_of_the_host_costs_the_vote_and_the_instance() {
    let cx = cx();
    let counts = spec(&hostile(), "counts", json!({"every": 2}));
    let mut policies = policies(&cx, vec![spec(&hostile(), "chatters", json!({})), counts]);
    policies.load(columns(3));
    assert_eq!(policies.evaluate(1, &[0]).expect("votes").verdicts, [0]);
    let failure = with_broken_log(|| policies.evaluate(0, &[0, 1])).expect_err("the host panics");
    let expected = (Reason::HostPanic, "the engine panicked: the log is broken");
    assert_eq!((failure.reason, failure.message.as_str()), expected);
    assert_eq!(policies.evaluate(1, &[1]).expect("votes").verdicts, [1], "the other one lost neither vote nor state");
    assert_eq!(policies.evaluate(0, &[0, 1]).expect("votes").verdicts, [1, 1]);
    assert_eq!(count(&cx, "tailrace_plugin_failures", &[("reason", "host_panic")]), 1);
    assert_eq!(count(&cx, "tailrace_plugin_recycled", &[("why", "failure")]), 1);
}

#[test]
fn a_state_larger_than_it_may_be_is_not_kept() {
    let cx = cx();
    let mut counts = spec(&hostile(), "counts", json!({"every": 2}));
    counts.limits.state_bytes = 7;
    let mut policies = policies(&cx, vec![counts]);
    policies.load(columns(1));
    assert_eq!(policies.evaluate(0, &[0]).expect("votes").verdicts, [0], "its vote counts all the same");
    assert_eq!(policies.state(0), None);
    assert_eq!(count(&cx, "tailrace_plugin_failures", &[("reason", "error")]), 1);
}

#[test]
fn the_shipped_policies_vote() {
    let cx = cx();
    let plugin = embedded();
    assert_eq!((plugin.name.as_str(), plugin.version.as_str()), ("tailrace-policies", "0.1.0"));
    let mut policies = policies(
        &cx,
        vec![
            spec(&plugin, "status_code", json!({"status_codes": ["ERROR"]})),
            spec(&plugin, "latency", json!({"threshold_ms": 5000})),
            spec(&plugin, "probabilistic", json!({"sampling_percentage": 10})),
            spec(&plugin, "always_sample", json!({})),
        ],
    );
    assert_eq!(*policies.needs(), Needs::default(), "figures of whole traces are enough");
    let columns = columns(256);
    policies.load(columns.clone());
    let all = all(&columns);
    let mut verdicts = |spec| policies.evaluate(spec, &all).expect("votes").verdicts;
    let (errors, slow, share, everything) = (verdicts(0), verdicts(1), verdicts(2), verdicts(3));
    assert!((0..256).all(|n| errors[n] == u8::from(n % 3 == 0) && slow[n] == u8::from(n % 4 == 0)));
    assert!((10..45).contains(&share.iter().map(|verdict| u32::from(*verdict)).sum::<u32>()));
    assert_eq!(everything, vec![1; 256]);
    assert_eq!(policies.evaluate(0, &[3, 1]).expect("votes").verdicts, [1, 0], "in the order asked");
    assert_eq!(count(&cx, "tailrace_plugin_votes", &[("policy", "status_code"), ("verdict", "sample")]), 87);
}

#[test]
fn attributes_are_bound_to_the_union_of_needs() {
    let cx = cx();
    let plugin = embedded();
    let mut policies = policies(
        &cx,
        vec![
            spec(&plugin, "string_attribute", json!({"key": "tier", "values": ["vip"]})),
            spec(&plugin, "numeric_attribute", json!({"key": "code", "min_value": 500, "max_value": 599})),
            spec(&plugin, "boolean_attribute", json!({"key": "tier", "value": true})),
            spec(&plugin, "trace_state", json!({"key": "k", "values": ["v"]})),
        ],
    );
    let needs = policies.needs().clone();
    let attribute = |scope, key: &str| Attribute { scope, key: key.to_owned() };
    let expected = [
        attribute(Scope::Span, "tier"),
        attribute(Scope::Resource, "tier"),
        attribute(Scope::Span, "code"),
        attribute(Scope::Resource, "code"),
    ];
    assert_eq!(needs.attributes, expected);
    assert_eq!(needs.fields, Fields::TRACE_STATE);

    // Three traces of a span each.
    let mut batch = (*columns(3)).clone();
    batch.span_offsets = vec![0, 1, 2, 3];
    batch.dictionary.string_pool = b"vipk=v".to_vec();
    batch.dictionary.string_offsets = vec![0, 3, 6];
    batch.dictionary.ints = vec![503, 200];
    let [vip, state, server_error, fine, yes] = [1 << 28, 1 << 28 | 1, 2 << 28, 2 << 28 | 1, 4 << 28 | 1];
    let column = |codes: [u32; 3]| Column { codes: codes.to_vec() };
    batch.attributes =
        vec![column([vip, 0, yes]), column([0, vip, 0]), column([fine, 0, server_error]), column([0, 0, 0])];
    batch.span_trace_state = vec![0, state, 0];
    policies.load(Arc::new(batch));
    let mut verdicts = |spec| policies.evaluate(spec, &[0, 1, 2]).expect("votes").verdicts;
    assert_eq!(verdicts(0), [1, 1, 0]);
    assert_eq!(verdicts(1), [0, 0, 1]);
    assert_eq!(verdicts(2), [0, 0, 1]);
    assert_eq!(verdicts(3), [0, 1, 0]);
}

#[test]
fn problems_name_spec_and_place() {
    let cx = cx();
    let plugin = embedded();
    let specs = vec![
        spec(&plugin, "always_sample", json!({})),
        spec(&plugin, "status_code", json!({"status_codes": ["BAD"]})),
        spec(&plugin, "latency", json!({"threshold_ms": "soon"})),
        spec(&plugin, "no_such_kind", json!({})),
    ];
    let problems = Policies::new(specs, &cx).err().expect("three of them");
    let places: Vec<_> = problems.iter().map(|problem| (problem.spec, problem.path.as_str())).collect();
    assert_eq!(places, [(1, "/status_codes/0"), (2, "/threshold_ms"), (3, "")]);
    assert!(
        problems[2].message.contains("no kind \"no_such_kind\" here, but always_sample,"),
        "{}",
        problems[2].message
    );
}

/// Every way to fail: the vote is missing for the right reason, and the other policies of the instance still vote.
#[test]
fn a_failure_costs_one_vote() {
    let cases = [
        ("panics", Reason::Panic, "asked about 3 traces"),
        ("traps", Reason::Trap, "unreachable"),
        ("loops", Reason::Timeout, "longer than 20ms"),
        ("hogs", Reason::OutOfMemory, "more memory"),
        ("short", Reason::BadVotes, "2 votes on 3 traces"),
        ("long", Reason::BadVotes, "4 votes on 3 traces"),
        ("recurses", Reason::Trap, "stack"),
        ("errs", Reason::Error, "no opinion today"),
    ];
    for (kind, reason, message) in cases {
        let cx = cx();
        let mut bad = short(kind, json!({}));
        if kind == "hogs" {
            bad.limits.evaluate = Duration::from_secs(5);
        }
        let mut counts = spec(&bad.plugin, "counts", json!({"every": 2}));
        counts.limits = bad.limits;
        let mut policies = policies(&cx, vec![counts, bad]);
        policies.load(columns(3));
        assert_eq!(policies.evaluate(0, &[0, 1, 2]).expect("votes").verdicts, [0, 1, 0]);
        let failure = policies.evaluate(1, &[0, 1, 2]).expect_err(kind);
        assert_eq!(failure.reason, reason, "{kind}: {failure}");
        assert!(failure.message.contains(message), "{kind}: {failure}");
        assert_eq!(failure.verdict, None);
        // The batch is there again, and so is the state: the fourth trace asked about is the first of these.
        let votes = policies.evaluate(0, &[0, 1]).expect("votes after the other's failure");
        assert_eq!(votes.verdicts, [1, 0], "{kind}");
        assert_eq!(votes.reasons, [1, 0], "{kind}");
        assert_eq!(
            count(&cx, "tailrace_plugin_failures", &[("policy", kind), ("reason", reason.as_str())]),
            1,
            "{kind}"
        );
        assert_eq!(count(&cx, "tailrace_plugin_failures", &[("policy", "counts")]), 0, "{kind}");
        let replaced = !matches!(reason, Reason::BadVotes | Reason::Error);
        assert_eq!(count(&cx, "tailrace_plugin_recycled", &[("why", "failure")]), u64::from(replaced), "{kind}");
    }
}

#[test]
fn a_result_too_large_for_the_host_is_refused() {
    let cx = cx();
    let mut huge = short("huge", json!({}));
    huge.limits.evaluate = Duration::from_secs(10);
    let mut policies = policies(&cx, vec![huge]);
    policies.load(columns(1));
    let failure = policies.evaluate(0, &[0]).expect_err("16 million votes");
    assert!(matches!(failure.reason, Reason::Trap | Reason::BadVotes), "{failure}");
}

#[test]
fn nothing_waits_inside_the_host() {
    let cx = cx();
    let mut policies = policies(&cx, specs(&hostile(), &["sleeps", "chatters"]));
    policies.load(columns(1));
    // An hour's sleep is over at once, or spins into the deadline.
    let failure = policies.evaluate(0, &[0]).expect_err("it never votes");
    assert!(matches!(failure.reason, Reason::Error | Reason::Timeout | Reason::Trap), "{failure}");
    assert_eq!(policies.evaluate(1, &[0]).expect("its lines are dropped, not its vote").verdicts, [1]);
}

#[test]
fn the_breaker_stops_asking() {
    let cx = cx();
    let mut bad = spec(&hostile(), "errs", json!({}));
    bad.on_error = OnError::Sample;
    bad.limits.max_failures = 2;
    bad.limits.retry_after = Duration::from_hours(1);
    let mut policies = policies(&cx, vec![bad]);
    policies.load(columns(1));
    let reasons: Vec<_> = (0..3).map(|_| policies.evaluate(0, &[0]).expect_err("an error").reason).collect();
    assert_eq!(reasons, [Reason::Error, Reason::Error, Reason::BreakerOpen]);
    assert_eq!(policies.evaluate(0, &[0]).expect_err("open").verdict, Some(1));
    assert_eq!(count(&cx, "tailrace_plugin_calls", &[]), 2, "the guest is left alone");
}

#[test]
fn an_instance_that_only_grows_is_replaced_in_time() {
    let cx = cx();
    let plugin = hostile();
    let counts = spec(&plugin, "counts", json!({"every": 1000}));
    let mut policies = policies(&cx, vec![spec(&plugin, "leaks", json!({})), counts]);
    policies.load(columns(2));
    for _ in 0..40 {
        assert_eq!(policies.evaluate(0, &[0]).expect("it never runs out of memory").verdicts, [1]);
        policies.evaluate(1, &[0, 1]).expect("votes");
        assert!(cx.host.memory.outside_bytes() <= 64 << 20);
    }
    assert!(count(&cx, "tailrace_plugin_recycled", &[("why", "memory")]) >= 2);
    assert_eq!(count(&cx, "tailrace_plugin_counter", &[("counter", "asked")]), 80, "each call once");
    // The state came along: the 1000th is where it would be without.
    policies.load(columns(920));
    let verdicts = policies.evaluate(1, &all(&columns(920))).expect("votes").verdicts;
    assert_eq!(verdicts.iter().position(|verdict| *verdict == 1), Some(919));
}

#[test]
fn a_candidate_outside_the_batch_is_a_failure() {
    let cx = cx();
    let plugin = embedded();
    let mut policies = policies(&cx, vec![spec(&plugin, "always_sample", json!({}))]);
    policies.load(columns(2));
    assert_eq!(policies.evaluate(0, &[2]).expect_err("the third of two").reason, Reason::BadVotes);
    assert_eq!(policies.evaluate(0, &[]), Ok(Votes::default()));
}

#[test]
fn configuring_has_a_deadline() {
    let cx = cx();
    let mut hangs = spec(&hostile(), "counts", json!({"every": 1, "hang": true}));
    hangs.limits.configure = Duration::from_millis(50);
    let problems = Policies::new(vec![hangs], &cx).err().expect("it never ends");
    assert!(problems[0].message.starts_with("timeout"), "{}", problems[0].message);
}

#[test]
fn state_is_adopted_by_name_kind_and_schema() {
    let cx = cx();
    let plugin = hostile();
    let named = |policy: &str| PolicySpec { policy: policy.to_owned(), ..spec(&plugin, "counts", json!({"every": 3})) };
    let mut old = policies(&cx, vec![named("a"), named("b")]);
    old.load(columns(3));
    old.evaluate(0, &[0]).expect("votes");
    old.evaluate(1, &[0, 1]).expect("votes");
    let mut new = policies(&cx, vec![named("b"), named("c")]);
    new.adopt(&mut old);
    new.load(columns(3));
    assert_eq!(new.evaluate(0, &[0, 1]).expect("votes").verdicts, [1, 0], "goes on after two");
    assert_eq!(new.evaluate(1, &[0, 1, 2]).expect("votes").verdicts, [0, 0, 1], "starts anew");
}

#[test]
fn memory_is_accounted_until_the_instance_is_gone() {
    let cx = cx();
    let plugin = embedded();
    assert_eq!(cx.host.memory.outside_bytes(), 0);
    let policies = policies(&cx, vec![spec(&plugin, "always_sample", json!({}))]);
    assert!(cx.host.memory.outside_bytes() >= 1 << 20, "a stack alone has 1 MiB");
    drop(policies);
    assert_eq!(cx.host.memory.outside_bytes(), 0);
}

#[test]
fn one_instance_per_plugin_and_limits() {
    let cx = cx();
    let plugin = embedded();
    let mut own = spec(&plugin, "always_sample", json!({}));
    own.limits.memory_bytes = 32 << 20;
    let mut all = specs(&plugin, &["always_sample", "trace_flags"]);
    all.push(own);
    let policies = policies(&cx, all);
    assert_eq!(policies.guests.len(), 2);
}

/// The policy that the README shows, built as it says and configured through `type: wasm`'s way.
#[test]
fn the_example_keeps_vips() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let out = std::path::Path::new(env!("OUT_DIR"));
    // Where build.rs builds plugins: the SDK is compiled there already.
    let target = out.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists()).unwrap_or(out).join("plugins");
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--release", "--target-dir"]).arg(&target);
    cargo.current_dir(root.join("examples/plugins/keep-vip"));
    for name in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"]
    {
        cargo.env_remove(name);
    }
    assert!(cargo.status().expect("cargo runs, it is running this").success());

    let cx = cx();
    let file = target.join("wasm32-wasip2/release/keep_vip.wasm");
    let plugin = cx.host.wasm.load(&file, None).expect("a good plugin");
    let mut policies = policies(&cx, vec![spec(&plugin, "keep_vip", json!({"tier": "vip"}))]);
    assert_eq!(policies.needs().attributes, [Attribute { scope: Scope::Span, key: "customer.tier".to_owned() }]);
    let mut batch = (*columns(2)).clone();
    batch.span_offsets = vec![0, 2, 4];
    batch.dictionary.string_pool = b"freevip".to_vec();
    batch.dictionary.string_offsets = vec![0, 4, 7];
    batch.attributes = vec![Column { codes: vec![1 << 28, 0, 0, 1 << 28 | 1] }];
    policies.load(Arc::new(batch));
    assert_eq!(policies.evaluate(0, &[0, 1]).expect("votes").verdicts, [0, 1]);
}

/// Open, then a few traces decide.
#[test]
fn a_policy_is_tried_again_with_a_few_traces() {
    let cx = cx();
    let mut bad = spec(&hostile(), "fragile", json!({"more_than": 100}));
    bad.limits.max_failures = 1;
    bad.limits.retry_after = Duration::from_nanos(1);
    bad.limits.retry_traces = 4;
    let mut policies = policies(&cx, vec![bad]);
    policies.load(columns(200));
    let all = all(&columns(200));
    assert_eq!(policies.evaluate(0, &all).expect_err("too many").reason, Reason::Panic);
    let asked = |cx: &Cx| count(cx, "tailrace_plugin_traces", &[("policy", "fragile")]);
    assert_eq!(asked(&cx), 200);
    // It stands the few, fails on the rest, and the breaker is open again.
    assert_eq!(policies.evaluate(0, &all).expect_err("too many").reason, Reason::Panic);
    assert_eq!((asked(&cx), count(&cx, "tailrace_plugin_calls", &[])), (400, 3));
    let votes = policies.evaluate(0, &all[..50]).expect("it stands that");
    assert_eq!((votes.verdicts, asked(&cx)), (vec![1; 50], 450));
}

#[test]
fn series_of_a_digest_go_with_its_last_policy() {
    let cx = cx();
    let series = |digest: &str| {
        let mut count = 0;
        cx.metrics.each_family(|family| {
            let of = family.series.keys().filter(|labels| labels.iter().any(|(_, value)| value == digest));
            count += of.count();
        });
        count
    };
    let (ours, theirs) = (embedded(), hostile());
    let old = policies(&cx, vec![spec(&ours, "always_sample", json!({})), spec(&theirs, "panics", json!({}))]);
    let new = policies(&cx, vec![spec(&ours, "always_sample", json!({}))]);
    assert!(series(theirs.short_digest()) > 10);
    drop(old);
    assert_eq!(series(theirs.short_digest()), 0);
    assert!(series(ours.short_digest()) > 10, "someone has them still");
    drop(new);
    assert_eq!(series(ours.short_digest()), 0);
}
