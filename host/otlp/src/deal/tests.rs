//! Nothing is lost, doubled or moved to another container, whatever goes where.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::{check, view};

/// By the last byte of the trace id.
struct ByTrace(usize);

impl Deal for ByTrace {
    fn item(&mut self, body: &[u8]) -> usize {
        usize::from(view::span_head(body).trace_id[15]) % self.0
    }
}

/// Points by their number, metrics called "whole" whole.
struct ByPoint(usize);

impl Deal for ByPoint {
    fn metric(&mut self, body: &[u8]) -> Turn {
        if body.windows(5).any(|name| name == b"whole") { Turn::All(0) } else { Turn::Inside }
    }
    fn item(&mut self, _body: &[u8]) -> usize {
        self.0 += 1;
        self.0 % 2
    }
}

fn scope(name: &str, url: &str, ids: &[u8]) -> ScopeSpans {
    let span =
        |id: &u8| Span { trace_id: [&[7; 15][..], &[*id]].concat(), name: format!("{name}-{id}"), ..Span::default() };
    ScopeSpans {
        scope: Some(InstrumentationScope { name: name.to_owned(), ..InstrumentationScope::default() }),
        spans: ids.iter().map(span).collect(),
        schema_url: url.to_owned(),
    }
}

fn resource(scopes: Vec<ScopeSpans>, url: &str) -> ResourceSpans {
    ResourceSpans { resource: Some(Resource::default()), scope_spans: scopes, schema_url: url.to_owned() }
}

/// What a way should get: the same request without the spans of others, and without what that leaves empty.
fn expected(request: &ExportTraceServiceRequest, ways: usize, way: usize) -> ExportTraceServiceRequest {
    let mut request = request.clone();
    for resource in &mut request.resource_spans {
        for scope in &mut resource.scope_spans {
            scope.spans.retain(|span| usize::from(span.trace_id[15]) % ways == way);
        }
        resource.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    request.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
    request
}

proptest! {
    #[test]
    fn every_way_gets_its_spans(
        shape in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..4), 0..5),
        ways in 1_usize..5,
    ) {
        let scopes = |scopes: &Vec<Vec<u8>>| -> Vec<ScopeSpans> {
            scopes.iter().enumerate().map(|(at, ids)| scope(&format!("s{at}"), "u", ids)).collect()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: shape.iter().enumerate().map(|(at, s)| resource(scopes(s), &format!("r{at}"))).collect(),
        };
        // A chunk for each resource, as joined requests have them.
        let mut rope = Rope::new();
        for resource in &request.resource_spans {
            rope.push(ExportTraceServiceRequest { resource_spans: vec![resource.clone()] }.encode_to_vec().into());
        }
        let shares = deal(Signal::Traces, &rope, ways, &mut ByTrace(ways));
        let wanted: Vec<_> = (0..ways)
            .map(|way| (way, expected(&request, ways, way)))
            .filter(|(_, request)| !request.resource_spans.is_empty())
            .collect();
        prop_assert_eq!(shares.len(), wanted.len());
        let is_alone = shares.len() == 1;
        for (share, (way, wanted)) in shares.into_iter().zip(wanted) {
            let bytes = share.data.into_bytes();
            prop_assert_eq!(share.way, way);
            prop_assert_eq!(check(Signal::Traces, &bytes).unwrap().items, share.items);
            let got = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
            prop_assert_eq!(if is_alone { expected(&got, 1, 0) } else { got }, wanted);
        }
    }
}

#[test]
fn unknown_fields_stay_where_they_were() {
    let field = |number: u32, parts: &[&[u8]]| {
        let mut out = Vec::new();
        wire::put_bytes(&mut out, number, &parts.concat());
        out
    };
    let span = |id: u8| field(2, &[&field(1, &[&[id; 16]])]);
    let scope = |spans: &[u8]| field(2, &[&field(1, &[]), &field(77, &[b"new"]), spans]);
    let resource = |spans: &[u8]| field(1, &[&field(66, &[b"newer"]), &scope(spans)]);
    let stranger = field(55, &[b"newest"]);
    let request = [stranger.clone(), resource(&[span(2), span(4), span(1)].concat())].concat();
    let shares = deal(Signal::Traces, &request.into(), 2, &mut ByTrace(2));
    let got: Vec<_> = shares.into_iter().map(|share| share.data.into_bytes().to_vec()).collect();
    assert_eq!(got, [[resource(&[span(2), span(4)].concat()), stranger].concat(), resource(&span(1))]);
}

#[test]
fn points_are_dealt_out_under_their_metric() {
    let point = |time: u64| NumberDataPoint { time_unix_nano: time, ..NumberDataPoint::default() };
    let metric = |name: &str, data| Metric { name: name.to_owned(), data: Some(data), ..Metric::default() };
    let sum = |times: &[u64]| {
        let data_points = times.iter().map(|time| point(*time)).collect();
        metric("sum", Data::Sum(Sum { data_points, aggregation_temporality: 2, is_monotonic: true }))
    };
    let whole = metric("whole", Data::Gauge(Gauge { data_points: vec![point(9), point(9)] }));
    let lone = metric("lone", Data::Summary(Summary { data_points: vec![SummaryDataPoint::default()] }));
    let request = |metrics: Vec<Metric>| ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource::default()),
            scope_metrics: vec![ScopeMetrics { metrics, schema_url: "url".to_owned(), ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    };
    let all = request(vec![sum(&[1, 2, 3]), whole.clone(), lone.clone()]);
    let shares = deal(Signal::Metrics, &all.encode_to_vec().into(), 2, &mut ByPoint(0));
    let got: Vec<_> = shares
        .into_iter()
        .map(|share| (share.items, ExportMetricsServiceRequest::decode(share.data.into_bytes()).unwrap()))
        .collect();
    assert_eq!(got, [(4, request(vec![sum(&[2]), whole, lone])), (2, request(vec![sum(&[1, 3])]))]);
}

#[test]
fn one_way_takes_the_request_itself() {
    let request = ExportTraceServiceRequest { resource_spans: vec![resource(vec![scope("a", "", &[1, 2])], "")] };
    let rope = Rope::from(request.encode_to_vec());
    let shares = deal(Signal::Traces, &rope, 1, &mut ByTrace(1));
    assert_eq!((shares.len(), shares[0].items), (1, 2));
    assert_eq!(shares[0].data.chunks()[0].as_ptr(), rope.chunks()[0].as_ptr());
    assert!(deal(Signal::Traces, &Rope::new(), 3, &mut ByTrace(3)).is_empty());
}
