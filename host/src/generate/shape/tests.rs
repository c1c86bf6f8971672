use clap::Parser;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use super::*;

#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    generate: Generate,
}

const NOW: u64 = 1_700_000_000_000_000_000;

/// The request with `units` traces (metrics, records) that these arguments give.
fn request(arguments: &str, units: usize) -> Vec<u8> {
    let words = std::iter::once("generate").chain(arguments.split_whitespace());
    let shape = Shape::new(&Command::try_parse_from(words).unwrap().generate);
    let mut random = Random::seeded();
    let mut items = Vec::new();
    for _ in 0..units {
        shape.append(&mut items, &mut random, NOW);
    }
    shape.envelope.seal(&items)
}

fn traces(arguments: &str, units: usize) -> Vec<Vec<Span>> {
    let mut request = ExportTraceServiceRequest::decode(request(arguments, units).as_slice()).unwrap();
    let spans = request.resource_spans.remove(0).scope_spans.remove(0).spans;
    spans.chunk_by(|a, b| a.trace_id == b.trace_id).map(<[Span]>::to_vec).collect()
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
}

#[test]
fn a_trace_is_a_root_with_its_children_inside_it() {
    let traces = traces("traces --child-spans 3 --slow-share 0 --span-duration 40ms", 5);
    assert_eq!(traces.len(), 5);
    for trace in &traces {
        let (root, children) = trace.split_first().unwrap();
        assert_eq!(children.len(), 3);
        assert!(root.parent_span_id.is_empty());
        assert_eq!(root.end_time_unix_nano - root.start_time_unix_nano, 40_000_000);
        for child in children {
            assert_eq!(child.parent_span_id, root.span_id);
            assert!(child.start_time_unix_nano >= root.start_time_unix_nano);
            assert!(child.end_time_unix_nano <= root.end_time_unix_nano);
        }
    }
}

#[test]
fn shares_of_0_and_1_hold_for_every_trace() {
    for (error_share, slow_share) in [("0", "1"), ("1", "0")] {
        let arguments = format!("traces --error-share {error_share} --slow-share {slow_share} --slow-duration 2s");
        for trace in traces(&arguments, 50) {
            assert_eq!(trace.iter().filter(|span| is_error(span)).count().to_string(), error_share);
            let slow = trace[0].end_time_unix_nano - trace[0].start_time_unix_nano >= 2_000_000_000;
            assert_eq!(slow, slow_share == "1");
        }
    }
}

#[test]
fn a_status_is_given_to_every_span() {
    let traces = traces("traces --status-code Error --spans 4", 2);
    assert!(traces.iter().all(|trace| trace.len() == 4 && trace.iter().all(is_error)));
}

#[test]
fn items_are_filled_up_to_their_size() {
    for size in [300, 1000, 5000] {
        for span in traces(&format!("traces --item-size {size}"), 1).concat() {
            assert!(span.encoded_len().abs_diff(size) < 10, "{} for {size}", span.encoded_len());
        }
    }
}

#[test]
fn metrics_and_logs_carry_what_was_asked_for() {
    for kind in ["gauge", "sum", "histogram"] {
        let arguments = format!("metrics --metric-type {kind} --otlp-metric-name m --telemetry-attributes k=1");
        let request = ExportMetricsServiceRequest::decode(request(&arguments, 2).as_slice()).unwrap();
        let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
        assert_eq!(metrics.len(), 2);
        let (attributes, time) = match metrics[0].data.as_ref().unwrap() {
            metric::Data::Gauge(g) => (&g.data_points[0].attributes, g.data_points[0].time_unix_nano),
            metric::Data::Sum(s) => (&s.data_points[0].attributes, s.data_points[0].time_unix_nano),
            metric::Data::Histogram(h) => (&h.data_points[0].attributes, h.data_points[0].time_unix_nano),
            other => panic!("{other:?}"),
        };
        assert_eq!((attributes, time), (&vec![integer("k", 1)], NOW));
    }
    let request = request("logs --body hello --service s --otlp-attributes a=\"b\"", 1);
    let request = ExportLogsServiceRequest::decode(request.as_slice()).unwrap();
    let resource = &request.resource_logs[0];
    assert_eq!(resource.resource.as_ref().unwrap().attributes, [text("service.name", "s"), text("a", "b")]);
    let record = &resource.scope_logs[0].log_records[0];
    assert_eq!(record.body.as_ref().unwrap().value, Some(Value::StringValue("hello".to_owned())));
    assert_eq!(record.time_unix_nano, NOW);
}
