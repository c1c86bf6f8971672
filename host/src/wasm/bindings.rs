//! Generated from `wit/plugin.wit`.
#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "sampler",
    ownership: Borrowing { duplicate_if_necessary: true },
    additional_derives: [PartialEq],
});
