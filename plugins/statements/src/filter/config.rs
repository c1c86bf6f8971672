//! The block in the YAML, in all its styles.

use serde::Deserialize;
use tailrace_ottl::{Context, Group};
use tailrace_sdk::otlp::Signal;
use tailrace_sdk::{Diagnostics, JsonSchema};
use tailrace_shared::matching::Properties;

use super::legacy::{LogProperties, MetricProperties, Selector};
use super::{Conditions, Step};
use crate::errors::ErrorMode;
use crate::texts::{self, Entry, Style};

/// As in the collector's YAML.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What becomes of a condition that fails: `ignore` (the default), `silent` or `propagate`.
    error_mode: Option<ErrorMode>,
    /// Of traces: conditions, or groups of them.
    trace_conditions: Vec<Entry<ConditionGroup>>,
    /// Of metrics.
    metric_conditions: Vec<Entry<ConditionGroup>>,
    /// Of logs.
    log_conditions: Vec<Entry<ConditionGroup>>,
    /// Of profiles, of which there are none.
    profile_conditions: Vec<Entry<ConditionGroup>>,
    /// Of traces, by context; the style before `trace_conditions`.
    traces: Traces,
    /// Of spans, by properties; the oldest style.
    spans: Both<Properties>,
    /// Of metrics, in the older styles.
    metrics: Metrics,
    /// Of logs, in the older styles.
    logs: Logs,
    /// Of profiles, of which there are none.
    profiles: Profiles,
}

/// A group of conditions.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
struct ConditionGroup {
    /// What they are about; without it, each says so itself.
    context: Option<String>,
    /// In the place of that of all groups.
    error_mode: Option<ErrorMode>,
    /// Of which one is enough.
    conditions: Vec<String>,
}

/// `traces`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
struct Traces {
    resource: Vec<String>,
    span: Vec<String>,
    spanevent: Vec<String>,
}

/// `include` and `exclude`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
struct Both<P> {
    include: Option<P>,
    exclude: Option<P>,
}

impl<P> Default for Both<P> {
    fn default() -> Self {
        Self { include: None, exclude: None }
    }
}

/// `metrics`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
struct Metrics {
    resource: Vec<String>,
    metric: Vec<String>,
    datapoint: Vec<String>,
    include: Option<MetricProperties>,
    exclude: Option<MetricProperties>,
}

/// `logs`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
struct Logs {
    resource: Vec<String>,
    log_record: Vec<String>,
    include: Option<LogProperties>,
    exclude: Option<LogProperties>,
}

/// `profiles`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "tailrace_sdk::schemars")]
#[serde(deny_unknown_fields, default)]
struct Profiles {
    resource: Vec<String>,
    profile: Vec<String>,
}

/// The older style of a signal: key, context and texts, from the outermost context inwards.
type ByContext<'a> = [(&'static str, Context, &'a [String])];

impl Config {
    /// What is done for traces, metrics and logs.
    pub(super) fn steps(&self, problems: &mut Diagnostics) -> [Vec<Step>; 3] {
        self.refuse_mixtures(problems);
        texts::no_profiles(&self.profile_conditions, "profile_conditions", problems);
        texts::no_profiles(&self.profiles.resource, "profiles/resource", problems);
        texts::no_profiles(&self.profiles.profile, "profiles/profile", problems);
        [self.trace_steps(problems), self.metric_steps(problems), self.log_steps(problems)]
    }

