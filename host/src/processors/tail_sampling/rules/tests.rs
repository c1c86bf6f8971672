use tailrace_otlp::tracestate::Threshold;

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
    fn admit(&mut self, _: usize, _: &[Claim]) -> Vec<bool> {
        panic!("there is no composite here")
    }
    fn ask(&mut self, leaf: usize, candidates: &[u32]) -> Vec<Vote> {
        self.asked.push((leaf, candidates.to_vec()));
        candidates.iter().map(|place| self.rows[leaf][*place as usize]).collect()
    }
}

use Vote::{Drop as D, Missing as M, No as N};

const S: Vote = Vote::SAMPLE;

fn kept(policy: u16) -> Verdict {
    Verdict::Keep(Keep { policy, grounds: Grounds::default() })
}

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
    use Verdict::{Dropped, NotSampled};
    // A column is a trace; rows are what policies 0 and 1 vote.
    let rows: [&[Vote]; 2] = [&[N, S, N, S, D, S, M, M, N, M], &[N, N, S, S, S, D, S, N, M, D]];
    let expected = [NotSampled, kept(0), kept(1), kept(0), Dropped, Dropped, kept(1), NotSampled, NotSampled, Dropped];
    let (verdicts, asked) = decide(vec![leaf(0), leaf(1)], false, &rows);
    assert_eq!(verdicts, expected);
    assert_eq!(asked[1], (1, vec![0, 1, 2, 3, 5, 6, 7, 8, 9]), "a dropped trace is not shown again, a sampled one is");
}

#[test]
fn the_first_match_spares_the_rest() {
    let rows: [&[Vote]; 2] = [&[N, S, M], &[N, D, S]];
    let (verdicts, asked) = decide(vec![leaf(0), leaf(1)], true, &rows);
    assert_eq!(verdicts, [Verdict::NotSampled, kept(0), kept(1)]);
    assert_eq!(asked[1], (1, vec![0, 2]));
}

#[test]
fn drop_policies_are_asked_first() {
    let rows: [&[Vote]; 3] = [&[S, S], &[S, N], &[S, S]];
    let (verdicts, asked) = decide(vec![leaf(0), Rule::Drop(vec![leaf(1), leaf(2)])], false, &rows);
    assert_eq!(verdicts, [Verdict::Dropped, kept(0)]);
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
    assert_eq!(verdicts[1], kept(0));
}

#[test]
fn shadows_are_compared_and_do_not_vote() {
    let cx = crate::processors::tail_sampling::tests::cx();
    let rows: [&[Vote]; 3] = [&[N, S, D, N], &[S, S, N, M], &[S, N, S, N]];
    let policies = vec![Policy { name: 7, rule: leaf(0), metrics: Arc::new(PolicyMetrics::default()) }];
    let shadows = vec![Shadow::new(&cx, "new", 1, None), Shadow::new(&cx, "other", 2, Some((7, "old")))];
    let mut table = Table { rows: rows.to_vec(), asked: Vec::new() };
    let verdicts = Rules::new(policies, false).watched_by(shadows).decide(&mut table, 4);
    assert_eq!(verdicts, [Verdict::NotSampled, kept(7), Verdict::Dropped, Verdict::NotSampled]);
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
        fn admit(&mut self, _: usize, _: &[Claim]) -> Vec<bool> {
            Vec::new()
        }
        fn ask(&mut self, _: usize, _: &[u32]) -> Vec<Vote> {
            vec![S]
        }
    }
    assert_eq!(Rule::And(vec![leaf(0)]).ask(&mut Short, &[0, 1]), [S, M]);
}

/// A vote to sample under a threshold.
fn under(threshold: u64) -> Vote {
    Vote::Sample(Grounds { threshold: Threshold::new(threshold), member: None })
}

#[test]
fn thresholds_follow_the_rules() {
    let rows: [&'static [Vote]; 2] = [
        Box::leak(Box::new([under(5), under(9), under(0), N])),
        Box::leak(Box::new([under(7), under(7), under(7), under(7)])),
    ];
    let ask = |rule: Rule| {
        let mut table = Table { rows: rows.to_vec(), asked: Vec::new() };
        rule.ask(&mut table, &[0, 1, 2, 3])
    };
    assert_eq!(ask(Rule::And(vec![leaf(0), leaf(1)])), [under(7), under(9), under(7), N], "the strictest");
    assert_eq!(ask(Rule::Not(Box::new(leaf(0)))), [N, N, N, S]);

    let policy = |name| Policy { name, rule: leaf(name.into()), metrics: Arc::new(PolicyMetrics::default()) };
    let won = |by_threshold| {
        let mut table = Table { rows: rows.to_vec(), asked: Vec::new() };
        let rules = Rules::new(vec![policy(0), policy(1)], false).by_threshold(by_threshold);
        let keep = |verdict: Verdict| match verdict {
            Verdict::Keep(Keep { policy, grounds }) => (policy, grounds.threshold.rejected()),
            other => panic!("{other:?}"),
        };
        rules.decide(&mut table, 4).into_iter().map(keep).collect::<Vec<_>>()
    };
    assert_eq!(won(true), [(0, 5), (1, 7), (0, 0), (1, 7)], "the least strict");
    assert_eq!(won(false), [(0, 5), (0, 9), (0, 0), (1, 7)], "the first");
}
