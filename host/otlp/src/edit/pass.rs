//! One pass over a request, at one level.

use std::borrow::Cow;

use super::Draft;
use crate::{Signal, wire};

/// What a pass stops at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Resources.
    Resource,
    /// Instrumentation scopes.
    Scope,
    /// Spans, log records or metrics.
    Item,
    /// Events of spans, data points of metrics; log records have none.
    Part,
    /// Exemplars of data points.
    Exemplar,
}

/// Whether what was visited stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It stays, as it now is.
    Yes,
    /// It goes, with all that is in it.
    No,
}

/// Where a pass is. What lies above the level of the pass can be read and changed too; it lacks what lies in it (a resource its
/// scopes, a span its events in a pass over events), which is put back when the pass has been through.
#[derive(Clone, Debug, Default)]
pub struct Place<'a> {
    /// A `ResourceSpans` or its like: field 1 is the resource, 3 the schema URL.
    pub resource: Draft<'a>,
    /// A `ScopeSpans` or its like: field 1 is the scope, 3 the schema URL.
    pub scope: Draft<'a>,
    /// A span, a log record or a metric.
    pub item: Draft<'a>,
    /// An event of the span, or a data point of the metric.
    pub part: Draft<'a>,
    /// An exemplar of the data point.
    pub exemplar: Draft<'a>,
    /// The field of the metric that holds the data point: 5 gauge, 7 sum, 9 histogram, 10 exponential histogram, 11 summary.
    pub data: u32,
    /// How many parts of this item came before, of those that the request had.
    pub part_index: usize,
}

/// Visits everything at `level` of a request that passed [`check`](crate::check()), in wire order. Scopes, resources and metrics that
/// lose their last entry go too; spans without events and data points without exemplars stay. Gives the request that comes
/// of it, which is empty if nothing is left; `None` if it is the same.
///
/// ```
/// use tailrace_otlp::edit::{Keep, Level, pass};
/// use tailrace_otlp::{Signal, view::Span, wire};
/// # let nest = |number, inner: &[u8]| { let mut out = Vec::new(); wire::put_bytes(&mut out, number, inner); out };
/// # let request = nest(1, &nest(2, &[nest(2, &nest(5, b"ping")), nest(2, &nest(5, b"pay"))].concat()));
/// // A request with the spans ping and pay.
/// let without_pings = pass(Signal::Traces, Level::Item, &request, |place| {
///     if Span(place.item.body()).name() == b"ping" { Keep::No } else { Keep::Yes }
/// });
/// assert_eq!(without_pings, Some(nest(1, &nest(2, &nest(2, &nest(5, b"pay"))))));
/// ```
pub fn pass<'a>(
    signal: Signal,
    level: Level,
    request: &'a [u8],
    visit: impl FnMut(&mut Place<'a>) -> Keep,
) -> Option<Vec<u8>> {
    let mut pass = Pass { signal, level, visit, place: Place::default(), spare: Vec::new() };
    match pass.children(request, 1, Pass::resource) {
        Children::Same => None,
        Children::New(bytes) => Some(with_others(request, bytes)),
    }
}

struct Pass<'a, F> {
    signal: Signal,
    level: Level,
    visit: F,
    place: Place<'a>,
    /// Buffers to be used again.
    spare: Vec<Vec<u8>>,
}

/// What became of a message.
enum Edited<'a> {
    Same,
    Gone,
    New(Cow<'a, [u8]>),
}

/// What became of the messages of a number in a message.
enum Children {
    Same,
    /// Those that are left, tags included.
    New(Vec<u8>),
}

