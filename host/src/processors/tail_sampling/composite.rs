//! `composite`: members that share a number of spans a second, each with a part of it.
//!
//! The rule asks the members and makes claims of their votes; the panel, which keeps state, says which claims there is room for. As in
//! the Go processor, the count of spans begins anew with each second of the clock. What else the two modes do:
//!
//! | | `mode: go` | `mode: documented` |
//! |---|---|---|
//! | order | that of the members | `policy_order`, then that of the members |
//! | a trace is | the first member's that samples it; if that has no room, it is not sampled | the first member's that samples it and has room |
//! | a member's room | its allocation | its allocation, and what members before it left of theirs |
//! | `max_total_spans_per_second` | for each member | for all members together |
//! | members without a percentage | each gets the total divided by the number of all members | share what the others leave |

use super::hash::TraceId;
use super::rules::{Panel, Rule};
use super::settings::{Composite as Block, CompositeMode as Mode};
use super::vote::{Grounds, Vote};

/// The rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Composite {
    /// Where the panel has its budget.
    pub(super) leaf: usize,
    pub(super) mode: Mode,
    /// In the order in which they are asked, with the numbers of their names.
    pub(super) members: Vec<(u16, Rule)>,
}

/// A member wants a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// The trace's place in the batch.
    pub(super) candidate: u32,
    /// The member's place.
    pub(super) member: usize,
}

/// What became of a claim; a later one on the same trace takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) claim: Claim,
    pub(super) is_admitted: bool,
}

impl Composite {
    pub(super) fn ask(&self, panel: &mut dyn Panel, candidates: &[u32]) -> Vec<Vote> {
        let mut hearing =
            Hearing { votes: vec![Vote::No; candidates.len()], candidates, claims: Vec::new(), settled: Vec::new() };
        let mut open: Vec<usize> = (0..candidates.len()).collect();
        for (member, (name, rule)) in self.members.iter().enumerate() {
            if open.is_empty() {
                break;
            }
            let asked: Vec<u32> = open.iter().map(|at| candidates[*at]).collect();
            let answers = rule.ask(panel, &asked);
            hearing.hear(&mut open, answers, member, *name);
            if self.mode == Mode::Documented {
                open.extend(hearing.settle(panel, self.leaf));
                open.sort_unstable();
            }
        }
        // In the order of the traces, as if each had been asked about on its own.
        hearing.claims.sort_unstable_by_key(|(at, _, _)| *at);
        hearing.settle(panel, self.leaf);
        panel.settled(self.leaf, &hearing.settled);
        hearing.votes
    }
}

/// The members' votes on the candidates, as they come in.
struct Hearing<'a> {
    votes: Vec<Vote>,
    candidates: &'a [u32],
    /// Place among the candidates, member, and what its vote stands on.
    claims: Vec<(usize, usize, Grounds)>,
    settled: Vec<Settled>,
}

impl Hearing<'_> {
    /// Leaves open what the member does not decide.
    fn hear(&mut self, open: &mut Vec<usize>, answers: Vec<Vote>, member: usize, name: u16) {
        let mut answers = answers.into_iter();
        open.retain(|at| match answers.next().unwrap_or(Vote::Missing) {
            Vote::No => true,
            Vote::Sample(grounds) => {
                self.claims.push((*at, member, Grounds { member: Some(name), ..grounds }));
                false
            }
            other => {
                self.votes[*at] = other;
                false
            }
        });
    }

    /// Has the claims decided; gives those places that there was no room for.
    fn settle(&mut self, panel: &mut dyn Panel, leaf: usize) -> Vec<usize> {
        let claims = std::mem::take(&mut self.claims);
        let claim =
            |(at, member, _): &(usize, usize, Grounds)| Claim { candidate: self.candidates[*at], member: *member };
        let asked: Vec<Claim> = claims.iter().map(claim).collect();
        let mut admitted = panel.admit(leaf, &asked).into_iter();
        let mut refused = Vec::new();
        for ((at, _, grounds), claim) in claims.into_iter().zip(asked) {
            let is_admitted = admitted.next().unwrap_or(false);
            if is_admitted {
                self.votes[at] = Vote::Sample(grounds);
            } else {
                refused.push(at);
            }
            self.settled.push(Settled { claim, is_admitted });
        }
        refused
    }
}

/// The reasons for what becomes of claims, two for each member.
pub(super) fn reasons<'a>(members: impl Iterator<Item = &'a str>) -> Vec<String> {
    members.flat_map(|name| [format!("{name}: over its rate"), format!("{name}: within its rate")]).collect()
}

