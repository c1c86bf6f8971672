//! From votes to verdicts: the policies in order, and the combinators over the votes of others.
//!
//! The order and its precedence are the Go processor's. Drop policies come first. A vote to drop is final; else the first policy
//! that samples wins; else the trace is not sampled. A policy is asked about all traces that are still open, in one call, and a
//! member of `and` or `drop` only about those that the members before it sampled, so a limiter inside spends nothing on others.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use super::composite::{Claim, Composite, Settled};
use super::metrics::PolicyMetrics;
use super::shadow::Shadow;
use super::vote::{Grounds, Vote};
use super::witness::{Asked, Roster};
use crate::wasm::policy::{Columns, Needs};

/// What is asked for votes: the evaluators that the leaves of the rules stand for.
pub(super) trait Panel: Send {
    /// Goes on with plugins whose file has changed.
    fn refresh(&mut self);
    /// What its members have to see.
    fn needs(&self) -> &Needs;
    /// Shows it a batch.
    fn load(&mut self, columns: Columns);
    /// Takes over what its predecessor knew, where members are of one kind.
    fn succeed(&mut self, old: &mut dyn Panel);
    /// For [`Panel::succeed`].
    fn as_any(&mut self) -> &mut dyn Any;
    /// A vote for each candidate, which are places in the batch that was loaded last.
    fn ask(&mut self, leaf: usize, candidates: &[u32]) -> Vec<Vote>;
    /// Which of the claims in a composite there is room for; those count.
    fn admit(&mut self, leaf: usize, claims: &[Claim]) -> Vec<bool>;
    /// What became of all claims in a composite, to be noted.
    fn settled(&mut self, _leaf: usize, _settled: &[Settled]) {}
    /// Whether it is to note what it is asked and answers; forgets what it noted before.
    fn note(&mut self, _is_noting: bool) {}
    /// What it noted.
    fn noted(&mut self) -> Vec<Asked> {
        Vec::new()
    }
    /// Who is on it; another one once that changes.
    fn roster(&self) -> Option<Arc<Roster>> {
        None
    }
    /// The state of each member that keeps one.
    fn states(&self) -> Vec<Option<Vec<u8>>> {
        Vec::new()
    }
}

/// How one policy comes to its vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// An evaluator of the panel.
    Leaf(usize),
    /// The same, and the rule whose votes count where it defers.
    Guarded(usize, Box<Rule>),
    And(Vec<Rule>),
    Not(Box<Rule>),
    Drop(Vec<Rule>),
    Composite(Composite),
}

impl Rule {
    pub(super) fn ask(&self, panel: &mut dyn Panel, candidates: &[u32]) -> Vec<Vote> {
        match self {
            Self::Leaf(leaf) => panel.ask(*leaf, candidates),
            Self::Guarded(leaf, fallback) => guarded(*leaf, fallback, panel, candidates),
            Self::And(members) => all(members, panel, candidates),
            Self::Not(member) => member.ask(panel, candidates).into_iter().map(turned_round).collect(),
            Self::Drop(members) => all(members, panel, candidates).into_iter().map(as_drop).collect(),
            Self::Composite(composite) => composite.ask(panel, candidates),
        }
    }
}

/// Asks a leaf, and its fallback about what it defers.
fn guarded(leaf: usize, fallback: &Rule, panel: &mut dyn Panel, candidates: &[u32]) -> Vec<Vote> {
    let mut votes = panel.ask(leaf, candidates);
    let deferred = candidates.iter().zip(&votes).filter(|(_, vote)| **vote == Vote::Deferred);
    let asked: Vec<u32> = deferred.map(|(candidate, _)| *candidate).collect();
    if !asked.is_empty() {
        let mut answers = fallback.ask(panel, &asked).into_iter();
        for vote in votes.iter_mut().filter(|vote| **vote == Vote::Deferred) {
            *vote = answers.next().unwrap_or(Vote::Missing);
        }
    }
    votes
}

fn turned_round(vote: Vote) -> Vote {
    match vote {
        Vote::No => Vote::SAMPLE,
        Vote::Sample(_) => Vote::No,
        Vote::Drop | Vote::Missing | Vote::Deferred => vote,
    }
}

fn as_drop(vote: Vote) -> Vote {
    if matches!(vote, Vote::Sample(_)) { Vote::Drop } else { vote }
}

