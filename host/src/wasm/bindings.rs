//! Generated from `wit/`.
#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "sampler",
    ownership: Borrowing { duplicate_if_necessary: true },
    additional_derives: [PartialEq],
});

/// The world `transforms`; what both worlds have in common is one set of types.
pub mod transforms {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "transforms",
        ownership: Borrowing { duplicate_if_necessary: true },
        additional_derives: [PartialEq],
        with: {
            "tailrace:plugin/host": super::tailrace::plugin::host,
            "tailrace:plugin/types": super::tailrace::plugin::types,
        },
    });
}

/// What the host offers beyond the two worlds.
pub mod capabilities {
    wasmtime::component::bindgen!({
        inline: "package tailrace:host-side; world capabilities { import tailrace:request/context@0.1.0; }",
        path: "../wit",
        world: "tailrace:host-side/capabilities",
    });
}