    fn trace_steps(&self, problems: &mut Diagnostics) -> Vec<Step> {
        let mut steps = self.inferred(Signal::Traces, &self.trace_conditions, "/trace_conditions", problems);
        let Traces { resource, span, spanevent } = &self.traces;
        let older: &ByContext<'_> = &[
            ("resource", Context::Resource, resource),
            ("span", Context::Span, span),
            ("spanevent", Context::SpanEvent, spanevent),
        ];
        steps.extend(self.by_context(Signal::Traces, "/traces", older, problems));
        let Both { include, exclude } = &self.spans;
        steps.extend(
            Selector::spans(include.as_ref(), exclude.as_ref(), problems)
                .map(|selector| Step::Selector(Box::new(selector))),
        );
        steps
    }

    fn metric_steps(&self, problems: &mut Diagnostics) -> Vec<Step> {
        let mut steps = self.inferred(Signal::Metrics, &self.metric_conditions, "/metric_conditions", problems);
        let Metrics { resource, metric, datapoint, include, exclude } = &self.metrics;
        let older: &ByContext<'_> = &[
            ("resource", Context::Resource, resource),
            ("metric", Context::Metric, metric),
            ("datapoint", Context::DataPoint, datapoint),
        ];
        steps.extend(self.by_context(Signal::Metrics, "/metrics", older, problems));
        steps.extend(
            Selector::metrics(include.as_ref(), exclude.as_ref(), problems)
                .map(|selector| Step::Selector(Box::new(selector))),
        );
        steps
    }

    fn log_steps(&self, problems: &mut Diagnostics) -> Vec<Step> {
        let mut steps = self.inferred(Signal::Logs, &self.log_conditions, "/log_conditions", problems);
        let Logs { resource, log_record, include, exclude } = &self.logs;
        let older: &ByContext<'_> =
            &[("resource", Context::Resource, resource), ("log_record", Context::Log, log_record)];
        steps.extend(self.by_context(Signal::Logs, "/logs", older, problems));
        steps.extend(
            Selector::logs(include.as_ref(), exclude.as_ref(), problems)
                .map(|selector| Step::Selector(Box::new(selector))),
        );
        steps
    }

    /// One style a signal, as the Go collector has it.
    fn refuse_mixtures(&self, problems: &mut Diagnostics) {
        let Self { traces, spans, metrics, logs, .. } = self;
        let in_traces = !traces.resource.is_empty() || !traces.span.is_empty() || !traces.spanevent.is_empty();
        let in_spans = spans.include.is_some() || spans.exclude.is_some();
        let in_metrics = !metrics.resource.is_empty() || !metrics.metric.is_empty() || !metrics.datapoint.is_empty();
        let selects_metrics = metrics.include.is_some() || metrics.exclude.is_some();
        let in_logs = !logs.resource.is_empty() || !logs.log_record.is_empty();
        let selects_logs = logs.include.is_some() || logs.exclude.is_some();
        let mixtures = [
            (
                !self.trace_conditions.is_empty() && (in_traces || in_spans),
                "/trace_conditions",
                "cannot use context inferred trace conditions \"trace_conditions\" and the settings \"traces.resource\", \"traces.span\", \
                 \"traces.spanevent\" at the same time",
            ),
            (
                !self.metric_conditions.is_empty() && (in_metrics || selects_metrics),
                "/metric_conditions",
                "cannot use context inferred metric conditions \"metric_conditions\" and the settings \"metrics.resource\", \
                 \"metrics.metric\", \"metrics.datapoint\", \"metrics.include\", \"metrics.exclude\" at the same time",
            ),
            (
                !self.log_conditions.is_empty() && (in_logs || selects_logs),
                "/log_conditions",
                "cannot use context inferred log conditions \"log_conditions\" and the settings \"logs.resource\", \"logs.log_record\", \
                 \"logs.include\", \"logs.exclude\" at the same time",
            ),
            (
                in_traces && in_spans,
                "/spans",
                "cannot use \"traces.resource\", \"traces.span\", \"traces.spanevent\" and the span settings \"spans.include\", \
                 \"spans.exclude\" at the same time",
            ),
            (
                in_metrics && selects_metrics,
                "/metrics",
                "cannot use \"metrics.resource\", \"metrics.metric\", \"metrics.datapoint\" and the settings \"metrics.include\", \
                 \"metrics.exclude\" at the same time",
            ),
            (
                in_logs && selects_logs,
                "/logs",
                "cannot use \"logs.resource\", \"logs.log_record\" and the settings \"logs.include\", \"logs.exclude\" at the same time",
            ),
        ];
        for (_, path, message) in mixtures.into_iter().filter(|(is_mixed, ..)| *is_mixed) {
            problems.push(path, message);
        }
    }

    /// The conditions of `<signal>_conditions`, from the outermost context inwards: what is dropped is not looked into.
    fn inferred(
        &self,
        signal: Signal,
        entries: &[Entry<ConditionGroup>],
        path: &str,
        problems: &mut Diagnostics,
    ) -> Vec<Step> {
        let mut found: Vec<(ErrorMode, Group)> = Vec::new();
        match Style::of(entries, path, problems) {
            Style::Texts(list) => {
                let groups = texts::conditions(signal, None, &list, &|at| format!("{path}/{at}"), problems);
                found.extend(groups.into_iter().map(|group| (texts::mode(None, self.error_mode), group)));
            }
            Style::Groups(groups) => {
                for (at, group) in groups.into_iter().enumerate() {
                    let mode = texts::mode(group.error_mode, self.error_mode);
                    let groups = group.conditions(signal, &format!("{path}/{at}"), problems);
                    found.extend(groups.into_iter().map(|group| (mode, group)));
                }
            }
        }
        let mut steps: Vec<Conditions> = Vec::new();
        for context in Context::of(signal).iter().rev() {
            for error_mode in [ErrorMode::Ignore, ErrorMode::Silent, ErrorMode::Propagate] {
                let is_here = |(mode, group): &mut (ErrorMode, Group)| *mode == error_mode && group.context == *context;
                let groups: Vec<_> = found.extract_if(.., is_here).map(|(_, group)| group).collect();
                if !groups.is_empty() {
                    steps.push(Conditions { context: *context, groups, error_mode });
                }
            }
        }
        steps.into_iter().map(Step::Conditions).collect()
    }

    /// The conditions of the style whose keys say the contexts.
    fn by_context(&self, signal: Signal, path: &str, lists: &ByContext<'_>, problems: &mut Diagnostics) -> Vec<Step> {
        let mut steps = Vec::new();
        for (key, context, list) in lists.iter().filter(|(_, _, list)| !list.is_empty()) {
            let list: Vec<&str> = list.iter().map(String::as_str).collect();
            let place = |at| format!("{path}/{key}/{at}");
            let groups = texts::conditions(signal, Some(*context), &list, &place, problems);
            let error_mode = texts::mode(None, self.error_mode);
            steps.push(Step::Conditions(Conditions { context: *context, groups, error_mode }));
        }
        steps
    }
}

impl ConditionGroup {
    fn conditions(&self, signal: Signal, path: &str, problems: &mut Diagnostics) -> Vec<Group> {
        let context = match self.context.as_deref().filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => match texts::context(name, signal, &format!("{path}/context"), problems) {
                None => return Vec::new(),
                found => found,
            },
        };
        let list: Vec<&str> = self.conditions.iter().map(String::as_str).collect();
        texts::conditions(signal, context, &list, &|at| format!("{path}/conditions/{at}"), problems)
    }
}
