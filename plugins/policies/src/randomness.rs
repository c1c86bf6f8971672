//! The randomness that a trace's sampling is decided by, so that samplers agree: what a span's trace state says, else the trace id.

use std::collections::HashMap;

use tailrace_sdk::otlp::tracestate::{self, Sampling, Threshold};
use tailrace_sdk::{Batch, Code, Value};

/// Reads trace states, each once per batch however many spans carry it.
#[derive(Default)]
pub(crate) struct Reader {
    known: HashMap<u32, Sampling>,
}

/// What the spans of a trace say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The first `rv`.
    pub(crate) rv: Option<u64>,
    /// Whether a span has `rv` or `th`.
    pub(crate) anything: bool,
}

impl Reader {
    /// What is known is of another batch.
    pub(crate) fn start(&mut self) {
        self.known.clear();
    }

    /// Looks at spans up to the first `rv`. The policy has to need [`tailrace_sdk::Needs::trace_state`].
    pub(crate) fn said(&mut self, batch: &Batch<'_>, trace: u32) -> Said {
        let mut said = Said::default();
        let codes = &batch.columns().span_trace_state;
        for &code in codes.get(batch.span_range(trace)).unwrap_or_default() {
            let sampling = *self.known.entry(code).or_insert_with(|| match batch.value(Code(code)) {
                Value::Str(state) => Sampling::read(state).unwrap_or_default(),
                _ => Sampling::default(),
            });
            said.anything |= sampling.rv.is_some() || sampling.th.is_some();
            if sampling.rv.is_some() {
                said.rv = sampling.rv;
                break;
            }
        }
        said
    }

    /// The randomness of a trace.
    pub(crate) fn of(&mut self, batch: &Batch<'_>, trace: u32) -> u64 {
        self.said(batch, trace).rv.unwrap_or_else(|| tracestate::randomness(batch.trace(trace).id()))
    }
}

/// As [`tailrace_sdk::Votes::threshold`] takes it. Nothing that is sampled has the threshold that lets nothing through.
pub(crate) fn bits(threshold: Threshold) -> u64 {
    threshold.rejected().min(Threshold::NEVER.rejected() - 1)
}

#[cfg(test)]
mod tests {
    use tailrace_sdk::testing::{Asker, NOW, TestSpan};
    use tailrace_sdk::{Diagnostics, Needs, Policy, Votes};

    use super::*;

    /// Gives the randomness as its threshold.
    struct Tells(Reader);

    impl Policy for Tells {
        const KIND: &'static str = "tells";
        type Config = ();
        fn new((): ()) -> Result<Self, Diagnostics> {
            Ok(Self(Reader::default()))
        }
        fn needs(&self) -> Needs {
            Needs::nothing().trace_state()
        }
        fn evaluate_batch(&mut self, batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
            self.0.start();
            for &trace in candidates {
                votes.push(self.0.said(batch, trace).anything);
                votes.threshold(self.0.of(batch, trace));
            }
            Ok(())
        }
    }

    #[test]
    fn the_first_rv_counts_and_else_the_id() {
        let trace = |states: &[&str]| {
            let span = |state: &&str| TestSpan {
                trace_id: 0xff_0102_0304_0506_0708_u128.to_be_bytes(),
                trace_state: (*state).to_owned(),
                ..TestSpan::default()
            };
            states.iter().map(span).collect::<Vec<_>>()
        };
        let id = 0x02_0304_0506_0708;
        let cases: [(&[&str], u64, bool); 6] = [
            (&["", "a=b"], id, false),
            (&["", "ot=rv:00000000000007", "ot=rv:00000000000008"], 7, true),
            (&["ot=th:8"], id, true),
            (&["ot=th:8", "ot=rv:00000000000009"], 9, true),
            (&["ot=rv:7"], id, false),
            (&[], 0, false),
        ];
        let traces: Vec<_> = cases.iter().map(|(states, ..)| trace(states)).collect();
        let answers = Asker::<Tells>::new("null").and_then(|mut tells| tells.ask(NOW, &traces)).expect("no errors");
        for (place, (states, randomness, anything)) in cases.iter().enumerate() {
            assert_eq!(answers.thresholds[place], *randomness, "{states:?}");
            assert_eq!(answers.verdicts[place], (*anything).into(), "{states:?}");
        }
    }
}
