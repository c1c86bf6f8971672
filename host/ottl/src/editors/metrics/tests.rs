mod aggregate;
mod buckets;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, Sum, Summary, metric, number_data_point,
};
use prost::Message;
use tailrace_otlp::edit::{Keep, pass};
use tailrace_otlp::{Signal, check};

use crate::testing::{attributes, full_metric, metrics, problems, run, text};
use crate::{Context, Env, Failure, Group, Memory, Then};

const DELTA: i32 = AggregationTemporality::Delta as i32;
const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// The metrics that come of one when statements run on it and on what they add, in alphabetical order.
fn become_of(context: Context, metric: Metric, statements: &[&str]) -> (Vec<Metric>, Vec<Failure>) {
    let group = Group::on(context, statements, &[]).unwrap_or_else(|problems| panic!("{problems:?}"));
    let (mut memory, mut failures) = (Memory::default(), Vec::new());
    let request = metrics(vec![metric]);
    let changed = pass(Signal::Metrics, context.level(), &request, |place| {
        memory.forget();
        group.run(place, &mut memory, &Env::default(), &mut |failure| {
            failures.push(failure);
            Then::GoOn
        });
        Keep::Yes
    });
    let changed = changed.unwrap_or(request);
    check(Signal::Metrics, &changed).expect("still OTLP");
    let request = ExportMetricsServiceRequest::decode(&*changed).expect("decodes");
    let mut all = request.resource_metrics[0].scope_metrics[0].metrics.clone();
    all.sort_by(|left, right| left.name.cmp(&right.name));
    (all, failures)
}

/// What statements add to a metric, which stays as it is.
fn added(metric: &Metric, statement: &str) -> Metric {
    let (mut all, failures) =
        become_of(Context::Metric, metric.clone(), &[&format!("{statement} where name == \"requests\"")]);
    assert_eq!(failures, []);
    assert_eq!(all.len(), 2, "{statement}");
    let place = all.iter().position(|other| other == metric).expect("the metric stays as it is");
    all.remove(place);
    all.remove(0)
}

fn number_points(metric: &Metric) -> &[NumberDataPoint] {
    match metric.data.as_ref() {
        Some(metric::Data::Sum(sum)) => &sum.data_points,
        Some(metric::Data::Gauge(gauge)) => &gauge.data_points,
        _ => panic!("numbers in {metric:?}"),
    }
}

fn values(metric: &Metric) -> Vec<f64> {
    let value = |point: &NumberDataPoint| match point.value {
        Some(number_data_point::Value::AsInt(number)) => number as f64,
        Some(number_data_point::Value::AsDouble(number)) => number,
        None => panic!("a value"),
    };
    number_points(metric).iter().map(value).collect()
}

fn tagged(host: &str, path: &str) -> Vec<KeyValue> {
    attributes(&[("host", text(host)), ("path", text(path))])
}

