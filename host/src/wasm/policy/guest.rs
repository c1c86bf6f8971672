//! One instance of a plugin and the policies that it runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::columns::Needs;
use super::{Batch, Failure, Limits, OnError, PolicySpec, Reason, Votes};
use crate::host::Host;
use crate::pipeline::Cx;
use crate::wasm::bindings::Sampler;
use crate::wasm::bindings::exports::tailrace::plugin::sampling as wit;
use crate::wasm::breaker::Breaker;
use crate::wasm::call::{Broken, Restart, enter};
use crate::wasm::metrics::{GuestMetrics, MemberMetrics};
use crate::wasm::plugin::{HOSTCALL_BYTES, Plugin, new_store};
use crate::wasm::state::{GuestLog, MemoryAccount, State, is_outgrown};

/// A plugin's instance, made when it is needed and made again after a failure.
pub(super) struct Guest {
    plugin: Arc<Plugin>,
    limits: Limits,
    members: Vec<Member>,
    /// What all members need, in the order in which the instance is given it.
    needs: Needs,
    /// Places of `needs.attributes` among the columns that the host fills.
    columns: Vec<u32>,
    live: Option<Live>,
    restart: Restart,
    log: Arc<GuestLog>,
    metrics: GuestMetrics,
    host: Arc<Host>,
}

/// One configured policy.
pub(super) struct Member {
    policy: Arc<str>,
    kind: String,
    config: String,
    on_error: OnError,
    /// Empty: no state is kept.
    state_schema: String,
    saved: Option<Vec<u8>>,
    needs: Needs,
    whole_size: bool,
    /// Places of `needs.attributes` among those of the instance.
    bound: Vec<u32>,
    breaker: Breaker,
    metrics: MemberMetrics,
    /// When a failure was last logged, and how many were not since.
    logged: Option<Instant>,
    unlogged: u64,
}

/// An instance.
struct Live {
    store: Store<State>,
    exports: Sampler,
    /// By member; made when first asked after the instance was.
    evaluators: Vec<Option<ResourceAny>>,
    /// The generation of the batch that it holds.
    loaded: u64,
    /// Memory after its first batch.
    settled_bytes: Option<usize>,
}

/// A policy that fails at each tick writes one line in this time.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// What is lifted with a state.
const RESULT_BYTES: usize = 1 << 10;

impl Member {
    pub(super) fn new(spec: PolicySpec, cx: &Cx) -> Self {
        let state_schema = spec.plugin.kind(&spec.kind).map(|kind| kind.state_schema.clone()).unwrap_or_default();
        Self {
            metrics: MemberMetrics::new(&spec.plugin, &spec.policy, cx),
            policy: spec.policy.into(),
            kind: spec.kind,
            config: spec.config.to_string(),
            on_error: spec.on_error,
            state_schema,
            saved: None,
            needs: Needs::default(),
            whole_size: spec.whole_size,
            bound: Vec::new(),
            breaker: Breaker::new(spec.limits.max_failures, spec.limits.retry_after),
            logged: None,
            unlogged: 0,
        }
    }

    /// Counts and logs a failure, and says what it amounts to.
    fn fail(&mut self, plugin: &Plugin, (reason, message): Broken, now: Instant) -> Failure {
        self.metrics.failed(reason);
        let opened = reason != Reason::BreakerOpen && self.breaker.failed(now);
        self.metrics.breaker.set(self.breaker.gauge());
        let due = self.logged.is_none_or(|logged| now.duration_since(logged) >= LOG_EVERY);
        if due || opened {
            tracing::warn!(
                plugin = plugin.name,
                digest = plugin.short_digest(),
                policy = &*self.policy,
                reason = reason.as_str(),
                suppressed = self.unlogged,
                "the policy gave no votes: {message}{}",
                if opened { "; it is not asked for a while" } else { "" }
            );
            (self.logged, self.unlogged) = (Some(now), 0);
        } else {
            self.unlogged += 1;
        }
        Failure { reason, message, verdict: self.on_error.verdict() }
    }
}

impl Guest {
    pub(super) fn new(spec: &PolicySpec, cx: &Cx) -> Self {
        Self {
            plugin: spec.plugin.clone(),
            limits: spec.limits,
            members: Vec::new(),
            needs: Needs::default(),
            columns: Vec::new(),
            live: None,
            restart: Restart::default(),
            log: GuestLog::new(&spec.plugin.name, spec.limits.log_lines_per_second),
            metrics: GuestMetrics::new(&spec.plugin, &spec.plugin.counters, cx),
            host: cx.host.clone(),
        }
    }

