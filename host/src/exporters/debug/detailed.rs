//! Everything, a line per field.

pub(super) mod metrics;
#[cfg(test)]
pub(super) mod tests;

use std::fmt::{Display, Write};

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tailrace_otlp::view::span_kind_name;

use super::text::typed;
use crate::telemetry::clock::go_time;

/// Lines being written.
struct Lines(String);

impl Lines {
    fn line(&mut self, text: impl Display) {
        let _ = writeln!(self.0, "{text}");
    }

    /// Indented, names padded as the Go collector pads them.
    fn field(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.0, "    {name:<15}: {value}");
    }

    /// Nothing if there are none; as far in as the title.
    fn attributes(&mut self, title: &str, attributes: &[KeyValue]) {
        if attributes.is_empty() {
            return;
        }
        let indent = title.len() - title.trim_start().len();
        let _ = writeln!(self.0, "{title}:");
        for attribute in attributes {
            let value = typed(attribute.value.as_ref());
            let _ = writeln!(self.0, "{:indent$}     -> {}: {value}", "", attribute.key);
        }
    }

    fn resource(&mut self, kind: &str, place: usize, schema_url: &str, resource: Option<&Resource>) {
        self.line(format_args!("{kind} #{place}"));
        self.line(format_args!("Resource SchemaURL: {schema_url}"));
        self.attributes("Resource attributes", resource.map_or(&[], |resource| &resource.attributes));
    }

    fn scope(&mut self, kind: &str, place: usize, schema_url: &str, scope: Option<&InstrumentationScope>) {
        self.line(format_args!("{kind} #{place}"));
        self.line(format_args!("{kind} SchemaURL: {schema_url}"));
        let (name, version) = scope.map_or(("", ""), |scope| (&scope.name, &scope.version));
        self.line(format_args!("InstrumentationScope {name} {version}"));
        self.attributes("InstrumentationScope attributes", scope.map_or(&[], |scope| &scope.attributes));
    }
}

pub(super) fn traces(resources: &[ResourceSpans]) -> String {
    let mut out = Lines(String::new());
    for (place, resource) in resources.iter().enumerate() {
        out.resource("ResourceSpans", place, &resource.schema_url, resource.resource.as_ref());
        for (place, scope) in resource.scope_spans.iter().enumerate() {
            out.scope("ScopeSpans", place, &scope.schema_url, scope.scope.as_ref());
            for (place, span) in scope.spans.iter().enumerate() {
                write_span(&mut out, place, span);
            }
        }
    }
    out.0
}

fn write_span(out: &mut Lines, place: usize, span: &Span) {
    out.line(format_args!("Span #{place}"));
    out.field("Trace ID", hex::encode(&span.trace_id));
    out.field("Parent ID", hex::encode(&span.parent_span_id));
    out.field("ID", hex::encode(&span.span_id));
    out.field("Name", &span.name);
    out.field("Kind", span_kind_name(span.kind));
    if !span.trace_state.is_empty() {
        out.field("TraceState", &span.trace_state);
    }
    out.field("Start time", go_time(span.start_time_unix_nano));
    out.field("End time", go_time(span.end_time_unix_nano));
    let status = span.status.as_ref();
    out.field("Status code", status_code(status.map_or(0, |status| status.code)));
    out.field("Status message", status.map_or("", |status| &status.message));
    out.line(format_args!("    DroppedAttributesCount: {}", span.dropped_attributes_count));
    out.line(format_args!("    DroppedEventsCount: {}", span.dropped_events_count));
    out.line(format_args!("    DroppedLinksCount: {}", span.dropped_links_count));
    out.attributes("Attributes", &span.attributes);
    write_events(out, &span.events);
    write_links(out, &span.links);
}

fn write_events(out: &mut Lines, events: &[Event]) {
    if !events.is_empty() {
        out.line("Events:");
    }
    for (place, event) in events.iter().enumerate() {
        out.line(format_args!("SpanEvent #{place}"));
        out.line(format_args!("     -> Name: {}", event.name));
        out.line(format_args!("     -> Timestamp: {}", go_time(event.time_unix_nano)));
        out.line(format_args!("     -> DroppedAttributesCount: {}", event.dropped_attributes_count));
        out.attributes("     -> Attributes:", &event.attributes);
    }
}

fn write_links(out: &mut Lines, links: &[Link]) {
    if !links.is_empty() {
        out.line("Links:");
    }
    for (place, link) in links.iter().enumerate() {
        out.line(format_args!("SpanLink #{place}"));
        out.line(format_args!("     -> Trace ID: {}", hex::encode(&link.trace_id)));
        out.line(format_args!("     -> ID: {}", hex::encode(&link.span_id)));
        out.line(format_args!("     -> TraceState: {}", link.trace_state));
        out.line(format_args!("     -> DroppedAttributesCount: {}", link.dropped_attributes_count));
        out.attributes("     -> Attributes:", &link.attributes);
    }
}

fn status_code(code: i32) -> &'static str {
    match code {
        0 => "Unset",
        1 => "Ok",
        2 => "Error",
        _ => "",
    }
}

pub(super) fn logs(resources: &[ResourceLogs]) -> String {
    let mut out = Lines(String::new());
    for (place, resource) in resources.iter().enumerate() {
        out.resource("ResourceLog", place, &resource.schema_url, resource.resource.as_ref());
        for (place, scope) in resource.scope_logs.iter().enumerate() {
            out.scope("ScopeLogs", place, &scope.schema_url, scope.scope.as_ref());
            for (place, record) in scope.log_records.iter().enumerate() {
                write_record(&mut out, place, record);
            }
        }
    }
    out.0
}

fn write_record(out: &mut Lines, place: usize, record: &LogRecord) {
    out.line(format_args!("LogRecord #{place}"));
    out.line(format_args!("ObservedTimestamp: {}", go_time(record.observed_time_unix_nano)));
    out.line(format_args!("Timestamp: {}", go_time(record.time_unix_nano)));
    out.line(format_args!("SeverityText: {}", record.severity_text));
    out.line(format_args!("SeverityNumber: {}({})", severity(record.severity_number), record.severity_number));
    if !record.event_name.is_empty() {
        out.line(format_args!("EventName: {}", record.event_name));
    }
    out.line(format_args!("Body: {}", typed(record.body.as_ref())));
    out.attributes("Attributes", &record.attributes);
    out.line(format_args!("Trace ID: {}", hex::encode(&record.trace_id)));
    out.line(format_args!("Span ID: {}", hex::encode(&record.span_id)));
    out.line(format_args!("Flags: {}", record.flags));
}

/// `Info`, `Info2`: four steps a level, from 1 on.
fn severity(number: i32) -> String {
    const LEVELS: [&str; 6] = ["Trace", "Debug", "Info", "Warn", "Error", "Fatal"];
    match number {
        1..=24 => {
            let (level, step) = ((number - 1) as usize / 4, (number - 1) % 4 + 1);
            if step == 1 { LEVELS[level].to_owned() } else { format!("{}{step}", LEVELS[level]) }
        }
        0 => "Unspecified".to_owned(),
        _ => String::new(),
    }
}
