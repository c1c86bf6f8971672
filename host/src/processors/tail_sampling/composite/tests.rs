use std::any::Any;

use proptest::prelude::*;

use super::*;
use crate::processors::tail_sampling::settings::Policy;
use crate::wasm::policy::{Columns, Needs};

/// Leaf n votes to sample the traces in its row; the only budget is `budget`.
struct Table {
    rows: Vec<Vec<u32>>,
    spans: Vec<u64>,
    budget: Budget,
    now: u64,
    asked: Vec<Vec<u32>>,
    settled: Vec<Settled>,
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
        self.asked.push(candidates.to_vec());
        let vote = |place: &u32| if self.rows[leaf].contains(place) { Vote::SAMPLE } else { Vote::No };
        candidates.iter().map(vote).collect()
    }
    fn admit(&mut self, _: usize, claims: &[Claim]) -> Vec<bool> {
        let admit = |claim: &Claim| {
            let spans = self.spans[claim.candidate as usize];
            self.budget.admit(self.now, TraceId { high: claim.candidate.into(), low: 0 }, claim.member, spans)
        };
        claims.iter().map(admit).collect()
    }
    fn settled(&mut self, _: usize, settled: &[Settled]) {
        self.settled.extend_from_slice(settled);
    }
}

const SECOND: u64 = 1_000_000_000;

/// A block with members a, b, c … of these percentages; 0: none is said.
fn block(mode: &str, max: u64, percents: &[i64]) -> Block {
    let name = |place: usize| char::from(b'a' + place as u8).to_string();
    let members = (0..percents.len()).map(|place| format!("{{name: {}, type: always_sample}}", name(place)));
    let allocations = percents.iter().enumerate().filter(|(_, percent)| **percent > 0);
    let allocations = allocations.map(|(place, percent)| format!("{{policy: {}, percent: {percent}}}", name(place)));
    let yaml = format!(
        "{{name: x, type: composite, composite: {{mode: {mode}, max_total_spans_per_second: {max}, \
         composite_sub_policy: [{}], rate_allocation: [{}]}}}}",
        members.collect::<Vec<_>>().join(", "),
        allocations.collect::<Vec<_>>().join(", "),
    );
    serde_yaml::from_str::<Policy>(&yaml).unwrap().composite.unwrap()
}

fn table(block: &Block, rows: &[&[u32]], spans: &[u64]) -> (Composite, Table) {
    let order = block.order();
    let members = order.iter().map(|place| (*place as u16, Rule::Leaf(*place))).collect();
    let rule = Composite { leaf: 0, mode: block.mode, members };
    let budget = Budget::new(block, &order, 1);
    let rows = rows.iter().map(|row| row.to_vec()).collect();
    (rule, Table { rows, spans: spans.to_vec(), budget, now: 10 * SECOND, asked: Vec::new(), settled: Vec::new() })
}

/// Which member samples each trace.
fn sampled_by(rule: &Composite, table: &mut Table) -> Vec<Option<u16>> {
    let candidates: Vec<u32> = (0..table.spans.len() as u32).collect();
    let votes = rule.ask(table, &candidates);
    let member = |vote: &Vote| match vote {
        Vote::Sample(grounds) => grounds.member,
        _ => None,
    };
    votes.iter().map(member).collect()
}

#[test]
fn allocations_are_those_of_the_go_processor() {
    let of = |mode, max, percents: &[i64]| allocations(&block(mode, max, percents), max);
    assert_eq!(of("go", 1000, &[50, 25, 0]), [500, 250, 333]);
    assert_eq!(of("go", 100, &[33, 0]), [33, 50]);
    assert_eq!(of("go", 10, &[0, 0, 0]), [3, 3, 3]);
    assert_eq!(of("go", 100, &[150]), [150]);
    assert_eq!(of("go", 100, &[29]), [28], "doubles, truncated");
    assert_eq!(of("documented", 100, &[29, 0]), [29, 71]);
    assert_eq!(of("documented", 10, &[50, 30, 0]), [5, 3, 2]);
    assert_eq!(of("documented", 1000, &[50, 25, 0]), [500, 250, 250]);
    assert_eq!(of("documented", 1000, &[50, 0, 0]), [500, 250, 250]);
    assert_eq!(of("documented", 1000, &[60, 40, 0]), [600, 400, 0]);
}

