use std::sync::Arc;

use parking_lot::Mutex;
use tailrace_otlp::wire;

use super::*;
use crate::config::{self, Secret, Source, testing};
use crate::host::Host;
use crate::pipeline::{BoxFuture, Consume, Settings};
use crate::processors::attributes::Attributes;
use crate::telemetry::Metrics;

fn cx(signal: Signal) -> Cx {
    Cx {
        id: "attributes/x".parse().expect("an id"),
        pipeline: None,
        signal: Some(signal),
        metrics: Metrics::default(),
        host: Host::new(),
    }
}

fn block<K: Kind>(yaml: &str) -> Block<K> {
    testing::settings(yaml).0.expect("any block will do")
}

/// Remembers what arrives.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<Batch>>>);

impl Consume for Sink {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        self.0.lock().push(batch);
        Box::pin(std::future::ready(Ok(())))
    }
    fn admit(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

fn nest(number: u32, inner: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    wire::put_bytes(&mut out, number, inner);
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_go_through_the_transform() {
    let settings = block("actions: [{key: env, action: insert, value: prod}]");
    let processor = Transforming::<Attributes>::new(settings, &cx(Signal::Traces)).expect("a good configuration");
    let sink = Sink::default();
    let next = Next::to(Box::new(sink.clone()));
    let request = |span: &[u8]| nest(1, &nest(2, &nest(2, span)));
    let data = request(&[]).into();
    let batch = Batch::new(Signal::Traces, data, 1);
    processor.process(batch, &next).await.expect("taken");
    let batch = sink.0.lock().pop().expect("a batch");
    let pair = [nest(1, b"env"), nest(2, &nest(1, b"prod"))].concat();
    assert_eq!((batch.data.into_bytes(), batch.items), (request(&nest(9, &pair)).into(), 1));
}

#[test]
fn what_means_nothing_for_the_signal_of_a_pipeline_is_an_error() {
    let yaml = "{include: {match_type: strict, span_names: [a]}, actions: [{key: a, action: delete}]}";
    assert!(Transforming::<Attributes>::new(block(yaml), &cx(Signal::Traces)).is_ok());
    let error = Transforming::<Attributes>::new(block(yaml), &cx(Signal::Logs)).err().expect("an error");
    assert_eq!(error.to_string(), "include: span_names means nothing for logs");
}

/// All that `validate` says about these processors.
fn said(processors: &str) -> String {
    let text = format!(
        "receivers: {{nop: }}\nexporters: {{nop: }}\n\
         service: {{pipelines: {{traces: {{receivers: [nop], exporters: [nop]}}}}}}\nprocessors:\n{processors}"
    );
    let source = Source::Embedded { name: "test.yaml".to_owned(), text };
    match config::load_and_try(&[source], &Cx::offline()) {
        Ok(loaded) => loaded.warnings.render(false),
        Err(problems) => problems.render(false),
    }
}

#[test]
fn problems_are_told_at_their_line_and_column() {
    assert_eq!(said("  attributes: {actions: [{key: a, action: delete}]}\n"), "");
    insta::assert_snapshot!(said(
        "  attributes/unknown:
    actions:
      - {key: a, action: insert, vlaue: 1}
  attributes/wrong:
    include: {match_type: regexp, services: ['(']}
    actions:
      - key: a
        action: insert
        value: 1
      - {key: b, action: frobnicate}
  attributes/empty:
"
    ));
}

#[test]
fn secrets_of_a_block_are_not_printed() {
    struct Keyed;
    impl Kind for Keyed {
        const TYPE: &'static str = "keyed";
        const COMPONENT: Embedded = Embedded::Transforms;
        const SECRETS: &'static [&'static str] = &["key"];
    }
    let shown = |block: &Block<Keyed>| serde_json::to_string(block).expect("JSON");
    let block = block::<Keyed>("{key: swordfish, other: plain}");
    assert_eq!(shown(&block), r#"{"key":"[REDACTED]","other":"plain"}"#);
    assert_eq!(Secret::unredacted(|| shown(&block)), r#"{"key":"swordfish","other":"plain"}"#);
    let other = self::block::<Keyed>("{key: sardine, other: plain}");
    assert!(block != other, "a reload notices");
    assert!(!format!("{block:?}").contains("swordfish"));
}

#[test]
fn nothing_written_means_no_options() {
    fn is_settings<S: Settings>(_: &S) {}
    let block = block::<Attributes>("~");
    is_settings(&block);
    assert_eq!(block.config(), &serde_json::json!({}));
}
