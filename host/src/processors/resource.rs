//! Changes attributes of resources, on all signals.
//!
//! ```yaml
//! processors:
//!   resource:
//!     attributes:                                               # in order
//!       - {key: deployment.environment.name, action: upsert, value: production}
//!       - {key: k8s.cluster.name, action: insert, from_attribute: k8s-cluster, default_value: unknown}
//!       - {key: host.ip, action: delete}
//! ```
//!
//! The actions are those of the `attributes` processor, with the same differences from the Go collector. There is no `include`
//! and no `exclude`.

use super::embedded::Kind;
use crate::wasm::Embedded;

/// `resource`
pub struct Resource;

impl Kind for Resource {
    const TYPE: &'static str = "resource";
    const COMPONENT: Embedded = Embedded::Transforms;
}
