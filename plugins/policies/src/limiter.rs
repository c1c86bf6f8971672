//! What `rate_limiting` and `bytes_limiting` share: a bucket of tokens, and traces that cost some.
//!
//! Ordinarily a trace is sampled if the bucket holds its cost when its turn comes, in order of arrival. With `tracestate`, the traces
//! that are decided together are taken in the order of their randomness, the highest first, until one does not fit: so all that is
//! sampled, and nothing that is not, lies above one threshold, which the votes carry. A trace that costs more than the burst is never
//! sampled, and is in nobody's way.
//!
//! The Go processor has a limiter per shard, each with its part of the rate (at least 1) and the whole burst. With `shards`, there are
//! as many buckets here, and a trace takes from the one that it falls to there.

use tailrace_sdk::otlp::tracestate::Threshold;
use tailrace_sdk::{Batch, Diagnostics, Needs, Verdict, Votes};

use crate::bucket::{Bucket, STATE_BYTES, Terms};
use crate::randomness::{self, Reader};

/// Names the form of [`Limiter::save`].
pub(crate) const STATE_SCHEMA: &str = "buckets:(level:u128le,refilled:u64le)*";

/// The reasons of votes, in the order of [`Reason`].
pub(crate) const REASONS: &[&str] = &["within the limit", "over the limit", "larger than the burst"];

/// Places in [`REASONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Within = 0,
    Over = 1,
    TooLarge = 2,
}

/// Limits what costs something.
pub(crate) struct Limiter {
    terms: Terms,
    /// One for each shard.
    buckets: Vec<Bucket>,
    /// Present if traces are taken by their randomness.
    reader: Option<Reader>,
}

/// As the Go processor.
const MAX_SHARDS: u32 = 256;

impl Limiter {
    /// `rate` is the name of the option in messages.
    pub(crate) fn new(
        rate: &str,
        per_second: i64,
        burst: i64,
        shards: u32,
        tracestate: bool,
    ) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::none();
        if per_second < 0 {
            problems.push(format!("/{rate}"), format!("{rate} must not be negative"));
        }
        if shards > MAX_SHARDS {
            problems.push("/shards", format!("shards must be at most {MAX_SHARDS}"));
        }
        problems.or(())?;
        let (per_second, shards) = (per_second.unsigned_abs(), shards.max(1));
        let burst = if burst > 0 { burst.unsigned_abs() } else { per_second.saturating_mul(2) };
        let terms = Terms { per_second: per_second.min(1).max(per_second / u64::from(shards)), burst };
        let buckets = vec![Bucket::full(terms); shards as usize];
        Ok(Self { terms, buckets, reader: tracestate.then(Reader::default) })
    }

    pub(crate) fn needs(&self) -> Needs {
        if self.reader.is_some() { Needs::nothing().trace_state() } else { Needs::nothing() }
    }

    /// Votes on the candidates, of which each costs what `cost` says.
    pub(crate) fn vote(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes, cost: impl Fn(u32) -> u64) {
        for bucket in &mut self.buckets {
            bucket.refill(self.terms, batch.now());
        }
        match self.reader.take() {
            None => self.in_turn(batch, candidates, votes, cost),
            Some(mut reader) => {
                reader.start();
                self.by_randomness(batch, candidates, votes, cost, &mut reader);
                self.reader = Some(reader);
            }
        }
    }

    fn in_turn(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes, cost: impl Fn(u32) -> u64) {
        for &trace in candidates {
            let cost = cost(trace);
            let shard = self.shard(batch, trace);
            let reason = match cost <= self.terms.burst {
                true if self.buckets[shard].take(cost) => Reason::Within,
                true => Reason::Over,
                false => Reason::TooLarge,
            };
            votes.push_because(reason == Reason::Within, reason as u16);
        }
    }

    fn by_randomness(
        &mut self,
        batch: &Batch<'_>,
        candidates: &[u32],
        votes: &mut Votes,
        cost: impl Fn(u32) -> u64,
        reader: &mut Reader,
    ) {
        let mut claims = Vec::with_capacity(candidates.len());
        let mut of_shards = vec![Vec::new(); self.buckets.len()];
        for &trace in candidates {
            let claim = Claim { randomness: reader.of(batch, trace), cost: cost(trace) };
            let shard = self.shard(batch, trace);
            claims.push((claim, shard));
            if claim.cost <= self.terms.burst {
                of_shards[shard].push(claim);
            }
        }
        let thresholds: Vec<Threshold> =
            self.buckets.iter_mut().zip(&mut of_shards).map(|(bucket, claims)| spend(bucket, claims)).collect();
        for (claim, shard) in claims {
            let threshold = thresholds[shard];
            let reason = match claim.cost <= self.terms.burst {
                true if threshold.samples(claim.randomness) => Reason::Within,
                true => Reason::Over,
                false => Reason::TooLarge,
            };
            votes.push_because(Verdict::from(reason == Reason::Within), reason as u16);
            votes.threshold(randomness::bits(threshold));
        }
    }

    fn shard(&self, batch: &Batch<'_>, trace: u32) -> usize {
        match self.buckets.len() {
            1 => 0,
            shards => shard_of(batch.trace(trace).id(), shards),
        }
    }

    pub(crate) fn save(&self) -> Vec<u8> {
        let mut state = Vec::with_capacity(self.buckets.len() * STATE_BYTES);
        self.buckets.iter().for_each(|bucket| bucket.save(&mut state));
        state
    }

    /// Goes on from what another one saved. Where that had another number of buckets, these begin with an equal part of its tokens.
    pub(crate) fn restore(&mut self, state: &[u8]) {
        let saved: Vec<Bucket> =
            state.as_chunks().0.iter().map(|bucket| Bucket::restored(bucket, self.terms)).collect();
        if saved.len() == self.buckets.len() {
            self.buckets = saved;
        } else if let Some(first) = saved.first() {
            let tokens = saved.iter().map(|bucket| u128::from(bucket.tokens())).sum::<u128>();
            let part = tokens / self.buckets.len() as u128;
            self.buckets.fill(first.holding(u64::try_from(part).unwrap_or(u64::MAX), self.terms));
        }
    }
}

/// A trace that wants tokens.
#[derive(Clone, Copy, Debug)]
struct Claim {
    randomness: u64,
    cost: u64,
}

/// Spends what the bucket holds on the claims of the highest randomness, and gives the threshold above which they lie.
fn spend(bucket: &mut Bucket, claims: &mut [Claim]) -> Threshold {
    claims.sort_by_key(|claim| std::cmp::Reverse(claim.randomness));
    let budget = bucket.tokens();
    let mut spent = 0_u64;
    let rejected = claims.iter().position(|claim| {
        spent = spent.saturating_add(claim.cost);
        spent > budget
    });
    let Some(rejected) = rejected else {
        bucket.take(spent);
        return Threshold::ALWAYS;
    };
    // A threshold can not tell equals apart, so those that equal the first that was rejected go with it.
    let bar = claims[rejected].randomness;
    let kept = claims[..rejected].partition_point(|claim| claim.randomness > bar);
    bucket.take(claims[..kept].iter().map(|claim| claim.cost).sum());
    if kept == 0 { Threshold::NEVER } else { Threshold::new(bar + 1) }
}

/// The shard of the Go processor that a trace falls to.
fn shard_of(id: [u8; 16], shards: usize) -> usize {
    let (low, high) = id.split_at(8);
    let half = |half: &[u8]| half.try_into().map_or(0, u64::from_le_bytes);
    let mut hash = half(low) ^ half(high);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((hash ^ hash >> 31) % shards as u64) as usize
}

#[cfg(test)]
mod tests;