impl<'a, F: FnMut(&mut Place<'a>) -> Keep> Pass<'a, F> {
    fn resource(&mut self, body: &'a [u8]) -> Edited<'a> {
        self.place.resource = without(body, 2);
        if self.level == Level::Resource {
            return self.container(body, |place| std::mem::take(&mut place.resource));
        }
        let children = self.children(body, 2, Self::scope);
        joined(std::mem::take(&mut self.place.resource), body, children, &mut self.spare)
    }

    fn scope(&mut self, body: &'a [u8]) -> Edited<'a> {
        self.place.scope = without(body, 2);
        if self.level == Level::Scope {
            return self.container(body, |place| std::mem::take(&mut place.scope));
        }
        let children = self.children(body, 2, Self::item);
        joined(std::mem::take(&mut self.place.scope), body, children, &mut self.spare)
    }

    /// Visits a resource or scope, whose entries stay as they are.
    fn container(&mut self, body: &'a [u8], take: fn(&mut Place<'a>) -> Draft<'a>) -> Edited<'a> {
        if (self.visit)(&mut self.place) == Keep::No {
            return Edited::Gone;
        }
        joined(take(&mut self.place), body, Children::Same, &mut self.spare)
    }

    fn item(&mut self, body: &'a [u8]) -> Edited<'a> {
        match (self.level, self.signal) {
            (Level::Item, _) => {
                self.place.item = Draft::new(body);
                let kept = (self.visit)(&mut self.place);
                edited(kept, std::mem::take(&mut self.place.item))
            }
            (_, Signal::Traces) if self.level == Level::Part => self.span(body),
            (_, Signal::Metrics) => self.metric(body),
            _ => Edited::Same,
        }
    }

    fn span(&mut self, body: &'a [u8]) -> Edited<'a> {
        const EVENTS: u32 = 11;
        self.place.item = without(body, EVENTS);
        self.place.part_index = 0;
        let children = self.children(body, EVENTS, Self::part);
        let mut span = std::mem::take(&mut self.place.item);
        match children {
            Children::Same if !span.is_changed() => return Edited::Same,
            Children::Same => append_children(&mut span, body, EVENTS),
            Children::New(events) => span.append(&events),
        }
        Edited::New(span.into_body())
    }

    fn metric(&mut self, body: &'a [u8]) -> Edited<'a> {
        let data = wire::fields(body).find(|field| is_data(field.number) && field.payload.bytes().is_some());
        let Some((number, data)) = data.and_then(|field| Some((field.number, field.payload.bytes()?))) else {
            return Edited::Same;
        };
        let mut metric = Draft::new(body);
        let bare = without(data, 1);
        if bare.body().len() < data.len() {
            metric.set_bytes(number, bare.body());
            metric = Draft::joined(metric.into_body().into_owned());
        }
        self.place.item = metric;
        (self.place.data, self.place.part_index) = (number, 0);
        let children = self.children(data, 1, Self::point);
        let mut metric = std::mem::take(&mut self.place.item);
        let points = match children {
            Children::Same if !metric.is_changed() => return Edited::Same,
            Children::New(points) if points.is_empty() => return Edited::Gone,
            Children::New(points) => points,
            Children::Same => {
                let mut points = Draft::default();
                append_children(&mut points, data, 1);
                points.into_body().into_owned()
            }
        };
        metric.edit(number, 0, |data| data.append(&points));
        Edited::New(metric.into_body())
    }

    fn point(&mut self, body: &'a [u8]) -> Edited<'a> {
        if self.level == Level::Part {
            return self.part(body);
        }
        let Some(exemplars) = exemplars(self.place.data) else { return Edited::Same };
        self.place.part = without(body, exemplars);
        let children = self.children(body, exemplars, |pass, body| {
            pass.place.exemplar = Draft::new(body);
            let kept = (pass.visit)(&mut pass.place);
            edited(kept, std::mem::take(&mut pass.place.exemplar))
        });
        self.place.part_index += 1;
        let mut point = std::mem::take(&mut self.place.part);
        match children {
            Children::Same if !point.is_changed() => return Edited::Same,
            Children::Same => append_children(&mut point, body, exemplars),
            Children::New(exemplars) => point.append(&exemplars),
        }
        Edited::New(point.into_body())
    }

    fn part(&mut self, body: &'a [u8]) -> Edited<'a> {
        self.place.part = Draft::new(body);
        let kept = (self.visit)(&mut self.place);
        self.place.part_index += 1;
        edited(kept, std::mem::take(&mut self.place.part))
    }

    /// Visits the messages under `number`.
    fn children(
        &mut self,
        body: &'a [u8],
        number: u32,
        mut visit: impl FnMut(&mut Self, &'a [u8]) -> Edited<'a>,
    ) -> Children {
        let mut out: Option<Vec<u8>> = None;
        let mut read = 0;
        for field in wire::fields(body) {
            let begin = read;
            read += field.framed.len();
            let Some(inner) = field.payload.bytes().filter(|_| field.number == number) else { continue };
            let edited = visit(self, inner);
            if out.is_none() && !matches!(edited, Edited::Same) {
                let mut buffer = self.spare.pop().unwrap_or_default();
                buffer.reserve(body.len());
                copy_fields(&mut buffer, body.get(..begin).unwrap_or_default(), number);
                out = Some(buffer);
            }
            let Some(out) = &mut out else { continue };
            match edited {
                Edited::Same => out.extend_from_slice(field.framed),
                Edited::Gone => {}
                Edited::New(new) => {
                    wire::put_bytes(out, number, &new);
                    recycle(&mut self.spare, new);
                }
            }
        }
        out.map_or(Children::Same, Children::New)
    }
}

fn edited(kept: Keep, draft: Draft<'_>) -> Edited<'_> {
    match kept {
        Keep::No => Edited::Gone,
        Keep::Yes if draft.is_changed() => Edited::New(draft.into_body()),
        Keep::Yes => Edited::Same,
    }
}

/// A resource or scope and its entries.
fn joined<'a>(mut header: Draft<'a>, body: &'a [u8], children: Children, spare: &mut Vec<Vec<u8>>) -> Edited<'a> {
    match children {
        Children::Same if !header.is_changed() => return Edited::Same,
        Children::Same => append_children(&mut header, body, 2),
        Children::New(children) if children.is_empty() => return Edited::Gone,
        Children::New(children) => {
            header.append(&children);
            recycle(spare, Cow::Owned(children));
        }
    }
    Edited::New(header.into_body())
}

/// No more buffers than a pass has levels, and none that is large, wait for being used again.
fn recycle(spare: &mut Vec<Vec<u8>>, buffer: Cow<'_, [u8]>) {
    const SPARE: usize = 8;
    if let Cow::Owned(mut buffer) = buffer
        && spare.len() < SPARE
    {
        buffer.clear();
        spare.push(buffer);
    }
}

/// A message without its fields of that number.
fn without(body: &[u8], number: u32) -> Draft<'_> {
    let (mut begin, mut end, mut read) = (0, 0, 0);
    let mut copy = Vec::new();
    for field in wire::fields(body) {
        let at = read;
        read += field.framed.len();
        if field.number == number {
            continue;
        }
        // Most often one piece of the message, which is borrowed.
        if at != end && end > begin {
            copy.extend_from_slice(body.get(begin..end).unwrap_or_default());
        }
        begin = if at == end { begin } else { at };
        end = read;
    }
    let last = body.get(begin..end).unwrap_or_default();
    if copy.is_empty() {
        return Draft::new(last);
    }
    copy.extend_from_slice(last);
    Draft::joined(copy)
}

fn copy_fields(out: &mut Vec<u8>, body: &[u8], number: u32) {
    for field in wire::fields(body).filter(|field| field.number == number) {
        out.extend_from_slice(field.framed);
    }
}

fn append_children(header: &mut Draft<'_>, body: &[u8], number: u32) {
    let mut children = Vec::with_capacity(body.len());
    copy_fields(&mut children, body, number);
    header.append(&children);
}

/// A request with these resources, and what else it had.
fn with_others(request: &[u8], mut resources: Vec<u8>) -> Vec<u8> {
    for field in wire::fields(request).filter(|field| field.number != 1) {
        resources.extend_from_slice(field.framed);
    }
    resources
}

fn is_data(number: u32) -> bool {
    matches!(number, 5 | 7 | 9 | 10 | 11)
}

/// The field of a data point that holds its exemplars.
fn exemplars(data: u32) -> Option<u32> {
    match data {
        5 | 7 => Some(5),
        9 => Some(8),
        10 => Some(11),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
