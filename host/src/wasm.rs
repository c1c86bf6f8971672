//! The plugin host: the only module that names wasmtime.

/// The plugin engine of the process.
#[derive(Default)]
pub struct Wasm {}
