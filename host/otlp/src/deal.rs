//! Dealing the items of a request out to several requests.
//!
//! Every request that comes of it holds its items in the order of the wire, under the resource, scope and metric that they had; those
//! containers' own fields (those beside the items, known or not) are repeated where they are needed. Items that lie side by side and go
//! the same way are copied at once; nothing is decoded.

use std::ops::Range;

use smallvec::SmallVec;

use crate::check::items;
use crate::schema::{Message, Role, request};
use crate::{Rope, Signal, wire};

/// Where something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// All of it goes this way, a number below the number of ways.
    All(usize),
    /// What is in it is asked for one by one.
    Inside,
}

/// Says which way things go. Asked in wire order, from the outside in, with the bytes of each message.
pub trait Deal {
    /// A `ResourceSpans` or its like.
    fn resource(&mut self, _body: &[u8]) -> Turn {
        Turn::Inside
    }
    /// A `ScopeSpans` or its like, in the last resource.
    fn scope(&mut self, _body: &[u8]) -> Turn {
        Turn::Inside
    }
    /// A metric in the last scope.
    fn metric(&mut self, _body: &[u8]) -> Turn {
        Turn::Inside
    }
    /// A span, a log record or a data point in the last scope or metric.
    fn item(&mut self, body: &[u8]) -> usize;
}

/// One of the requests that came of it.
#[derive(Clone, Debug)]
pub struct Share {
    /// The way it goes.
    pub way: usize,
    /// The request.
    pub data: Rope,
    /// How many items it holds, at least 1.
    pub items: usize,
}

/// Deals out a request that passed [`check`](crate::check()), to `ways` ways: a share for each way that got something, in their order. If
/// that is only one, it is the request itself, uncopied. Containers without items go nowhere.
pub fn deal(signal: Signal, data: &Rope, ways: usize, by: &mut impl Deal) -> Vec<Share> {
    let mut table = Table::new(ways);
    for chunk in data.chunks() {
        table.walk(request(signal), chunk, by);
    }
    if let [only] = &table.hands[..] {
        return vec![Share { way: only.way, data: data.clone(), items: only.items }];
    }
    let Table { containers, mut hands, strangers, .. } = table;
    hands.sort_unstable_by_key(|hand| hand.way);
    let mut shares: Vec<_> = hands.into_iter().map(|hand| hand.into_share(&containers)).collect();
    // What a later version may put beside the resources goes along once.
    if let Some(first) = shares.first_mut()
        && !strangers.is_empty()
    {
        first.data.push(strangers.concat().into());
    }
    shares
}

/// No container is open: what is dealt out are whole resources.
const OUTSIDE: u32 = u32::MAX;

struct Table<'a> {
    /// All that were gone into.
    containers: Vec<Container<'a>>,
    /// Those that are open, the outermost first, by their places in `containers`.
    path: SmallVec<[u32; 4]>,
    hands: Vec<Hand<'a>>,
    /// The hand of each way, plus 1; 0 is none.
    hand_of_way: Vec<u32>,
    /// Fields of the request that are no resources.
    strangers: Vec<&'a [u8]>,
}

/// A resource, scope, metric or metric's data whose items go several ways.
struct Container<'a> {
    number: u32,
    header: SmallVec<[&'a [u8]; 2]>,
    header_len: usize,
}

/// What one way has got.
struct Hand<'a> {
    way: usize,
    items: usize,
    entries: Vec<Entry<'a>>,
    /// The containers that are open in `entries`, the outermost first.
    open: SmallVec<[Open; 4]>,
    /// The length of what is closed.
    len: usize,
}

#[derive(Clone, Copy)]
struct Open {
    container: u32,
    entry: usize,
}

enum Entry<'a> {
    /// A container begins; `len` is that of its content, known when it is closed.
    Begin { container: u32, len: usize },
    /// Fields that lie side by side in `body`.
    Run { body: &'a [u8], range: Range<usize> },
}

impl<'a> Table<'a> {
    fn new(ways: usize) -> Self {
        Self {
            containers: Vec::new(),
            path: SmallVec::new(),
            hands: Vec::new(),
            hand_of_way: vec![0; ways],
            strangers: Vec::new(),
        }
    }

