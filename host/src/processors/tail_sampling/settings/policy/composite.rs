//! `composite`: members that share a number of spans a second.

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::config::Check;

/// `composite`.
#[expect(clippy::struct_field_names, reason = "as they stand in the YAML")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct Composite {
    /// For all members together in mode documented, for each of them in mode go.
    pub max_total_spans_per_second: i64,
    /// Names of members. Mode go does not look at it.
    pub policy_order: Vec<String>,
    /// The members.
    pub composite_sub_policy: Vec<Policy>,
    /// Whose part of the total is how large.
    pub rate_allocation: Vec<RateAllocation>,
    /// Ours: how the total is shared out.
    pub mode: CompositeMode,
}

/// A member's part of the total.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super::super) struct RateAllocation {
    /// The member's name.
    pub policy: String,
    /// Of the total. 0: as if it were not here.
    pub percent: i64,
}

/// How the total is shared out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super::super) enum CompositeMode {
    /// As the Go processor does it.
    #[default]
    Go,
    /// As its documentation says.
    Documented,
}

impl Composite {
    /// The members' places in the order in which they are asked.
    pub(in super::super::super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.composite_sub_policy.len()).collect();
        if self.mode == CompositeMode::Documented {
            let rank = |place: &usize| {
                let name = &self.composite_sub_policy[*place].name;
                self.policy_order.iter().position(|named| named == name).unwrap_or(usize::MAX)
            };
            order.sort_by_key(rank);
        }
        order
    }

    fn has(&self, name: &str) -> bool {
        self.composite_sub_policy.iter().any(|member| member.name == name)
    }

    /// Percentages that were given, in all.
    fn percents(&self) -> i64 {
        self.rate_allocation.iter().map(|allocation| allocation.percent.max(0)).fold(0, i64::saturating_add)
    }

    /// Checks all but the members.
    pub(super) fn check(&self, name: &str, path: &str, check: &mut Check<'_>) {
        if self.composite_sub_policy.is_empty() {
            check.problem(path, format!("policy {name:?}: composite without members would sample nothing"));
        }
        if self.max_total_spans_per_second <= 0 {
            let message =
                format!("policy {name:?}: without max_total_spans_per_second, composite would sample nothing");
            check.problem(&format!("{path}.max_total_spans_per_second"), message);
        }
        self.check_names(name, path, check);
        match self.mode {
            CompositeMode::Go => self.check_go(name, path, check),
            CompositeMode::Documented => self.check_documented(name, path, check),
        }
    }

    /// What the allocations and the order name has to be there.
    fn check_names(&self, name: &str, path: &str, check: &mut Check<'_>) {
        let allocations = self.rate_allocation.iter().enumerate();
        let allocated = allocations.map(|(place, one)| (format!("rate_allocation.{place}.policy"), &one.policy));
        let ordered = self.policy_order.iter().enumerate();
        let ordered = ordered.map(|(place, member)| (format!("policy_order.{place}"), member));
        for (key, member) in allocated.chain(ordered).filter(|(_, member)| !self.has(member)) {
            let names: Vec<_> = self.composite_sub_policy.iter().map(|member| member.name.as_str()).collect();
            let help = match crate::config::problem::closest(member, names.iter().copied()) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => format!("the members are {}", names.join(", ")),
            };
            let message = format!("policy {name:?}: composite has no member {member:?}");
            check.problem_with_help(&format!("{path}.{key}"), message, help);
        }
        for (place, _) in self.rate_allocation.iter().enumerate().filter(|(_, one)| one.percent < 0) {
            let message = format!("policy {name:?}: percent must not be negative");
            check.problem(&format!("{path}.rate_allocation.{place}.percent"), message);
        }
    }

    /// Where the Go processor does not do what one would think.
    fn check_go(&self, name: &str, path: &str, check: &mut Check<'_>) {
        let members = self.composite_sub_policy.iter().map(|member| &member.name);
        let named = members.filter(|member| self.policy_order.contains(member));
        if !named.eq(&self.policy_order) {
            let message = format!(
                "policy {name:?}: policy_order is not looked at, as in the Go processor: members are asked in the order of \
                 composite_sub_policy; mode: documented goes by it"
            );
            check.warning(&format!("{path}.policy_order"), message);
        }
        let given =
            |member: &&Policy| self.rate_allocation.iter().any(|one| one.policy == member.name && one.percent > 0);
        let members = self.composite_sub_policy.len() as i64;
        let unsaid = self.composite_sub_policy.iter().filter(|member| !given(member)).count() as i64;
        let percents = self.percents().saturating_add(if members > 0 { unsaid * 100 / members } else { 0 });
        if percents > 100 {
            let message = format!(
                "policy {name:?}: the members may sample {percents} % of max_total_spans_per_second together, since as in the Go \
                 processor the total holds for each of them, and one without a percentage gets the total divided by the number of \
                 all; mode: documented enforces the total"
            );
            check.warning(&format!("{path}.rate_allocation"), message);
        }
    }

    fn check_documented(&self, name: &str, path: &str, check: &mut Check<'_>) {
        let percents = self.percents();
        if percents > 100 {
            let message = format!("policy {name:?}: the percentages add up to {percents}");
            check.problem(&format!("{path}.rate_allocation"), message);
        }
        for (place, member) in self.composite_sub_policy.iter().enumerate() {
            if self.composite_sub_policy[..place].iter().any(|other| other.name == member.name) {
                let message = format!("policy {name:?}: two members are called {:?}", member.name);
                check.problem(&format!("{path}.composite_sub_policy.{place}"), message);
            }
        }
    }
}