    /// Whether the policy of `spec` can share the instance.
    pub(super) fn serves(&self, spec: &PolicySpec) -> bool {
        self.plugin.digest == spec.plugin.digest && self.limits == spec.limits
    }

    /// Configures one more policy; its place, or what is wrong with it.
    pub(super) fn add(&mut self, member: Member) -> Result<usize, Vec<(String, String)>> {
        let place = self.members.len();
        self.members.push(member);
        let configured = self.try_add(place);
        if configured.is_err() {
            self.members.pop();
            if let Some(live) = &mut self.live {
                live.evaluators.truncate(place);
            }
        }
        configured.map(|()| place)
    }

    fn try_add(&mut self, place: usize) -> Result<(), Vec<(String, String)>> {
        let whole = |(reason, message): Broken| vec![(String::new(), format!("{reason}: {message}"))];
        self.log.speaks_for(&self.members[place].policy);
        self.start().map_err(whole)?;
        let evaluator = self.configure(place).map_err(whole)??;
        let asked = self.call(self.limits.configure, |store, exports| exports.evaluator().call_needs(store, evaluator));
        let asked = asked.map_err(whole)?;
        let member = &mut self.members[place];
        let whole_size = member.whole_size;
        member.needs = Needs { fields: asked.fields, attributes: asked.attributes, whole_size };
        member.bound = self.needs.add(&member.needs);
        if let Some(live) = &mut self.live {
            live.evaluators[place] = Some(evaluator);
        }
        Ok(())
    }

    /// All policies are there: fixes which columns the instance is given, and tells the evaluators where theirs are.
    pub(super) fn settle(&mut self, all: &mut Needs) {
        self.columns = all.add(&self.needs);
        for place in 0..self.members.len() {
            // One that fails here is configured anew when it is asked, which is where failures are counted.
            if self.bind(place).is_err() {
                self.live = None;
                return;
            }
        }
    }

    /// Whether the policy failed so often that it is not asked for a while.
    pub(super) fn is_given_up(&self, place: usize) -> bool {
        self.members[place].breaker.is_open()
    }

    /// Failures of a policy so far.
    pub(super) fn failures(&self, place: usize) -> u64 {
        self.members[place].metrics.failures()
    }

    /// Takes over the state of policies of the same name, kind and form of state.
    pub(super) fn adopt(&mut self, old: &[Self]) {
        for member in &mut self.members {
            let same = |other: &&Member| {
                !member.state_schema.is_empty()
                    && other.policy == member.policy
                    && other.kind == member.kind
                    && other.state_schema == member.state_schema
            };
            if let Some(state) =
                old.iter().flat_map(|guest| &guest.members).find(same).and_then(|other| other.saved.clone())
            {
                member.saved = Some(state);
            }
        }
        self.renew_evaluators();
    }

    pub(super) fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// What a policy's next evaluation begins with.
    pub(super) fn state(&self, place: usize) -> Option<&[u8]> {
        self.members[place].saved.as_deref()
    }

    pub(super) fn set_state(&mut self, place: usize, state: Vec<u8>) {
        self.members[place].saved = Some(state);
        self.renew_evaluators();
    }

    /// Evaluators that are made from now on get their state.
    fn renew_evaluators(&mut self) {
        let Some(live) = &mut self.live else { return };
        let mut stale = Vec::new();
        for (evaluator, member) in live.evaluators.iter_mut().zip(&self.members) {
            if member.saved.is_some() {
                stale.extend(evaluator.take());
            }
        }
        for evaluator in stale {
            let _ = self.call(self.limits.configure, |store, _| evaluator.resource_drop(store));
        }
    }

    /// Instructions that the instance has executed, if they are counted.
    pub(super) fn instructions(&self) -> u64 {
        let left = self.live.as_ref().and_then(|live| live.store.get_fuel().ok());
        left.map_or(0, |left| u64::MAX - left)
    }

    /// Asks one policy.
    pub(super) fn evaluate(
        &mut self,
        place: usize,
        candidates: &[u32],
        batch: &Batch,
        now: Instant,
    ) -> Result<Votes, Failure> {
        if candidates.is_empty() {
            return Ok(Votes::default());
        }
        let admitted = self.members[place].breaker.admits(now);
        let outcome = if admitted {
            self.try_or_probe(place, candidates, batch, now)
        } else {
            Err((Reason::BreakerOpen, "it failed too often".to_owned()))
        };
        let member = &mut self.members[place];
        let votes = outcome.map_err(|broken| member.fail(&self.plugin, broken, now))?;
        member.breaker.succeeded();
        member.metrics.breaker.set(member.breaker.gauge());
        member.metrics.voted(&votes);
        self.keep_state(place);
        self.recycle_if_grown();
        Ok(votes)
    }

