//! Editors of metrics. Those that make a metric put it beside the one they run on.

mod aggregate;
mod buckets;
mod convert;
mod distribution;
mod extract;
mod percentile;
mod scale;
mod summary;

use tailrace_otlp::{walk, wire};

use super::{Bound, Edit, Editor, Made, Parameter};
use crate::item::{EXPONENTIAL, GAUGE, HISTOGRAM, SUM, SUMMARY, data_of};
use crate::{Context, Problem, fields};

const ON_METRICS: &[Context] = &[Context::Metric];

pub(super) static EDITORS: &[Editor] = &[
    Editor {
        name: "convert_sum_to_gauge",
        parameters: &[],
        contexts: ON_METRICS,
        make: |_| Ok(Box::new(convert::SumToGauge)),
    },
    Editor {
        name: "convert_gauge_to_sum",
        parameters: &[Parameter::value("aggregation_temporality"), Parameter::value("is_monotonic")],
        contexts: ON_METRICS,
        make: convert::gauge_to_sum,
    },
    Editor {
        name: "copy_metric",
        parameters: &[Parameter::optional("name"), Parameter::optional("description"), Parameter::optional("unit")],
        contexts: ON_METRICS,
        make: |bound| Ok(Box::new(convert::CopyMetric::of(bound))),
    },
    Editor {
        name: "scale_metric",
        parameters: &[Parameter::value("factor"), Parameter::optional("unit")],
        contexts: ON_METRICS,
        make: scale::make,
    },
    Editor {
        name: "extract_sum_metric",
        parameters: &[Parameter::value("is_monotonic"), Parameter::optional("suffix")],
        contexts: ON_METRICS,
        make: extract::sum,
    },
    Editor {
        name: "extract_count_metric",
        parameters: &[Parameter::value("is_monotonic"), Parameter::optional("suffix")],
        contexts: ON_METRICS,
        make: extract::count,
    },
    Editor {
        name: "extract_avg_metric",
        parameters: &[Parameter::value("is_monotonic"), Parameter::optional("suffix")],
        contexts: ON_METRICS,
        make: extract::average,
    },
    Editor {
        name: "extract_percentile_metric",
        parameters: &[Parameter::value("percentile"), Parameter::optional("suffix")],
        contexts: ON_METRICS,
        make: percentile::make,
    },
    Editor {
        name: "convert_summary_count_val_to_sum",
        parameters: &[
            Parameter::value("aggregation_temporality"),
            Parameter::value("is_monotonic"),
            Parameter::optional("suffix"),
        ],
        contexts: &[Context::Metric, Context::DataPoint],
        make: summary::count,
    },
    Editor {
        name: "convert_summary_sum_val_to_sum",
        parameters: &[
            Parameter::value("aggregation_temporality"),
            Parameter::value("is_monotonic"),
            Parameter::optional("suffix"),
        ],
        contexts: &[Context::Metric, Context::DataPoint],
        make: summary::sum,
    },
    Editor {
        name: "convert_summary_quantile_val_to_gauge",
        parameters: &[Parameter::optional("attributeKey"), Parameter::optional("suffix")],
        contexts: ON_METRICS,
        make: summary::quantiles,
    },
    Editor {
        name: "aggregate_on_attributes",
        parameters: &[Parameter::value("function"), Parameter::optional("attributes")],
        contexts: ON_METRICS,
        make: aggregate::on_attributes,
    },
    Editor {
        name: "aggregate_on_attribute_value",
        parameters: &[
            Parameter::value("function"),
            Parameter::value("attribute"),
            Parameter::value("values"),
            Parameter::value("newValue"),
        ],
        contexts: ON_METRICS,
        make: aggregate::on_attribute_value,
    },
    Editor {
        name: "convert_exponential_histogram_to_histogram",
        parameters: &[Parameter::value("distribution"), Parameter::value("explicitBounds")],
        contexts: ON_METRICS,
        make: distribution::make,
    },
    Editor {
        name: "merge_histogram_buckets",
        parameters: &[Parameter::value("bound")],
        contexts: &[Context::DataPoint],
        make: buckets::merge,
    },
];

