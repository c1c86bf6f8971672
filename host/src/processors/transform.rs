//! Runs statements of the OpenTelemetry Transformation Language on traces, metrics and logs.
//!
//! ```yaml
//! processors:
//!   transform:
//!     error_mode: ignore                # default: a statement that fails is logged, and the next one runs; silent: not logged;
//!                                       # propagate: the request is refused
//!     trace_statements:                 # one group: all run on what the innermost path is about
//!       - set(span.attributes["env"], resource.attributes["deployment.environment.name"])
//!       - replace_pattern(span.name, "/\\d+", "/{id}") where span.kind == SPAN_KIND_SERVER
//!     log_statements:                   # or several groups, in order
//!       - conditions: ['IsMatch(log.body, "^{")']
//!         statements: ['merge_maps(log.attributes, ParseJSON(log.body), "upsert")']
//!       - {context: resource, error_mode: silent, statements: ['delete_key(attributes, "host.ip")']}
//! ```
//!
//! - A group is one pass over a request; its `conditions` are alternatives, and gate all of its statements. `cache` is an item's own,
//!   unless `shared_cache: true` keeps it through the request.
//! - `Now()` is the time at which the request came to the processor; ids that `UUID()` and its like make up follow from that time and the
//!   request's content, so that they differ from request to request. `otelcol.client.metadata` is there if the receiver has
//!   `include_metadata`.
//! - What statements fail with is logged once for each group and request, with the number of failures, and not once an item.
//!
//! Differences from the Go collector: what is certain to fail (a division by a literal 0) is an error of the configuration; there are no
//! profiles, and no feature gate that would make `flatten_data` and lambdas available: they are errors.

use super::embedded::Kind;
use crate::wasm::Embedded;

/// `transform`
pub struct Transform;

impl Kind for Transform {
    const TYPE: &'static str = "transform";
    const COMPONENT: Embedded = Embedded::Statements;
}
