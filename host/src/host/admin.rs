//! What components answer to people who ask a running host: they register here what they can do, the `admin` extension asks
//! whoever did. So neither knows the other.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::explain::Explanation;
use crate::recording::Order;

/// Records what it decides.
pub trait Capture: Send + Sync {
    /// Begins; the recording arrives in pieces. An error says why it does not.
    fn capture(&self, order: Order) -> Result<mpsc::Receiver<Bytes>, String>;
}

/// Remembers what it decided.
pub trait Explain: Send + Sync {
    /// The newest decisions on traces whose id begins so (hex in lower case), at most `max`; `None` if it does not remember any.
    fn explain(&self, prefix: &str, max: usize) -> Option<Vec<Explanation>>;
}

/// What can be asked for.
#[derive(Default)]
pub struct Admin {
    /// Who records.
    pub capture: Roster<dyn Capture>,
    /// Who explains.
    pub explain: Roster<dyn Explain>,
}

/// Components of one ability, by id, for as long as they live.
pub struct Roster<T: ?Sized>(Mutex<Vec<(String, Weak<T>)>>);

impl<T: ?Sized> Default for Roster<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: ?Sized> Roster<T> {
    /// Adds one.
    pub fn add(&self, id: String, component: &Arc<T>) {
        let mut all = self.0.lock();
        all.retain(|(_, component)| component.strong_count() > 0);
        all.push((id, Arc::downgrade(component)));
    }

    /// Those whose id is `id`, or all; the newest first, as one that is replaced may still be handing on what it holds.
    pub fn find(&self, id: Option<&str>) -> Vec<(String, Arc<T>)> {
        let all = self.0.lock();
        let found = all.iter().rev().filter(|(own, _)| id.is_none_or(|id| id == own));
        found.filter_map(|(id, component)| Some((id.clone(), component.upgrade()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    trait Named: Send + Sync {
        fn name(&self) -> u32;
    }
    impl Named for u32 {
        fn name(&self) -> u32 {
            *self
        }
    }

    #[test]
    fn found_by_id_while_they_live() {
        let roster = Roster::<dyn Named>::default();
        let (a, b): (Arc<dyn Named>, Arc<dyn Named>) = (Arc::new(1), Arc::new(2));
        roster.add("x".to_owned(), &a);
        roster.add("y".to_owned(), &b);
        let found = |id: Option<&str>| roster.find(id).iter().map(|(_, found)| found.name()).collect::<Vec<_>>();
        assert_eq!((found(None), found(Some("x")), found(Some("z"))), (vec![2, 1], vec![1], vec![]));
        drop(a);
        assert_eq!(found(None), [2]);
    }
}