const NAME: u32 = 1;
const DESCRIPTION: u32 = 2;
const UNIT: u32 = 3;

/// What the data points of a metric lie under, and the message that holds them.
fn data(metric: &[u8]) -> (u32, &[u8]) {
    let number = data_of(metric);
    (number, walk::children(metric, number).next().map_or(&[], |(_, data)| data))
}

fn points(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    walk::children(data, 1).map(|(_, point)| point)
}

/// What the collector calls the type of a metric.
fn type_name(data: u32) -> &'static str {
    match data {
        GAUGE => "Gauge",
        SUM => "Sum",
        HISTOGRAM => "Histogram",
        EXPONENTIAL => "ExponentialHistogram",
        SUMMARY => "Summary",
        _ => "Empty",
    }
}

/// The field of a data point that holds its attributes.
fn attributes_of(data: u32) -> u32 {
    match data {
        HISTOGRAM => 9,
        EXPONENTIAL => 1,
        _ => 7,
    }
}

/// The value of a data point of a gauge or sum.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Int(i64),
    Double(f64),
}

/// Appends a data point of a gauge or sum with attributes and times of `point`, which lies under `from` in its metric.
fn put_number_point(data: &mut Vec<u8>, point: &[u8], from: u32, extra: Option<(&str, &str)>, value: Number) {
    let mut out = Vec::with_capacity(point.len());
    for field in wire::fields(point).filter(|field| matches!(field.number, 2 | 3)) {
        out.extend_from_slice(field.framed);
    }
    let (tag, bits) = match value {
        Number::Double(number) => (4, number.to_bits()),
        Number::Int(number) => (6, number.cast_unsigned()),
    };
    wire::put_tag(&mut out, tag, wire::FIXED64);
    out.extend_from_slice(&bits.to_le_bytes());
    for (_, pair) in walk::children(point, attributes_of(from)) {
        let is_replaced = extra.is_some_and(|(key, _)| crate::codec::pair(pair).0 == key.as_bytes());
        if !is_replaced {
            wire::put_bytes(&mut out, 7, pair);
        }
    }
    if let Some((key, value)) = extra {
        let any = crate::codec::encode_text(value.as_bytes());
        wire::put_prefix(&mut out, 7, wire::framed_len(1, key.len()) + wire::framed_len(2, any.len()));
        wire::put_bytes(&mut out, 1, key.as_bytes());
        wire::put_bytes(&mut out, 2, &any);
    }
    wire::put_bytes(data, 1, &out);
}

/// Ends the data of a sum.
fn put_sum_kind(data: &mut Vec<u8>, temporality: u64, is_monotonic: bool) {
    wire::put_tag(data, 2, wire::VARINT);
    wire::put_varint(data, temporality);
    if is_monotonic {
        wire::put_tag(data, 3, wire::VARINT);
        data.push(1);
    }
}

/// A metric whose name is that of another and a suffix.
fn made_of(metric: &[u8], suffix: &str, description: Option<&[u8]>, unit: &[u8], data: (u32, &[u8])) -> Vec<u8> {
    let mut out = Vec::new();
    wire::put_bytes(&mut out, NAME, &[fields::bytes(metric, NAME), suffix.as_bytes()].concat());
    wire::put_bytes(&mut out, DESCRIPTION, description.unwrap_or_else(|| fields::bytes(metric, DESCRIPTION)));
    wire::put_bytes(&mut out, UNIT, unit);
    wire::put_bytes(&mut out, data.0, data.1);
    out
}

/// The number of a temporality that is written out.
fn temporality(bound: &mut Bound, at: usize) -> Result<u64, Problem> {
    match bound.text(at)?.unwrap_or_default().as_str() {
        "delta" => Ok(1),
        "cumulative" => Ok(2),
        other => {
            let problem = bound.problem(at, format!("unknown aggregation temporality: {other}"));
            Err(problem.hint("it is \"delta\" or \"cumulative\""))
        }
    }
}

#[cfg(test)]
mod tests;
