//! The buffer without plugins, for `benches/tail_sampling.rs`.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;

use super::core::Core;
use super::judge::{Court, Judge};
use super::metrics::PolicyMetrics;
use super::rules::{Panel, Policy, Rule, Rules, Vote};
use super::settings::Settings;
use crate::pipeline::Cx;
use crate::wasm::policy::{Columns, Needs};

/// A processor whose ticks are called, with one policy, which keeps a tenth by id.
pub struct Bench {
    core: Arc<Core>,
    judge: Judge,
    tick: u32,
}

impl Bench {
    /// With the given settings but for the policies.
    pub fn new(settings: &Settings, cx: &Cx) -> Self {
        let core = Arc::new(Core::new(settings, cx));
        let metrics = Arc::new(PolicyMetrics::default());
        let rules = Rules::new(vec![Policy { name: 0, rule: Rule::Leaf(0), metrics }], false);
        let panel = Box::new(Tenth { needs: Needs::default(), columns: None });
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

    fn ask(&mut self, _: usize, candidates: &[u32]) -> Vec<Vote> {
        let Some(columns) = &self.columns else { return Vec::new() };
        let keep = |place: &u32| columns.trace_ids[16 * *place as usize + 15].is_multiple_of(10);
        candidates.iter().map(|place| if keep(place) { Vote::Sample } else { Vote::No }).collect()
    }
}
