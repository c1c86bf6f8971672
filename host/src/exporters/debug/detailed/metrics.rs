//! Metrics and their data points.

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    SummaryDataPoint, exemplar, number_data_point,
};

use super::Lines;
use crate::telemetry::clock::go_time;

pub(in crate::exporters::debug) fn metrics(resources: &[ResourceMetrics]) -> String {
    let mut out = Lines(String::new());
    for (place, resource) in resources.iter().enumerate() {
        out.resource("ResourceMetrics", place, &resource.schema_url, resource.resource.as_ref());
        for (place, scope) in resource.scope_metrics.iter().enumerate() {
            out.scope("ScopeMetrics", place, &scope.schema_url, scope.scope.as_ref());
            for (place, metric) in scope.metrics.iter().enumerate() {
                write_metric(&mut out, place, metric);
            }
        }
    }
    out.0
}

fn write_metric(out: &mut Lines, place: usize, metric: &Metric) {
    out.line(format_args!("Metric #{place}"));
    out.line("Descriptor:");
    out.line(format_args!("     -> Name: {}", metric.name));
    out.line(format_args!("     -> Description: {}", metric.description));
    out.line(format_args!("     -> Unit: {}", metric.unit));
    let data_type = match &metric.data {
        None => "Empty",
        Some(Data::Gauge(_)) => "Gauge",
        Some(Data::Sum(_)) => "Sum",
        Some(Data::Histogram(_)) => "Histogram",
        Some(Data::ExponentialHistogram(_)) => "ExponentialHistogram",
        Some(Data::Summary(_)) => "Summary",
    };
    out.line(format_args!("     -> DataType: {data_type}"));
    match &metric.data {
        None => {}
        Some(Data::Gauge(gauge)) => write_all(out, &gauge.data_points, write_number),
        Some(Data::Sum(sum)) => {
            out.line(format_args!("     -> IsMonotonic: {}", sum.is_monotonic));
            write_temporality(out, sum.aggregation_temporality);
            write_all(out, &sum.data_points, write_number);
        }
        Some(Data::Histogram(histogram)) => {
            write_temporality(out, histogram.aggregation_temporality);
            write_all(out, &histogram.data_points, write_histogram);
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            write_temporality(out, histogram.aggregation_temporality);
            write_all(out, &histogram.data_points, write_exponential);
        }
        Some(Data::Summary(summary)) => write_all(out, &summary.data_points, write_summary),
    }
}

fn write_all<T>(out: &mut Lines, points: &[T], write: fn(&mut Lines, usize, &T)) {
    for (place, point) in points.iter().enumerate() {
        write(out, place, point);
    }
}

fn write_temporality(out: &mut Lines, temporality: i32) {
    let name = match temporality {
        1 => "Delta",
        2 => "Cumulative",
        _ => "Unspecified",
    };
    out.line(format_args!("     -> AggregationTemporality: {name}"));
}

fn write_times(out: &mut Lines, start: u64, time: u64) {
    out.line(format_args!("StartTimestamp: {}", go_time(start)));
    out.line(format_args!("Timestamp: {}", go_time(time)));
}

fn write_number(out: &mut Lines, place: usize, point: &NumberDataPoint) {
    out.line(format_args!("NumberDataPoints #{place}"));
    out.attributes("Data point attributes", &point.attributes);
    write_times(out, point.start_time_unix_nano, point.time_unix_nano);
    match point.value {
        Some(number_data_point::Value::AsInt(value)) => out.line(format_args!("Value: {value}")),
        Some(number_data_point::Value::AsDouble(value)) => out.line(format_args!("Value: {value:.6}")),
        None => {}
    }
    write_exemplars(out, &point.exemplars);
}

