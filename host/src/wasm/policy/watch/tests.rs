use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::*;
use crate::wasm::testing::{Dir, HOSTILE, columns, count, cx, spec};
use crate::wasm::{Embedded, Wasm};

const QUICKLY: Duration = Duration::from_millis(10);

/// The hostile component under another digest: a custom section of `text` at its end.
fn variant(text: &[u8]) -> Vec<u8> {
    let name = b"variant";
    let len = (1 + name.len() + text.len()) as u8;
    [HOSTILE, &[0, len, name.len() as u8], name, text].concat()
}

/// Waits for what has to happen, however slow the machine is.
fn wait<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(result) = poll() {
            return result;
        }
        assert!(started.elapsed() < Duration::from_mins(2), "{what} did not happen");
        thread::sleep(QUICKLY);
    }
}

fn counts(path: &Path, wasm: &Wasm) -> PolicySpec {
    let plugin = wasm.load(path, None).expect("a good plugin");
    spec(&plugin, "counts", json!({"every": 2}))
}

fn outcomes(cx: &Cx, outcome: &str) -> u64 {
    count(cx, "tailrace_plugin_swaps", &[("outcome", outcome)])
}

#[test]
fn a_changed_file_is_swapped_for_with_its_state() {
    let (cx, dir) = (cx(), Dir::new());
    let path = dir.file("p.wasm", HOSTILE);
    let spec = counts(&path, &cx.host.wasm);
    let mut running = Policies::new(vec![spec.clone()], &cx).expect("a good configuration");
    let watch = Watch::start_polling(vec![spec], &cx, QUICKLY).expect("a file to watch");
    running.load(columns(1));
    assert_eq!(running.evaluate(0, &[0]).expect("votes").verdicts, [0]);

    dir.file("p.wasm", &variant(b"1"));
    let mut fresh = wait("the swap", || watch.take());
    fresh.adopt(&mut running);
    fresh.load(columns(1));
    assert_eq!(fresh.evaluate(0, &[0]).expect("votes").verdicts, [1], "the second trace that it is asked about");
    assert_eq!(outcomes(&cx, "success"), 1);
}

#[test]
fn what_fails_keeps_the_old_one_and_the_next_change_counts() {
    let (cx, dir) = (cx(), Dir::new());
    let path = dir.file("p.wasm", HOSTILE);
    let watch = Watch::start_polling(vec![counts(&path, &cx.host.wasm)], &cx, QUICKLY).expect("a file to watch");

    dir.file("p.wasm", b"not WebAssembly");
    wait("the first failure", || (outcomes(&cx, "failure") == 1).then_some(()));
    // Loads, but offers no kind of that name.
    dir.file("p.wasm", Embedded::Policies.bytes());
    wait("the second failure", || (outcomes(&cx, "failure") == 2).then_some(()));
    assert!(watch.take().is_none());
    dir.file("p.wasm", &variant(b"2"));
    wait("the swap", || watch.take());
    assert_eq!((outcomes(&cx, "success"), outcomes(&cx, "failure")), (1, 2));
}

#[test]
fn a_flipped_link_is_a_change_and_equal_content_is_none() {
    let (cx, dir) = (cx(), Dir::new());
    // As a ConfigMap is mounted: p.wasm -> ..data/p.wasm, ..data -> ..1
    let at = |name: &str| dir.0.path().join(name);
    for (version, content) in [("..1", HOSTILE.to_vec()), ("..2", HOSTILE.to_vec()), ("..3", variant(b"3"))] {
        fs::create_dir(at(version)).expect("a new directory");
        dir.file(&format!("{version}/p.wasm"), &content);
    }
    let flip = |version: &str| {
        symlink(version, at("..new")).expect("a new link");
        fs::rename(at("..new"), at("..data")).expect("it replaces the old one");
    };
    flip("..1");
    symlink("..data/p.wasm", at("p.wasm")).expect("a new link");
    let spec = counts(&at("p.wasm"), &cx.host.wasm);
    let mut files = Files::of([&*spec.plugin]);
    let settle = |files: &mut Files| (files.changed(), files.changed(), files.changed());
    assert_eq!(settle(&mut files), (false, true, false), "the first look, in case it changed since it was loaded");
    flip("..2");
    assert_eq!(settle(&mut files), (false, true, false));

    let watch =
        Watch::start_polling(vec![counts(&at("p.wasm"), &cx.host.wasm)], &cx, QUICKLY).expect("a file to watch");
    flip("..1");
    flip("..3");
    wait("the swap", || watch.take());
    assert_eq!((outcomes(&cx, "success"), outcomes(&cx, "failure")), (1, 0));
}

#[test]
fn embedded_policies_have_nothing_to_watch() {
    let cx = cx();
    let always = spec(&crate::wasm::testing::embedded(), "always_sample", json!({}));
    assert!(Watch::start(vec![always], &cx).is_none());
}

