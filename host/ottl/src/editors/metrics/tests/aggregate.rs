use super::*;

fn point(attributes: Vec<KeyValue>, start: u64, value: i64) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: start,
        time_unix_nano: 100,
        value: Some(number_data_point::Value::AsInt(value)),
        ..NumberDataPoint::default()
    }
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