    /// One that is tried again is asked about a few first: the rest need not wait for it to fail.
    fn try_or_probe(&mut self, place: usize, candidates: &[u32], batch: &Batch, now: Instant) -> Result<Votes, Broken> {
        let few = (self.limits.retry_traces.max(1) as usize).min(candidates.len());
        if !self.members[place].breaker.is_half_open() || few == candidates.len() {
            return self.timed(place, candidates, batch, now);
        }
        let (first, rest) = candidates.split_at(few);
        let votes = self.timed(place, first, batch, now)?;
        Ok(votes.and(self.timed(place, rest, batch, now)?))
    }

    fn timed(&mut self, place: usize, candidates: &[u32], batch: &Batch, now: Instant) -> Result<Votes, Broken> {
        let started = Instant::now();
        let outcome = self.try_evaluate(place, candidates, batch, now);
        self.members[place].metrics.asked(candidates.len(), started.elapsed());
        outcome
    }

    fn try_evaluate(&mut self, place: usize, candidates: &[u32], batch: &Batch, now: Instant) -> Result<Votes, Broken> {
        let traces = batch.columns.len();
        if let Some(outside) = candidates.iter().find(|candidate| **candidate as usize >= traces) {
            return Err((Reason::BadVotes, format!("candidate {outside} of a batch of {traces} traces")));
        }
        self.log.speaks_for(&self.members[place].policy);
        self.start_again(now)?;
        self.give(batch)?;
        let evaluator = self.evaluator(place)?;
        let budget = self.limits.evaluate + self.limits.evaluate_per_trace * candidates.len() as u32;
        let answer =
            self.call(budget, |store, exports| exports.evaluator().call_evaluate(store, evaluator, candidates))?;
        let votes = answer.map_err(|error| (Reason::Error, error))?;
        check(&votes, candidates.len(), self.plugin.reasons.len())?;
        Ok(Votes { verdicts: votes.verdicts, thresholds: votes.thresholds, reasons: votes.reasons })
    }

    /// An instance, unless the last attempt to make one failed just now.
    fn start_again(&mut self, now: Instant) -> Result<(), Broken> {
        if self.live.is_some() {
            return Ok(());
        }
        self.restart.admits(now)?;
        let started = self.start();
        self.restart.tried(now, started.is_ok());
        started
    }

    fn start(&mut self) -> Result<(), Broken> {
        if self.live.is_some() {
            return Ok(());
        }
        let memory =
            MemoryAccount::new(self.limits.memory_bytes, Some((self.host.clone(), self.metrics.memory.clone())));
        let state = State::new(memory, self.log.clone(), self.metrics.counters.clone());
        let mut store = new_store(&self.plugin.runtime, state);
        store.set_hostcall_fuel(HOSTCALL_BYTES.max(self.limits.state_bytes.saturating_add(RESULT_BYTES)));
        let pre = self.plugin.sampler().map_err(|error| (Reason::Unavailable, error.to_string()))?;
        let exports = enter(&self.plugin, &mut store, self.limits.configure, |store| pre.instantiate(store))?;
        self.live = Some(Live { store, exports, evaluators: Vec::new(), loaded: 0, settled_bytes: None });
        Ok(())
    }

    /// Gives the instance the batch, unless it has it.
    fn give(&mut self, batch: &Batch) -> Result<(), Broken> {
        if self.live.as_ref().is_none_or(|live| live.loaded == batch.generation) {
            return Ok(());
        }
        let none = Vec::new();
        let codes = |place: &u32| {
            let column = batch.columns.attributes.get(*place as usize);
            wit::Column { codes: column.map_or(&none, |column| &column.codes) }
        };
        let attributes: Vec<_> = self.columns.iter().map(codes).collect();
        let needs = self.needs.clone();
        let part = batch.columns.part(&needs, &attributes);
        let budget = self.limits.load;
        self.call(budget, |store, exports| exports.call_load(store, part))?;
        if let Some(live) = &mut self.live {
            live.loaded = batch.generation;
        }
        Ok(())
    }