#[test]
fn checking_now_says_what_came_of_each_file() {
    let (cx, dir) = (cx(), Dir::new());
    let named = |name: &str, path: &Path| PolicySpec { policy: name.to_owned(), ..counts(path, &cx.host.wasm) };
    let (one, two) = (dir.file("one.wasm", HOSTILE), dir.file("two.wasm", HOSTILE));
    let specs = vec![named("a", &one), named("b", &two)];
    let mut running = Policies::new(specs.clone(), &cx).expect("good configurations");
    let watch = Watch::start_polling(specs, &cx, Duration::from_hours(1)).expect("files to watch");
    running.watched_by(&watch);
    running.load(columns(6));
    let outcomes = || cx.host.wasm.check_now().into_iter().map(|checked| checked.outcome).collect::<Vec<_>>();
    let unchanged = |outcome: &Outcome| matches!(outcome, Outcome::Unchanged { .. });
    assert!(outcomes().iter().all(unchanged));

    // One works and is swapped for although the other does not.
    dir.file("one.wasm", &variant(b"new"));
    dir.file("two.wasm", Embedded::Policies.bytes());
    let checked = cx.host.wasm.check_now();
    assert_eq!((checked[0].component.as_str(), checked[0].policies[0].as_str()), ("tail_sampling", "a"));
    let Outcome::Swapped { from, to, tried, disagreements } = &checked[0].outcome else { panic!("{checked:?}") };
    assert!(from != to && (*tried, *disagreements) == (6, 0), "{checked:?}");
    let Outcome::Refused { reason, message, .. } = &checked[1].outcome else { panic!("{checked:?}") };
    assert!(*reason == "configure" && message.contains("no kind \"counts\""), "{checked:?}");
    assert_eq!(count(&cx, "tailrace_plugin_swaps", &[("outcome", "failure"), ("reason", "configure")]), 1);
    assert_eq!(count(&cx, "tailrace_plugin_trial_traces", &[("policy", "a")]), 6);
    assert!(watch.take().is_some(), "at once");
    let degraded = cx.host.health.degraded();
    assert!(
        degraded.len() == 1 && degraded[0].0 == "tail_sampling" && degraded[0].1.contains("two.wasm"),
        "{degraded:?}"
    );

    dir.file("two.wasm", HOSTILE);
    assert!(outcomes().iter().all(unchanged), "it is what it was");
    assert!(cx.host.health.degraded().is_empty());
    drop(watch);
    wait("its end", || cx.host.wasm.check_now().is_empty().then_some(()));
}

#[test]
fn disagreements_are_told_and_recording_goes_on() {
    let (cx, dir) = (cx(), Dir::new());
    let path = dir.file("p.wasm", Embedded::Policies.bytes());
    let plugin = cx.host.wasm.load(&path, None).expect("a good plugin");
    // The hostile component has a kind of that name too, which votes for nothing.
    let mut specs = vec![spec(&plugin, "always_sample", json!({}))];
    specs[0].policy = "mine".to_owned();
    let mut running = Policies::new(specs.clone(), &cx).expect("a good configuration");
    let watch = Watch::start_polling(specs, &cx, Duration::from_hours(1)).expect("a file to watch");
    running.watched_by(&watch);
    running.load(columns(4));
    dir.file("p.wasm", HOSTILE);
    let checked = watch.check_now();
    let Outcome::Swapped { tried: 4, disagreements: 4, .. } = checked[0].outcome else { panic!("{checked:?}") };
    let mut fresh = watch.take().expect("a disagreement is no failure");
    fresh.adopt(&mut running);
    fresh.load(columns(2));
    assert_eq!(watch.recent().items().len(), 2, "it goes on recording");
}

#[test]
fn a_directory_stands_for_the_one_component_in_it() {
    let (cx, dir) = (cx(), Dir::new());
    let load = || cx.host.wasm.load(dir.0.path(), None).map_err(|error| error.to_string());
    assert!(load().err().expect("it is empty").contains("there is no .wasm file in the directory"));
    dir.file("one.wasm", HOSTILE);
    dir.file("README", b"not looked at");
    let spec = counts(dir.0.path(), &cx.host.wasm);
    let mut files = Files::of([&*spec.plugin]);
    assert_eq!((files.changed(), files.changed(), files.changed()), (false, true, false));
    dir.file("two.wasm", HOSTILE);
    assert!(load().err().expect("two").contains("there are 2 .wasm files in the directory; leave one"));
    fs::remove_file(dir.0.path().join("one.wasm")).expect("it is there");
    assert_eq!((files.changed(), files.changed(), files.changed()), (false, true, false), "under another name");
    assert!(load().is_ok());
}
