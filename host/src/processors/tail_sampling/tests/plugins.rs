//! With the policies that ship with the host, and the thread that asks them.

use parking_lot::Mutex;

use super::*;
use crate::pipeline::{Batch, BoxFuture, Consume, Next, Processor, Refusal, Rope, Stop, UpdateError};
use crate::processors::tail_sampling::TailSampling;

fn from_yaml(yaml: &str) -> Settings {
    serde_yaml::from_str(yaml).unwrap()
}

const THREE: &str = "
num_shards: 2
record_policy: true
policies:
  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
  - {name: slow, type: latency, latency: {threshold_ms: 1000}}
  - name: half-of-shop
    type: and
    and:
      and_sub_policy:
        - {type: string_attribute, string_attribute: {key: shop, values: ['yes']}}
        - {type: not, not: {not_sub_policy: {type: span_count, span_count: {min_spans: 2}}}}
  - {name: no-probes, type: drop, drop: {drop_sub_policy: [{type: boolean_attribute, boolean_attribute: {key: probe, value: true}}]}}
";

fn with(span: Span, key: &str, value: any_value::Value) -> Span {
    let value = Some(AnyValue { value: Some(value) });
    Span { attributes: vec![KeyValue { key: key.to_owned(), value, ..KeyValue::default() }], ..span }
}

fn traffic() -> Vec<ResourceSpans> {
    let shop = |span| with(span, "shop", any_value::Value::StringValue("yes".to_owned()));
    let slow = Span { end_time_unix_nano: 2_000_000_000, ..span(2, "slow") };
    let probe = with(failed(span(5, "probe")), "probe", any_value::Value::BoolValue(true));
    vec![under(
        1,
        vec![
            failed(span(1, "failed")),
            slow,
            shop(span(3, "shop")),
            shop(span(4, "two")),
            span(4, "spans"),
            probe,
            span(6, "dull"),
        ],
    )]
}

/// Collects what comes, after refusing it a number of times.
#[derive(Clone, Default)]
struct Sink {
    refusals: Arc<Mutex<Vec<Refusal>>>,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Consume for Sink {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            if let Some(refusal) = self.refusals.lock().pop() {
                return Err(refusal);
            }
            let data = batch.data.into_bytes();
            assert_eq!(batch.items, names(&ExportTraceServiceRequest::decode(&*data).unwrap().resource_spans).len());
            self.received.lock().extend_from_slice(&data);
            Ok(())
        })
    }

    fn admit(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

impl Sink {
    fn names(&self) -> Vec<String> {
        names(&ExportTraceServiceRequest::decode(&**self.received.lock()).unwrap().resource_spans)
    }
}

fn batch(resource_spans: Vec<ResourceSpans>) -> Batch {
    let items = names(&resource_spans).len();
    let data = Rope::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
    Batch::new(Signal::Traces, data, items)
}

async fn shut_down(node: &TailSampling, sink: &Sink) {
    let (token, stop) = Stop::new();
    token.cancel();
    node.run(Next::to(Box::new(sink.clone())), stop).await;
}

#[tokio::test]
async fn the_shipped_policies_decide_at_shutdown() {
    let cx = cx();
    let node = TailSampling::new(from_yaml(THREE), &cx).unwrap();
    assert!(node.describe()[0].starts_with("errors: status_code ("), "{:?}", node.describe());
    let sink = Sink::default();
    *sink.refusals.lock() = vec![Refusal::retry("not yet"), Refusal::retry("not yet")];
    node.process(batch(traffic()), &Next::unconnected()).await.unwrap();
    shut_down(&node, &sink).await;
    assert_eq!(sink.names(), ["failed", "slow", "shop"]);
    let policies: Vec<_> = ExportTraceServiceRequest::decode(&**sink.received.lock())
        .unwrap()
        .resource_spans
        .iter()
        .map(|resource| resource.scope_spans[0].scope.as_ref().unwrap().attributes[0].value.clone().unwrap())
        .collect();
    let expected = ["errors", "slow", "half-of-shop"].map(|name| any_value::Value::StringValue(name.to_owned()));
    assert_eq!(policies, expected.map(|value| AnyValue { value: Some(value) }));
    assert!(!node.process(batch(traffic()), &Next::unconnected()).await.unwrap_err().is_permanent());
}

#[tokio::test]
async fn other_policies_take_over_with_the_buffer() {
    let cx = cx();
    let node = TailSampling::new(from_yaml(THREE), &cx).unwrap();
    node.process(batch(traffic()), &Next::unconnected()).await.unwrap();
    node.update(&from_yaml("policies: [{name: all, type: always_sample}]")).unwrap();
    let wrong = from_yaml("policies: [{name: x, type: wasm, wasm: {module: /nowhere/x.wasm}}]");
    assert!(matches!(node.update(&wrong), Err(UpdateError::Failed(_))));
    let sink = Sink::default();
    shut_down(&node, &sink).await;
    assert_eq!(sink.names(), ["failed", "slow", "shop", "two", "spans", "probe", "dull"]);
}

#[tokio::test]
async fn what_is_refused_for_good_is_counted() {
    let cx = cx();
    let node = TailSampling::new(from_yaml("policies: [{name: all, type: always_sample}]"), &cx).unwrap();
    node.process(batch(traffic()), &Next::unconnected()).await.unwrap();
    let sink = Sink::default();
    *sink.refusals.lock() = vec![Refusal::permanent("never")];
    shut_down(&node, &sink).await;
    assert_eq!(sink.names(), [""; 0]);
    let desc = crate::telemetry::metrics::Desc { name: "processor_dropped_spans", unit: "{span}", help: "" };
    let counted = cx.metrics.counter(desc, &[("processor", "tail_sampling/test"), ("reason", "refused")]);
    assert_eq!(counted.get(), 7);
}

/// The messages of the plugins' own checks say where in the configuration.
#[test]
fn what_a_plugin_finds_wrong_fails_the_build() {
    let settings = "policies: [{name: x, type: string_attribute, string_attribute: {key: k, values: ['('], enabled_regex_matching: true}}]";
    let error = TailSampling::new(from_yaml(settings), &cx()).err().unwrap().to_string();
    assert!(error.starts_with("policies::0::string_attribute"), "{error}");
}