fn write_histogram(out: &mut Lines, place: usize, point: &HistogramDataPoint) {
    out.line(format_args!("HistogramDataPoints #{place}"));
    out.attributes("Data point attributes", &point.attributes);
    write_times(out, point.start_time_unix_nano, point.time_unix_nano);
    write_summed(out, point.count, [("Sum", point.sum), ("Min", point.min), ("Max", point.max)]);
    for (place, bound) in point.explicit_bounds.iter().enumerate() {
        out.line(format_args!("ExplicitBounds #{place}: {bound:.6}"));
    }
    for (place, count) in point.bucket_counts.iter().enumerate() {
        out.line(format_args!("Buckets #{place}, Count: {count}"));
    }
    write_exemplars(out, &point.exemplars);
}

fn write_summed(out: &mut Lines, count: u64, rest: [(&str, Option<f64>); 3]) {
    out.line(format_args!("Count: {count}"));
    for (name, value) in rest {
        if let Some(value) = value {
            out.line(format_args!("{name}: {value:.6}"));
        }
    }
}

fn write_exponential(out: &mut Lines, place: usize, point: &ExponentialHistogramDataPoint) {
    out.line(format_args!("ExponentialHistogramDataPoints #{place}"));
    out.attributes("Data point attributes", &point.attributes);
    write_times(out, point.start_time_unix_nano, point.time_unix_nano);
    write_summed(out, point.count, [("Sum", point.sum), ("Min", point.min), ("Max", point.max)]);
    let base = 2_f64.powf(2_f64.powi(-point.scale));
    let bound = |buckets: &Buckets, place: usize| base.powf(f64::from(buckets.offset) + place as f64);
    if let Some(negative) = &point.negative {
        for (place, count) in negative.bucket_counts.iter().enumerate().rev() {
            let (from, to) = (-bound(negative, place + 1), -bound(negative, place));
            out.line(format_args!("Bucket [{from:.6}, {to:.6}), Count: {count}"));
        }
    }
    if point.zero_count != 0 {
        out.line(format_args!("Bucket [0, 0], Count: {}", point.zero_count));
    }
    if let Some(positive) = &point.positive {
        for (place, count) in positive.bucket_counts.iter().enumerate() {
            let (from, to) = (bound(positive, place), bound(positive, place + 1));
            out.line(format_args!("Bucket ({from:.6}, {to:.6}], Count: {count}"));
        }
    }
    write_exemplars(out, &point.exemplars);
}

fn write_summary(out: &mut Lines, place: usize, point: &SummaryDataPoint) {
    out.line(format_args!("SummaryDataPoints #{place}"));
    out.attributes("Data point attributes", &point.attributes);
    write_times(out, point.start_time_unix_nano, point.time_unix_nano);
    write_summed(out, point.count, [("Sum", Some(point.sum)), ("Min", None), ("Max", None)]);
    for (place, quantile) in point.quantile_values.iter().enumerate() {
        let (at, value) = (quantile.quantile, quantile.value);
        out.line(format_args!("QuantileValue #{place}: Quantile {at:.6}, Value {value:.6}"));
    }
}

fn write_exemplars(out: &mut Lines, exemplars: &[Exemplar]) {
    if !exemplars.is_empty() {
        out.line("Exemplars:");
    }
    for (place, exemplar) in exemplars.iter().enumerate() {
        out.line(format_args!("Exemplar #{place}"));
        out.line(format_args!("     -> Trace ID: {}", hex::encode(&exemplar.trace_id)));
        out.line(format_args!("     -> Span ID: {}", hex::encode(&exemplar.span_id)));
        out.line(format_args!("     -> Timestamp: {}", go_time(exemplar.time_unix_nano)));
        match exemplar.value {
            Some(exemplar::Value::AsInt(value)) => out.line(format_args!("     -> Value: {value}")),
            Some(exemplar::Value::AsDouble(value)) => out.line(format_args!("     -> Value: {value:.6}")),
            None => {}
        }
        out.attributes("     -> FilteredAttributes:", &exemplar.filtered_attributes);
    }
}
