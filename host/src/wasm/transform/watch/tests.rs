use serde_json::json;

use super::super::{About, Pool, TransformLimits};
use super::*;
use crate::config::Path;
use crate::pipeline::{Rope, Signal};
use crate::wasm::testing::{Dir, HOSTILE, count, cx};

/// The hostile component under another digest: a custom section at its end.
fn variant(name: u8) -> Vec<u8> {
    [HOSTILE, &[0, 2, 1, name]].concat()
}

/// A request of so many empty spans.
fn request(spans: u8) -> Rope {
    let scope: Vec<u8> = (0..spans).flat_map(|_| [0x12, 0]).collect();
    Rope::from([&[0x0a, spans * 2 + 2, 0x12, spans * 2], &scope[..]].concat())
}

/// A pool of the transform `kind` from the file.
fn pool(dir: &Dir, kind: &str, config: serde_json::Value, cx: &Cx) -> Pool {
    let plugin = cx.host.wasm.load(&dir.file("t.wasm", HOSTILE), None).expect("a good plugin");
    let limits = TransformLimits::default();
    let spec = TransformSpec { name: "wasm".to_owned(), plugin, kind: kind.to_owned(), config, limits, series: &[] };
    Pool::start(spec, &Path::root(), 1, Duration::from_secs(30), cx).expect("a good configuration")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_is_tried_on_the_last_requests() {
    let (cx, dir) = (cx(), Dir::new());
    let pool = pool(&dir, "doubles", json!({}), &cx);
    let ask = async |spans| pool.apply(Signal::Traces, request(spans), About::default()).await.expect("an answer");
    for spans in 1..=40 {
        ask(spans).await;
    }
    let kept = cx.host.memory.outside_bytes();
    dir.file("t.wasm", &variant(b'1'));
    let [Checked { outcome, component, .. }] = &cx.host.wasm.check_now()[..] else { panic!("one file") };
    let Outcome::Swapped { tried: 32, disagreements: 0, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(component, "wasm");
    assert_eq!(count(&cx, "tailrace_transform_trial_requests", &[]), 32);
    assert_eq!(count(&cx, "tailrace_transform_trial_disagreements", &[]), 0);
    ask(1).await;
    assert!(cx.host.memory.outside_bytes() < kept * 2, "what was tried is gone");
    drop(pool);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_got_no_answer_is_not_kept() {
    let (cx, dir) = (cx(), Dir::new());
    let pool = pool(&dir, "errs", json!({}), &cx);
    pool.apply(Signal::Traces, request(1), About::default()).await.expect_err("it never has one");
    dir.file("t.wasm", &variant(b'1'));
    let checked = cx.host.wasm.check_now();
    let Outcome::Swapped { tried: 0, .. } = checked[0].outcome else { panic!("{checked:?}") };
}
