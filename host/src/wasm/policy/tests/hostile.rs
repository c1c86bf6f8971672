//! Components that mean harm, each with what becomes of it: a clear error when it is loaded or configured, or a failure that is
//! counted and costs no other policy its vote. Most are `tests/data/hostile/sampler.wat`, which does no harm, with a part replaced; what ordinary
//! toolchains can express is in `plugins/hostile`.

use std::fs::File;

use serde_json::Value;

use super::*;
use crate::wasm::testing::{Dir, HOSTILE};
use crate::wasm::{PluginError, Wasm};

const HARMLESS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/hostile/sampler.wat"));

/// The harmless component with parts replaced, by their names.
fn component(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut text = HARMLESS.to_owned();
    for (name, new) in parts {
        let (before, rest) = text.split_once(&format!("(;{name};)")).expect("there is a part of that name");
        let (_, after) = rest.split_once("(;end;)").expect("it has an end");
        text = format!("{before}{new}{after}");
    }
    wat::parse_str(text).expect("good text")
}

fn load(wasm: &Wasm, bytes: &[u8]) -> Result<Arc<Plugin>, PluginError> {
    wasm.load(&Dir::new().file("p.wasm", bytes), None)
}

const FOREVER: &str = "(call $forever)";
const GROW: &str = "(call $grow)";
/// The evaluator's answer is at 1500: a byte that says whether it is votes, then places and lengths of verdicts, thresholds and
/// reasons, or of an error's text.
const ONE_THRESHOLD: &str = "(i32.store (i32.const 1512) (i32.const 2048)) (i32.store (i32.const 1516) (i32.const 7))";
const ONE_REASON: &str = "(i32.store (i32.const 1520) (i32.const 1600)) (i32.store (i32.const 1524) (i32.const 1))";
const ALL_REASONS: &str =
    "(i32.store (i32.const 1520) (i32.const 2048)) (i32.store (i32.const 1524) (local.get $count))";
const BAD_TEXT: &str = "(i32.store8 (i32.const 1500) (i32.const 1)) (i32.store8 (i32.const 2048) (i32.const 255))";

#[test]
fn the_harmless_one_votes() {
    let cx = cx();
    let plugin = load(&cx.host.wasm, &component(&[])).expect("it does no harm");
    let mut policies = policies(&cx, vec![spec(&plugin, "p", json!({}))]);
    policies.load(columns(3));
    assert_eq!(policies.evaluate(0, &[0, 2]).expect("votes").verdicts, [1, 1]);
}