    fn walk(&mut self, kind: &'static Message, body: &'a [u8], by: &mut impl Deal) {
        let mut fields = wire::fields(body);
        while let Some(field) = fields.next() {
            let Some((inner, content)) = kind.container(field.number).zip(field.payload.bytes()) else {
                if kind.role == Role::Request {
                    self.strangers.push(field.framed);
                }
                continue;
            };
            let turn = match inner.role {
                Role::Item => Turn::All(by.item(content)),
                Role::Metric => by.metric(content),
                Role::Scope => by.scope(content),
                Role::Resource => by.resource(content),
                Role::Data | Role::Request | Role::Detail | Role::Pair => Turn::Inside,
            };
            match turn {
                Turn::All(way) => {
                    let end = body.len() - fields.rest().len();
                    self.put(way, body, end - field.framed.len()..end, items(inner, content));
                }
                Turn::Inside => {
                    self.path.push(self.containers.len() as u32);
                    self.containers.push(Container::new(field.number, inner, content));
                    self.walk(inner, content, by);
                    self.path.pop();
                }
            }
        }
    }

    #[inline]
    fn put(&mut self, way: usize, body: &'a [u8], range: Range<usize>, items: usize) {
        let Some(known) = self.hand_of_way.get_mut(way) else { return };
        if items == 0 {
            return;
        }
        if *known == 0 {
            self.hands.push(Hand { way, items: 0, entries: Vec::new(), open: SmallVec::new(), len: 0 });
            *known = self.hands.len() as u32;
        }
        let Some(hand) = self.hands.get_mut(*known as usize - 1) else { return };
        let innermost = self.path.last().copied().unwrap_or(OUTSIDE);
        if hand.innermost() != innermost {
            hand.go_to(&self.path, &self.containers);
        }
        hand.items += items;
        hand.add(range.len());
        match hand.entries.last_mut() {
            Some(Entry::Run { body: same, range: last }) if last.end == range.start && std::ptr::eq(*same, body) => {
                last.end = range.end;
            }
            _ => hand.entries.push(Entry::Run { body, range }),
        }
    }
}

impl<'a> Container<'a> {
    fn new(number: u32, kind: &'static Message, body: &'a [u8]) -> Self {
        let own = wire::fields(body).filter(|field| kind.container(field.number).is_none());
        let header: SmallVec<[&[u8]; 2]> = own.map(|field| field.framed).collect();
        let header_len = header.iter().map(|part| part.len()).sum();
        Self { number, header, header_len }
    }
}

impl Hand<'_> {
    #[inline]
    fn innermost(&self) -> u32 {
        self.open.last().map_or(OUTSIDE, |open| open.container)
    }

    /// Closes and opens containers until those of `path` are open.
    fn go_to(&mut self, path: &[u32], containers: &[Container<'_>]) {
        let shared = self.open.iter().zip(path).take_while(|(open, wanted)| open.container == **wanted).count();
        while self.open.len() > shared {
            self.close(containers);
        }
        for container in path.iter().skip(shared).copied() {
            let len = containers.get(container as usize).map_or(0, |container| container.header_len);
            self.open.push(Open { container, entry: self.entries.len() });
            self.entries.push(Entry::Begin { container, len });
        }
    }

    fn close(&mut self, containers: &[Container<'_>]) {
        let Some(open) = self.open.pop() else { return };
        let (Some(Entry::Begin { len, .. }), Some(container)) =
            (self.entries.get(open.entry), containers.get(open.container as usize))
        else {
            return;
        };
        self.add(wire::framed_len(container.number, *len));
    }

    /// So many bytes more in the innermost container.
    #[inline]
    fn add(&mut self, bytes: usize) {
        let innermost = self.open.last().and_then(|open| self.entries.get_mut(open.entry));
        match innermost {
            Some(Entry::Begin { len, .. }) => *len += bytes,
            _ => self.len += bytes,
        }
    }

    fn into_share(mut self, containers: &[Container<'_>]) -> Share {
        while !self.open.is_empty() {
            self.close(containers);
        }
        let mut out = Vec::with_capacity(self.len);
        for entry in &self.entries {
            match entry {
                Entry::Begin { container, len } => {
                    let Some(container) = containers.get(*container as usize) else { continue };
                    wire::put_prefix(&mut out, container.number, *len);
                    for part in &container.header {
                        out.extend_from_slice(part);
                    }
                }
                Entry::Run { body, range } => out.extend_from_slice(body.get(range.clone()).unwrap_or_default()),
            }
        }
        Share { way: self.way, data: out.into(), items: self.items }
    }
}

#[cfg(test)]
mod tests;
