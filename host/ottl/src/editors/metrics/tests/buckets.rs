use super::*;

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
