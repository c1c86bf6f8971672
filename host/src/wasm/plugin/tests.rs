use super::*;
use crate::wasm::Wasm;
use crate::wasm::engine::{Runtime, settings};
use crate::wasm::testing::{Dir, HOSTILE, hostile};

fn load(bytes: &[u8]) -> Result<Arc<Plugin>, PluginError> {
    let dir = Dir::new();
    Wasm::default().load(&dir.file("p.wasm", bytes), None)
}

/// An instance import or export of nothing, which is enough to be refused for its name.
fn component(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {text})")).expect("good text")
}

#[test]
fn what_is_no_plugin_is_told_so() {
    let module = wat::parse_str("(module)").expect("good text");
    let exports = |name: &str| component(&format!(r#"(instance $i) (export "{name}" (instance $i))"#));
    let imports = |name: &str| component(&format!(r#"(import "{name}" (instance))"#));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"#!/bin/sh".to_vec(), "is not WebAssembly"),
        (Vec::new(), "is not WebAssembly"),
        (b" (module)".to_vec(), "is WebAssembly text"),
        (module, "is a core module, not a component"),
        (component(""), "exports nothing"),
        (
            exports("wasi:cli/run@0.2.0"),
            "it exports wasi:cli/run@0.2.0, neither tailrace:plugin/sampling@0.1.x nor tailrace:plugin/transform@0.1.x",
        ),
        (exports("tailrace:plugin/sampling@0.2.0"), "is built for tailrace:plugin@0.2.0, this host runs 0.1.x"),
        (
            imports("wasi:filesystem/types@0.2.6"),
            "imports wasi:filesystem/types@0.2.6, which plugins are never granted",
        ),
        (imports("wasi:sockets/tcp@0.2.0"), "imports wasi:sockets/tcp@0.2.0, which plugins are never granted"),
        (imports("wasi:http/outgoing-handler@0.2.0"), "imports wasi:http/outgoing-handler@0.2.0, which"),
        (imports("my:own/thing"), "imports my:own/thing, which plugins are never granted"),
        (component(r#"(import "run" (func))"#), "imports run, which plugins are never granted"),
        (HOSTILE[..HOSTILE.len() / 2].to_vec(), "is not valid"),
    ];
    for (bytes, expected) in cases {
        let error = load(&bytes).err().expect(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_export_of_another_shape_does_not_link() {
    let bytes = component(r#"(instance $i) (export "tailrace:plugin/sampling@0.1.0" (instance $i))"#);
    assert!(matches!(load(&bytes), Err(PluginError::Compile(_))));
}

/// Components that hand texts to each other, each with a memory of its own.
const COMPOSED: &str = r#"(component
  (component $callee
    (core module $m (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
      (func (export "f") (param i32 i32)))
    (core instance $i (instantiate $m))
    (func (export "f") (param "text" string)
      (canon lift (core func $i "f") (memory $i "memory") (realloc (func $i "realloc")))))
  (component $caller
    (import "f" (func $f (param "text" string)))
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (core func $lowered (canon lower (func $f) (memory $libc "memory")))
    (core module $m (import "" "f" (func $f (param i32 i32)))
      (func (export "g") (call $f (i32.const 0) (i32.const 4))))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $lowered))))))
    (func (export "g") (canon lift (core func $i "g"))))
  (instance $callee (instantiate $callee))
  (instance $caller (instantiate $caller (with "f" (func $callee "f"))))
  (export "g" (func $caller "g")))"#;

/// wasmtime 48 panics at composed components if multi-memory is off, which is why it is on: a panic of the compiler to be had.
#[test]
fn a_panic_of_the_compiler_is_an_error() {
    let source = || Source::embedded(&wat::parse_str(COMPOSED).expect("good text"));
    let mut settings = settings();
    let usual = Runtime::with(&settings, false).expect("an engine");
    assert!(compile(&usual, &source()).is_ok());
    let odd = Runtime::with(settings.wasm_multi_memory(false), false).expect("an engine");
    let error = compile(&odd, &source()).expect_err("it can not").to_string();
    assert!(error.starts_with("does not compile: the engine panicked: "), "{error}");
}

#[test]
fn the_digest_is_pinned() {
    let dir = Dir::new();
    let path = dir.file("p.wasm", HOSTILE);
    let wasm = Wasm::default();
    let digest = sha256(HOSTILE);
    for good in [digest.clone(), digest.to_uppercase(), format!("sha256:{digest}")] {
        assert_eq!(wasm.load(&path, Some(&good)).map(|plugin| plugin.digest.clone()).ok(), Some(digest.clone()));
    }
    let error = wasm.load(&path, Some("sha256:00")).err().expect("another digest");
    assert_eq!(error.to_string(), format!("the digest is sha256:{digest}, the configuration asks for sha256:00"));
}

#[test]
fn files_are_bounded_and_have_to_be_there() {
    let dir = Dir::new();
    let path = dir.file("big.wasm", b"");
    File::options().write(true).open(&path).and_then(|file| file.set_len(MAX_FILE_BYTES + 1)).expect("a sparse file");
    let wasm = Wasm::default();
    assert!(matches!(wasm.load(&path, None), Err(PluginError::TooLarge { .. })));
    assert!(matches!(wasm.load(&dir.0.path().join("none.wasm"), None), Err(PluginError::Read { .. })));
}

#[test]
fn the_manifest_and_the_kinds_are_read() {
    let plugin = hostile();
    assert_eq!((plugin.name.as_str(), plugin.version.as_str()), ("tailrace-hostile", "0.1.0"));
    let counts = plugin.kind("counts").expect("it is offered");
    assert_eq!(counts.state_schema, "asked:u64le");
    assert_eq!(plugin.counters, ["asked"]);
    assert_eq!(plugin.reasons, ["not its turn", "its turn"]);
    assert!(plugin.kind("none of these").is_none());
}
