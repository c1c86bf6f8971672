//! The manifest: a line of JSON in the custom section `tailrace:manifest`, readable without running the plugin. It says what
//! `describe` would say:
//!
//! ```json
//! {"name": "keep-vip", "version": "0.1.0", "world": "tailrace:plugin/sampler@0.1.0", "kinds": [
//!   {"name": "keep_vip", "summary": "…", "schema": "{\"type\":\"object\"}", "state_schema": "", "counters": [], "reasons": []}]}
//! ```
//!
//! It is written by the compiler, since a custom section has to be an array of bytes: hence `const fn` and loops by hand. A schema
//! that is derived is not among what the compiler knows: `schemars` makes it when it runs. `tailrace plugin build` appends a
//! manifest that has it, outermost, where it counts before this one.

use crate::component::{Kind, TransformKind};
use crate::schema::Derive;

/// Hosts read no more than this.
const MAX_BYTES: usize = 64 << 10;

/// Bytes of the manifest of these.
pub const fn len(name: &str, version: &str, kinds: &[Kind], transforms: &[TransformKind]) -> usize {
    // Without room it only counts.
    let len = Writer::<0>::manifest(name, version, kinds, transforms).len;
    assert!(len <= MAX_BYTES, "the kinds' summaries, schemas, counters and reasons together are larger than 64 KiB");
    len
}

/// The manifest; `N` is its [`len`].
pub const fn write<const N: usize>(name: &str, version: &str, kinds: &[Kind], transforms: &[TransformKind]) -> [u8; N] {
    Writer::<N>::manifest(name, version, kinds, transforms).bytes
}

/// The schema as far as it is known when compiling: a derived one is made by the guest when it is asked, and is left out here.
const fn written(schema: &'static str, derive: Derive) -> &'static str {
    if derive.is_some() && matches!(schema.as_bytes(), b"{}") { "" } else { schema }
}

struct Writer<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Writer<N> {
    const fn manifest(name: &str, version: &str, kinds: &[Kind], transforms: &[TransformKind]) -> Self {
        let mut writer = Self { bytes: [0; N], len: 0 };
        writer.member("{", "name", name);
        writer.member(",", "version", version);
        let is_sampler = !kinds.is_empty();
        let world = if is_sampler { "tailrace:plugin/sampler@0.1.0" } else { "tailrace:plugin/transforms@0.1.0" };
        writer.member(",", "world", world);
        writer.raw(",\"kinds\":[");
        let mut at = 0;
        while at < kinds.len() {
            let Kind { name, summary, schema, derive, state_schema, counters, reasons, .. } = kinds[at];
            writer.raw(if at > 0 { "," } else { "" });
            writer.kind(name, summary, written(schema, derive), state_schema);
            writer.list("counters", counters);
            writer.list("reasons", reasons);
            writer.raw("}");
            at += 1;
        }
        writer.raw("],\"transforms\":[");
        let mut at = 0;
        while at < transforms.len() {
            let TransformKind { name, summary, schema, derive, counters, .. } = transforms[at];
            writer.raw(if at > 0 { "," } else { "" });
            writer.kind(name, summary, written(schema, derive), "");
            writer.list("counters", counters);
            writer.raw("}");
            at += 1;
        }
        // A linker puts sections of one name behind each other: the end of the line is the end of the manifest.
        writer.raw("]}\n");
        writer
    }

    /// The members that all kinds have; lists and the closing brace are to follow.
    const fn kind(&mut self, name: &str, summary: &str, schema: &str, state_schema: &str) {
        self.member("{", "name", name);
        self.member(",", "summary", summary);
        if !schema.is_empty() {
            self.member(",", "schema", schema);
        }
        self.member(",", "state_schema", state_schema);
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

/// Makes a component of types that implement [`Policy`](crate::Policy) or [`Transform`](crate::Transform):
/// `export!(Vip, Errors)` of policies, `export!(transforms: [Redact])` of transforms, `export!(policies: [Vip], transforms: [Redact])`
/// of both. Once per crate, whose `crate-type` is `cdylib`; does nothing unless the target is WebAssembly.
#[macro_export]
macro_rules! export {
    (policies: [$($policy:ty),+ $(,)?], transforms: [$($transform:ty),+ $(,)?] $(,)?) => {
        $crate::__component! { [$($policy),+] [$($transform),+] { export_sampler export_transforms } }
    };
    (policies: [$($policy:ty),+ $(,)?] $(,)?) => {
        $crate::__component! { [$($policy),+] [] { export_sampler } }
    };
    (transforms: [$($transform:ty),+ $(,)?] $(,)?) => {
        $crate::__component! { [] [$($transform),+] { export_transforms } }
    };
    ($($policy:ty),+ $(,)?) => {
        $crate::__component! { [$($policy),+] [] { export_sampler } }
    };
}

/// For [`export!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ([$($policy:ty),*] [$($transform:ty),*] { $($export:ident)+ }) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(
            unsafe_code, missing_docs, unused_imports, long_running_const_eval, clippy::all, clippy::pedantic,
            reason = "the component's ABI"
        )]
        const _: () = {
            use $crate::__private::Fallback;
            struct Plugin;
            impl $crate::__private::Component for Plugin {
                const KINDS: &'static [$crate::__private::Kind] = &[$(
                    $crate::__private::Kind::of::<$policy>(
                        $crate::__private::Probe::<<$policy as $crate::Policy>::Config>::DERIVE,
                    ),
                )*];
            }
            impl $crate::__private::TransformComponent for Plugin {
                const TRANSFORMS: &'static [$crate::__private::TransformKind] = &[$(
                    $crate::__private::TransformKind::of::<$transform>(
                        $crate::__private::Probe::<<$transform as $crate::Transform>::Config>::DERIVE,
                    ),
                )*];
            }
            const KINDS: &[$crate::__private::Kind] = <Plugin as $crate::__private::Component>::KINDS;
            const TRANSFORMS: &[$crate::__private::TransformKind] =
                <Plugin as $crate::__private::TransformComponent>::TRANSFORMS;
            const NAME: &str = env!("CARGO_PKG_NAME");
            const VERSION: &str = env!("CARGO_PKG_VERSION");
            #[used]
            #[unsafe(link_section = "tailrace:manifest")]
            static SECTION: [u8; $crate::__private::manifest::len(NAME, VERSION, KINDS, TRANSFORMS)] =
                $crate::__private::manifest::write(NAME, VERSION, KINDS, TRANSFORMS);

            type Exported = $crate::__private::Exports<Plugin>;
            $($crate::$export!(Exported);)+
        };
    };
}

/// For [`export!`].
#[doc(hidden)]
#[macro_export]
macro_rules! export_sampler {
    ($exported:ident) => {
        $crate::bindings::export_sampler!($exported with_types_in $crate::bindings);
    };
}

/// For [`export!`].
#[doc(hidden)]
#[macro_export]
macro_rules! export_transforms {
    ($exported:ident) => {
        $crate::bindings::transforms::export_transforms!($exported with_types_in $crate::bindings::transforms);
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
        const KINDS: &[Kind] = &[Kind::of::<Odd>(None), Kind::of::<Odd>(None)];
        static SECTION: [u8; len("p", "1.0", KINDS, &[])] = write("p", "1.0", KINDS, &[]);
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
            "transforms": [],
        });
        assert_eq!(serde_json::from_slice::<Value>(line).expect("JSON"), expected);
    }
}
