//! Records to blocks.

use prost::Message;

use super::{Content, MAGIC, Record, VERSION, crc};

/// Raw bytes at which a block is closed: large enough to pack well, small enough that a bound in bytes is met closely.
const FULL_BYTES: usize = 256 << 10;
/// Level 3 packs spans 8 to 1 at 300 MB a second.
const LEVEL: i32 = 3;

/// Makes a recording's bytes, block by block.
pub(crate) struct Writer {
    raw: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { raw: Vec::new() }
    }

    /// What a file begins with.
    pub(crate) fn preamble() -> Vec<u8> {
        [&MAGIC[..], &VERSION.to_le_bytes()].concat()
    }

    /// Adds a record; whether the block is full.
    pub(crate) fn add(&mut self, content: Content) -> bool {
        let record = Record::from(content);
        self.raw.reserve(record.encoded_len() + 10);
        // A vector grows, so there is always room.
        let _ = record.encode_length_delimited(&mut self.raw);
        self.raw.len() >= FULL_BYTES
    }

    /// The block of what was added since the last one; `None` if that is nothing.
    pub(crate) fn block(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        if self.raw.is_empty() {
            return Ok(None);
        }
        let raw = std::mem::take(&mut self.raw);
        let packed = zstd::bulk::compress(&raw, LEVEL)?;
        let mut block = Vec::with_capacity(packed.len() + 12);
        for number in [packed.len() as u32, raw.len() as u32, crc(&packed)] {
            block.extend_from_slice(&number.to_le_bytes());
        }
        block.extend_from_slice(&packed);
        Ok(Some(block))
    }
}
