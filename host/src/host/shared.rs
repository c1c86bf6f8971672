//! Things that the instances of one component share, found by type and name. They live as long as one instance holds them.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// What is shared at present.
#[derive(Default)]
pub struct Shared(Mutex<HashMap<(TypeId, String), Weak<dyn Any + Send + Sync>>>);

impl Shared {
    /// The `T` called `name`, made by `make` if nobody holds one.
    pub fn get_or_make<T: Any + Send + Sync>(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let mut all = self.0.lock();
        all.retain(|_, held| held.strong_count() > 0);
        let key = (TypeId::of::<T>(), name.to_owned());
        let held = all.get(&key).and_then(Weak::upgrade).and_then(|held| held.downcast::<T>().ok());
        held.unwrap_or_else(|| {
            let made = Arc::new(make());
            let erased: Arc<dyn Any + Send + Sync> = made.clone();
            all.insert(key, Arc::downgrade(&erased));
            made
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_while_held() {
        let shared = Shared::default();
        let first = shared.get_or_make("a", || 1_u32);
        assert_eq!(*shared.get_or_make("a", || 2_u32), 1);
        assert_eq!(*shared.get_or_make("b", || 3_u32), 3);
        assert_eq!(*shared.get_or_make("a", || 4_u64), 4);
        drop(first);
        assert_eq!(*shared.get_or_make("a", || 5_u32), 5);
    }
}
