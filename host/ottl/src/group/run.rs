//! Running a group on an item.

use tailrace_otlp::edit::{Draft, Place};
use tailrace_otlp::walk;

use super::Group;
use crate::item::data_of;
use crate::{Context, Env, Failure, Item, Memory, Statement, What};

/// Metrics that one metric may become, by statements that add some to it, and to what they added.
const MAX_ADDED: usize = 1000;

/// What is to come after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next statement.
    GoOn,
    /// Nothing more.
    Stop,
}

impl Group {
    /// Runs the statements on the item at a place, if one of the conditions holds or there are none; what statements add is put
    /// into the item's scope, after they have run on it too. `failed` hears of each failure and says whether to go on: a
    /// condition that fails counts as one that does not hold. The result tells whether it was never told to stop.
    ///
    /// The `cache` of [`Memory`] is left as it is: [forget](Memory::forget) it before, unless items share it.
    pub fn run(
        &self,
        place: &mut Place<'_>,
        memory: &mut Memory,
        env: &Env<'_>,
        failed: &mut dyn FnMut(Failure) -> Then,
    ) -> bool {
        if !self.run_one(place, memory, env, failed) {
            return false;
        }
        let mut waiting = memory.take_added();
        let mut count = 0;
        while let Some(metric) = waiting.pop() {
            count += 1;
            if count > MAX_ADDED {
                return failed(self.endless()) == Then::GoOn;
            }
            let mut added = Draft::default();
            added.append(&metric);
            let original = std::mem::replace(&mut place.item, added);
            let goes_on = self.run_added(place, memory, env, failed);
            let done = std::mem::replace(&mut place.item, original);
            place.scope.push(ITEMS, done.body());
            if !goes_on {
                return false;
            }
            waiting.extend(memory.take_added());
        }
        true
    }

    fn run_one(
        &self,
        place: &mut Place<'_>,
        memory: &mut Memory,
        env: &Env<'_>,
        failed: &mut dyn FnMut(Failure) -> Then,
    ) -> bool {
        let mut item = Item::new(self.context, place, memory);
        let mut holds = self.conditions.is_empty();
        for condition in &self.conditions {
            match condition.holds(&item, env) {
                Ok(true) => {
                    holds = true;
                    break;
                }
                Ok(false) => {}
                Err(failure) => {
                    if failed(failure) == Then::Stop {
                        return false;
                    }
                }
            }
        }
        if !holds {
            return true;
        }
        for statement in &self.statements {
            if let Err(failure) = statement.run(&mut item, env)
                && failed(failure) == Then::Stop
            {
                return false;
            }
        }
        true
    }

    /// Runs the statements on a metric that was added, or on its data points.
    fn run_added(
        &self,
        place: &mut Place<'_>,
        memory: &mut Memory,
        env: &Env<'_>,
        failed: &mut dyn FnMut(Failure) -> Then,
    ) -> bool {
        if self.context != Context::DataPoint {
            return self.context != Context::Metric || self.run_one(place, memory, env, failed);
        }
        let (data, index) = (place.data, place.part_index);
        place.data = data_of(place.item.body());
        let count =
            walk::children(place.item.body(), place.data).map(|(_, data)| walk::children(data, 1).count()).next();
        let mut goes_on = true;
        let original = std::mem::take(&mut place.part);
        for at in 0..count.unwrap_or_default() {
            let point = walk::children(place.item.body(), place.data)
                .next()
                .and_then(|(_, data)| walk::children(data, 1).nth(at));
            let point = point.map(|(_, point)| point.to_vec()).unwrap_or_default();
            (place.part, place.part_index) = (Draft::default(), at);
            place.part.append(&point);
            goes_on = goes_on && self.run_one(place, memory, env, failed);
            let done = std::mem::take(&mut place.part);
            place.item.edit(place.data, 0, |data| {
                data.edit(1, at, |point| point.splice(0..point.body().len(), done.body()));
            });
        }
        (place.part, place.data, place.part_index) = (original, data, index);
        goes_on
    }

    #[cold]
    fn endless(&self) -> Failure {
        let text = self.statements.last().map_or("", Statement::text).into();
        let why = format!("more than {MAX_ADDED} metrics were made of one: the conditions hold for what is added too");
        Failure { what: What::ExecuteStatement, text, why }
    }
}

/// The field of a scope that holds its metrics.
const ITEMS: u32 = 2;
