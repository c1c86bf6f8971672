//! What a transform may know of the request that it is shown, beyond its bytes.
//!
//! It says the same all through one call of [`Transform::apply`](crate::Transform::apply). A transform that does not ask needs a host
//! that knows no more than the contract `tailrace:plugin@0.1.0`.
//!
//! ```
//! use tailrace_sdk::{request, testing};
//!
//! testing::with_request(1_700_000_000_000_000_000, &[("tenant", "blue")], || {
//!     assert_eq!(request::arrived_unix_ns(), 1_700_000_000_000_000_000);
//!     assert_eq!(request::client_values("tenant"), ["blue"]);
//! });
//! assert!(request::client_values("tenant").is_empty());
//! ```

#[cfg(target_arch = "wasm32")]
use crate::bindings::capabilities::tailrace::request::context as imports;

/// When the request came to the transform, Unix ns. 0 while it is configured.
pub fn arrived_unix_ns() -> u64 {
    #[cfg(target_arch = "wasm32")]
    {
        let imports::Instant { seconds, nanoseconds } = imports::arrived();
        seconds.saturating_mul(1_000_000_000).saturating_add(u64::from(nanoseconds))
    }
    #[cfg(not(target_arch = "wasm32"))]
    pretended::with(|request| request.arrived_unix_ns)
}

/// What the client sent beside the data, in headers or gRPC metadata, in the order it did: names in lower case, and values. Nothing
/// where the receiver was not told to keep it (`include_metadata`), or `batch` or `tail_sampling` came between.
pub fn client_metadata() -> Vec<(String, String)> {
    #[cfg(target_arch = "wasm32")]
    {
        imports::client_metadata()
    }
    #[cfg(not(target_arch = "wasm32"))]
    pretended::with(|request| request.client.clone())
}

/// The values under one name of [`client_metadata`], which is in lower case.
pub fn client_values(name: &str) -> Vec<String> {
    client_metadata().into_iter().filter(|(key, _)| key == name).map(|(_, value)| value).collect()
}

/// The request that a test pretends to be shown.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod pretended {
    use std::cell::RefCell;

    #[derive(Clone, Debug, Default)]
    pub(crate) struct Request {
        pub(crate) arrived_unix_ns: u64,
        pub(crate) client: Vec<(String, String)>,
    }

    thread_local! {
        static REQUEST: RefCell<Request> = RefCell::default();
    }

    pub(crate) fn with<R>(read: impl FnOnce(&Request) -> R) -> R {
        REQUEST.with_borrow(read)
    }

    pub(crate) fn set(request: Request) -> Request {
        REQUEST.replace(request)
    }
}