/// The Go processor's own way: the first that samples decides, and the total holds for each member alone.
#[test]
fn as_in_the_go_processor_the_first_member_decides_and_the_total_is_not_enforced() {
    let block = block("go", 10, &[50, 0]);
    // a: 5, b: 5 (the total divided by two).
    let (rule, mut table) = table(&block, &[&[0, 1, 2], &[0, 1, 2, 3, 4]], &[4, 2, 1, 5, 1]);
    // 1 does not fit into a's room any more, and b is not asked; 2, which is smaller, does.
    assert_eq!(sampled_by(&rule, &mut table), [Some(0), None, Some(0), Some(1), None]);
    assert_eq!(table.asked, [vec![0, 1, 2, 3, 4], vec![3, 4]]);
    assert_eq!(sampled_by(&rule, &mut table), [None; 5], "the second is used up");
    table.now += SECOND / 2;
    assert_eq!(sampled_by(&rule, &mut table), [None; 5]);
    table.now += SECOND;
    assert_eq!(sampled_by(&rule, &mut table), [Some(0), None, Some(0), Some(1), None], "a new one begins");
}

#[test]
fn as_documented_what_is_left_flows_on_and_the_total_holds() {
    let block = block("documented", 10, &[50, 30, 0]);
    // a wants one of 1; b what a leaves and its own; c the rest.
    let (rule, mut table) = table(&block, &[&[0], &[1, 2, 3], &[0, 1, 2, 3, 4, 5]], &[1, 4, 3, 2, 1, 1]);
    // a 1 of 5. b: 4 + 3 of 8 - 1, then 2 do not fit, so c is asked: 8 + 2 of 10. c's own do not fit any more.
    assert_eq!(sampled_by(&rule, &mut table), [Some(0), Some(1), Some(1), Some(2), None, None]);
    let last: Vec<_> =
        table.settled.iter().map(|one| (one.claim.candidate, one.claim.member, one.is_admitted)).collect();
    assert_eq!(
        last,
        [(0, 0, true), (1, 1, true), (2, 1, true), (3, 1, false), (3, 2, true), (4, 2, false), (5, 2, false)]
    );
}

#[test]
fn as_documented_members_are_asked_in_policy_order() {
    let mut block = block("documented", 10, &[0, 0, 0]);
    block.policy_order = vec!["c".to_owned(), "a".to_owned()];
    assert_eq!(block.order(), [2, 0, 1]);
    block.mode = Mode::Go;
    assert_eq!(block.order(), [0, 1, 2]);
}

#[test]
fn other_votes_stand_as_they_are() {
    struct Says(Vote);
    impl Panel for Says {
        fn needs(&self) -> &Needs {
            panic!("rules do not ask for needs")
        }
        fn refresh(&mut self) {}
        fn load(&mut self, _: Columns) {}
        fn succeed(&mut self, _: &mut dyn Panel) {}
        fn as_any(&mut self) -> &mut dyn Any {
            self
        }
        fn ask(&mut self, leaf: usize, _: &[u32]) -> Vec<Vote> {
            vec![if leaf == 0 { self.0 } else { Vote::SAMPLE }]
        }
        fn admit(&mut self, _: usize, claims: &[Claim]) -> Vec<bool> {
            vec![true; claims.len()]
        }
    }
    for (mode, vote) in [("go", Vote::Missing), ("documented", Vote::Missing), ("go", Vote::Drop)] {
        let block = block(mode, 10, &[0, 0]);
        let (rule, _) = table(&block, &[&[], &[]], &[]);
        assert_eq!(rule.ask(&mut Says(vote), &[0]), [vote], "{mode}");
    }
}

#[test]
fn each_shard_has_its_part_of_the_total() {
    let block = block("go", 10, &[50, 50]);
    let mut budget = Budget::new(&block, &[0, 1], 4);
    // Ids of one half fall to a shard each.
    let of_shard = |shard| (0..1000).map(|low| TraceId { high: 1, low }).find(|id| id.shard(4) == shard).unwrap();
    for shard in 0..4 {
        // 10 / 4 = 2, half of it 1.
        assert!(budget.admit(SECOND, of_shard(shard), 0, 1));
        assert!(!budget.admit(SECOND, of_shard(shard), 0, 1));
        assert!(budget.admit(SECOND, of_shard(shard), 1, 1));
    }
}

