use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span};
use prost::Message as _;

use super::*;
use crate::view;

fn spans() -> ExportTraceServiceRequest {
    let event = |name: &str| span::Event { name: name.to_owned(), ..span::Event::default() };
    let span = |name: &str| Span {
        name: name.to_owned(),
        events: vec![event("begin"), event("end")],
        flags: 1,
        ..Span::default()
    };
    let scope = |name: &str, spans: &[&str]| ScopeSpans {
        scope: Some(InstrumentationScope { name: name.to_owned(), ..InstrumentationScope::default() }),
        spans: spans.iter().map(|name| span(name)).collect(),
        schema_url: "scope".to_owned(),
    };
    let resource = |dropped: u32, scope_spans: Vec<ScopeSpans>| ResourceSpans {
        resource: Some(Resource { dropped_attributes_count: dropped, ..Resource::default() }),
        scope_spans,
        schema_url: "resource".to_owned(),
    };
    ExportTraceServiceRequest {
        resource_spans: vec![
            resource(1, vec![scope("s", &["a", "b"]), scope("t", &["c"])]),
            resource(2, vec![scope("u", &["d"])]),
        ],
    }
}

fn points() -> ExportMetricsServiceRequest {
    let exemplar = |time: u64| Exemplar { time_unix_nano: time, ..Exemplar::default() };
    let number = |time: u64| NumberDataPoint {
        time_unix_nano: time,
        exemplars: vec![exemplar(time), exemplar(time + 1)],
        flags: 1,
        ..NumberDataPoint::default()
    };
    let histogram = HistogramDataPoint { time_unix_nano: 7, exemplars: vec![exemplar(7)], ..Default::default() };
    let metric = |name: &str, data| Metric { name: name.to_owned(), data: Some(data), ..Metric::default() };
    let sum = Sum { data_points: vec![number(1), number(3)], aggregation_temporality: 2, is_monotonic: true };
    let histogram = Histogram { data_points: vec![histogram], aggregation_temporality: 1 };
    let metrics = vec![metric("sum", metric::Data::Sum(sum)), metric("histogram", metric::Data::Histogram(histogram))];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The text under a field of a message.
fn field(body: &[u8], number: u32) -> String {
    crate::walk::children(body, number).last().map(|(_, body)| text(body)).unwrap_or_default()
}

fn time(body: &[u8], number: u32) -> u64 {
    wire::fields(body)
        .find_map(|field| match field.payload {
            wire::Payload::Fixed64(time) if field.number == number => Some(time),
            _ => None,
        })
        .unwrap_or_default()
}

#[test]
fn everything_at_a_level_is_visited_in_order_with_what_it_lies_in() {
    let (spans, points) = (spans().encode_to_vec(), points().encode_to_vec());
    let visited = |signal, level, request: &[u8], say: &dyn Fn(&Place<'_>) -> String| {
        let mut all = Vec::new();
        let unchanged = pass(signal, level, request, |place| {
            all.push(say(place));
            Keep::Yes
        });
        assert_eq!(unchanged, None);
        all
    };
    let traces = |level, say: &dyn Fn(&Place<'_>) -> String| visited(Signal::Traces, level, &spans, say);
    let metrics = |level, say: &dyn Fn(&Place<'_>) -> String| visited(Signal::Metrics, level, &points, say);
    let scope = |place: &Place<'_>| field(crate::walk::children(place.scope.body(), 1).next().expect("a scope").1, 1);
    let name = |place: &Place<'_>| text(view::Span(place.item.body()).name());

    assert_eq!(traces(Level::Resource, &|place| field(place.resource.body(), 3)), ["resource"; 2]);
    assert_eq!(
        traces(Level::Scope, &|place| scope(place) + &field(place.scope.body(), 3)),
        ["sscope", "tscope", "uscope"]
    );
    assert_eq!(traces(Level::Item, &|place| scope(place) + &name(place)), ["sa", "sb", "tc", "ud"]);
    let event = |place: &Place<'_>| format!("{}{}{}", name(place), field(place.part.body(), 2), place.part_index);
    let events = ["abegin0", "aend1", "bbegin0", "bend1", "cbegin0", "cend1", "dbegin0", "dend1"];
    assert_eq!(traces(Level::Part, &event), events);
    assert_eq!(traces(Level::Exemplar, &|_| String::new()), [""; 0]);

    let metric = |place: &Place<'_>| field(place.item.body(), 1);
    assert_eq!(metrics(Level::Item, &metric), ["sum", "histogram"]);
    let point = |place: &Place<'_>| format!("{}{}:{}", metric(place), place.data, time(place.part.body(), 3));
    assert_eq!(metrics(Level::Part, &point), ["sum7:1", "sum7:3", "histogram9:7"]);
    let exemplar = |place: &Place<'_>| format!("{} {}", point(place), time(place.exemplar.body(), 2));
    assert_eq!(metrics(Level::Exemplar, &exemplar), ["sum7:1 1", "sum7:1 2", "sum7:3 3", "sum7:3 4", "histogram9:7 7"]);
}

#[test]
fn what_is_not_kept_goes_and_what_it_leaves_empty_too() {
    let spans_left = |dropped: &[&str]| {
        let bytes = spans().encode_to_vec();
        let left = pass(Signal::Traces, Level::Item, &bytes, |place| {
            let name = text(view::Span(place.item.body()).name());
            if dropped.contains(&name.as_str()) { Keep::No } else { Keep::Yes }
        });
        let mut model = spans();
        for resource in &mut model.resource_spans {
            for scope in &mut resource.scope_spans {
                scope.spans.retain(|span| !dropped.contains(&span.name.as_str()));
            }
            resource.scope_spans.retain(|scope| !scope.spans.is_empty());
        }
        model.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
        let left = ExportTraceServiceRequest::decode(&*left.expect("something went")).expect("well-formed");
        assert_eq!(left, model, "{dropped:?}");
    };
    for dropped in [&["a"][..], &["b"], &["c"], &["a", "b"], &["d"], &["a", "c", "d"], &["a", "b", "c", "d"]] {
        spans_left(dropped);
    }

    let bytes = spans().encode_to_vec();
    let drop_at = |level| pass(Signal::Traces, level, &bytes, |_| Keep::No);
    for level in [Level::Resource, Level::Scope, Level::Item] {
        assert_eq!(drop_at(level).as_deref(), Some(&[][..]), "{level:?}");
    }
    let without_events = ExportTraceServiceRequest::decode(&*drop_at(Level::Part).expect("changed")).expect("good");
    let mut model = spans();
    let all = model.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    all.flat_map(|scope| &mut scope.spans).for_each(|span| span.events.clear());
    assert_eq!(without_events, model, "spans stay without their events");

    let bytes = points().encode_to_vec();
    let left = pass(Signal::Metrics, Level::Part, &bytes, |place| match time(place.part.body(), 3) {
        1 | 7 => Keep::No,
        _ => Keep::Yes,
    });
    let left = ExportMetricsServiceRequest::decode(&*left.expect("changed")).expect("good");
    let mut model = points();
    let metrics = &mut model.resource_metrics[0].scope_metrics[0].metrics;
    metrics.pop();
    let Some(metric::Data::Sum(sum)) = &mut metrics[0].data else { panic!("a sum") };
    sum.data_points.remove(0);
    assert_eq!(left, model, "the metric without points is gone");
}

#[test]
fn what_lies_above_can_be_changed_from_below() {
    let bytes = spans().encode_to_vec();
    let changed = pass(Signal::Traces, Level::Part, &bytes, |place| {
        if field(place.part.body(), 2) == "begin" && text(view::Span(place.item.body()).name()) == "b" {
            place.part.set_bytes(2, b"started");
            place.item.set_bytes(5, b"B");
            place.scope.set_bytes(3, b"changed scope");
            place.resource.edit(1, 0, |resource| resource.set_varint(2, 9));
        }
        Keep::Yes
    });
    let changed = ExportTraceServiceRequest::decode(&*changed.expect("changed")).expect("good");
    let mut model = spans();
    let resource = &mut model.resource_spans[0];
    resource.resource.as_mut().expect("one").dropped_attributes_count = 9;
    let scope = &mut resource.scope_spans[0];
    scope.schema_url = "changed scope".to_owned();
    scope.spans[1].name = "B".to_owned();
    scope.spans[1].events[0].name = "started".to_owned();
    assert_eq!(changed, model);

    let bytes = points().encode_to_vec();
    let changed = pass(Signal::Metrics, Level::Exemplar, &bytes, |place| {
        if time(place.exemplar.body(), 2) == 4 {
            place.item.set_bytes(1, b"renamed");
            place.part.set_fixed64(3, 30);
        }
        Keep::Yes
    });
    let changed = ExportMetricsServiceRequest::decode(&*changed.expect("changed")).expect("good");
    let mut model = points();
    let metric = &mut model.resource_metrics[0].scope_metrics[0].metrics[0];
    metric.name = "renamed".to_owned();
    let Some(metric::Data::Sum(sum)) = &mut metric.data else { panic!("a sum") };
    sum.data_points[1].time_unix_nano = 30;
    assert_eq!(changed, model);
}
