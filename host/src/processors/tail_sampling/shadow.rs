//! A policy that is asked like the others and whose votes do not count: they are compared with the decision, or with another
//! policy's votes on the traces that that one was asked about.

use super::rules::Panel;
use super::vote::Vote;
use crate::pipeline::Cx;
use crate::telemetry::Counter;
use crate::telemetry::metrics::Desc;

const TRACES: Desc = Desc {
    name: "tailrace_plugin_shadow_traces",
    unit: "{trace}",
    help: "Traces on which a shadow's vote was compared with what counted.",
};
const DISAGREEMENTS: Desc = Desc {
    name: "tailrace_plugin_shadow_disagreements",
    unit: "{trace}",
    help: "Traces on which a shadow voted otherwise: its vote, and what counted.",
};

/// What counted, where it is not another policy.
const DECISION: &str = "decision";
const VOTES: [&str; 3] = ["no", "sample", "drop"];

pub(super) struct Shadow {
    leaf: usize,
    /// The name, as a number, of the policy that it is compared with.
    pub(super) against: Option<u16>,
    traces: Counter,
    /// By its vote, then by what counted.
    disagreements: [[Counter; 3]; 3],
}

impl Shadow {
    /// The evaluator `leaf` of the panel, against a policy or the decision.
    pub(super) fn new(cx: &Cx, policy: &str, leaf: usize, against: Option<(u16, &str)>) -> Self {
        let id = cx.id.to_string();
        let name = against.map_or(DECISION, |(_, name)| name);
        let labels = [("processor", id.as_str()), ("policy", policy), ("against", name)];
        let [processor, policy, other] = labels;
        let counter = |shadow, active| {
            let labels = [processor, policy, other, ("shadow", shadow), ("active", active)];
            cx.metrics.counter(DISAGREEMENTS, &labels)
        };
        Self {
            leaf,
            against: against.map(|(number, _)| number),
            traces: cx.metrics.counter(TRACES, &labels),
            disagreements: VOTES.map(|shadow| VOTES.map(|active| counter(shadow, active))),
        }
    }

    /// Asks it about the candidates, on which `votes` count. Votes that are missing on either side are counted elsewhere.
    pub(super) fn compare(&self, panel: &mut dyn Panel, candidates: &[u32], votes: &[Vote]) {
        let place = |vote: Vote| match vote {
            Vote::No => Some(0),
            Vote::Sample(_) => Some(1),
            Vote::Drop => Some(2),
            Vote::Missing | Vote::Deferred => None,
        };
        let mut counts = [[0; 3]; 3];
        for (own, active) in panel.ask(self.leaf, candidates).into_iter().zip(votes) {
            if let (Some(own), Some(active)) = (place(own), place(*active)) {
                counts[own][active] += 1;
            }
        }
        self.traces.add(counts.iter().flatten().sum());
        for (own, row) in counts.iter().enumerate() {
            for (active, count) in row.iter().enumerate().filter(|(active, count)| *active != own && **count > 0) {
                self.disagreements[own][active].add(*count);
            }
        }
    }
}
