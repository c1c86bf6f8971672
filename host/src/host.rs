//! What the process offers its components, beside their pipelines.

pub mod admin;
pub mod allocator;
pub mod cgroup;
pub mod health;
pub mod listeners;
pub mod memory;
pub mod pages;
pub mod shared;

use std::sync::Arc;

/// One per process; outlives every reload.
pub struct Host {
    /// Who holds how much memory, for `memory_limiter` and the gauges.
    pub memory: memory::Memory,
    /// Sockets by address, so that a rebuilt server inherits the one that is open.
    pub listeners: listeners::Listeners,
    /// Whether the host is ready and what is wrong with it.
    pub health: health::Health,
    /// What components answer to people who ask the running host.
    pub admin: admin::Admin,
    /// Extensions that authenticate, for servers and clients that refer to them.
    pub auth: crate::net::auth::Authenticators,
    /// What instances of one component share.
    pub shared: shared::Shared,
    /// The plugin engine, started when the first plugin is loaded.
    pub wasm: crate::wasm::Wasm,
}

impl Host {
    /// A host with nothing in it yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            memory: memory::Memory::default(),
            listeners: listeners::Listeners::default(),
            health: health::Health::default(),
            admin: admin::Admin::default(),
            auth: crate::net::auth::Authenticators::default(),
            shared: shared::Shared::default(),
            wasm: crate::wasm::Wasm::default(),
        })
    }
}
