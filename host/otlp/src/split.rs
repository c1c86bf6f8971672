//! Cutting a request into smaller ones.
//!
//! A cut never falls into an item. What lies wholly on one side of it goes there as a slice of the same memory; the one
//! resource, scope and metric that a cut goes through is written anew on each side: its own fields (those beside its items, known or not)
//! are repeated, its items are divided. Containers without items stay where they were and are counted as nothing.

use bytes::Bytes;

use crate::check::items;
use crate::schema::{Message, Role, request};
use crate::{Rope, Signal, wire};

/// Cuts off the first `max_items` items, at least 1: gives a request with exactly so many, or with all if there are no more, and the
/// rest, which is empty or holds at least one item. The data has passed [`check`](crate::check()).
pub fn split_front(signal: Signal, data: Rope, max_items: usize) -> (Rope, Rope) {
    let mut cutter = Cutter::new(signal, data);
    let front = cutter.next(max_items).map_or_else(Rope::new, |(front, _)| front);
    (front, cutter.rest())
}

/// Cuts a request that holds `items` into requests with at most `max_items` items each, at least 1: each with its number of items.
/// All but the last hold exactly `max_items`. Takes time proportional to the data and to the headers repeated; a [`Cutter`] gives the
/// same pieces one at a time.
pub fn split(signal: Signal, data: Rope, items: usize, max_items: usize) -> Vec<(Rope, usize)> {
    if items <= max_items {
        return vec![(data, items)];
    }
    let mut cutter = Cutter::new(signal, data);
    std::iter::from_fn(|| cutter.next(max_items)).collect()
}

/// Cuts one piece after the other off a request. What is not asked for is not touched.
#[derive(Debug)]
pub struct Cutter {
    signal: Signal,
    chunks: smallvec::IntoIter<[Bytes; 1]>,
    /// The chunk being cut.
    open: Option<Container>,
}

impl Cutter {
    /// Over data that has passed [`check`](crate::check()).
    pub fn new(signal: Signal, data: Rope) -> Self {
        Self { signal, chunks: data.into_chunks(), open: None }
    }

    /// The next piece of at most `max_items` items (0 is taken as 1), and how many it holds. None at the end.
    pub fn next(&mut self, max_items: usize) -> Option<(Rope, usize)> {
        let max_items = max_items.max(1);
        let mut left = max_items;
        let mut parts = Vec::new();
        loop {
            let chunk = match &mut self.open {
                Some(chunk) => chunk,
                None => match self.chunks.next() {
                    Some(bytes) => self.open.insert(Container::open(request(self.signal), bytes)),
                    None => break,
                },
            };
            if !chunk.take(&mut left, &mut parts) {
                break;
            }
            self.open = None;
        }
        let mut piece = Rope::new();
        for part in parts {
            piece.push(part);
        }
        (!piece.is_empty()).then_some((piece, max_items - left))
    }

    /// All that has not been cut off.
    pub fn rest(mut self) -> Rope {
        self.next(usize::MAX).map_or_else(Rope::new, |(rest, _)| rest)
    }
}

/// A message that holds items, somewhere between whole and used up.
#[derive(Debug)]
struct Container {
    kind: &'static Message,
    body: Bytes,
    /// Where in `body` the fields begin that no piece has yet.
    at: usize,
    /// The fields that every piece repeats, empty for a request.
    header: Vec<Bytes>,
    /// The child that the last cut went through, under its field number.
    child: Option<(u32, Box<Self>)>,
}

impl Container {
    fn open(kind: &'static Message, body: Bytes) -> Self {
        let mut header = Vec::new();
        if kind.role != Role::Request {
            let own = wire::fields(&body).filter(|field| kind.container(field.number).is_none());
            header.extend(own.map(|field| body.slice_ref(field.framed)));
        }
        Self { kind, body, at: 0, header, child: None }
    }

    /// Writes a message of this kind with the next `left` items, and takes those off `left`. Whether this used it up.
    fn take(&mut self, left: &mut usize, out: &mut Vec<Bytes>) -> bool {
        out.extend(self.header.iter().cloned());
        loop {
            if let Some((number, child)) = &mut self.child {
                let mut parts = Vec::new();
                let done = child.take(left, &mut parts);
                let len = parts.iter().map(Bytes::len).sum();
                let prefix = prefix(*number, len);
                if self.kind.role == Role::Request {
                    out.push(join(&prefix, &parts, len));
                } else {
                    out.push(prefix.into());
                    out.append(&mut parts);
                }
                if !done {
                    return false;
                }
                self.child = None;
            }
            match self.whole_children(left, out) {
                Stop::End => return true,
                Stop::Full => return false,
                Stop::Child(number, child) => self.child = Some((number, Box::new(child))),
            }
        }
    }

    /// Writes children as they are while they fit into `left`.
    fn whole_children(&mut self, left: &mut usize, out: &mut Vec<Bytes>) -> Stop {
        let mut run = self.at..self.at;
        let mut stop = Stop::End;
        for field in wire::fields(self.body.get(self.at..).unwrap_or_default()) {
            let end = self.at + field.framed.len();
            let child = self.kind.container(field.number).zip(field.payload.bytes());
            if let Some((kind, body)) = child {
                let held = items(kind, body);
                if held > *left {
                    if *left == 0 {
                        stop = Stop::Full;
                    } else {
                        stop = Stop::Child(field.number, Self::open(kind, self.body.slice_ref(body)));
                        self.at = end;
                    }
                    break;
                }
                *left -= held;
                run.end = end;
            } else if self.kind.role == Role::Request {
                run.end = end;
            } else {
                // In the header already.
                out.push(self.body.slice(run));
                run = end..end;
            }
            self.at = end;
        }
        out.push(self.body.slice(run));
        stop
    }
}

/// Why no further child was taken as it is.
enum Stop {
    /// There is none.
    End,
    /// The next one has items, and no more are wanted.
    Full,
    /// The next one, under this field number, has more items than are wanted.
    Child(u32, Container),
}

fn prefix(number: u32, len: usize) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(8);
    wire::put_prefix(&mut prefix, number, len);
    prefix
}

fn join(prefix: &[u8], parts: &[Bytes], len: usize) -> Bytes {
    let mut out = Vec::with_capacity(prefix.len() + len);
    out.extend_from_slice(prefix);
    for part in parts {
        out.extend_from_slice(part);
    }
    out.into()
}

#[cfg(test)]
mod tests;
