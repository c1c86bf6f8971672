//! Things that the instances of one component share, found by type and name. They live as long as one instance holds them.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// What is shared at present.
#[derive(Default)]
pub struct Shared(Mutex<HashMap<(TypeId, String), Weak<dyn Any + Send + Sync>>>);

impl Shared {
    /// The `T` called `name`, made by `make` if nobody holds one.
    pub fn get_or_make<T: Any + Send + Sync>(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let made: Result<_, Infallible> = self.get_or_try_make(name, || Ok(make()));
        made.unwrap_or_else(|never| match never {})
    }

    /// The same where making it may fail.
    pub fn get_or_try_make<T: Any + Send + Sync, E>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let mut all = self.0.lock();
        all.retain(|_, held| held.strong_count() > 0);
        let key = (TypeId::of::<T>(), name.to_owned());
        let held = all.get(&key).and_then(Weak::upgrade).and_then(|held| held.downcast::<T>().ok());
        if let Some(held) = held {
            return Ok(held);
        }
        let made = Arc::new(make()?);
        let erased: Arc<dyn Any + Send + Sync> = made.clone();
        all.insert(key, Arc::downgrade(&erased));
        Ok(made)
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
        assert_eq!(shared.get_or_try_make::<u32, _>("c", || Err("no")), Err("no"));
        assert_eq!(*shared.get_or_make("c", || 6_u32), 6);
    }
}
