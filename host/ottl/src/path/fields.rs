//! The fields of each context, as they are written.

use crate::{Context, Field, Path};

/// What a field takes and gives, as far as it is known ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One value, without keys.
    Plain,
    /// A map: any number of keys, the first one a string.
    Map,
    /// Any value: any number of keys.
    Any,
    /// A map of strings that is written in one: one key.
    Flat,
    /// Lists of strings by key.
    Lists,
    /// One value that only reading gives.
    Fixed,
}

type Row = (&'static str, Field, Shape);

/// The fields of a context.
pub(crate) fn fields(context: Context) -> &'static [Row] {
    match context {
        Context::Resource => RESOURCE,
        Context::Scope => SCOPE,
        Context::Span => SPAN,
        Context::SpanEvent => SPAN_EVENT,
        Context::Log => LOG,
        Context::Metric => METRIC,
        Context::DataPoint => DATA_POINT,
        Context::Exemplar => EXEMPLAR,
        Context::Request => REQUEST,
    }
}

/// The field of that name, which has points where the path has.
pub(crate) fn find(context: Context, name: &str) -> Option<Row> {
    fields(context).iter().find(|(known, ..)| *known == name).copied()
}

/// The name of a field.
pub(crate) fn name(context: Context, field: Field) -> &'static str {
    fields(context).iter().find(|(_, known, _)| *known == field).map_or("", |(name, ..)| name)
}

/// What the field of a path takes and gives.
pub(crate) fn shape(path: &Path) -> Option<Shape> {
    fields(path.context).iter().find(|(_, known, _)| *known == path.field).map(|(.., shape)| *shape)
}

use Shape::{Any, Fixed, Flat, Lists, Map, Plain};

const RESOURCE: &[Row] = &[
    ("attributes", Field::Attributes, Map),
    ("dropped_attributes_count", Field::DroppedAttributesCount, Plain),
    ("schema_url", Field::SchemaUrl, Plain),
    ("cache", Field::Cache, Map),
];

const SCOPE: &[Row] = &[
    ("name", Field::Name, Plain),
    ("version", Field::Version, Plain),
    ("attributes", Field::Attributes, Map),
    ("dropped_attributes_count", Field::DroppedAttributesCount, Plain),
    ("schema_url", Field::SchemaUrl, Plain),
    ("cache", Field::Cache, Map),
];

const SPAN: &[Row] = &[
    ("trace_id", Field::TraceId, Plain),
    ("trace_id.string", Field::TraceIdString, Plain),
    ("span_id", Field::SpanId, Plain),
    ("span_id.string", Field::SpanIdString, Plain),
    ("parent_span_id", Field::ParentSpanId, Plain),
    ("parent_span_id.string", Field::ParentSpanIdString, Plain),
    ("trace_state", Field::TraceState, Flat),
    ("name", Field::Name, Plain),
    ("kind", Field::Kind, Plain),
    ("kind.string", Field::KindString, Plain),
    ("kind.deprecated_string", Field::KindDeprecatedString, Plain),
    ("start_time", Field::StartTime, Plain),
    ("start_time_unix_nano", Field::StartTimeUnixNano, Plain),
    ("end_time", Field::EndTime, Plain),
    ("end_time_unix_nano", Field::EndTimeUnixNano, Plain),
    ("attributes", Field::Attributes, Map),
    ("status", Field::Status, Plain),
    ("status.code", Field::StatusCode, Plain),
    ("status.message", Field::StatusMessage, Plain),
    ("events", Field::Events, Plain),
    ("links", Field::Links, Plain),
    ("flags", Field::Flags, Plain),
    ("dropped_attributes_count", Field::DroppedAttributesCount, Plain),
    ("dropped_events_count", Field::DroppedEventsCount, Plain),
    ("dropped_links_count", Field::DroppedLinksCount, Plain),
    ("cache", Field::Cache, Map),
];

const SPAN_EVENT: &[Row] = &[
    ("name", Field::Name, Plain),
    ("time", Field::Time, Plain),
    ("time_unix_nano", Field::TimeUnixNano, Plain),
    ("attributes", Field::Attributes, Map),
    ("event_index", Field::EventIndex, Fixed),
    ("dropped_attributes_count", Field::DroppedAttributesCount, Plain),
    ("cache", Field::Cache, Map),
];

