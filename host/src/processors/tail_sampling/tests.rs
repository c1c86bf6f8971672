//! The processor without plugins and without a clock: policies are functions, ticks are called.

mod flow;
mod plugins;
mod properties;

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::composite::Claim;
use super::core::Core;
use super::judge::{Court, Judge};
use super::metrics::PolicyMetrics;
use super::rules::{Panel, Policy, Rule, Rules};
use super::settings::Settings;
use super::vote::Vote;
use crate::host::Host;
use crate::pipeline::{Cx, Signal};
use crate::wasm::policy::{Columns, Needs};

/// A policy as a function of a batch and a place in it.
type Ask = fn(&Columns, usize) -> Vote;

struct Functions {
    needs: Needs,
    columns: Option<Columns>,
    ask: Vec<Ask>,
}

impl Panel for Functions {
    fn needs(&self) -> &Needs {
        &self.needs
    }

    fn load(&mut self, columns: Columns) {
        self.columns = Some(columns);
    }

    fn refresh(&mut self) {}

    fn succeed(&mut self, _: &mut dyn Panel) {}

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn admit(&mut self, _: usize, claims: &[Claim]) -> Vec<bool> {
        vec![true; claims.len()]
    }

    fn ask(&mut self, leaf: usize, candidates: &[u32]) -> Vec<Vote> {
        let columns = self.columns.as_ref().expect("a batch is loaded before policies are asked");
        candidates.iter().map(|place| self.ask[leaf](columns, *place as usize)).collect()
    }
}

/// A processor, its evaluator, and what came out.
pub(super) struct Bench {
    pub(super) core: Arc<Core>,
    judge: Judge,
    tick: u32,
}

impl Bench {
    pub(super) fn new(settings: &Settings, ask: &[Ask]) -> Self {
        Self::with_needs(settings, ask, Needs::default())
    }

    fn with_needs(settings: &Settings, ask: &[Ask], needs: Needs) -> Self {
        let core = Arc::new(Core::new(settings, &cx()));
        let policy = |(leaf, _)| Policy {
            name: core.names.number(&format!("policy-{leaf}")),
            rule: Rule::Leaf(leaf),
            metrics: Arc::new(PolicyMetrics::default()),
        };
        let rules = Rules::new(ask.iter().enumerate().map(policy).collect(), settings.sample_on_first_match);
        let panel = Box::new(Functions { needs, columns: None, ask: ask.to_vec() });
        Self { judge: Judge::new(core.clone(), Court { panel, rules }), core, tick: 0 }
    }

    pub(super) fn send(&self, resources: &[ResourceSpans]) {
        let request = ExportTraceServiceRequest { resource_spans: resources.to_vec() };
        self.core.take_in(&[Bytes::from(request.encode_to_vec())]);
    }

    fn tick(&mut self) {
        self.tick += 1;
        self.judge.tick(self.tick);
    }

    pub(super) fn ticks(&mut self, count: u32) {
        for _ in 0..count {
            self.tick();
        }
    }

    /// What has come out since the last call.
    fn output(&self) -> Vec<ResourceSpans> {
        ExportTraceServiceRequest::decode(self.core.outbox.take_all().into_bytes()).unwrap().resource_spans
    }

    /// The names of the spans that have come out since the last call.
    fn names(&self) -> Vec<String> {
        names(&self.output())
    }
}

pub(super) fn cx() -> Cx {
    Cx {
        id: "tail_sampling/test".parse().unwrap(),
        pipeline: None,
        signal: Some(Signal::Traces),
        metrics: crate::telemetry::Metrics::default(),
        host: Host::new(),
    }
}

pub(super) fn settings() -> Settings {
    Settings { num_shards: Some(1), decision_wait: crate::config::Duration::from_secs(1), ..Settings::default() }
}

pub(super) fn names(resources: &[ResourceSpans]) -> Vec<String> {
    let scopes = resources.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).map(|span| span.name.clone()).collect()
}

pub(super) fn id(trace: u64) -> Vec<u8> {
    [trace.to_be_bytes(), 7_u64.to_be_bytes()].concat()
}

pub(super) fn span(trace: u64, name: &str) -> Span {
    Span {
        trace_id: id(trace),
        span_id: vec![1; 8],
        parent_span_id: vec![2; 8],
        name: name.to_owned(),
        start_time_unix_nano: 1_000,
        end_time_unix_nano: 2_000,
        ..Span::default()
    }
}

/// With so many bytes that no codec makes fewer.
pub(super) fn noisy(mut span: Span, len: usize) -> Span {
    let mut random = fastrand::Rng::with_seed(7);
    let noise = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
    let value = Some(AnyValue { value: Some(any_value::Value::BytesValue(noise)) });
    span.attributes.push(KeyValue { key: "noise".to_owned(), value, ..KeyValue::default() });
    span
}

pub(super) fn failed(mut span: Span) -> Span {
    span.status = Some(Status { code: 2, ..Status::default() });
    span
}

pub(super) fn under(resource: u32, spans: Vec<Span>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(Resource { dropped_attributes_count: resource, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        schema_url: "https://opentelemetry.io/schemas/1.0.0".to_owned(),
    }
}

/// Samples traces with an error.
fn errors(columns: &Columns, place: usize) -> Vote {
    if columns.seen[place] & 4 != 0 { Vote::SAMPLE } else { Vote::No }
}

/// Samples the traces whose number is odd.
pub(super) fn odd(columns: &Columns, place: usize) -> Vote {
    if columns.trace_ids[16 * place + 7] % 2 == 1 { Vote::SAMPLE } else { Vote::No }
}
