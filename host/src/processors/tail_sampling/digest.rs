//! What is kept of a trace's spans at arrival: enough for the policies on time, status and size, which then never touch a span.

use tailrace_otlp::view::SpanHead;

/// Bits of [`Digest::seen`], as the plugin contract numbers them.
pub(super) mod seen {
    pub(in super::super) const STATUS: [u8; 3] = [1, 2, 4];
    pub(in super::super) const ROOT: u8 = 8;
    pub(in super::super) const SAMPLED: u8 = 16;
}

/// Of some spans: when they began and ended, how many they are, and which kinds were among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    /// Unix nanoseconds; spans without a start do not count. 0: no span had one.
    pub(super) start: u64,
    /// Unix nanoseconds.
    pub(super) end: u64,
    pub(super) spans: u32,
    pub(super) seen: u8,
}

impl Digest {
    /// Of one span.
    #[inline]
    pub(super) fn of(head: &SpanHead) -> Self {
        let mut seen = *seen::STATUS.get(usize::from(head.status)).unwrap_or(&0);
        if head.parent_is_empty {
            seen |= seen::ROOT;
        }
        if head.flags & 1 != 0 {
            seen |= seen::SAMPLED;
        }
        Self { start: head.start, end: head.end, spans: 1, seen }
    }

    /// Of these and other spans.
    #[inline]
    pub(super) fn merge(&mut self, other: Self) {
        // Minus 1 makes 0 the largest of all: a start that is not set.
        self.start = self.start.wrapping_sub(1).min(other.start.wrapping_sub(1)).wrapping_add(1);
        self.end = self.end.max(other.end);
        self.spans = self.spans.saturating_add(other.spans);
        self.seen |= other.seen;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_of_zero_is_no_start() {
        let span = |start, end| Digest { start, end, spans: 1, seen: 1 };
        let of = |spans: &[Digest]| {
            let merged = |mut all: Digest, one: Digest| {
                all.merge(one);
                all
            };
            spans.iter().copied().reduce(merged).unwrap()
        };
        assert_eq!(of(&[span(5, 6), span(3, 4)]), Digest { start: 3, end: 6, spans: 2, seen: 1 });
        assert_eq!(of(&[span(0, 6), span(3, 4)]).start, 3);
        assert_eq!(of(&[span(3, 6), span(0, 4)]).start, 3);
        assert_eq!(of(&[span(0, 6)]), Digest { start: 0, end: 6, spans: 1, seen: 1 });
    }
}