#[test]
fn sums_become_gauges_and_gauges_sums() {
    let (all, _) = become_of(Context::Metric, full_metric(1), &["convert_sum_to_gauge()"]);
    let Some(metric::Data::Sum(sum)) = full_metric(1).data else { panic!("a sum") };
    assert_eq!(all[0].data, Some(metric::Data::Gauge(Gauge { data_points: sum.data_points })));
    assert_eq!(all[0].metadata, full_metric(1).metadata);

    let (all, _) = become_of(Context::Metric, full_metric(0), &[r#"convert_gauge_to_sum("delta", true)"#]);
    let Some(metric::Data::Gauge(gauge)) = full_metric(0).data else { panic!("a gauge") };
    let sum = Sum { data_points: gauge.data_points, aggregation_temporality: DELTA, is_monotonic: true };
    assert_eq!(all[0].data, Some(metric::Data::Sum(sum)));

    let (all, _) = become_of(
        Context::Metric,
        full_metric(2),
        &["convert_sum_to_gauge()", r#"convert_gauge_to_sum("delta", true)"#],
    );
    assert_eq!(all, [full_metric(2)], "what is neither stays");
}

#[test]
fn metrics_are_extracted_from_histograms_and_summaries() {
    for kind in [2, 3, 4] {
        let metric = full_metric(kind);
        let temporality = if kind == 4 { CUMULATIVE } else { DELTA };
        for (statement, name, unit, value) in [
            ("extract_sum_metric(true)", "requests_sum", "1", 8.5),
            (r#"extract_sum_metric(true, ".sum")"#, "requests.sum", "1", 8.5),
            ("extract_count_metric(true)", "requests_count", "1", 6.0),
            ("extract_avg_metric(true)", "requests_avg", "1", 8.5 / 6.0),
        ] {
            let made = added(&metric, statement);
            assert_eq!((made.name.as_str(), made.description.as_str(), made.unit.as_str()), (name, "how many", unit));
            assert_eq!(values(&made), [value]);
            let Some(metric::Data::Sum(sum)) = &made.data else { panic!("a sum") };
            assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (temporality, true));
            let point = &sum.data_points[0];
            assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (10, 20));
            assert_eq!(point.attributes, crate::testing::some_attributes());
        }
    }
    let (_, failures) = become_of(Context::Metric, full_metric(0), &["extract_sum_metric(true)"]);
    let said =
        "extract_sum_metric requires an input metric of type Histogram, ExponentialHistogram or Summary, got Gauge";
    assert_eq!(failures[0].why, said);
}

#[test]
fn summaries_become_sums_and_gauges() {
    let metric = full_metric(4);
    let sum = added(&metric, r#"convert_summary_sum_val_to_sum("delta", false)"#);
    assert_eq!((sum.name.as_str(), values(&sum)), ("requests_sum", vec![8.5]));
    let count = added(&metric, r#"convert_summary_count_val_to_sum("cumulative", true, ".count")"#);
    assert_eq!((count.name.as_str(), values(&count)), ("requests.count", vec![6.0]));
    let Some(metric::Data::Sum(data)) = &count.data else { panic!("a sum") };
    assert_eq!((data.aggregation_temporality, data.is_monotonic), (CUMULATIVE, true));

    let statement = [r#"convert_summary_count_val_to_sum("cumulative", true) where metric.name == "requests""#];
    let (all, _) = become_of(Context::DataPoint, metric.clone(), &statement);
    assert_eq!(all.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>(), ["requests", "requests_count"]);

    let gauge = added(&metric, "convert_summary_quantile_val_to_gauge()");
    assert_eq!((gauge.name.as_str(), values(&gauge)), ("requests.quantiles", vec![3.0]));
    let quantile = |metric: &Metric, key: &str| {
        let point = &number_points(metric)[0];
        point.attributes.iter().find(|attribute| attribute.key == key).and_then(|attribute| attribute.value.clone())
    };
    assert_eq!(quantile(&gauge, "quantile"), Some(text("0.50")));
    let gauge = added(&metric, r#"convert_summary_quantile_val_to_gauge("q", "_q")"#);
    assert_eq!((gauge.name.as_str(), quantile(&gauge, "q")), ("requests_q", Some(text("0.50"))));
}

#[test]
fn copies_are_transformed_too_but_not_for_ever() {
    let copy = added(&full_metric(1), r#"copy_metric(name="copy", unit="s")"#);
    let expected = Metric { name: "copy".to_owned(), unit: "s".to_owned(), ..full_metric(1) };
    assert_eq!(copy, expected);

    let statements = [r#"copy_metric(name="copy") where name == "requests""#, r#"set(description, "seen")"#];
    let (all, _) = become_of(Context::Metric, full_metric(1), &statements);
    assert_eq!(all.iter().map(|metric| metric.description.as_str()).collect::<Vec<_>>(), ["seen", "seen"]);

    let (all, failures) = become_of(Context::Metric, full_metric(1), &["copy_metric()"]);
    assert!(all.len() <= 1001);
    assert!(failures[0].why.contains("more than 1000 metrics"), "{}", failures[0]);
}

#[test]
fn values_are_scaled() {
    let scaled = |kind| become_of(Context::Metric, full_metric(kind), &[r#"scale_metric(10.0, "ds")"#]);
    let first = |kind| scaled(kind).0.remove(0);
    assert_eq!((values(&first(0)), first(0).unit.as_str()), (vec![25.0], "ds"));
    assert_eq!(values(&first(1)), [-40.0]);
    let Some(metric::Data::Histogram(histogram)) = first(2).data else { panic!("a histogram") };
    let point = &histogram.data_points[0];
    assert_eq!(
        (point.sum, point.min, point.max, &point.explicit_bounds[..]),
        (Some(85.0), Some(1.0), Some(20.0), &[5.0, 15.0][..])
    );
    assert_eq!(point.bucket_counts, [1, 2, 3]);
    assert_eq!(point.exemplars[0].value, Some(opentelemetry_proto::tonic::metrics::v1::exemplar::Value::AsInt(-30)));
    let Some(metric::Data::Summary(Summary { data_points })) = first(4).data else { panic!("a summary") };
    assert_eq!((data_points[0].sum, data_points[0].quantile_values[0].value), (85.0, 30.0));
    assert!(scaled(3).1[0].why.contains("exponential histograms are not supported"));
}
