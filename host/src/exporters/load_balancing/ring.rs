//! Which backend has a key: the Go exporter's ring, bit for bit, in its three generations.
//!
//! Each backend holds points on a circle of numbered positions, at the CRC-32 of its name and the point's number. A key belongs to the
//! first point at or behind its own CRC-32. Which point gets a position that several want is what the generations differ in.

use serde::{Deserialize, Serialize};

/// Whose backends: fleets whose members have different generations send spans of one trace to different backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generation {
    /// Until the middle of 2025.
    Gen1,
    /// v0.145 has it, and v0.150.
    Gen2,
    /// v0.160 has it.
    #[default]
    Gen3,
}

/// A point gives up after so many positions that are taken.
const MAX_PROBES: usize = 10;

/// Nobody's.
const FREE: u16 = u16::MAX;

/// More backends than this are not told apart; the circle has no room for as many.
pub(super) const MAX_BACKENDS: usize = FREE as usize;

/// The circle, with the owner of every position: looking one up takes a CRC and one read.
#[derive(PartialEq, Eq)]
pub struct Ring {
    owners: Box<[u16]>,
}

impl Generation {
    /// Positions on the circle.
    fn positions(self) -> usize {
        match self {
            Self::Gen1 | Self::Gen2 => 36_000,
            Self::Gen3 => (1 << 17) - 1,
        }
    }

    /// Points of each backend.
    fn points(self) -> u32 {
        match self {
            Self::Gen1 | Self::Gen2 => 100,
            Self::Gen3 => 200,
        }
    }

    fn hash(self, endpoint: &str, point: u32) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(endpoint.as_bytes());
        match self {
            Self::Gen1 => hasher.update(&[point as u8]),
            Self::Gen2 | Self::Gen3 => hasher.update(&point.to_le_bytes()),
        }
        hasher.finalize()
    }

    /// Whether `service` as a key of traces is the bare value.
    pub(super) fn has_bare_service_key(self) -> bool {
        self != Self::Gen3
    }
}

impl Ring {
    /// The ring of `endpoints`, which are sorted; those beyond 65,535 get nothing.
    pub fn new<E: AsRef<str>>(generation: Generation, endpoints: &[E]) -> Self {
        let mut owners = taken(generation, endpoints);
        // Backwards twice around, so that every position has the first point at or behind it.
        let mut next = FREE;
        for _ in 0..2 {
            for owner in owners.iter_mut().rev() {
                if *owner == FREE {
                    *owner = next;
                }
                next = *owner;
            }
        }
        Self { owners }
    }

    /// The place of the key's backend in the list of endpoints; none if that is empty.
    #[inline]
    pub fn owner(&self, key: &[u8]) -> Option<usize> {
        let position = crc32fast::hash(key) as usize % self.owners.len();
        Some(self.owners[position]).filter(|owner| *owner != FREE).map(usize::from)
    }
}

/// The positions that hold a point, with their owners.
fn taken<E: AsRef<str>>(generation: Generation, endpoints: &[E]) -> Box<[u16]> {
    let mut slots = vec![FREE; generation.positions()].into_boxed_slice();
    for (_, hash, owner) in candidates(generation, endpoints) {
        let wanted = hash as usize % slots.len();
        let place = match generation {
            Generation::Gen1 => Some(wanted).filter(|place| slots[*place] == FREE),
            Generation::Gen2 | Generation::Gen3 => probe(&slots, wanted),
        };
        if let Some(place) = place {
            slots[place] = owner;
        }
    }
    slots
}

/// Every point as (position, hash, owner), in the order in which they choose.
fn candidates<E: AsRef<str>>(generation: Generation, endpoints: &[E]) -> Vec<(usize, u32, u16)> {
    let points = endpoints.iter().take(MAX_BACKENDS).enumerate().flat_map(|(owner, endpoint)| {
        (0..generation.points()).map(move |point| {
            let hash = generation.hash(endpoint.as_ref(), point);
            (hash as usize % generation.positions(), hash, owner as u16)
        })
    });
    let mut candidates: Vec<_> = points.collect();
    if generation == Generation::Gen3 {
        // By endpoint last; the owner's number stands for it, as the list is sorted.
        candidates.sort_unstable();
    }
    candidates
}

/// The first free position from `wanted` on. A point that made all its steps gives up, even where the last one led to a free position.
fn probe(slots: &[u16], wanted: usize) -> Option<usize> {
    (0..MAX_PROBES).map(|step| (wanted + step) % slots.len()).find(|place| slots[*place] == FREE)
}

#[cfg(test)]
mod tests;
