use std::fs;
use std::os::unix::fs::symlink;
use std::time::Instant;

use serde_json::json;

use super::*;
use crate::wasm::testing::{Dir, HOSTILE, columns, count, cx, spec};
use crate::wasm::{EMBEDDED, Wasm};

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
    dir.file("p.wasm", EMBEDDED);
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
