//! The manifest: a line of JSON in the custom section `tailrace:manifest`, readable without running the plugin. It says what
//! `describe` would say:
//!
//! ```json
//! {"name": "keep-vip", "version": "0.1.0", "world": "tailrace:plugin/sampler@0.1.0", "kinds": [
//!   {"name": "keep_vip", "summary": "…", "schema": "{\"type\":\"object\"}", "state_schema": "", "counters": [], "reasons": []}]}
//! ```
//!
//! It is written by the compiler, since a custom section has to be an array of bytes: hence `const fn` and loops by hand.

use crate::component::Kind;

/// Hosts read no more than this.
const MAX_BYTES: usize = 64 << 10;

/// Bytes of the manifest of these.
pub const fn len(name: &str, version: &str, kinds: &[Kind]) -> usize {
    // Without room it only counts.
    let len = Writer::<0>::manifest(name, version, kinds).len;
    assert!(len <= MAX_BYTES, "the kinds' summaries, schemas, counters and reasons together are larger than 64 KiB");
    len
}

/// The manifest; `N` is its [`len`].
pub const fn write<const N: usize>(name: &str, version: &str, kinds: &[Kind]) -> [u8; N] {
    Writer::<N>::manifest(name, version, kinds).bytes
}

struct Writer<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Writer<N> {
    const fn manifest(name: &str, version: &str, kinds: &[Kind]) -> Self {
        let mut writer = Self { bytes: [0; N], len: 0 };
        writer.member("{", "name", name);
        writer.member(",", "version", version);
        writer.member(",", "world", "tailrace:plugin/sampler@0.1.0");
        writer.raw(",\"kinds\":[");
        let mut at = 0;
        while at < kinds.len() {
            if at > 0 {
                writer.raw(",");
            }
            writer.kind(&kinds[at]);
            at += 1;
        }
        // A linker puts sections of one name behind each other: the end of the line is the end of the manifest.
        writer.raw("]}\n");
        writer
    }

    const fn kind(&mut self, kind: &Kind) {
        self.member("{", "name", kind.name);
        self.member(",", "summary", kind.summary);
        if !kind.schema.is_empty() {
            self.member(",", "schema", kind.schema);
        }
        self.member(",", "state_schema", kind.state_schema);
        self.list("counters", kind.counters);
        self.list("reasons", kind.reasons);
        self.raw("}");
    }

    const fn member(&mut self, before: &str, key: &str, value: &str) {
        self.raw(before);
        self.text(key);
        self.raw(":");
        self.text(value);
    }

    const fn list(&mut self, key: &str, values: &[&str]) {
        self.raw(",");
        self.text(key);
        self.raw(":[");
        let mut at = 0;
        while at < values.len() {
            if at > 0 {
                self.raw(",");
            }
            self.text(values[at]);
            at += 1;
        }
        self.raw("]");
    }

    /// A JSON string.
    const fn text(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let bytes = text.as_bytes();
        self.byte(b'"');
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            match byte {
                b'"' | b'\\' => {
                    self.byte(b'\\');
                    self.byte(byte);
                }
                0..0x20 => {
                    self.raw("\\u00");
                    self.byte(HEX[(byte >> 4) as usize]);
                    self.byte(HEX[(byte & 15) as usize]);
                }
                _ => self.byte(byte),
            }
            at += 1;
        }
        self.byte(b'"');
    }

    const fn raw(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            self.byte(bytes[at]);
            at += 1;
        }
    }

    const fn byte(&mut self, byte: u8) {
        if self.len < N {
            self.bytes[self.len] = byte;
        }
        self.len += 1;
    }
}

/// Makes a component of one or more types that implement [`Policy`](crate::Policy). Once per crate, whose `crate-type` is
/// `cdylib`; does nothing unless the target is WebAssembly.
#[macro_export]
macro_rules! export {
    ($first:ty $(, $policy:ty)* $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(
            unsafe_code, missing_docs, long_running_const_eval, clippy::all, clippy::pedantic,
            reason = "the component's ABI"
        )]
        const _: () = {
            struct Plugin;
            impl $crate::__private::Component for Plugin {
                const KINDS: &'static [$crate::__private::Kind] = &[
                    $crate::__private::Kind::of::<$first>(),
                    $($crate::__private::Kind::of::<$policy>(),)*
                ];
            }
            const KINDS: &[$crate::__private::Kind] = <Plugin as $crate::__private::Component>::KINDS;
            const NAME: &str = env!("CARGO_PKG_NAME");
            const VERSION: &str = env!("CARGO_PKG_VERSION");
            #[used]
            #[unsafe(link_section = "tailrace:manifest")]
            static SECTION: [u8; $crate::__private::manifest::len(NAME, VERSION, KINDS)] =
                $crate::__private::manifest::write(NAME, VERSION, KINDS);

            type Exported = $crate::__private::Exports<Plugin>;
            $crate::bindings::export_sampler!(Exported with_types_in $crate::bindings);
        };
    };
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Diagnostics, Policy};

    struct Odd;
    impl Policy for Odd {
        const KIND: &'static str = "odd";
        const SUMMARY: &'static str = "Says \"no\"\n\tand \\ uses \u{1} \u{e4}.";
        const SCHEMA: &'static str = r#"{"type": "object"}"#;
        const COUNTERS: &'static [&'static str] = &["a", "b\"c"];
        type Config = ();
        fn new((): ()) -> Result<Self, Diagnostics> {
            Ok(Self)
        }
    }

    #[test]
    fn is_a_line_of_json_made_when_compiling() {
        const KINDS: &[Kind] = &[Kind::of::<Odd>(), Kind::of::<Odd>()];
        static SECTION: [u8; len("p", "1.0", KINDS)] = write("p", "1.0", KINDS);
        let (end, line) = SECTION.split_last().expect("not empty");
        assert_eq!(*end, b'\n');
        assert!(!line.contains(&b'\n'));
        let kind = json!({
            "name": "odd",
            "summary": Odd::SUMMARY,
            "schema": Odd::SCHEMA,
            "state_schema": "",
            "counters": Odd::COUNTERS,
            "reasons": [],
        });
        let expected = json!({
            "name": "p",
            "version": "1.0",
            "world": "tailrace:plugin/sampler@0.1.0",
            "kinds": [kind, kind],
        });
        assert_eq!(serde_json::from_slice::<Value>(line).expect("JSON"), expected);
    }
}