#[test]
fn state_outlives_the_budget() {
    let block = block("go", 20, &[50, 50]);
    let mut old = Budget::new(&block, &[0, 1], 2);
    let id = TraceId { high: 1, low: 2 };
    assert!(old.admit(7 * SECOND, id, 0, 4));
    let mut new = Budget::new(&block, &[0, 1], 2);
    new.restore(&old.save());
    assert_eq!(new, old);
    assert!(!new.admit(7 * SECOND, id, 0, 2) && new.admit(7 * SECOND, id, 0, 1), "five for each member and shard");
    let mut other = Budget::new(&block, &[0, 1], 1);
    let fresh = other.clone();
    other.restore(&old.save());
    assert_eq!(other, fresh, "of another shape");
}

/// The Go processor's loop, trace by trace.
fn go_model(rows: &[Vec<u32>], spans: &[u64], allocations: &[u64], max: u64) -> Vec<Option<u16>> {
    let mut used = vec![0; rows.len()];
    let decide = |(place, spans): (usize, &u64)| {
        let first = rows.iter().position(|row| row.contains(&(place as u32)))?;
        let after = used[first] + spans;
        (after <= allocations[first] && after <= max).then(|| {
            used[first] = after;
            first as u16
        })
    };
    spans.iter().enumerate().map(decide).collect()
}

proptest! {
    #[test]
    fn mode_go_is_the_go_processors_loop(
        percents in prop::collection::vec(0_i64..120, 1..4), max in 1_u64..60,
        traces in prop::collection::vec((1_u64..10, prop::collection::vec(any::<bool>(), 3)), 0..20),
    ) {
        let block = block("go", max, &percents);
        let rows: Vec<Vec<u32>> = (0..percents.len())
            .map(|member| (0..traces.len() as u32).filter(|place| traces[*place as usize].1[member]).collect())
            .collect();
        let spans: Vec<u64> = traces.iter().map(|(spans, _)| *spans).collect();
        let borrowed: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        let (rule, mut table) = table(&block, &borrowed, &spans);
        prop_assert_eq!(sampled_by(&rule, &mut table), go_model(&rows, &spans, &allocations(&block, max), max));
    }

    #[test]
    fn mode_documented_enforces_the_total_and_no_one_samples_what_it_does_not_want(
        percents in prop::collection::vec(0_i64..34, 1..4), max in 1_u64..60,
        traces in prop::collection::vec((1_u64..10, prop::collection::vec(any::<bool>(), 3)), 0..20),
    ) {
        let block = block("documented", max, &percents);
        let rows: Vec<Vec<u32>> = (0..percents.len())
            .map(|member| (0..traces.len() as u32).filter(|place| traces[*place as usize].1[member]).collect())
            .collect();
        let spans: Vec<u64> = traces.iter().map(|(spans, _)| *spans).collect();
        let borrowed: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        let (rule, mut table) = table(&block, &borrowed, &spans);
        let by = sampled_by(&rule, &mut table);
        let used = |members: std::ops::RangeInclusive<u16>| -> u64 {
            by.iter().zip(&spans).filter(|(by, _)| by.is_some_and(|by| members.contains(&by))).map(|(_, spans)| spans).sum()
        };
        prop_assert!(used(0..=9) <= max);
        let allocations = allocations(&block, max);
        for member in 0..percents.len() {
            prop_assert!(used(0..=member as u16) <= allocations[..=member].iter().sum::<u64>());
        }
        for (place, by) in by.iter().enumerate() {
            match by {
                Some(member) => prop_assert!(rows[usize::from(*member)].contains(&(place as u32))),
                // What the last member that wants it refused did not fit into what was left.
                None => if let Some(last) = rows.iter().rposition(|row| row.contains(&(place as u32))) {
                    let left = allocations[..=last].iter().sum::<u64>().min(max);
                    prop_assert!(used(0..=9) + spans[place] > left);
                },
            }
        }
    }
}
