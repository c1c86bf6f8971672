//! The manifest: a line of JSON in the custom section `tailrace:manifest`, readable without running the plugin.

/// Bytes that [`join`] makes of `parts`.
pub const fn joined_len(parts: &[&str]) -> usize {
    let mut len = 0;
    let mut part = 0;
    while part < parts.len() {
        len += parts[part].len();
        part += 1;
    }
    len
}

/// Concatenates when compiling: a custom section has to be an array of bytes.
pub const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut bytes = [0; N];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let text = parts[part].as_bytes();
        let mut from = 0;
        while from < text.len() {
            bytes[at] = text[from];
            from += 1;
            at += 1;
        }
        part += 1;
    }
    bytes
}

/// Makes a component of one or more types that implement [`Policy`](crate::Policy). Once per crate, whose `crate-type` is
/// `cdylib`; does nothing unless the target is WebAssembly.
#[macro_export]
macro_rules! export {
    ($first:ty $(, $policy:ty)* $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, missing_docs, clippy::all, clippy::pedantic, reason = "the component's ABI")]
        const _: () = {
            struct Plugin;
            impl $crate::__private::Component for Plugin {
                const KINDS: &'static [$crate::__private::Kind] = &[
                    $crate::__private::Kind::of::<$first>(),
                    $($crate::__private::Kind::of::<$policy>(),)*
                ];
            }
            const MANIFEST: &[&str] = &[
                "{\"name\":\"", env!("CARGO_PKG_NAME"), "\",\"version\":\"", env!("CARGO_PKG_VERSION"),
                "\",\"world\":\"tailrace:plugin/sampler@0.1.0\",\"kinds\":[\"",
                <$first as $crate::Policy>::KIND, "\"",
                $(",\"", <$policy as $crate::Policy>::KIND, "\"",)*
                "]}\n",
            ];
            #[used]
            #[unsafe(link_section = "tailrace:manifest")]
            static SECTION: [u8; $crate::__private::joined_len(MANIFEST)] = $crate::__private::join(MANIFEST);

            type Exported = $crate::__private::Exports<Plugin>;
            $crate::bindings::export_sampler!(Exported with_types_in $crate::bindings);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins() {
        const PARTS: &[&str] = &["a", "", "bc"];
        assert_eq!(&join::<{ joined_len(PARTS) }>(PARTS), b"abc");
    }
}
