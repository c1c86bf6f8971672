//! A line per item.

use std::fmt::Write;

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::ResourceLogs;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, SummaryDataPoint,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;

use super::text::{after_blank, pairs, plain};

pub(super) fn traces(resources: &[ResourceSpans]) -> String {
    let mut out = String::new();
    for (place, resource) in resources.iter().enumerate() {
        out += &resource_line("ResourceTraces", place, &resource.schema_url, resource.resource.as_ref());
        for (place, scope) in resource.scope_spans.iter().enumerate() {
            out += &scope_line("ScopeTraces", place, &scope.schema_url, scope.scope.as_ref());
            for span in &scope.spans {
                let (trace, id) = (hex::encode(&span.trace_id), hex::encode(&span.span_id));
                let attributes = after_blank(&pairs(&span.attributes, " "));
                let _ = writeln!(out, "{} {trace} {id}{attributes}", span.name);
            }
        }
    }
    out
}

pub(super) fn logs(resources: &[ResourceLogs]) -> String {
    let mut out = String::new();
    for (place, resource) in resources.iter().enumerate() {
        out += &resource_line("ResourceLog", place, &resource.schema_url, resource.resource.as_ref());
        for (place, scope) in resource.scope_logs.iter().enumerate() {
            out += &scope_line("ScopeLog", place, &scope.schema_url, scope.scope.as_ref());
            for record in &scope.log_records {
                let attributes = after_blank(&pairs(&record.attributes, " "));
                let _ = writeln!(out, "{}{attributes}", plain(record.body.as_ref()));
            }
        }
    }
    out
}

pub(super) fn metrics(resources: &[ResourceMetrics]) -> String {
    let mut out = String::new();
    for (place, resource) in resources.iter().enumerate() {
        out += &resource_line("ResourceMetrics", place, &resource.schema_url, resource.resource.as_ref());
        for (place, scope) in resource.scope_metrics.iter().enumerate() {
            out += &scope_line("ScopeMetrics", place, &scope.schema_url, scope.scope.as_ref());
            for metric in &scope.metrics {
                for (attributes, value) in points(metric) {
                    let _ = writeln!(out, "{}{{{}}} {value}", metric.name, pairs(attributes, ","));
                }
            }
        }
    }
    out
}

fn resource_line(kind: &str, place: usize, schema_url: &str, resource: Option<&Resource>) -> String {
    let attributes = resource.map(|resource| pairs(&resource.attributes, " ")).unwrap_or_default();
    format!("{kind} #{place}{}{}\n", schema(schema_url), after_blank(&attributes))
}

fn scope_line(kind: &str, place: usize, schema_url: &str, scope: Option<&InstrumentationScope>) -> String {
    let Some(scope) = scope else { return format!("{kind} #{place}{}\n", schema(schema_url)) };
    let version = if scope.version.is_empty() { String::new() } else { format!("@{}", scope.version) };
    let attributes = after_blank(&pairs(&scope.attributes, " "));
    format!("{kind} #{place}{}{version}{}{attributes}\n", after_blank(&scope.name), schema(schema_url))
}

fn schema(url: &str) -> String {
    if url.is_empty() { String::new() } else { format!(" [{url}]") }
}

/// Attributes and value of every data point.
fn points(metric: &Metric) -> Vec<(&[KeyValue], String)> {
    match &metric.data {
        None => Vec::new(),
        Some(Data::Gauge(gauge)) => numbers(&gauge.data_points),
        Some(Data::Sum(sum)) => numbers(&sum.data_points),
        Some(Data::Histogram(histogram)) => histogram.data_points.iter().map(histogram_point).collect(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.iter().map(exponential_point).collect(),
        Some(Data::Summary(summary)) => summary.data_points.iter().map(summary_point).collect(),
    }
}

fn numbers(points: &[NumberDataPoint]) -> Vec<(&[KeyValue], String)> {
    let value = |point: &NumberDataPoint| match point.value {
        Some(number_data_point::Value::AsInt(value)) => value.to_string(),
        Some(number_data_point::Value::AsDouble(value)) => value.to_string(),
        None => String::new(),
    };
    points.iter().map(|point| (&*point.attributes, value(point))).collect()
}

fn histogram_point(point: &HistogramDataPoint) -> (&[KeyValue], String) {
    let mut value = summed(point.count, point.sum, point.min, point.max);
    for (place, count) in point.bucket_counts.iter().enumerate() {
        // The last bucket has no bound.
        let bound = point.explicit_bounds.get(place).map(|bound| format!("le{bound}=")).unwrap_or_default();
        let _ = write!(value, " {bound}{count}");
    }
    (&point.attributes, value)
}

fn exponential_point(point: &ExponentialHistogramDataPoint) -> (&[KeyValue], String) {
    (&point.attributes, summed(point.count, point.sum, point.min, point.max))
}

fn summary_point(point: &SummaryDataPoint) -> (&[KeyValue], String) {
    let mut value = format!("count={} sum={}", point.count, point.sum);
    for quantile in &point.quantile_values {
        let _ = write!(value, " q{}={}", quantile.quantile, quantile.value);
    }
    (&point.attributes, value)
}

fn summed(count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) -> String {
    let mut out = format!("count={count}");
    for (name, value) in [("sum", sum), ("min", min), ("max", max)] {
        if let Some(value) = value {
            let _ = write!(out, " {name}={value}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::debug::detailed::tests::{a_log, a_metric, a_trace};

    #[test]
    fn a_line_per_item() {
        let want = "ResourceTraces #0 [https://x/1] service.name=s\nScopeTraces #0 lib@1.0\na 0102 0304 k=7 m={\"x\":[true]}\n";
        assert_eq!(traces(&[a_trace()]), want);
        let want = "ResourceLog #0\nScopeLog #0\nhello k=v\n";
        assert_eq!(logs(&[a_log()]), want);
        let want = "ResourceMetrics #0\nScopeMetrics #0\nrequests{k=v} 3\nsize{} count=3 sum=6.5 le1=1 2\n";
        assert_eq!(metrics(&[a_metric()]), want);
    }
}
