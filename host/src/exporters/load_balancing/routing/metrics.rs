//! By what identifies a resource, a metric, a time series.

use tailrace_otlp::deal::{Deal, Turn};
use tailrace_otlp::view::{self, Value};
use tailrace_otlp::walk::{self, Header};
use tailrace_otlp::wire::{self, Payload};

use super::Ways;
use super::identity::{Identity, map_hash};

/// `resource`.
pub(super) struct ByResource<'a>(pub(super) Ways<'a>);

impl Deal for ByResource<'_> {
    fn resource(&mut self, body: &[u8]) -> Turn {
        let key = format!("resource/{:x}", of_resource(body).sum());
        Turn::All(self.0.of(key.as_bytes()))
    }

    fn item(&mut self, _body: &[u8]) -> usize {
        self.0.of(b"")
    }
}

/// `metric`.
pub(super) struct ByMetric<'a>(pub(super) Ways<'a>);

impl Deal for ByMetric<'_> {
    fn metric(&mut self, body: &[u8]) -> Turn {
        Turn::All(self.0.of(MetricHead::of(body).name))
    }

    fn item(&mut self, _body: &[u8]) -> usize {
        self.0.of(b"")
    }
}

/// `streamID`.
pub(super) struct ByStream<'a> {
    ring: Ways<'a>,
    resource: Identity,
    scope: Identity,
    metric: Identity,
    /// The field of the metric's data points with their attributes.
    attributes: u32,
}

impl<'a> ByStream<'a> {
    pub(super) fn new(ring: Ways<'a>) -> Self {
        let [resource, scope, metric] = [Identity::default(); 3];
        Self { ring, resource, scope, metric, attributes: 0 }
    }
}

impl Deal for ByStream<'_> {
    fn resource(&mut self, body: &[u8]) -> Turn {
        self.resource = of_resource(body);
        Turn::Inside
    }

    fn scope(&mut self, body: &[u8]) -> Turn {
        let header = Header::of(body);
        let attributes = map_hash(view::scope_attributes(&header));
        let scope = self.resource.with(view::scope_name(&header)).with(view::scope_version(&header));
        self.scope = scope.with(&attributes);
        Turn::Inside
    }

    fn metric(&mut self, body: &[u8]) -> Turn {
        let head = MetricHead::of(body);
        let kind = [head.kind(), u8::from(head.is_monotonic), head.temporality];
        self.metric = self.scope.with(head.name).with(head.unit).with(&kind);
        self.attributes = head.point_attributes();
        Turn::Inside
    }

    fn item(&mut self, body: &[u8]) -> usize {
        let stream = self.metric.with(&map_hash(view::attributes(body, self.attributes)));
        self.ring.of(format!("stream/{:x}", stream.sum()).as_bytes())
    }
}

fn of_resource(body: &[u8]) -> Identity {
    let header = Header::of(body);
    Identity::default().with(&map_hash(view::resource_attributes(&header)))
}

/// Fields of a metric with its data.
mod data {
    pub(super) const GAUGE: u32 = 5;
    pub(super) const SUM: u32 = 7;
    pub(super) const HISTOGRAM: u32 = 9;
    pub(super) const EXPONENTIAL: u32 = 10;
    pub(super) const SUMMARY: u32 = 11;
}

/// What a metric is.
#[derive(Default)]
pub(super) struct MetricHead<'a> {
    name: &'a [u8],
    unit: &'a [u8],
    data: u32,
    is_monotonic: bool,
    temporality: u8,
}

impl<'a> MetricHead<'a> {
    pub(super) fn of(metric: &'a [u8]) -> Self {
        let mut head = Self::default();
        for field in wire::fields(metric) {
            match (field.number, field.payload) {
                (1, Payload::Len(name)) => head.name = name,
                (3, Payload::Len(unit)) => head.unit = unit,
                (data::GAUGE | data::SUMMARY, Payload::Len(_)) => head.data = field.number,
                (data::SUM | data::HISTOGRAM | data::EXPONENTIAL, Payload::Len(body)) => {
                    head.data = field.number;
                    head.read_aggregation(body);
                }
                _ => {}
            }
        }
        head
    }

    fn read_aggregation(&mut self, data: &[u8]) {
        // Histograms count as monotonic, as the Go collector has it.
        self.is_monotonic = self.data != data::SUM;
        for field in wire::fields(data) {
            match (field.number, field.payload) {
                (2, Payload::Varint(temporality)) => self.temporality = temporality as u8,
                (3, Payload::Varint(is_monotonic)) if self.data == data::SUM => self.is_monotonic = is_monotonic != 0,
                _ => {}
            }
        }
    }

    /// The number of the Go collector's `MetricType`.
    fn kind(&self) -> u8 {
        match self.data {
            data::GAUGE => 1,
            data::SUM => 2,
            data::HISTOGRAM => 3,
            data::EXPONENTIAL => 4,
            data::SUMMARY => 5,
            _ => 0,
        }
    }

    /// The field of its data points with their attributes.
    pub(super) fn point_attributes(&self) -> u32 {
        match self.data {
            data::HISTOGRAM => 9,
            data::EXPONENTIAL => 1,
            _ => 7,
        }
    }
}

/// The text of a log record's `body` or of any other `AnyValue` under that field.
pub(super) fn any_value_text(message: &[u8], number: u32) -> String {
    let value = walk::children(message, number).last().map(|(_, value)| Value::parse(value));
    value.map(|value| value.as_text().into_owned()).unwrap_or_default()
}