    /// The policy's evaluator, configured if the instance is new.
    fn evaluator(&mut self, place: usize) -> Result<ResourceAny, Broken> {
        let known = self.live.as_ref().and_then(|live| live.evaluators.get(place).copied().flatten());
        if let Some(evaluator) = known {
            return Ok(evaluator);
        }
        let evaluator = self.configure(place)?.map_err(|problems| {
            let problems: Vec<_> = problems.into_iter().map(|(path, message)| format!("{path} {message}")).collect();
            (Reason::Unavailable, format!("it does not take its configuration any more: {}", problems.join("; ")))
        })?;
        if let Some(live) = &mut self.live {
            live.evaluators[place] = Some(evaluator);
        }
        self.bind(place)?;
        if let Some(state) = self.members[place].saved.clone() {
            self.call(self.limits.load, |store, exports| exports.evaluator().call_restore(store, evaluator, &state))?;
        }
        Ok(evaluator)
    }

    /// `configure`; the inner error is the configuration's fault.
    fn configure(&mut self, place: usize) -> Result<Result<ResourceAny, Vec<(String, String)>>, Broken> {
        let (kind, config) = (self.members[place].kind.clone(), self.members[place].config.clone());
        let answer =
            self.call(self.limits.configure, |store, exports| exports.call_configure(store, &kind, &config))?;
        if let Some(live) = &mut self.live
            && live.evaluators.len() <= place
        {
            live.evaluators.resize(place + 1, None);
        }
        Ok(answer.map_err(|problems| problems.into_iter().map(|problem| (problem.path, problem.message)).collect()))
    }

    fn bind(&mut self, place: usize) -> Result<(), Broken> {
        let evaluator = self.live.as_ref().and_then(|live| live.evaluators.get(place).copied().flatten());
        let Some(evaluator) = evaluator else { return Ok(()) };
        let bound = self.members[place].bound.clone();
        self.call(self.limits.configure, |store, exports| exports.evaluator().call_bind(store, evaluator, &bound))
    }

    /// Asks for the state of a policy that keeps one, so that it outlives the instance.
    fn keep_state(&mut self, place: usize) {
        if self.members[place].state_schema.is_empty() {
            return;
        }
        let Ok(evaluator) = self.evaluator(place) else { return };
        match self.call(self.limits.load, |store, exports| exports.evaluator().call_save(store, evaluator)) {
            Ok(Some(state)) if state.len() > self.limits.state_bytes => {
                let (bytes, allowed) = (state.len(), self.limits.state_bytes);
                let message = format!("its state of {bytes} bytes is not kept: it may have {allowed}");
                let broken = (Reason::Error, message);
                self.members[place].fail(&self.plugin, broken, Instant::now());
            }
            Ok(state) => self.members[place].saved = state,
            Err(broken) => {
                self.members[place].fail(&self.plugin, broken, Instant::now());
            }
        }
    }

    fn recycle_if_grown(&mut self) {
        let Some(live) = &mut self.live else { return };
        let used = live.store.data().memory.used();
        self.metrics.used(used);
        let settled = *live.settled_bytes.get_or_insert(used);
        if is_outgrown(used, settled, self.limits.memory_bytes, self.limits.recycle_percentage) {
            self.metrics.outgrown();
            self.live = None;
        }
    }

    /// Calls into the instance; one that fails is thrown away.
    fn call<R>(
        &mut self,
        budget: Duration,
        work: impl FnOnce(&mut Store<State>, &wit::Guest) -> wasmtime::Result<R>,
    ) -> Result<R, Broken> {
        let Some(live) = &mut self.live else { return Err((Reason::Unavailable, "there is no instance".to_owned())) };
        let exports = live.exports.tailrace_plugin_sampling();
        let outcome = enter(&self.plugin, &mut live.store, budget, |store| work(store, exports));
        if outcome.is_err() {
            self.live = None;
            self.metrics.replaced();
        }
        outcome
    }
}

/// Whether the votes fit the question.
fn check(votes: &wit::Votes, candidates: usize, reasons: usize) -> Result<(), Broken> {
    let bad = |message| Err((Reason::BadVotes, message));
    if votes.verdicts.len() != candidates {
        return bad(format!("{} votes on {candidates} traces", votes.verdicts.len()));
    }
    if let Some(verdict) = votes.verdicts.iter().find(|verdict| **verdict > 2) {
        return bad(format!("there is no verdict {verdict}"));
    }
    if !votes.thresholds.is_empty() && votes.thresholds.len() != candidates * 7 {
        return bad(format!("{} bytes of thresholds for {candidates} traces", votes.thresholds.len()));
    }
    if !votes.reasons.is_empty() && votes.reasons.len() != candidates {
        return bad(format!("{} reasons for {candidates} votes", votes.reasons.len()));
    }
    if let Some(reason) = votes.reasons.iter().find(|reason| usize::from(**reason) >= reasons) {
        return bad(format!("there is no reason {reason}"));
    }
    Ok(())
}
