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

#[test]
fn percentiles_are_read_off_buckets() {
    let histogram = |min, max, counts: &[u64]| Metric {
        data: Some(metric::Data::Histogram(Histogram {
            data_points: vec![HistogramDataPoint {
                count: counts.iter().sum(),
                bucket_counts: counts.to_vec(),
                explicit_bounds: vec![10.0, 20.0],
                min,
                max,
                ..HistogramDataPoint::default()
            }],
            aggregation_temporality: DELTA,
        })),
        ..full_metric(2)
    };
    let cases = [
        (histogram(None, None, &[4, 4, 2]), "50.0", 12.5),
        (histogram(None, None, &[4, 4, 2]), "20.0", 5.0),
        (histogram(Some(6.0), None, &[4, 4, 2]), "20.0", 8.0),
        (histogram(None, None, &[4, 4, 2]), "95.0", 20.0),
        (histogram(None, Some(40.0), &[4, 4, 2]), "100", 40.0),
        (histogram(None, Some(40.0), &[4, 4, 2]), "90.0", 30.0),
    ];
    for (metric, percentile, expected) in cases {
        let made = added(&metric, &format!("extract_percentile_metric({percentile})"));
        assert_eq!(values(&made), [expected], "{percentile} of {metric:?}");
    }
    let made = added(&full_metric(2), "extract_percentile_metric(99.5)");
    assert_eq!((made.name.as_str(), made.description.as_str()), ("requests_p99.5", "how many (p99.5)"));
    assert!(values(&added(&histogram(None, None, &[0, 0, 0]), "extract_percentile_metric(50)"))[0].is_nan());

    let exponential = |positive: &[u64], negative: &[u64], zeros| Metric {
        data: Some(metric::Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![ExponentialHistogramDataPoint {
                count: positive.iter().chain(negative).sum::<u64>() + zeros,
                zero_count: zeros,
                zero_threshold: 0.5,
                positive: Some(Buckets { offset: 1, bucket_counts: positive.to_vec() }),
                negative: Some(Buckets { offset: 0, bucket_counts: negative.to_vec() }),
                ..ExponentialHistogramDataPoint::default()
            }],
            aggregation_temporality: DELTA,
        })),
        ..full_metric(3)
    };
    let root = 2_f64.sqrt();
    let cases = [
        // At scale 0 the buckets are 2 to 4 and 4 to 8.
        (exponential(&[2, 2], &[], 0), "25.0", 2.0 * root),
        (exponential(&[2, 2], &[], 0), "100.0", 8.0),
        (exponential(&[2], &[], 2), "50.0", 0.5),
        (exponential(&[2], &[], 2), "25.0", 0.25),
        (exponential(&[1], &[2], 1), "75.0", 0.5),
        (exponential(&[], &[2], 2), "100.0", 0.0),
        // From -1 to -2.
        (exponential(&[], &[2], 2), "50.0", -1.0),
        (exponential(&[], &[2], 2), "25.0", -root),
    ];
    for (metric, percentile, expected) in cases {
        let value = values(&added(&metric, &format!("extract_percentile_metric({percentile})")))[0];
        assert!((value - expected).abs() < 1e-9, "{percentile} of {metric:?}: {value}, not {expected}");
    }
    assert_eq!(values(&added(&full_metric(4), "extract_percentile_metric(50.0)")), [3.0]);
    let (_, failures) = become_of(Context::Metric, full_metric(4), &["extract_percentile_metric(90.0)"]);
    assert_eq!(failures[0].why, "percentile p90 not found in summary metric, available quantiles: [50]");
}

fn point(attributes: Vec<KeyValue>, start: u64, value: i64) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: start,
        time_unix_nano: 100,
        value: Some(number_data_point::Value::AsInt(value)),
        ..NumberDataPoint::default()
    }
}

fn tagged(host: &str, path: &str) -> Vec<KeyValue> {
    attributes(&[("host", text(host)), ("path", text(path))])
}

