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

struct Ring {
    traces: VecDeque<Remembered>,
    max: usize,
}

/// A decision.
struct Remembered {
    id: TraceId,
    digest: Digest,
    bytes: u32,
    now: u64,
    occasion: Occasion,
    /// The name of the policy that kept it.
    kept: Option<Arc<str>>,
    dropped: bool,
    roster: Arc<Roster>,
    votes: Box<[Ballot]>,
}

/// What one evaluator said of one trace.
#[derive(Clone)]
struct Ballot {
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
        (traces > 0).then(|| Arc::new(Self(Mutex::new(Ring { traces: VecDeque::new(), max: traces }))))
    }

    pub(super) fn resize(&self, traces: usize) {
        let mut ring = self.0.lock();
        ring.max = traces;
        while ring.traces.len() > traces {
            ring.traces.pop_front();
        }
        ring.traces.shrink_to_fit();
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
        let mut ballots = ballots(traces.len(), asked);
        let mut ring = self.0.lock();
        for ((noted, verdict), votes) in traces.iter().zip(verdicts).zip(&mut ballots) {
            if occasion == Occasion::Ingest && *verdict == Verdict::NotSampled {
                continue;
            }
            let kept = match verdict {
                Verdict::Keep(Keep { policy, .. }) => Some(names.get(*policy)),
                _ => None,
            };
            if ring.traces.len() == ring.max {
                ring.traces.pop_front();
            }
            ring.traces.push_back(Remembered {
                id: noted.id,
                digest: noted.digest,
                bytes: noted.bytes,
                now,
                occasion,
                kept,
                dropped: *verdict == Verdict::Dropped,
                roster: roster.clone(),
                votes: std::mem::take(votes).into_boxed_slice(),
            });
        }
    }
}

/// The answers, by trace instead of by evaluator.
fn ballots(traces: usize, asked: &[Asked]) -> Vec<Vec<Ballot>> {
    let mut all = vec![Vec::with_capacity(asked.len()); traces];
    for Asked { leaf, candidates, answer, defers } in asked {
        let leaf = u16::try_from(*leaf).unwrap_or(u16::MAX);
        let failed = answer.as_ref().err().map(|failure| {
            let instead = if *defers { Instead::Fallback } else { Instead::Verdict(failure.verdict) };
            (Arc::<str>::from(failure.to_string()), instead)
        });
        for (at, place) in candidates.iter().enumerate() {
            let said = match (answer, &failed) {
                (Ok(votes), _) => Said::Vote {
                    verdict: votes.verdicts.get(at).copied().unwrap_or(0),
                    threshold: votes.thresholds.as_chunks().0.get(at).copied(),
                    reason: votes.reasons.get(at).copied(),
                },
                (Err(_), Some((why, instead))) => Said::Failed(why.clone(), *instead),
                (Err(_), None) => continue,
            };
            if let Some(ballots) = all.get_mut(*place as usize) {
                ballots.push(Ballot { leaf, said });
            }
        }
    }
    all
}

impl admin::Explain for Witnesses {
    fn explain(&self, prefix: &str, max: usize) -> Option<Vec<Explanation>> {
        let memory = self.memory.load_full()?;
        let ring = memory.0.lock();
        let newest = ring.traces.iter().rev();
        let found = newest.filter(|trace| hex::encode(trace.id.to_bytes()).starts_with(prefix)).take(max);
        Some(found.map(|trace| trace.explain(&self.id)).collect())
    }
}

impl Remembered {
    fn explain(&self, processor: &str) -> Explanation {
        let Self { digest: Digest { start, end, spans, seen }, .. } = *self;
        let policies = if self.votes.is_empty() { &[][..] } else { &self.roster.policies };
        let policies: Vec<_> = policies.iter().map(|(name, rule)| self.vote_of(name, rule)).collect();
        let decided_by = match (&self.kept, self.dropped) {
            (Some(policy), _) => Some(policy.to_string()),
            (None, true) => policies.iter().find(|policy| policy.vote == "drop").map(|policy| policy.name.clone()),
            (None, false) => None,
        };
        let decision = match (&self.kept, self.dropped) {
            (Some(_), _) => "kept",
            (None, true) => "dropped",
            (None, false) => "not sampled",
        };
        Explanation {
            trace_id: hex::encode(self.id.to_bytes()),
            processor: processor.to_owned(),
            decision: decision.to_owned(),
            decided_by,
            decided_at_unix_ns: self.now,
            occasion: recording::Occasion::from(self.occasion).as_str().to_owned(),
            start_unix_ns: start,
            duration_ns: end.saturating_sub(start),
            spans,
            bytes: self.bytes,
            error: seen & seen::STATUS[2] != 0,
            root: seen & seen::ROOT != 0,
            policies,
        }
    }

    /// A policy's vote, worked out again of what its evaluators said.
    fn vote_of(&self, name: &str, rule: &Rule) -> PolicyVote {
        let mut answers = Answers { ballots: self.votes.to_vec(), asked: Vec::new(), needs: Needs::default() };
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

    fn ballot(&self, leaf: usize) -> Option<&Said> {
        self.votes.iter().find(|ballot| usize::from(ballot.leaf) == leaf).map(|ballot| &ballot.said)
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
        match self.ballot(at) {
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
    ballots: Vec<Ballot>,
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
        self.ballots.iter().find(|ballot| usize::from(ballot.leaf) == leaf).map(|ballot| &ballot.said)
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
        witnesses.remember(0);
        assert!(witnesses.explain("c3", 10).is_none());
    }
}