const LOG: &[Row] = &[
    ("time", Field::Time, Plain),
    ("time_unix_nano", Field::TimeUnixNano, Plain),
    ("observed_time", Field::ObservedTime, Plain),
    ("observed_time_unix_nano", Field::ObservedTimeUnixNano, Plain),
    ("severity_number", Field::SeverityNumber, Plain),
    ("severity_text", Field::SeverityText, Plain),
    ("body", Field::Body, Any),
    ("body.string", Field::BodyString, Plain),
    ("event_name", Field::EventName, Plain),
    ("attributes", Field::Attributes, Map),
    ("trace_id", Field::TraceId, Plain),
    ("trace_id.string", Field::TraceIdString, Plain),
    ("span_id", Field::SpanId, Plain),
    ("span_id.string", Field::SpanIdString, Plain),
    ("flags", Field::Flags, Plain),
    ("dropped_attributes_count", Field::DroppedAttributesCount, Plain),
    ("cache", Field::Cache, Map),
];

const METRIC: &[Row] = &[
    ("name", Field::Name, Plain),
    ("description", Field::Description, Plain),
    ("unit", Field::Unit, Plain),
    ("type", Field::Type, Fixed),
    ("metadata", Field::Metadata, Map),
    ("aggregation_temporality", Field::AggregationTemporality, Plain),
    ("is_monotonic", Field::IsMonotonic, Plain),
    ("data_points", Field::DataPoints, Plain),
    ("cache", Field::Cache, Map),
];

const DATA_POINT: &[Row] = &[
    ("attributes", Field::Attributes, Map),
    ("start_time", Field::StartTime, Plain),
    ("start_time_unix_nano", Field::StartTimeUnixNano, Plain),
    ("time", Field::Time, Plain),
    ("time_unix_nano", Field::TimeUnixNano, Plain),
    ("value_int", Field::ValueInt, Plain),
    ("value_double", Field::ValueDouble, Plain),
    ("exemplars", Field::Exemplars, Plain),
    ("flags", Field::Flags, Plain),
    ("count", Field::Count, Plain),
    ("sum", Field::Sum, Plain),
    ("bucket_counts", Field::BucketCounts, Plain),
    ("explicit_bounds", Field::ExplicitBounds, Plain),
    ("scale", Field::Scale, Plain),
    ("zero_count", Field::ZeroCount, Plain),
    ("positive", Field::Positive, Plain),
    ("positive.offset", Field::PositiveOffset, Plain),
    ("positive.bucket_counts", Field::PositiveBucketCounts, Plain),
    ("negative", Field::Negative, Plain),
    ("negative.offset", Field::NegativeOffset, Plain),
    ("negative.bucket_counts", Field::NegativeBucketCounts, Plain),
    ("quantile_values", Field::QuantileValues, Plain),
    ("cache", Field::Cache, Map),
];

const EXEMPLAR: &[Row] = &[
    ("time", Field::Time, Plain),
    ("time_unix_nano", Field::TimeUnixNano, Plain),
    ("double_value", Field::ValueDouble, Plain),
    ("int_value", Field::ValueInt, Plain),
    ("trace_id", Field::TraceId, Plain),
    ("trace_id.string", Field::TraceIdString, Plain),
    ("span_id", Field::SpanId, Plain),
    ("span_id.string", Field::SpanIdString, Plain),
    ("filtered_attributes", Field::FilteredAttributes, Map),
    ("cache", Field::Cache, Map),
];

const REQUEST: &[Row] = &[
    ("client.addr", Field::ClientAddr, Fixed),
    ("client.metadata", Field::ClientMetadata, Lists),
    ("client.auth.attributes", Field::ClientAuthAttributes, Lists),
    ("grpc.metadata", Field::GrpcMetadata, Lists),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_field() {
        for context in [Context::Resource, Context::Span, Context::Log, Context::Metric, Context::DataPoint] {
            for (written, field, _) in fields(context) {
                assert_eq!(name(context, *field), *written);
                assert_eq!(find(context, written).map(|row| row.1), Some(*field));
            }
        }
    }
}
