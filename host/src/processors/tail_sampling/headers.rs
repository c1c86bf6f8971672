//! The resource and scope headers of one segment, each held once however many runs refer to it.

use hashbrown::HashTable;

/// Header bytes with their hash, worked out once per request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) hash: u64,
}

/// Interned headers. A pair of a resource's and a scope's header is what a run refers to.
#[derive(Default)]
pub(super) struct Headers {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    by_bytes: HashTable<u32>,
    pairs: Vec<(u32, u32)>,
    by_parts: HashTable<u32>,
}

struct Part {
    start: u32,
    len: u32,
    hash: u64,
}

impl Headers {
    /// The place of this pair, added if it is new.
    pub(super) fn intern(&mut self, resource: Header<'_>, scope: Header<'_>) -> u32 {
        let pair = (self.part(resource), self.part(scope));
        let Self { pairs, by_parts, .. } = self;
        let hash = |pair: (u32, u32)| (u64::from(pair.0) << 32 | u64::from(pair.1)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if let Some(place) = by_parts.find(hash(pair), |place| pairs[*place as usize] == pair) {
            return *place;
        }
        let place = pairs.len() as u32;
        pairs.push(pair);
        by_parts.insert_unique(hash(pair), place, |place| hash(pairs[*place as usize]));
        place
    }

    fn part(&mut self, header: Header<'_>) -> u32 {
        let Self { bytes, parts, by_bytes, .. } = self;
        let same = |place: &u32| {
            let part = &parts[*place as usize];
            part.hash == header.hash && slice(bytes, part) == header.bytes
        };
        if let Some(place) = by_bytes.find(header.hash, same) {
            return *place;
        }
        let place = parts.len() as u32;
        parts.push(Part { start: bytes.len() as u32, len: header.bytes.len() as u32, hash: header.hash });
        bytes.extend_from_slice(header.bytes);
        by_bytes.insert_unique(header.hash, place, |place| parts[*place as usize].hash);
        place
    }

    /// The resource and the scope header of a pair.
    pub(super) fn pair(&self, place: u32) -> (&[u8], &[u8]) {
        let (resource, scope) = self.parts_of(place);
        (slice(&self.bytes, resource), slice(&self.bytes, scope))
    }

    /// The same with hashes, for interning them elsewhere.
    pub(super) fn hashed(&self, place: u32) -> (Header<'_>, Header<'_>) {
        let (resource, scope) = self.parts_of(place);
        let header = |part: &Part| Header { bytes: slice(&self.bytes, part), hash: part.hash };
        (header(resource), header(scope))
    }

    fn parts_of(&self, place: u32) -> (&Part, &Part) {
        let (resource, scope) = self.pairs[place as usize];
        (&self.parts[resource as usize], &self.parts[scope as usize])
    }

    /// Bytes of all headers held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

fn slice<'a>(bytes: &'a [u8], part: &Part) -> &'a [u8] {
    &bytes[part.start as usize..][..part.len as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processors::tail_sampling::hash;

    #[test]
    fn equal_headers_are_held_once() {
        let mut headers = Headers::default();
        let [a, b, scope] =
            [&b"resource a"[..], b"resource b", b""].map(|bytes| Header { bytes, hash: hash::bytes(bytes) });
        let pairs =
            [headers.intern(a, scope), headers.intern(b, scope), headers.intern(a, scope), headers.intern(a, a)];
        assert_eq!(pairs, [0, 1, 0, 2]);
        assert_eq!(headers.bytes(), 20);
        assert_eq!(headers.pair(1), (&b"resource b"[..], &b""[..]));
        assert_eq!(headers.hashed(2).1.hash, a.hash);
    }
}
