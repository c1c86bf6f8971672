//! What statements may know besides the item: the time of the request, ids made up for it, and who sent it.

use std::cell::Cell;

use tailrace_ottl::functions::World;
use tailrace_ottl::{Client, Env, Field, Map, Value};
use tailrace_sdk::request;

/// Runs `work` with what is known of a request.
pub(crate) fn with_env<R>(bytes: &[u8], work: impl FnOnce(&Env<'_>) -> R) -> R {
    let now = request::arrived_unix_ns();
    let random = Random { request: bytes, now, state: Cell::new(None) };
    let next = || random.next();
    let world = World { now_unix_ns: i64::try_from(now).unwrap_or(i64::MAX), random: &next };
    work(&Env { world, client: &Sender })
}

/// A plugin has no randomness of its own. The ids that statements make up follow from the time and the content of the request: they
/// differ from request to request, and are the same when one is shown again.
struct Random<'a> {
    request: &'a [u8],
    now: u64,
    /// Made with the first id: most statements want none.
    state: Cell<Option<u64>>,
}

impl Random<'_> {
    /// `SplitMix64` from a hash of the request.
    fn next(&self) -> u64 {
        let state = self.state.get().unwrap_or_else(|| self.seed()).wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(Some(state));
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// FNV-1a over time and content.
    fn seed(&self) -> u64 {
        let bytes = self.now.to_le_bytes().into_iter().chain(self.request.iter().copied());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// The client, as far as the receiver kept what it sent.
struct Sender;

impl Client for Sender {
    fn value(&self, field: Field) -> Value<'_> {
        match field {
            Field::ClientMetadata | Field::GrpcMetadata => metadata(),
            // Neither is kept by this host.
            _ => Value::Nil,
        }
    }
}

/// Names with the lists of their values.
fn metadata() -> Value<'static> {
    let mut map = Map::default();
    for (name, value) in request::client_metadata() {
        let value = Value::Str(value.into());
        match map.get_mut(&name) {
            Some(Value::List(values)) => values.push(value),
            _ => map.insert(name, Value::List(vec![value])),
        }
    }
    Value::Map(map)
}

#[cfg(test)]
mod tests {
    use tailrace_sdk::testing::with_request;

    use super::*;

    #[test]
    fn ids_differ_between_requests_and_times_and_are_the_same_again() {
        let ids = |now, bytes: &[u8]| {
            with_request(now, &[], || with_env(bytes, |env| [(env.world.random)(), (env.world.random)()]))
        };
        let first = ids(1, b"a");
        assert_ne!(first[0], first[1]);
        assert_eq!(first, ids(1, b"a"));
        for other in [ids(2, b"a"), ids(1, b"b")] {
            assert!(other.iter().all(|id| !first.contains(id)));
        }
    }

    #[test]
    fn the_time_and_the_client_are_those_of_the_request() {
        with_request(5, &[("tenant", "a"), ("tenant", "b"), ("other", "c")], || {
            with_env(b"", |env| {
                assert_eq!(env.world.now_unix_ns, 5);
                let Value::Map(map) = env.client.value(Field::ClientMetadata) else { panic!("a map") };
                let texts = |values: &[&'static str]| {
                    Value::List(values.iter().map(|text| Value::Str((*text).into())).collect())
                };
                assert_eq!(map.get("tenant"), Some(&texts(&["a", "b"])));
                assert_eq!(map.get("other"), Some(&texts(&["c"])));
                assert_eq!(env.client.value(Field::ClientAddr), Value::Nil);
            });
        });
    }
}