impl Settled {
    /// Its place in [`reasons`].
    pub(super) fn reason(self) -> u16 {
        u16::try_from(self.claim.member * 2).unwrap_or(u16::MAX - 1) + u16::from(self.is_admitted)
    }
}

/// Which member a reason is about.
pub(super) fn member_of(reason: u16) -> usize {
    usize::from(reason / 2)
}

/// How many spans a composite may still sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    mode: Mode,
    max: u64,
    /// By member.
    allocations: Vec<u64>,
    /// One for each shard of the Go processor, if their number is set.
    windows: Vec<Window>,
}

/// Spans in a second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Window {
    second: u64,
    /// By member.
    used: Vec<u64>,
}

/// Names the form of [`Budget::save`].
pub(super) const STATE_SCHEMA: &str = "composite:(second:u64le,used:u64le*)*";

impl Budget {
    /// Of a block whose members are asked in this order.
    pub(super) fn new(block: &Block, order: &[usize], shards: usize) -> Self {
        let total = block.max_total_spans_per_second.max(0).unsigned_abs();
        let max = if total > 0 { (total / shards as u64).max(1) } else { 0 };
        let allocations = allocations(block, max);
        let windows = vec![Window { second: 0, used: vec![0; order.len()] }; shards];
        Self { mode: block.mode, max, allocations: order.iter().map(|member| allocations[*member]).collect(), windows }
    }

    /// Whether there is room for so many spans more of a member's; if so, they count.
    pub(super) fn admit(&mut self, now: u64, trace: TraceId, member: usize, spans: u64) -> bool {
        let Self { mode, max, allocations, windows } = self;
        let shard = trace.shard(windows.len());
        let window = &mut windows[shard];
        let second = now / 1_000_000_000;
        if window.second != second {
            window.second = second;
            window.used.fill(0);
        }
        let is_admitted = match mode {
            Mode::Go => {
                let used = window.used[member] + spans;
                used <= allocations[member] && used <= *max
            }
            Mode::Documented => {
                let sum = |of: &[u64]| of.iter().sum::<u64>();
                let room = sum(&allocations[..=member]);
                sum(&window.used[..=member]) + spans <= room && sum(&window.used) + spans <= *max
            }
        };
        if is_admitted {
            window.used[member] += spans;
        }
        is_admitted
    }

    pub(super) fn save(&self) -> Vec<u8> {
        let numbers = self.windows.iter().flat_map(|window| std::iter::once(&window.second).chain(&window.used));
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    }

    /// Goes on from what another one saved, if that had as many members and shards.
    pub(super) fn restore(&mut self, state: &[u8]) {
        let numbers: Vec<u64> = state.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let len = self.allocations.len() + 1;
        if numbers.len() == self.windows.len() * len {
            let window = |numbers: &[u64]| Window { second: numbers[0], used: numbers[1..].to_vec() };
            self.windows = numbers.chunks(len).map(window).collect();
        }
    }
}

/// Spans a second of each member, in the order of the configuration.
fn allocations(block: &Block, max: u64) -> Vec<u64> {
    let percent = |name: &str| {
        // Of several for one member, the last counts.
        let of_member = block.rate_allocation.iter().rev().find(|allocation| allocation.policy == name);
        of_member.map(|allocation| allocation.percent).filter(|percent| *percent > 0)
    };
    let percents: Vec<Option<i64>> = block.composite_sub_policy.iter().map(|member| percent(&member.name)).collect();
    match block.mode {
        // Rounded as there: 29 % of 100 are 28.
        Mode::Go => {
            let rest = max as f64 / percents.len() as f64;
            let share = |percent: i64| percent as f64 / 100.0 * max as f64;
            percents.into_iter().map(|percent| percent.map_or(rest, share) as u64).collect()
        }
        Mode::Documented => {
            let share = |percent: i64| (u128::from(max) * u128::from(percent.unsigned_abs()) / 100) as u64;
            let unsaid = percents.iter().filter(|percent| percent.is_none()).count() as u64;
            let said = percents.iter().flatten().map(|percent| share(*percent)).fold(0, u64::saturating_add);
            let rest = max.saturating_sub(said) / unsaid.max(1);
            percents.into_iter().map(|percent| percent.map_or(rest, share)).collect()
        }
    }
}

#[cfg(test)]
mod tests;
