//! From votes to verdicts: the policies in order, and the combinators over the votes of others.
//!
//! The order and its precedence are the Go processor's. Drop policies come first. A vote to drop is final; else the first policy
//! that samples wins; else the trace is not sampled. A policy is asked about all traces that are still open, in one call, and a
//! member of `and` or `drop` only about those that the members before it sampled, so a limiter inside spends nothing on others.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use super::metrics::PolicyMetrics;
use super::shadow::Shadow;
use super::witness::{Asked, Roster};
use crate::wasm::policy::{Columns, Needs};

/// A policy's answer on one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vote {
    No,
    Sample,
    Drop,
    /// The policy failed.
    Missing,
    /// The policy failed, and another one is to be asked in its place.
    Deferred,
}

impl Vote {
    /// As the plugin contract numbers verdicts.
    pub(super) fn of(verdict: u8) -> Self {
        match verdict {
            0 => Self::No,
            1 => Self::Sample,
            _ => Self::Drop,
        }
    }
}

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
}

impl Rule {
    pub(super) fn ask(&self, panel: &mut dyn Panel, candidates: &[u32]) -> Vec<Vote> {
        match self {
            Self::Leaf(leaf) => panel.ask(*leaf, candidates),
            Self::Guarded(leaf, fallback) => guarded(*leaf, fallback, panel, candidates),
            Self::And(members) => all(members, panel, candidates),
            Self::Not(member) => member.ask(panel, candidates).into_iter().map(turned_round).collect(),
            Self::Drop(members) => all(members, panel, candidates).into_iter().map(as_drop).collect(),
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
        Vote::No => Vote::Sample,
        Vote::Sample => Vote::No,
        Vote::Drop | Vote::Missing | Vote::Deferred => vote,
    }
}

fn as_drop(vote: Vote) -> Vote {
    if vote == Vote::Sample { Vote::Drop } else { vote }
}

/// What all members agree on: the first that does not sample decides, except that a vote to drop stands once all others sample.
fn all(members: &[Rule], panel: &mut dyn Panel, candidates: &[u32]) -> Vec<Vote> {
    let mut votes = vec![Vote::Sample; candidates.len()];
    let mut open: Vec<u32> = (0..candidates.len() as u32).collect();
    for member in members {
        if open.is_empty() {
            break;
        }
        let asked: Vec<u32> = open.iter().map(|place| candidates[*place as usize]).collect();
        let mut answers = member.ask(panel, &asked).into_iter();
        open.retain(|place| {
            let answer = answers.next().unwrap_or(Vote::Missing);
            if answer != Vote::Sample {
                votes[*place as usize] = answer;
            }
            matches!(answer, Vote::Sample | Vote::Drop)
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
    /// By the policy of that name.
    Keep(u16),
    NotSampled,
    Dropped,
}

/// All policies, drop policies first.
pub(super) struct Rules {
    policies: Vec<Policy>,
    /// Policies whose votes do not count.
    shadows: Vec<Shadow>,
    sample_on_first_match: bool,
}

impl Rules {
    pub(super) fn new(mut policies: Vec<Policy>, sample_on_first_match: bool) -> Self {
        policies.sort_by_key(|policy| !matches!(policy.rule, Rule::Drop(_)));
        Self { policies, shadows: Vec::new(), sample_on_first_match }
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
                    Vote::Sample if *verdict == Verdict::NotSampled => *verdict = Verdict::Keep(policy.name),
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
}

fn as_vote(verdict: Verdict) -> Vote {
    match verdict {
        Verdict::Keep(_) => Vote::Sample,
        Verdict::NotSampled => Vote::No,
        Verdict::Dropped => Vote::Drop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaf n votes as its row says; what it was asked about is noted.
    struct Table {
        rows: Vec<&'static [Vote]>,
        asked: Vec<(usize, Vec<u32>)>,
    }

    impl Panel for Table {
        fn needs(&self) -> &Needs {
            panic!("rules do not ask for needs")
        }
        fn refresh(&mut self) {}
        fn load(&mut self, _: Columns) {}
        fn succeed(&mut self, _: &mut dyn Panel) {}
        fn as_any(&mut self) -> &mut dyn Any {
            self
        }
        fn ask(&mut self, leaf: usize, candidates: &[u32]) -> Vec<Vote> {
            self.asked.push((leaf, candidates.to_vec()));
            candidates.iter().map(|place| self.rows[leaf][*place as usize]).collect()
        }
    }

    use Vote::{Drop as D, Missing as M, No as N, Sample as S};

    fn leaf(n: usize) -> Rule {
        Rule::Leaf(n)
    }

    fn decide(rules: Vec<Rule>, first_match: bool, rows: &[&'static [Vote]]) -> (Vec<Verdict>, Vec<(usize, Vec<u32>)>) {
        let policies = rules.into_iter().enumerate().map(|(name, rule)| Policy {
            name: name as u16,
            rule,
            metrics: Arc::new(PolicyMetrics::default()),
        });
        let mut table = Table { rows: rows.to_vec(), asked: Vec::new() };
        let verdicts = Rules::new(policies.collect(), first_match).decide(&mut table, rows[0].len());
        (verdicts, table.asked)
    }

    #[test]
    fn precedence_is_the_go_processors() {
        use Verdict::{Dropped, Keep, NotSampled};
        // A column is a trace; rows are what policies 0 and 1 vote.
        let rows: [&[Vote]; 2] = [&[N, S, N, S, D, S, M, M, N, M], &[N, N, S, S, S, D, S, N, M, D]];
        let expected =
            [NotSampled, Keep(0), Keep(1), Keep(0), Dropped, Dropped, Keep(1), NotSampled, NotSampled, Dropped];
        let (verdicts, asked) = decide(vec![leaf(0), leaf(1)], false, &rows);
        assert_eq!(verdicts, expected);
        assert_eq!(
            asked[1],
            (1, vec![0, 1, 2, 3, 5, 6, 7, 8, 9]),
            "a dropped trace is not shown again, a sampled one is"
        );
    }

    #[test]
    fn the_first_match_spares_the_rest() {
        let rows: [&[Vote]; 2] = [&[N, S, M], &[N, D, S]];
        let (verdicts, asked) = decide(vec![leaf(0), leaf(1)], true, &rows);
        assert_eq!(verdicts, [Verdict::NotSampled, Verdict::Keep(0), Verdict::Keep(1)]);
        assert_eq!(asked[1], (1, vec![0, 2]));
    }

    #[test]
    fn drop_policies_are_asked_first() {
        let rows: [&[Vote]; 3] = [&[S, S], &[S, N], &[S, S]];
        let (verdicts, asked) = decide(vec![leaf(0), Rule::Drop(vec![leaf(1), leaf(2)])], false, &rows);
        assert_eq!(verdicts, [Verdict::Dropped, Verdict::Keep(0)]);
        assert_eq!(asked, [(1, vec![0, 1]), (2, vec![0]), (0, vec![1])]);
    }

    #[test]
    fn combinators_follow_their_members() {
        // Traces: every pair of votes of two members.
        let a: &[Vote] = &[N, N, N, N, S, S, S, S, D, D, D, D, M, M, M, M];
        let b: &[Vote] = &[N, S, D, M, N, S, D, M, N, S, D, M, N, S, D, M];
        let cases = [
            ("and", Rule::And(vec![leaf(0), leaf(1)]), [N, N, N, N, N, S, D, M, N, D, D, M, M, M, M, M]),
            ("drop", Rule::Drop(vec![leaf(0), leaf(1)]), [N, N, N, N, N, D, D, M, N, D, D, M, M, M, M, M]),
            ("not", Rule::Not(Box::new(leaf(0))), [S, S, S, S, N, N, N, N, D, D, D, D, M, M, M, M]),
            (
                "and not",
                Rule::And(vec![leaf(0), Rule::Not(Box::new(leaf(1)))]),
                [N, N, N, N, S, N, D, M, D, N, D, M, M, M, M, M],
            ),
        ];
        for (name, rule, expected) in cases {
            let mut table = Table { rows: vec![a, b], asked: Vec::new() };
            let candidates: Vec<u32> = (0..16).collect();
            assert_eq!(rule.ask(&mut table, &candidates), expected, "{name}");
        }
    }

    #[test]
    fn a_fallback_is_asked_where_a_policy_defers() {
        use Vote::Deferred as F;
        let rows: [&[Vote]; 2] = [&[N, F, S, F, M], &[S, S, N, D, S]];
        let mut table = Table { rows: rows.to_vec(), asked: Vec::new() };
        let rule = Rule::Guarded(0, Box::new(leaf(1)));
        assert_eq!(rule.ask(&mut table, &[0, 1, 2, 3, 4]), [N, S, S, D, M]);
        assert_eq!(table.asked[1], (1, vec![1, 3]));
        let (verdicts, _) = decide(vec![rule], false, &rows);
        assert_eq!(verdicts[1], Verdict::Keep(0));
    }

    #[test]
    fn shadows_are_compared_and_do_not_vote() {
        let cx = crate::processors::tail_sampling::tests::cx();
        let rows: [&[Vote]; 3] = [&[N, S, D, N], &[S, S, N, M], &[S, N, S, N]];
        let policies = vec![Policy { name: 7, rule: leaf(0), metrics: Arc::new(PolicyMetrics::default()) }];
        let shadows = vec![Shadow::new(&cx, "new", 1, None), Shadow::new(&cx, "other", 2, Some((7, "old")))];
        let mut table = Table { rows: rows.to_vec(), asked: Vec::new() };
        let verdicts = Rules::new(policies, false).watched_by(shadows).decide(&mut table, 4);
        assert_eq!(verdicts, [Verdict::NotSampled, Verdict::Keep(7), Verdict::Dropped, Verdict::NotSampled]);
        let mut said = Vec::new();
        cx.metrics.each_family(|family| {
            for (labels, cell) in &family.series {
                if let crate::telemetry::metrics::Cell::Counter(counter) = cell
                    && counter.get() > 0
                {
                    let labels: Vec<_> = labels.iter().skip(1).map(|(_, value)| value.as_str()).collect();
                    said.push(format!("{} {}: {}", family.desc.name, labels.join(" "), counter.get()));
                }
            }
        });
        let expected = [
            "tailrace_plugin_shadow_disagreements new decision no drop: 1",
            "tailrace_plugin_shadow_disagreements new decision sample no: 1",
            "tailrace_plugin_shadow_disagreements other old no sample: 1",
            "tailrace_plugin_shadow_disagreements other old sample drop: 1",
            "tailrace_plugin_shadow_disagreements other old sample no: 1",
            "tailrace_plugin_shadow_traces new decision: 3",
            "tailrace_plugin_shadow_traces other old: 4",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_member_is_asked_only_about_what_passed_the_ones_before() {
        let rows: [&[Vote]; 3] = [&[S, N, S, M, D], &[N, S, S, S, S], &[S, S, S, S, N]];
        let mut table = Table { rows: rows.to_vec(), asked: Vec::new() };
        let votes = Rule::And(vec![leaf(0), leaf(1), leaf(2)]).ask(&mut table, &[0, 1, 2, 3, 4]);
        assert_eq!(votes, [N, N, S, M, N]);
        assert_eq!(table.asked, [(0, vec![0, 1, 2, 3, 4]), (1, vec![0, 2, 4]), (2, vec![2, 4])]);
    }

    #[test]
    fn a_panel_that_answers_too_little_has_not_voted() {
        struct Short;
        impl Panel for Short {
            fn needs(&self) -> &Needs {
                panic!("rules do not ask for needs")
            }
            fn refresh(&mut self) {}
            fn load(&mut self, _: Columns) {}
            fn succeed(&mut self, _: &mut dyn Panel) {}
            fn as_any(&mut self) -> &mut dyn Any {
                self
            }
            fn ask(&mut self, _: usize, _: &[u32]) -> Vec<Vote> {
                vec![S]
            }
        }
        assert_eq!(Rule::And(vec![leaf(0)]).ask(&mut Short, &[0, 1]), [S, M]);
    }
}