#[test]
fn points_that_become_alike_are_made_one() {
    let data_points = vec![
        point(tagged("a", "/1"), 5, 1),
        point(tagged("b", "/1"), 3, 7),
        point(tagged("a", "/2"), 9, 20),
        point(tagged("c", "/1"), 4, 4),
    ];
    let sum = |aggregation_temporality| Metric {
        data: Some(metric::Data::Sum(Sum {
            data_points: data_points.clone(),
            aggregation_temporality,
            is_monotonic: true,
        })),
        ..full_metric(1)
    };
    for (function, expected) in
        [("sum", 12.0), ("mean", 4.0), ("min", 1.0), ("max", 7.0), ("median", 4.0), ("count", 3.0)]
    {
        let statement = format!(r#"aggregate_on_attributes("{function}", ["path"])"#);
        let (all, _) = become_of(Context::Metric, sum(CUMULATIVE), &[&statement]);
        assert_eq!(values(&all[0]), [expected, 20.0], "{function}");
        let points = number_points(&all[0]);
        assert_eq!(points[0].attributes, attributes(&[("path", text("/1"))]));
        assert_eq!(points[0].start_time_unix_nano, 3);
        assert!(matches!(&all[0].data, Some(metric::Data::Sum(sum)) if sum.is_monotonic));
    }
    let (all, _) = become_of(Context::Metric, sum(CUMULATIVE), &[r#"aggregate_on_attributes("sum", [])"#]);
    assert_eq!(values(&all[0]), [32.0]);
    let (all, _) = become_of(Context::Metric, sum(CUMULATIVE), &[r#"aggregate_on_attributes("sum")"#]);
    assert_eq!(values(&all[0]).len(), 4);
    let (all, _) = become_of(Context::Metric, sum(DELTA), &[r#"aggregate_on_attributes("sum", ["path"])"#]);
    assert_eq!(values(&all[0]).len(), 4, "deltas of other starts are not alike");
    let statement = r#"aggregate_on_attribute_value("sum", "host", ["a", "b"], "ab")"#;
    let (all, _) = become_of(Context::Metric, sum(CUMULATIVE), &[statement]);
    assert_eq!(values(&all[0]), [8.0, 20.0, 4.0]);
    assert_eq!(number_points(&all[0])[0].attributes, tagged("ab", "/1"));
    let (_, failures) = become_of(Context::Metric, full_metric(4), &[statement]);
    assert!(failures[0].why.contains("does not support aggregating Summary metrics"));
}

#[test]
fn histograms_are_added() {
    let statement = [r#"aggregate_on_attributes("sum", ["path"])"#];
    let mut metric = full_metric(2);
    let Some(metric::Data::Histogram(histogram)) = &mut metric.data else { panic!("a histogram") };
    let other = HistogramDataPoint {
        count: 2,
        sum: Some(1.0),
        bucket_counts: vec![0, 2, 0],
        max: Some(3.0),
        ..histogram.data_points[0].clone()
    };
    let apart = HistogramDataPoint { explicit_bounds: vec![1.0, 2.0], ..other.clone() };
    histogram.data_points.extend([other, apart]);
    let (all, _) = become_of(Context::Metric, metric, &statement);
    let Some(metric::Data::Histogram(histogram)) = &all[0].data else { panic!("a histogram") };
    let point = &histogram.data_points[0];
    assert_eq!((histogram.data_points.len(), point.count, point.sum, point.max), (2, 8, Some(9.5), Some(3.0)));
    assert_eq!((&point.bucket_counts[..], point.exemplars.len()), (&[1, 4, 3][..], 2));

    let mut metric = full_metric(3);
    let Some(metric::Data::ExponentialHistogram(histogram)) = &mut metric.data else { panic!("exponential") };
    let mut other = histogram.data_points[0].clone();
    other.positive = Some(Buckets { offset: -5, bucket_counts: vec![1, 1, 1, 1] });
    histogram.data_points.push(other);
    let (all, _) = become_of(Context::Metric, metric, &statement);
    let Some(metric::Data::ExponentialHistogram(histogram)) = &all[0].data else { panic!("exponential") };
    let point = &histogram.data_points[0];
    assert_eq!((histogram.data_points.len(), point.count, point.sum, point.zero_count), (1, 12, Some(17.0), 2));
    assert_eq!(point.positive, Some(Buckets { offset: -5, bucket_counts: vec![2, 1, 301, 1] }));
    assert_eq!(point.negative, Some(Buckets { offset: 6, bucket_counts: vec![2, 0, 600] }));
}

#[test]
fn exponential_histograms_become_explicit_ones() {
    // At scale 0: 2 to 4, 4 to 8, 8 to 16.
    let metric = Metric {
        data: Some(metric::Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![ExponentialHistogramDataPoint {
                attributes: tagged("a", "/"),
                count: 23,
                sum: Some(5.0),
                zero_count: 2,
                max: Some(9.0),
                positive: Some(Buckets { offset: 1, bucket_counts: vec![6, 10, 5] }),
                ..ExponentialHistogramDataPoint::default()
            }],
            aggregation_temporality: DELTA,
        })),
        ..full_metric(3)
    };
    let counts = |way: &str| {
        let statement = format!(r#"convert_exponential_histogram_to_histogram("{way}", [0.0, 5.0, 10.0])"#);
        let (all, failures) = become_of(Context::Metric, metric.clone(), &[&statement]);
        assert_eq!(failures, []);
        let Some(metric::Data::Histogram(histogram)) = &all[0].data else { panic!("a histogram") };
        let point = &histogram.data_points[0];
        assert_eq!(
            (histogram.aggregation_temporality, point.count, point.sum, point.max, point.min),
            (DELTA, 23, Some(5.0), Some(9.0), None)
        );
        assert_eq!((&point.attributes, &point.explicit_bounds[..]), (&tagged("a", "/"), &[0.0, 5.0, 10.0][..]));
        point.bucket_counts.clone()
    };
    assert_eq!(counts("upper"), [2 + 6, 0, 10 + 5]);
    assert_eq!(counts("midpoint"), [2 + 6, 10, 5]);
    assert_eq!(counts("uniform"), [2 + 6, 5, 5 + 5]);
    assert_eq!(counts("random").iter().sum::<u64>(), 23);
    for (statement, said) in [
        (
            r#"convert_exponential_histogram_to_histogram("middle", [1.0])"#,
            "must be one of [upper, midpoint, random, uniform]",
        ),
        (r#"convert_exponential_histogram_to_histogram("upper", [])"#, "explicit bounds cannot be empty"),
        (r#"aggregate_on_attributes("average")"#, "valid options: sum, mean, min, max, median, count"),
        (r#"convert_gauge_to_sum("sum", true)"#, "unknown aggregation temporality: sum"),
        ("extract_percentile_metric(101.0)", "percentile must be between 0 and 100"),
        ("merge_histogram_buckets(1.0)", "undefined function \"merge_histogram_buckets\""),
    ] {
        assert!(problems(statement, Context::Metric)[0].message.contains(said), "{statement}");
    }
}

#[test]
fn huge_counts_are_dealt_in_finite_time() {
    let data_points = vec![ExponentialHistogramDataPoint {
        count: u64::MAX,
        positive: Some(Buckets { offset: 1, bucket_counts: vec![u64::MAX, u64::MAX] }),
        ..ExponentialHistogramDataPoint::default()
    }];
    let data = ExponentialHistogram { data_points, aggregation_temporality: DELTA };
    let metric = Metric { data: Some(metric::Data::ExponentialHistogram(data)), ..full_metric(3) };
    let statement = r#"convert_exponential_histogram_to_histogram("random", [1.0, 3.0, 3.5])"#;
    let (all, failures) = become_of(Context::Metric, metric, &[statement]);
    assert!(failures.is_empty() && matches!(all[0].data, Some(metric::Data::Histogram(_))));
}

#[test]
fn buckets_are_merged() {
    for (bound, counts, bounds) in
        [("0.5", &[3, 3][..], &[1.5][..]), ("1.5", &[1, 5], &[0.5]), ("2.0", &[1, 2, 3], &[0.5, 1.5])]
    {
        let statement = format!("merge_histogram_buckets({bound})");
        let after = run(Context::DataPoint, &metrics(vec![full_metric(2)]), &[&statement]).unwrap();
        let request = ExportMetricsServiceRequest::decode(&*after).unwrap();
        let Some(metric::Data::Histogram(histogram)) = &request.resource_metrics[0].scope_metrics[0].metrics[0].data
        else {
            panic!("a histogram")
        };
        let point = &histogram.data_points[0];
        assert_eq!((&point.bucket_counts[..], &point.explicit_bounds[..]), (counts, bounds), "{bound}");
    }
}
