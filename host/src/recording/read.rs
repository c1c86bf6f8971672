//! Blocks to records; and OTLP files, which are made into records by a [`Rule`].

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use bytes::Bytes;
use prost::Message;

use super::{Content, Head, MAGIC, MAX_BLOCK_BYTES, Record, Rule, Slice, VERSION, crc, made_up};

/// An OTLP file is read whole.
const MAX_OTLP_BYTES: u64 = 2 << 30;

/// Why a file can not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// By the system.
    #[error("can not read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Of another version.
    #[error("the recording is of version {0}; this program reads version {VERSION}")]
    Version(u32),
    /// Not what was written.
    #[error("the recording is damaged: {0}")]
    Damaged(String),
    /// Neither a recording nor OTLP.
    #[error("{path} is neither a recording nor OTLP traces: {why}")]
    Unknown {
        /// The file.
        path: String,
        /// As what it was read last, and what was wrong with that.
        why: String,
    },
}

/// The records of a file, one after the other.
pub struct Reader {
    path: String,
    source: Source,
}

enum Source {
    Blocks { file: BufReader<File>, block: Bytes },
    MadeUp { head: Option<Head>, slices: std::vec::IntoIter<Slice> },
}

impl Reader {
    /// Of a recording, or of any file of OTLP traces (JSON, JSON lines, protobuf), whose batches `rule` makes up.
    pub fn open(path: &Path, rule: Rule) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        let failed = |source| ReadError::Io { path: name.clone(), source };
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let mut start = Vec::new();
        file.by_ref().take(MAGIC.len() as u64).read_to_end(&mut start).map_err(failed)?;
        if start == MAGIC {
            let mut version = [0; 4];
            file.read_exact(&mut version).map_err(|_| ReadError::Damaged("it ends in its first bytes".to_owned()))?;
            return match u32::from_le_bytes(version) {
                VERSION => Ok(Self { path: name, source: Source::Blocks { file, block: Bytes::new() } }),
                other => Err(ReadError::Version(other)),
            };
        }
        file.take(MAX_OTLP_BYTES + 1).read_to_end(&mut start).map_err(failed)?;
        if start.len() as u64 > MAX_OTLP_BYTES {
            let why = format!("it has more than {} GiB", MAX_OTLP_BYTES >> 30);
            return Err(ReadError::Unknown { path: name, why });
        }
        let slices = made_up::slices(&start, rule).map_err(|why| ReadError::Unknown { path: name.clone(), why })?;
        let head =
            Some(Head { host_version: String::new(), processor: String::new(), started: 0, redacted: Vec::new() });
        Ok(Self { path: name, source: Source::MadeUp { head, slices: slices.into_iter() } })
    }

    /// Whether its batches are made up.
    pub fn is_made_up(&self) -> bool {
        matches!(self.source, Source::MadeUp { .. })
    }

    /// The next record; `None` at the end.
    pub fn read(&mut self) -> Result<Option<Content>, ReadError> {
        let Self { path, source } = self;
        match source {
            Source::MadeUp { head, slices } => {
                Ok(head.take().map(Content::Head).or_else(|| slices.next().map(Content::Slice)))
            }
            Source::Blocks { file, block } => loop {
                if block.is_empty() {
                    match next_block(file, path)? {
                        Some(next) => *block = next,
                        None => return Ok(None),
                    }
                }
                let record = Record::decode_length_delimited(&mut *block);
                let record = record.map_err(|error| ReadError::Damaged(error.to_string()))?;
                // Of a later writer, which says that it may be left out.
                if let Some(content) = record.content {
                    return Ok(Some(content));
                }
            },
        }
    }
}

fn next_block(file: &mut BufReader<File>, path: &str) -> Result<Option<Bytes>, ReadError> {
    let failed = |source| ReadError::Io { path: path.to_owned(), source };
    let damaged = |what: &str| ReadError::Damaged(what.to_owned());
    let mut head = Vec::new();
    file.by_ref().take(12).read_to_end(&mut head).map_err(failed)?;
    let (words, rest) = head.as_chunks::<4>();
    let [packed_len, raw_len, sum] = match (words, rest) {
        ([], []) => return Ok(None),
        ([a, b, c], []) => [*a, *b, *c].map(u32::from_le_bytes),
        _ => return Err(damaged("it ends in a block's first bytes")),
    };
    if packed_len as usize > MAX_BLOCK_BYTES || raw_len as usize > MAX_BLOCK_BYTES {
        return Err(damaged("a block is larger than any"));
    }
    let mut packed = Vec::new();
    file.by_ref().take(u64::from(packed_len)).read_to_end(&mut packed).map_err(failed)?;
    if packed.len() < packed_len as usize {
        return Err(damaged("it ends within a block"));
    }
    if crc(&packed) != sum {
        return Err(damaged("a block's checksum is wrong"));
    }
    let raw = zstd::bulk::decompress(&packed, raw_len as usize).map_err(|error| damaged(&error.to_string()))?;
    if raw.len() != raw_len as usize {
        return Err(damaged("a block has another length than it says"));
    }
    Ok(Some(raw.into()))
}
