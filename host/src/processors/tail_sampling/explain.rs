//! The last decisions with all votes, for `tailrace explain`: a ring of a bounded number of traces.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::composite::{self, Claim};
use super::core::Names;
use super::digest::{Digest, seen};
use super::hash::TraceId;
use super::judge::Occasion;
use super::rules::{Keep, Panel, Rule, Verdict};
use super::vote::Vote;
use super::witness::{Asked, Noted, Roster, Witnesses};
use crate::explain::{Cast, Explanation, PolicyVote};
use crate::host::admin;
use crate::recording;
use crate::wasm::policy::{Columns, Needs};

pub(super) struct Memory(Mutex<Ring>);

#[derive(Default)]
struct Ring {
    slices: VecDeque<Slice>,
    /// In all of them.
    traces: usize,
    /// Slices beyond so many traces go, the oldest first.
    max: usize,
}

/// Traces that were judged together.
struct Slice {
    now: u64,
    occasion: Occasion,
    roster: Arc<Roster>,
    traces: Vec<Remembered>,
    ballots: Vec<Ballot>,
}

/// A decision.
struct Remembered {
    id: TraceId,
    digest: Digest,
    bytes: u32,
    /// Its place in the slice as it was judged.
    place: u32,
    /// The name of the policy that kept it.
    kept: Option<Arc<str>>,
    dropped: bool,
}

/// What one evaluator said of one trace.
struct Ballot {
    place: u32,
    leaf: u16,
    said: Said,
}

/// What takes the place of a vote.
#[derive(Clone, Copy)]
enum Instead {
    /// What `on_error` says.
    Verdict(Option<u8>),
    /// The votes of the fallback.
    Fallback,
}

#[derive(Clone)]
enum Said {
    Vote {
        verdict: u8,
        threshold: Option<[u8; 7]>,
        reason: Option<u16>,
    },
    /// Why there was no vote, and what counts instead.
    Failed(Arc<str>, Instead),
}

impl Said {
    fn vote(&self) -> Vote {
        match self {
            Self::Vote { verdict, .. } => Vote::of(*verdict),
            Self::Failed(_, Instead::Fallback) => Vote::Deferred,
            Self::Failed(_, Instead::Verdict(verdict)) => verdict.map_or(Vote::Missing, Vote::of),
        }
    }
}

impl Memory {
    /// Of so many traces; of none: no memory.
    pub(super) fn of(traces: usize) -> Option<Arc<Self>> {
        (traces > 0).then(|| Arc::new(Self(Mutex::new(Ring { max: traces, ..Ring::default() }))))
    }

    pub(super) fn resize(&self, traces: usize) {
        let mut ring = self.0.lock();
        ring.max = traces;
        ring.make_room();
    }

    /// Remembers that no policy wanted these traces while their spans came.
    pub(super) fn add_unwanted(&self, now: u64, roster: &Arc<Roster>, traces: &[Noted], names: &Names) {
        self.add(now, Occasion::Due, roster, traces, &[], &vec![Verdict::NotSampled; traces.len()], names);
    }

    /// Remembers what was decided in a slice.
    #[expect(clippy::too_many_arguments, reason = "all that there is to a decision")]
    pub(super) fn add(
        &self,
        now: u64,
        occasion: Occasion,
        roster: &Arc<Roster>,
        traces: &[Noted],
        asked: &[Asked],
        verdicts: &[Verdict],
        names: &Names,
    ) {
        let is_over = |verdict: &Verdict| occasion != Occasion::Ingest || *verdict != Verdict::NotSampled;
        let judged = traces.iter().zip(verdicts).enumerate().filter(|(_, (_, verdict))| is_over(verdict));
        let remembered = judged.map(|(place, (noted, verdict))| Remembered {
            id: noted.id,
            digest: noted.digest,
            bytes: noted.bytes,
            place: place as u32,
            kept: match verdict {
                Verdict::Keep(Keep { policy, .. }) => Some(names.get(*policy)),
                _ => None,
            },
            dropped: *verdict == Verdict::Dropped,
        });
        let remembered: Vec<_> = remembered.collect();
        if remembered.is_empty() {
            return;
        }
        let ballots = ballots(asked, |place| verdicts.get(place as usize).is_some_and(is_over));
        let slice = Slice { now, occasion, roster: roster.clone(), traces: remembered, ballots };
        let mut ring = self.0.lock();
        ring.traces += slice.traces.len();
        ring.slices.push_back(slice);
        ring.make_room();
    }
}

