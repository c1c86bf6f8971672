//! How full memory is, and what is done about it before anything is refused: free segments go back, sparse ones are
//! compacted and old ones packed, then the heaviest traces are decided early.

use super::core::Core;

/// Shares of a bound at which the next measure is taken.
const COMPACT_SHARE: f64 = 0.8;
const EARLY_SHARE: f64 = 0.9;
/// What packing brings it down to.
const PACKED_SHARE: f64 = 0.75;
/// What early decisions bring it down to.
const RELIEVED_SHARE: f64 = 0.85;
/// Deciding early is of no use if others hold the memory: the buffer's share of what is used, from which it is done.
const WORTHWHILE_SHARE: f64 = 0.1;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Level {
    /// Nothing.
    Calm,
    /// Give free segments back, compact, pack.
    Compact,
    /// Decide the heaviest traces early.
    Early,
    /// Refuse.
    Full,
}

/// How full memory is at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pressure {
    pub(super) level: Level,
    /// Bytes to get rid of by deciding early.
    pub(super) excess_bytes: usize,
    /// Bytes to get rid of by packing.
    pub(super) loose_bytes: usize,
}

impl Pressure {
    /// Reads the process's memory and the buffer's own bytes.
    pub(super) fn read(core: &Core) -> Self {
        let own = core.buffer_bytes() as f64;
        let memory = &core.cx.host.memory;
        let of_process = memory.soft_bound_bytes().map(|bound| Self::of(memory.used_bytes() as f64, bound as f64, own));
        let max = core.live().max_buffer_bytes as f64;
        let of_buffer = (max > 0.0).then(|| Self::of(own, max, own));
        let calm = Self { level: Level::Calm, excess_bytes: 0, loose_bytes: 0 };
        of_process
            .into_iter()
            .chain(of_buffer)
            .max_by_key(|pressure| (pressure.level, pressure.excess_bytes))
            .unwrap_or(calm)
    }

    fn of(used: f64, bound: f64, own: f64) -> Self {
        let share = used / bound.max(1.0);
        let is_worthwhile = own >= used * WORTHWHILE_SHARE;
        let level = match share {
            share if share >= 1.0 => Level::Full,
            share if share >= EARLY_SHARE && is_worthwhile => Level::Early,
            share if share >= COMPACT_SHARE => Level::Compact,
            _ => Level::Calm,
        };
        let above = |share: f64| if is_worthwhile { (used - bound * share).max(0.0) as usize } else { 0 };
        Self { level, excess_bytes: above(RELIEVED_SHARE), loose_bytes: above(PACKED_SHARE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_follow_the_share_of_the_bound() {
        let cases = [
            (740.0, 500.0, Level::Calm, 0, 0),
            (800.0, 500.0, Level::Compact, 0, 50),
            (900.0, 500.0, Level::Early, 50, 150),
            (900.0, 80.0, Level::Compact, 0, 0),
            (1000.0, 500.0, Level::Full, 150, 250),
            (1000.0, 0.0, Level::Full, 0, 0),
        ];
        for (used, own, level, excess_bytes, loose_bytes) in cases {
            let want = Pressure { level, excess_bytes, loose_bytes };
            assert_eq!(Pressure::of(used, 1000.0, own), want, "{used} used, {own} own");
        }
    }
}
