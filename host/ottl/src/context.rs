//! What statements run on.

mod enums;

use tailrace_otlp::Signal;
use tailrace_otlp::edit::Level;

/// What a statement runs on, and what a path belongs to. From the innermost to the outermost: the order in which the language
/// prefers them where a group of statements names several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// A log record.
    Log,
    /// An exemplar of a data point.
    Exemplar,
    /// A data point of a metric.
    DataPoint,
    /// A metric.
    Metric,
    /// An event of a span.
    SpanEvent,
    /// A span.
    Span,
    /// An instrumentation scope.
    Scope,
    /// A resource.
    Resource,
    /// The request: `otelcol.*`. Only paths belong to it; no statement runs on it.
    Request,
}

impl Context {
    /// The context of that name. (Scopes have two.)
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, context)| *context)
    }

    /// What it is called in paths and configurations.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, context)| *context == self).map_or("", |(name, _)| name)
    }

    /// What it lies in, if that is something.
    pub fn parent(self) -> Option<Self> {
        match self {
            Self::Exemplar => Some(Self::DataPoint),
            Self::DataPoint => Some(Self::Metric),
            Self::SpanEvent => Some(Self::Span),
            Self::Log | Self::Metric | Self::Span => Some(Self::Scope),
            Self::Scope => Some(Self::Resource),
            Self::Resource | Self::Request => None,
        }
    }

    /// Whether a statement that runs on this has paths of `other`: of itself, of what it lies in, and of the request.
    pub fn sees(self, other: Self) -> bool {
        other == Self::Request || self == other || self.parent().is_some_and(|parent| parent.sees(other))
    }

    /// The contexts of a signal, innermost first.
    pub fn of(signal: Signal) -> &'static [Self] {
        match signal {
            Signal::Traces => &[Self::SpanEvent, Self::Span, Self::Scope, Self::Resource],
            Signal::Metrics => &[Self::Exemplar, Self::DataPoint, Self::Metric, Self::Scope, Self::Resource],
            Signal::Logs => &[Self::Log, Self::Scope, Self::Resource],
        }
    }

    /// What a pass over a request stops at to run its statements.
    pub fn level(self) -> Level {
        match self {
            Self::Exemplar => Level::Exemplar,
            Self::DataPoint | Self::SpanEvent => Level::Part,
            Self::Log | Self::Metric | Self::Span => Level::Item,
            Self::Scope => Level::Scope,
            Self::Resource | Self::Request => Level::Resource,
        }
    }

    /// The number of an enum that its statements know.
    pub fn number(self, name: &str) -> Option<i64> {
        self.enums().find(|(known, _)| *known == name).map(|(_, number)| number)
    }

    /// The enums that its statements know.
    pub fn enums(self) -> impl Iterator<Item = (&'static str, i64)> {
        enums::of(self).iter().flat_map(|table| table.iter().copied())
    }
}

/// What the collector has besides.
const UNSUPPORTED: [&str; 5] = ["profile", "profilesample", "profilestack", "profilelocation", "spanlink"];

/// Whether a path begins with a context that the collector has and this has not.
pub(crate) fn is_unsupported(path: &str) -> bool {
    path.split_once('.').is_some_and(|(first, _)| UNSUPPORTED.contains(&first))
}

const NAMES: [(&str, Context); 10] = [
    ("log", Context::Log),
    ("exemplar", Context::Exemplar),
    ("datapoint", Context::DataPoint),
    ("metric", Context::Metric),
    ("spanevent", Context::SpanEvent),
    ("span", Context::Span),
    ("scope", Context::Scope),
    ("instrumentation_scope", Context::Scope),
    ("resource", Context::Resource),
    ("otelcol", Context::Request),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_reach_outwards() {
        use Context::{DataPoint, Exemplar, Log, Metric, Request, Resource, Scope, Span, SpanEvent};
        let cases = [
            (SpanEvent, &[SpanEvent, Span, Scope, Resource, Request][..]),
            (Span, &[Span, Scope, Resource, Request]),
            (Exemplar, &[Exemplar, DataPoint, Metric, Scope, Resource, Request]),
            (DataPoint, &[DataPoint, Metric, Scope, Resource, Request]),
            (Log, &[Log, Scope, Resource, Request]),
            (Resource, &[Resource, Request]),
        ];
        for (context, seen) in cases {
            for (_, other) in NAMES {
                assert_eq!(context.sees(other), seen.contains(&other), "{context:?} {other:?}");
            }
        }
    }

    #[test]
    fn names_are_known_both_ways() {
        for (name, context) in NAMES {
            assert_eq!(Context::named(name), Some(context));
        }
        assert_eq!(Context::Scope.name(), "scope");
        assert_eq!(Context::named("spanlink"), None);
    }

    #[test]
    fn enums_belong_to_contexts() {
        let cases = [
            (Context::Span, "SPAN_KIND_SERVER", Some(2)),
            (Context::SpanEvent, "STATUS_CODE_ERROR", Some(2)),
            (Context::Log, "SEVERITY_NUMBER_WARN", Some(13)),
            (Context::Log, "SEVERITY_NUMBER_FATAL4", Some(24)),
            (Context::Metric, "METRIC_DATA_TYPE_SUMMARY", Some(5)),
            (Context::DataPoint, "AGGREGATION_TEMPORALITY_DELTA", Some(1)),
            (Context::DataPoint, "FLAG_NO_RECORDED_VALUE", Some(1)),
            (Context::Metric, "FLAG_NONE", None),
            (Context::Resource, "STATUS_CODE_OK", None),
            (Context::Log, "STATUS_CODE_OK", None),
        ];
        for (context, name, number) in cases {
            assert_eq!(context.number(name), number, "{name}");
        }
    }
}