impl Ring {
    /// What is left are the last `max` traces, and those that were judged with the oldest of them.
    fn make_room(&mut self) {
        while let Some(oldest) = self.slices.front().map(|slice| slice.traces.len())
            && self.traces - oldest >= self.max
        {
            self.traces -= oldest;
            self.slices.pop_front();
        }
    }
}

/// The answers on the traces at these places, in one piece: a list for each trace would cost more than all the rest.
fn ballots(asked: &[Asked], is_wanted: impl Fn(u32) -> bool) -> Vec<Ballot> {
    let mut all = Vec::with_capacity(asked.iter().map(|asked| asked.candidates.len()).sum());
    for Asked { leaf, candidates, answer, defers } in asked {
        let leaf = u16::try_from(*leaf).unwrap_or(u16::MAX);
        let failed = answer.as_ref().err().map(|failure| {
            let instead = if *defers { Instead::Fallback } else { Instead::Verdict(failure.verdict) };
            (Arc::<str>::from(failure.to_string()), instead)
        });
        for (at, place) in candidates.iter().enumerate().filter(|(_, place)| is_wanted(**place)) {
            let said = match (answer, &failed) {
                (Ok(votes), _) => Said::Vote {
                    verdict: votes.verdicts.get(at).copied().unwrap_or(0),
                    threshold: votes.thresholds.as_chunks().0.get(at).copied(),
                    reason: votes.reasons.get(at).copied(),
                },
                (Err(_), Some((why, instead))) => Said::Failed(why.clone(), *instead),
                (Err(_), None) => continue,
            };
            all.push(Ballot { place: *place, leaf, said });
        }
    }
    all.shrink_to_fit();
    all
}

impl admin::Explain for Witnesses {
    fn explain(&self, prefix: &str, max: usize) -> Option<Vec<Explanation>> {
        let memory = self.memory.load_full()?;
        let ring = memory.0.lock();
        let newest =
            ring.slices.iter().rev().flat_map(|slice| slice.traces.iter().rev().map(move |trace| (slice, trace)));
        let found = newest.filter(|(_, trace)| hex::encode(trace.id.to_bytes()).starts_with(prefix)).take(max);
        Some(found.map(|(slice, trace)| slice.explain(trace, &self.id)).collect())
    }
}

impl Slice {
    fn explain(&self, trace: &Remembered, processor: &str) -> Explanation {
        let Digest { start, end, spans, seen } = trace.digest;
        let ballots = self.ballots.iter().filter(|ballot| ballot.place == trace.place);
        let votes =
            Votes { roster: &self.roster, all: ballots.map(|ballot| (ballot.leaf.into(), &ballot.said)).collect() };
        let policies = if votes.all.is_empty() { &[][..] } else { &self.roster.policies };
        let policies: Vec<_> = policies.iter().map(|(name, rule)| votes.of_policy(name, rule)).collect();
        let decided_by = match (&trace.kept, trace.dropped) {
            (Some(policy), _) => Some(policy.to_string()),
            (None, true) => policies.iter().find(|policy| policy.vote == "drop").map(|policy| policy.name.clone()),
            (None, false) => None,
        };
        let decision = match (&trace.kept, trace.dropped) {
            (Some(_), _) => "kept",
            (None, true) => "dropped",
            (None, false) => "not sampled",
        };
        Explanation {
            trace_id: hex::encode(trace.id.to_bytes()),
            processor: processor.to_owned(),
            decision: decision.to_owned(),
            decided_by,
            decided_at_unix_ns: self.now,
            occasion: recording::Occasion::from(self.occasion).as_str().to_owned(),
            start_unix_ns: start,
            duration_ns: end.saturating_sub(start),
            spans,
            bytes: trace.bytes,
            error: seen & seen::STATUS[2] != 0,
            root: seen & seen::ROOT != 0,
            policies,
        }
    }
}

/// What was said of one trace, by evaluator.
struct Votes<'a> {
    roster: &'a Roster,
    all: Vec<(usize, &'a Said)>,
}

