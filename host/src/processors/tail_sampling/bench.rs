//! The buffer without plugins, for `benches/tail_sampling.rs`.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;

use super::composite::Claim;
use super::core::Core;
use super::judge::{Court, Judge};
use super::metrics::PolicyMetrics;
use super::rules::{Panel, Policy, Rule, Rules};
use super::settings::Settings;
use super::vote::Vote;
use super::witness::{Asked, Roster};
use crate::pipeline::Cx;
use crate::recording::Leaf;
use crate::wasm::policy::{Columns, Needs, Votes};

/// A processor whose ticks are called, with policies that each keep the same tenth by id.
pub struct Bench {
    core: Arc<Core>,
    judge: Judge,
    tick: u32,
}

impl Bench {
    /// With the given settings but for the policies, of which there are so many.
    pub fn new(settings: &Settings, policies: usize, cx: &Cx) -> Self {
        let core = Arc::new(Core::new(settings, cx));
        let metrics = Arc::new(PolicyMetrics::default());
        let names: Vec<_> = (0..policies).map(|leaf| format!("tenth-{leaf}")).collect();
        let policy = |(leaf, name): (usize, &String)| {
            let (name, metrics) = (core.names.number(name), metrics.clone());
            Policy { name, rule: Rule::Leaf(leaf), metrics }
        };
        let rules = Rules::new(names.iter().enumerate().map(policy).collect(), false);
        let leaves = names.iter().map(|name| Leaf { name: name.clone(), ..Leaf::default() }).collect();
        let named = names.iter().cloned().enumerate().map(|(leaf, name)| (name, Rule::Leaf(leaf))).collect();
        let roster = Arc::new(Roster { policies: named, leaves });
        let panel = Box::new(Tenth { needs: Needs::default(), columns: None, notes: None, roster });
        Self { judge: Judge::new(core.clone(), Court { panel, rules }), core, tick: 0 }
    }

    /// Takes a request in.
    pub fn take_in(&self, request: &Bytes) {
        self.core.take_in(std::slice::from_ref(request));
    }

    /// Lets a second pass, and lets go of what was kept.
    pub fn tick(&mut self) {
        self.tick += 1;
        self.judge.tick(self.tick);
        drop(self.core.outbox.take_all());
    }

    /// Segments in use, bytes.
    pub fn segment_bytes(&self) -> usize {
        self.core.pool.in_use_bytes()
    }
}

struct Tenth {
    needs: Needs,
    columns: Option<Columns>,
    /// As policies in plugins keep them.
    notes: Option<Vec<Asked>>,
    roster: Arc<Roster>,
}

impl Panel for Tenth {
    fn needs(&self) -> &Needs {
        &self.needs
    }

    fn load(&mut self, columns: Columns) {
        self.columns = Some(columns);
    }

    fn refresh(&mut self) {}

    fn succeed(&mut self, _: &mut dyn Panel) {}

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn admit(&mut self, _: usize, claims: &[Claim]) -> Vec<bool> {
        vec![true; claims.len()]
    }

    fn ask(&mut self, leaf: usize, candidates: &[u32]) -> Vec<Vote> {
        let Some(columns) = &self.columns else { return Vec::new() };
        let keep = |place: &u32| u8::from(columns.trace_ids[16 * *place as usize + 15].is_multiple_of(10));
        let verdicts: Vec<u8> = candidates.iter().map(keep).collect();
        let votes = verdicts.iter().map(|verdict| Vote::of(*verdict)).collect();
        if let Some(notes) = &mut self.notes {
            let answer = Ok(Votes { verdicts, ..Votes::default() });
            notes.push(Asked { leaf, candidates: candidates.to_vec(), answer, defers: false });
        }
        votes
    }

    fn note(&mut self, is_noting: bool) {
        self.notes = is_noting.then(Vec::new);
    }

    fn noted(&mut self) -> Vec<Asked> {
        self.notes.take().unwrap_or_default()
    }

    fn roster(&self) -> Option<Arc<Roster>> {
        Some(self.roster.clone())
    }
}