/// What can be seen without running it, or while it is asked what it offers.
#[test]
fn refused_when_loaded() {
    let text = |text: &str| wat::parse_str(text).expect("good text");
    let exports = |name: &str| text(&format!(r#"(component (instance $i) (export "{name}" (instance $i)))"#));
    let imports = |name: &str| text(&format!(r#"(component (import "{name}" (instance)))"#));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a script", b"#!/bin/sh\n".to_vec(), "is not WebAssembly"),
        ("nothing", Vec::new(), "is not WebAssembly"),
        ("text", b"(component)".to_vec(), "is WebAssembly text"),
        ("a core module", text("(module)"), "is a core module, not a component"),
        ("an empty component", text("(component)"), "is a component that exports nothing"),
        ("half a file", HOSTILE[..HOSTILE.len() / 2].to_vec(), "is not valid"),
        (
            "of another world",
            exports("wasi:http/incoming-handler@0.2.0"),
            "it exports wasi:http/incoming-handler@0.2.0",
        ),
        ("of a later version", exports("tailrace:plugin/sampling@0.2.0"), "is built for tailrace:plugin@0.2.0"),
        ("of another shape", exports("tailrace:plugin/sampling@0.1.0"), "does not compile"),
        (
            "files",
            imports("wasi:filesystem/types@0.2.6"),
            "imports wasi:filesystem/types@0.2.6, which plugins are never",
        ),
        ("sockets", imports("wasi:sockets/tcp@0.2.6"), "imports wasi:sockets/tcp@0.2.6"),
        ("http", imports("wasi:http/outgoing-handler@0.2.0"), "imports wasi:http/outgoing-handler@0.2.0"),
        ("unknown", imports("my:own/thing"), "imports my:own/thing"),
        ("traps in describe", component(&[("describe", "unreachable")]), "unreachable"),
        ("traps in start", component(&[("start", "unreachable")]), "unreachable"),
        ("a bomb in start", component(&[("start", GROW)]), "unreachable"),
        ("recursion in start", component(&[("start", "(drop (call $deeper (i32.const 0)))")]), "stack"),
        ("4 GiB at once", component(&[("memory", "65536")]), "memory"),
        ("shared memory", component(&[("memory", "16 16 shared")]), "threads must be enabled"),
        ("a table of 2 billion", component(&[("table", "2000000000")]), "table"),
        ("a name of no text", component(&[("kind", r#""\ff""#)]), "utf-8"),
        ("kinds outside its memory", component(&[("kinds", r#""\00\00\ff\ff\01\00\00\00""#)]), "out of bounds"),
        ("250 million kinds", component(&[("kinds", r#""\4c\04\00\00\ff\ff\ff\0f""#)]), ""),
    ];
    let wasm = Wasm::default();
    for (what, bytes, expected) in cases {
        let error = load(&wasm, &bytes).err().expect(what).to_string();
        assert!(error.to_lowercase().contains(&expected.to_lowercase()), "{what}: {error}");
    }
    let dir = Dir::new();
    let large = dir.file("large.wasm", b"\0asm");
    File::options().write(true).open(&large).and_then(|file| file.set_len(100 << 20)).expect("a sparse file");
    let error = wasm.load(&large, None).err().expect("100 MiB").to_string();
    assert!(error.ends_with("large.wasm is larger than 64 MiB"), "{error}");
}

/// These take until their deadline, so they have tests of their own.
#[test]
fn one_that_never_says_what_it_offers_is_refused() {
    let error = load(&Wasm::default(), &component(&[("describe", FOREVER)])).err().expect("it never ends");
    assert!(matches!(&error, PluginError::Describe(why) if why.contains("interrupt")), "{error}");
}

#[test]
fn one_that_never_starts_is_refused() {
    let error = load(&Wasm::default(), &component(&[("start", FOREVER)])).err().expect("it never ends");
    assert!(matches!(&error, PluginError::Describe(why) if why.contains("interrupt")), "{error}");
}

/// A plugin, which of its kinds, and its configuration.
type Configured<'a> = (Arc<Plugin>, &'a str, Value);

#[test]
fn refused_when_configured() {
    let cx = cx();
    let breaks = |place: &str| (hostile(), "breaks", json!({"place": place}));
    let of = |parts: &[(&str, &str)]| (load(&cx.host.wasm, &component(parts)).expect("it loads"), "p", json!({}));
    let cases: Vec<(&str, Configured<'_>, &str)> = vec![
        ("traps", of(&[("configure", "unreachable")]), "trap: wasm trap: wasm `unreachable`"),
        ("loops", of(&[("configure", FOREVER)]), "timeout: it ran longer than 50ms"),
        ("grows", of(&[("configure", GROW)]), "oom: "),
        ("loops in its allocator", of(&[("realloc", FOREVER)]), "timeout: it ran longer than 50ms"),
        ("traps in its allocator", of(&[("realloc", "unreachable")]), "trap: "),
        ("allocates outside its memory", of(&[("realloc", "(return (i32.const -16))")]), "trap: realloc return"),
        ("a handle of nothing", of(&[("handle", "(i32.const 77)")]), "trap: unknown handle index 77"),
        ("neither ok nor error", of(&[("configure", BAD_CASE)]), "trap: "),
        ("needs an unknown scope", of(&[("needs", BAD_SCOPE)]), "trap: "),
        ("traps in needs", of(&[("needs", "unreachable")]), "trap: "),
        ("panics in configure", breaks("configure"), "panic: panicked at"),
        ("panics in needs", breaks("needs"), "panic: panicked at"),
        ("loops in needs", breaks("hangs in needs"), "timeout: it ran longer than 50ms"),
        ("wants an option", (hostile(), "counts", json!({})), "every"),
    ];
    for (what, (plugin, kind, config), expected) in cases {
        let mut bad = spec(&plugin, kind, config);
        bad.limits.configure = Duration::from_millis(50);
        let problems = Policies::new(vec![bad], &cx).err().expect(what);
        assert!(problems[0].message.contains(expected), "{what}: {}", problems[0].message);
    }
    assert_eq!(cx.host.memory.outside_bytes(), 0, "nothing of them is left");
}

const BAD_CASE: &str = "(i32.store8 (i32.const 1300) (i32.const 7)) (return (i32.const 1300))";
/// The requirements are at 1400; their one attribute is at 1600, with scope 9.
const BAD_SCOPE: &str = "(i32.store (i32.const 1404) (i32.const 1600)) (i32.store (i32.const 1408) (i32.const 1))
    (i32.store8 (i32.const 1600) (i32.const 9))";

#[test]
fn failures_that_are_counted() {
    use Reason::{BadVotes, OutOfMemory, Panic, Timeout, Trap};
    let wasm = Wasm::default();
    let of = |part: &str, text: &str| (load(&wasm, &component(&[(part, text)])).expect("it loads"), "p", json!({}));
    let evaluates = |text: &str| of("evaluate", text);
    let breaks = |place: &str| (hostile(), "breaks", json!({"place": place}));
    let store = |at: u32, value: i32| format!("(i32.store (i32.const {at}) (i32.const {value}))");
    let cases: Vec<(&str, Configured<'_>, Reason, &str)> = vec![
        ("loops", evaluates(FOREVER), Timeout, "longer than 50ms"),
        ("loops when it is given a batch", of("load", FOREVER), Timeout, "longer than 50ms"),
        ("traps when it is given a batch", of("load", "unreachable"), Trap, "unreachable"),
        ("recurses", evaluates("(drop (call $deeper (i32.const 0)))"), Trap, "stack"),
        ("a memory bomb", evaluates(GROW), OutOfMemory, "more memory"),
        ("divides by nothing", evaluates("(drop (i32.div_u (i32.const 1) (i32.const 0)))"), Trap, "divide by zero"),
        ("reads outside its memory", evaluates("(drop (i32.load (i32.const -4)))"), Trap, "out of bounds"),
        ("neither votes nor error", evaluates("(i32.store8 (i32.const 1500) (i32.const 9))"), Trap, ""),
        ("votes outside its memory", evaluates(&store(1504, -16)), Trap, "out of bounds"),
        ("four billion votes", evaluates(&store(1508, -1)), Trap, ""),
        ("no votes", evaluates(&store(1508, 0)), BadVotes, "0 votes on 3 traces"),
        ("an error of no text", evaluates(&format!("{BAD_TEXT} {}", store(1508, 1))), Trap, "utf-8"),
        ("a verdict of no meaning", evaluates("(i32.store8 (i32.const 2048) (i32.const 3))"), BadVotes, "no verdict 3"),
        ("a threshold for one", evaluates(ONE_THRESHOLD), BadVotes, "7 bytes of thresholds for 3 traces"),
        ("a reason for one", evaluates(ONE_REASON), BadVotes, "1 reasons for 3 votes"),
        ("reasons of no meaning", evaluates(ALL_REASONS), BadVotes, "no reason 257"),
        ("an unknown level", evaluates("(call $log (i32.const 9) (i32.const 1024) (i32.const 1))"), Trap, ""),
        ("a line outside its memory", evaluates("(call $log (i32.const 1) (i32.const -9) (i32.const 9))"), Trap, ""),
        (
            "a line of no text",
            evaluates(&format!("{BAD_TEXT} (call $log (i32.const 1) (i32.const 2048) (i32.const 1))")),
            Trap,
            "utf-8",
        ),
        ("grows a table", evaluates(TABLE), Trap, "unreachable"),
        ("panics", breaks("evaluate"), Panic, "panicked at"),
        ("traps at every second call", (hostile(), "breaks", json!({"nth": 2})), Trap, "unreachable"),
    ];
    for (what, (plugin, kind, config), reason, message) in cases {
        let cx = cx();
        let mut bad = spec(&plugin, kind, config);
        bad.policy = "bad".to_owned();
        bad.limits.evaluate = Duration::from_millis(50);
        bad.limits.evaluate_per_trace = Duration::ZERO;
        bad.limits.load = Duration::from_millis(50);
        let mut policies = policies(&cx, vec![bad, spec(&embedded(), "always_sample", json!({}))]);
        policies.load(columns(3));
        let fails = |policies: &mut Policies| policies.evaluate(0, &[0, 1, 2]).err();
        let failure = fails(&mut policies).or_else(|| fails(&mut policies)).expect(what);
        assert_eq!(failure.reason, reason, "{what}: {failure}");
        assert!(failure.message.to_lowercase().contains(message), "{what}: {failure}");
        let counted = |reason| count(&cx, "tailrace_plugin_failures", &[("policy", "bad"), ("reason", reason)]);
        assert_eq!(counted(reason.as_str()), 1, "{what}");
        assert_eq!(policies.evaluate(1, &[0, 1, 2]).expect("votes").verdicts, [1, 1, 1], "{what}");
        assert!(cx.host.memory.outside_bytes() <= 2 * (64 << 20), "{what}");
    }
}

/// Ends with `unreachable` once it gets no more: that the table is bounded, not that it fails.
const TABLE: &str = "(loop $again
    (br_if $again (i32.ne (table.grow $table (ref.null func) (i32.const 65536)) (i32.const -1)))) unreachable";

/// What does no harm although it tries.
#[test]
fn attempts_without_effect() {
    let wasm = Wasm::default();
    let cx = cx();
    for (what, text) in [
        ("counts what is no counter", "(call $counter-add (i32.const 1000) (i32.const 1))"),
        ("logs nothing", "(call $log (i32.const 3) (i32.const 0) (i32.const 0))"),
    ] {
        let plugin = load(&wasm, &component(&[("evaluate", text)])).expect("it loads");
        let mut policies = policies(&cx, vec![spec(&plugin, "p", json!({}))]);
        policies.load(columns(1));
        assert_eq!(policies.evaluate(0, &[0]).expect(what).verdicts, [1], "{what}");
    }
}

/// Saving and restoring are calls like others: what breaks in them is counted, and the vote that was given counts.
#[test]
fn state_that_can_not_be_kept_costs_no_vote() {
    let cx = cx();
    let mut saves = spec(&hostile(), "breaks", json!({"place": "save"}));
    saves.policy = "saves".to_owned();
    let mut hangs = spec(&hostile(), "breaks", json!({"place": "hangs in save"}));
    hangs.limits.load = Duration::from_millis(50);
    saves.limits = hangs.limits;
    let mut counts = spec(&hostile(), "counts", json!({"every": 2}));
    counts.limits = hangs.limits;
    let mut policies = policies(&cx, vec![saves, hangs, counts]);
    policies.load(columns(2));
    assert_eq!(policies.evaluate(2, &[0]).expect("votes").verdicts, [0]);
    assert_eq!(policies.evaluate(0, &[0, 1]).expect("votes").verdicts, [1, 1]);
    assert_eq!(policies.evaluate(1, &[0, 1]).expect("votes").verdicts, [1, 1]);
    let failures = |policy| count(&cx, "tailrace_plugin_failures", &[("policy", policy)]);
    assert_eq!((failures("saves"), failures("breaks")), (1, 1));
    assert_eq!(policies.evaluate(2, &[0]).expect("votes").verdicts, [1], "the third's state is kept");
}

#[test]
fn state_that_can_not_be_restored_is_a_failure_of_its_own() {
    let cx = cx();
    let named =
        |policy: &str, config: Value| PolicySpec { policy: policy.to_owned(), ..spec(&hostile(), "breaks", config) };
    let mut old = policies(&cx, vec![named("p", json!({})), named("q", json!({}))]);
    old.load(columns(1));
    (0..2).for_each(|spec| drop(old.evaluate(spec, &[0]).expect("votes")));
    let mut new = policies(&cx, vec![named("p", json!({"place": "restore"})), named("q", json!({"nth": 2}))]);
    new.adopt(&mut old);
    new.load(columns(1));
    assert_eq!(new.evaluate(0, &[0]).expect_err("it panics").reason, Reason::Panic);
    assert_eq!(new.evaluate(1, &[0]).expect_err("its second call").reason, Reason::Trap, "it has its state");
}