impl Votes<'_> {
    /// A policy's vote, worked out again of what its evaluators said.
    fn of_policy(&self, name: &str, rule: &Rule) -> PolicyVote {
        let all = self.all.iter().map(|(leaf, said)| (*leaf, (*said).clone())).collect();
        let mut answers = Answers { all, asked: Vec::new(), needs: Needs::default() };
        let vote = rule.ask(&mut answers, &[0]).first().copied().unwrap_or(Vote::Missing);
        let casts: Vec<_> = answers.asked.iter().map(|leaf| self.cast(*leaf)).collect();
        let was_asked = casts.is_empty() || casts.iter().any(|cast| cast.vote != NOT_ASKED);
        let vote = match vote {
            _ if !was_asked => NOT_ASKED,
            Vote::No => "no",
            Vote::Sample(_) => "sample",
            Vote::Drop => "drop",
            Vote::Missing | Vote::Deferred => "missing",
        };
        PolicyVote { name: name.to_owned(), vote: vote.to_owned(), casts }
    }

    fn cast(&self, at: usize) -> Cast {
        let leaf = self.roster.leaves.get(at).cloned().unwrap_or_default();
        let mut cast = Cast {
            evaluator: leaf.name,
            kind: leaf.kind,
            plugin: leaf.plugin,
            digest: leaf.digest,
            vote: NOT_ASKED.to_owned(),
            ..Cast::default()
        };
        match self.all.iter().find(|(leaf, _)| *leaf == at).map(|(_, said)| *said) {
            None => {}
            Some(Said::Vote { verdict, threshold, reason }) => {
                word(*verdict).clone_into(&mut cast.vote);
                cast.threshold = threshold.map(hex::encode);
                cast.reason = reason.and_then(|reason| leaf.reasons.get(usize::from(reason)).cloned());
            }
            Some(Said::Failed(why, instead)) => {
                "missing".clone_into(&mut cast.vote);
                cast.failure = Some(why.to_string());
                cast.counts_as = match instead {
                    Instead::Fallback => Some("its fallback".to_owned()),
                    Instead::Verdict(verdict) => verdict.map(|verdict| word(verdict).to_owned()),
                };
            }
        }
        cast
    }
}

const NOT_ASKED: &str = "not asked";

fn word(verdict: u8) -> &'static str {
    match verdict {
        0 => "no",
        1 => "sample",
        _ => "drop",
    }
}

/// The evaluators' answers of then, on one trace.
struct Answers {
    all: Vec<(usize, Said)>,
    /// Which were looked at.
    asked: Vec<usize>,
    needs: Needs,
}

impl Answers {
    fn said(&mut self, leaf: usize) -> Option<&Said> {
        // A composite is asked once per member.
        if !self.asked.contains(&leaf) {
            self.asked.push(leaf);
        }
        self.all.iter().find(|(of, _)| *of == leaf).map(|(_, said)| said)
    }
}

impl Panel for Answers {
    fn refresh(&mut self) {}

    fn needs(&self) -> &Needs {
        &self.needs
    }

    fn load(&mut self, _: Columns) {}

    fn succeed(&mut self, _: &mut dyn Panel) {}

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn admit(&mut self, leaf: usize, claims: &[Claim]) -> Vec<bool> {
        let of = match self.said(leaf) {
            Some(Said::Vote { verdict: 1, reason: Some(reason), .. }) => Some(composite::member_of(*reason)),
            _ => None,
        };
        claims.iter().map(|claim| of == Some(claim.member)).collect()
    }

