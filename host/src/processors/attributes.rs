//! Changes attributes of spans, log records and data points: inserts, updates, deletes, hashes, extracts and converts them.
//!
//! ```yaml
//! processors:
//!   attributes/cleanup:
//!     include: {match_type: strict, services: [checkout]}      # optional; and exclude: what is left as it is
//!     actions:                                                  # in order
//!       - {key: env, action: insert, value: production}         # only where there is none; update: only where there is one;
//!                                                               # upsert: both
//!       - {key: region, action: upsert, from_attribute: cloud.region, default_value: unknown}
//!       - {key: tenant, action: insert, from_context: metadata.tenant}   # what the client sent beside the data, where the
//!                                                               # receiver has include_metadata: true
//!       - {action: delete, pattern: "^internal\\."}             # key, pattern or both
//!       - {key: user.email, action: hash}                       # SHA-256, in hex
//!       - {key: http.url, action: extract, pattern: "^(?P<scheme>.*?)://(?P<host>[^/]+)"}
//!       - {key: http.status_code, action: convert, converted_type: int}
//! ```
//!
//! Differences from the Go collector's, each where that one does silently nothing:
//! - an option that an action does not use (`default_value` in `delete`, `from_context` in `hash`) is an error, not ignored;
//! - `resources` in `include` and `exclude` counts on metrics too, beside or without `metric_names`;
//! - of several `libraries` one has to match, as the documentation says: there all have to, which no library can;
//! - `match_type: expr` is not available;
//! - `from_context` takes `metadata.<name>`, or the bare name; `auth.<name>` and `client.address` are not available.

use super::embedded::Kind;
use crate::wasm::Embedded;

/// `attributes`
pub struct Attributes;

impl Kind for Attributes {
    const TYPE: &'static str = "attributes";
    const COMPONENT: Embedded = Embedded::Transforms;
}
