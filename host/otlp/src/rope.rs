//! Bytes in several pieces that read as one.

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

/// A message in one or more chunks. Appending never copies.
#[derive(Clone, Debug, Default)]
pub struct Rope {
    chunks: SmallVec<[Bytes; 1]>,
    len: usize,
}

impl Rope {
    /// No bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk at the end.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.len += chunk.len();
            self.chunks.push(chunk);
        }
    }

    /// Adds all of `other` at the end: for OTLP requests of one signal, this joins them.
    pub fn append(&mut self, other: Self) {
        self.len += other.len;
        self.chunks.extend(other.chunks);
    }

    /// Total bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chunks in order; each begins and ends at a boundary of a field of the request.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// The chunks in order.
    pub fn into_chunks(self) -> smallvec::IntoIter<[Bytes; 1]> {
        self.chunks.into_iter()
    }

    /// One contiguous buffer; copies only if there are several chunks.
    pub fn into_bytes(mut self) -> Bytes {
        if self.chunks.len() == 1 {
            return self.chunks.remove(0);
        }
        let mut all = BytesMut::with_capacity(self.len);
        for chunk in &self.chunks {
            all.extend_from_slice(chunk);
        }
        all.freeze()
    }
}

impl From<Bytes> for Rope {
    fn from(chunk: Bytes) -> Self {
        let mut rope = Self::new();
        rope.push(chunk);
        rope
    }
}

impl From<Vec<u8>> for Rope {
    fn from(chunk: Vec<u8>) -> Self {
        Bytes::from(chunk).into()
    }
}