/// What all members agree on: the first that does not sample decides, except that a vote to drop stands once all others sample. What
/// several thresholds let through, the strictest does.
fn all(members: &[Rule], panel: &mut dyn Panel, candidates: &[u32]) -> Vec<Vote> {
    let mut votes = vec![Vote::SAMPLE; candidates.len()];
    let mut open: Vec<u32> = (0..candidates.len() as u32).collect();
    for member in members {
        if open.is_empty() {
            break;
        }
        let asked: Vec<u32> = open.iter().map(|place| candidates[*place as usize]).collect();
        let mut answers = member.ask(panel, &asked).into_iter();
        open.retain(|place| {
            let answer = answers.next().unwrap_or(Vote::Missing);
            let vote = &mut votes[*place as usize];
            match (&mut *vote, answer) {
                (Vote::Sample(all), Vote::Sample(one)) => all.threshold = all.threshold.max(one.threshold),
                (_, Vote::Sample(_)) => {}
                _ => *vote = answer,
            }
            matches!(answer, Vote::Sample(_) | Vote::Drop)
        });
    }
    votes
}

/// A policy of the configuration, ready to be asked.
pub(super) struct Policy {
    /// Its place among all names ever configured.
    pub(super) name: u16,
    pub(super) rule: Rule,
    pub(super) metrics: Arc<PolicyMetrics>,
}

/// What is to become of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep(Keep),
    NotSampled,
    Dropped,
}

/// Why a trace is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keep {
    /// The name, as a number, of the policy that won.
    pub(super) policy: u16,
    pub(super) grounds: Grounds,
}

/// All policies, drop policies first.
pub(super) struct Rules {
    policies: Vec<Policy>,
    /// Policies whose votes do not count.
    shadows: Vec<Shadow>,
    sample_on_first_match: bool,
    /// Whether of several policies that sample, the one with the lowest threshold wins; else the first.
    by_threshold: bool,
}

impl Rules {
    pub(super) fn new(mut policies: Vec<Policy>, sample_on_first_match: bool) -> Self {
        policies.sort_by_key(|policy| !matches!(policy.rule, Rule::Drop(_)));
        Self { policies, shadows: Vec::new(), sample_on_first_match, by_threshold: false }
    }

    /// Lets thresholds count.
    pub(super) fn by_threshold(self, by_threshold: bool) -> Self {
        Self { by_threshold, ..self }
    }

    /// Compares these with what is decided.
    pub(super) fn watched_by(self, shadows: Vec<Shadow>) -> Self {
        Self { shadows, ..self }
    }

    /// The policies as they are asked.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Policy> {
        self.policies.iter()
    }

    /// Verdicts on the `count` traces of the batch that was loaded last.
    pub(super) fn decide(&self, panel: &mut dyn Panel, count: usize) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::NotSampled; count];
        let mut open: Vec<u32> = (0..count as u32).collect();
        for policy in &self.policies {
            if open.is_empty() {
                break;
            }
            let started = Instant::now();
            let votes = policy.rule.ask(panel, &open);
            policy.metrics.count(&votes, started.elapsed());
            for shadow in self.shadows.iter().filter(|shadow| shadow.against == Some(policy.name)) {
                shadow.compare(panel, &open, &votes);
            }
            let mut votes = votes.into_iter();
            open.retain(|place| {
                let verdict = &mut verdicts[*place as usize];
                match votes.next().unwrap_or(Vote::Missing) {
                    Vote::Drop => *verdict = Verdict::Dropped,
                    Vote::Sample(grounds) => self.keep(verdict, Keep { policy: policy.name, grounds }),
                    _ => {}
                }
                match verdict {
                    Verdict::Dropped => false,
                    Verdict::Keep(_) => !self.sample_on_first_match,
                    Verdict::NotSampled => true,
                }
            });
        }
        for shadow in self.shadows.iter().filter(|shadow| shadow.against.is_none()) {
            let all: Vec<u32> = (0..count as u32).collect();
            let decided: Vec<_> = verdicts.iter().map(|verdict| as_vote(*verdict)).collect();
            shadow.compare(panel, &all, &decided);
        }
        verdicts
    }

    /// One more policy wants the trace.
    fn keep(&self, verdict: &mut Verdict, by: Keep) {
        match verdict {
            Verdict::NotSampled => *verdict = Verdict::Keep(by),
            Verdict::Keep(first) if self.by_threshold && by.grounds.threshold < first.grounds.threshold => *first = by,
            Verdict::Keep(_) | Verdict::Dropped => {}
        }
    }
}

fn as_vote(verdict: Verdict) -> Vote {
    match verdict {
        Verdict::Keep(Keep { grounds, .. }) => Vote::Sample(grounds),
        Verdict::NotSampled => Vote::No,
        Verdict::Dropped => Vote::Drop,
    }
}

#[cfg(test)]
mod tests;
