//! A message as HTTP/2 sends it: the prefix, then the chunks of the batch, none of them copied.

use std::io::IoSlice;

use bytes::Buf;

use crate::pipeline::Rope;

/// The flag and the length.
const PREFIX: usize = 5;

/// What is left to send.
pub(super) struct Payload {
    prefix: [u8; PREFIX],
    prefix_sent: usize,
    message: Rope,
    /// The chunk that is being sent, and how much of it is.
    chunk: usize,
    chunk_sent: usize,
    remaining: usize,
}

impl Payload {
    pub(super) fn new(compressed: bool, message: Rope) -> Self {
        let len = message.len();
        let mut prefix = [u8::from(compressed), 0, 0, 0, 0];
        // A message of 4 GiB has no length in gRPC; queues are bounded well below.
        prefix[1..].copy_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
        Self { prefix, prefix_sent: 0, message, chunk: 0, chunk_sent: 0, remaining: PREFIX + len }
    }
}

impl Buf for Payload {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        if self.prefix_sent < PREFIX {
            return &self.prefix[self.prefix_sent..];
        }
        self.message.chunks().get(self.chunk).map_or(&[], |chunk| &chunk[self.chunk_sent..])
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        let prefix = &self.prefix[self.prefix_sent..];
        let mut chunks = self.message.chunks().iter().skip(self.chunk);
        let first = chunks.next().map_or(&[][..], |chunk| &chunk[self.chunk_sent..]);
        let pieces = [prefix, first].into_iter().chain(chunks.map(|chunk| &chunk[..]));
        let mut count = 0;
        for (slot, piece) in dst.iter_mut().zip(pieces.filter(|piece| !piece.is_empty())) {
            *slot = IoSlice::new(piece);
            count += 1;
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        self.remaining -= count;
        let prefix = count.min(PREFIX - self.prefix_sent);
        self.prefix_sent += prefix;
        count -= prefix;
        while count > 0 {
            let left = self.message.chunks()[self.chunk].len() - self.chunk_sent;
            if count < left {
                self.chunk_sent += count;
                return;
            }
            count -= left;
            self.chunk += 1;
            self.chunk_sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn payload() -> Payload {
        let mut rope = Rope::new();
        for chunk in [&b"abc"[..], b"defgh", b"i"] {
            rope.push(Bytes::from_static(chunk));
        }
        Payload::new(true, rope)
    }

    const ALL: &[u8] = b"\x01\0\0\0\x09abcdefghi";

    #[test]
    fn reads_the_same_at_every_step() {
        for step in 1..=ALL.len() {
            let mut payload = payload();
            let mut read = Vec::new();
            while payload.has_remaining() {
                let take = payload.chunk().len().min(step);
                read.extend_from_slice(&payload.chunk()[..take]);
                payload.advance(take);
            }
            assert_eq!(read, ALL, "{step}");
        }
    }

    #[test]
    fn vectors_hold_what_is_left() {
        for sent in 0..=ALL.len() {
            let mut payload = payload();
            payload.advance(sent);
            let mut slices = [IoSlice::new(&[]); 8];
            let count = payload.chunks_vectored(&mut slices);
            let left: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            assert_eq!(left, &ALL[sent..], "{sent}");
        }
    }
}