    fn ask(&mut self, leaf: usize, candidates: &[u32]) -> Vec<Vote> {
        let vote = self.said(leaf).map_or(Vote::Missing, Said::vote);
        vec![vote; candidates.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::super::vote::Grounds;
    use super::*;
    use crate::host::admin::Explain as _;
    use crate::recording::Leaf;
    use crate::wasm::policy::{Failure, Reason, Votes};

    fn noted(n: u8) -> Noted {
        let id = TraceId::from_bytes([n; 16]);
        let digest = Digest { start: 5, end: 9, spans: 3, seen: seen::ROOT | seen::STATUS[2] };
        Noted { id, digest, bytes: 100, otlp: Vec::new() }
    }

    fn roster() -> Arc<Roster> {
        let leaf = |name: &str| Leaf {
            name: name.to_owned(),
            reasons: vec!["why not".to_owned(), "because".to_owned()],
            ..Leaf::default()
        };
        let policies = vec![
            ("both".to_owned(), Rule::And(vec![Rule::Leaf(0), Rule::Leaf(1)])),
            ("failing".to_owned(), Rule::Leaf(2)),
            ("last".to_owned(), Rule::Leaf(3)),
        ];
        Arc::new(Roster { policies, leaves: ["both/a", "both/b", "failing", "last"].map(leaf).to_vec() })
    }

    fn asked() -> Vec<Asked> {
        let votes = |verdicts: &[u8], reasons: &[u16]| Votes {
            verdicts: verdicts.to_vec(),
            thresholds: vec![0x80; 7 * verdicts.len()],
            reasons: reasons.to_vec(),
        };
        let failure = Failure { reason: Reason::Timeout, message: "too slow".to_owned(), verdict: None };
        vec![
            Asked { leaf: 0, candidates: vec![0, 1], answer: Ok(votes(&[1, 0], &[1, 0])), defers: false },
            Asked { leaf: 1, candidates: vec![0], answer: Ok(votes(&[1], &[])), defers: false },
            Asked { leaf: 2, candidates: vec![0, 1], answer: Err(failure), defers: false },
        ]
    }

    #[test]
    fn a_decision_is_told_vote_by_vote() {
        let names = Names::default();
        let both = names.number("both");
        let witnesses = Witnesses::new("tail_sampling/x".to_owned(), 2);
        let add = |traces: &[Noted]| {
            let memory = witnesses.memory.load_full().unwrap();
            let keep = Keep { policy: both, grounds: Grounds::default() };
            let verdicts = [Verdict::Keep(keep), Verdict::NotSampled];
            memory.add(7, Occasion::Early, &roster(), traces, &asked(), &verdicts, &names);
        };
        add(&[noted(0xa1), noted(0xb2)]);
        let told = witnesses.explain("a1a1", 10).unwrap();
        let [told] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((told.decision.as_str(), told.decided_by.as_deref()), ("kept", Some("both")));
        assert_eq!((told.occasion.as_str(), told.duration_ns, told.spans, told.error), ("early", 4, 3, true));
        let votes: Vec<_> = told.policies.iter().map(|policy| policy.vote.as_str()).collect();
        assert_eq!(votes, ["sample", "missing", "not asked"]);
        let cast = &told.policies[0].casts[0];
        assert_eq!((cast.reason.as_deref(), cast.threshold.as_deref()), (Some("because"), Some("80808080808080")));
        assert_eq!(told.policies[1].casts[0].failure.as_deref(), Some("timeout: too slow"));

        let other = &witnesses.explain("b2", 10).unwrap()[0];
        assert_eq!((other.decision.as_str(), other.policies[0].vote.as_str()), ("not sampled", "no"));
        assert_eq!(other.policies[0].casts.len(), 1, "the second member was not asked");

        add(&[noted(0xc3), noted(0xd4)]);
        assert!(witnesses.explain("a1", 10).unwrap().is_empty(), "the ring has room for two");
        assert_eq!(witnesses.explain("", 10).unwrap().len(), 2);
        witnesses.remember(0);
        assert!(witnesses.explain("c3", 10).is_none());
    }

    /// Traces that are looked at as their spans come are looked at again, unless they are kept or dropped.
    #[test]
    fn what_is_not_over_is_not_remembered() {
        let names = Names::default();
        let last = Keep { policy: names.number("last"), grounds: Grounds::default() };
        let witnesses = Witnesses::new("tail_sampling".to_owned(), 10);
        let add = |verdicts: [Verdict; 2]| {
            let memory = witnesses.memory.load_full().unwrap();
            memory.add(7, Occasion::Ingest, &roster(), &[noted(0xa1), noted(0xb2)], &asked(), &verdicts, &names);
        };
        add([Verdict::NotSampled, Verdict::NotSampled]);
        assert!(witnesses.explain("", 10).unwrap().is_empty());
        add([Verdict::NotSampled, Verdict::Keep(last)]);
        let told = witnesses.explain("", 10).unwrap();
        let [told] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((told.trace_id.starts_with("b2"), told.decided_by.as_deref()), (true, Some("last")));
        assert_eq!(told.policies[0].casts[0].reason.as_deref(), Some("why not"), "its own vote");
    }
}
