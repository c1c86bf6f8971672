//! tailrace: an OpenTelemetry collector host whose sampling policies and transforms are sandboxed WebAssembly components.
//!
//! Folder = kind, file = the component's canonical type. See `ARCHITECTURE.md` for the map and the invariants.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod capture;
pub mod cli;
pub mod config;
pub mod connectors;
mod console;
pub mod explain;
pub mod exporters;
pub mod extensions;
pub mod generate;
pub mod host;
pub mod net;
pub mod pipeline;
pub mod plugin;
pub mod processors;
pub mod receivers;
pub mod recording;
pub mod remote;
pub mod telemetry;
pub mod wasm;
