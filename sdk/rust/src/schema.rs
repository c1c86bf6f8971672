//! The JSON Schema of a configuration, derived from its type where that can be.

use std::marker::PhantomData;

use schemars::JsonSchema;

/// Makes the schema, if the type derives it.
pub type Derive = Option<fn() -> String>;

/// `Probe::<T>::DERIVE` is `Some` for a `T` that derives [`JsonSchema`], else it is [`Fallback`]'s: where `T` is known, the
/// compiler prefers a type's own constant to a trait's.
pub struct Probe<T>(PhantomData<T>);

impl<T: JsonSchema> Probe<T> {
    /// Makes the schema of `T`.
    pub const DERIVE: Derive = Some(derived::<T>);
}

/// For types that do not derive a schema.
pub trait Fallback {
    /// Nothing.
    const DERIVE: Derive = None;
}

impl<T> Fallback for Probe<T> {}

fn derived<T: JsonSchema>() -> String {
    schemars::schema_for!(T).as_value().to_string()
}

/// The schema that the author wrote, else the derived one.
pub(crate) fn text(written: &str, derive: Derive) -> String {
    match derive {
        Some(derive) if written == "{}" => derive(),
        _ => written.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is made")]
    struct With {
        /// How many.
        count: u8,
    }
    struct Without;

    #[test]
    fn derived_where_it_can_be() {
        assert!(Probe::<Without>::DERIVE.is_none());
        let schema = text("{}", Probe::<With>::DERIVE);
        let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
        assert_eq!(schema["properties"]["count"]["description"], "How many.");
        assert_eq!(schema["required"], serde_json::json!(["count"]));
        assert_eq!(text(r#"{"type":"object"}"#, Probe::<With>::DERIVE), r#"{"type":"object"}"#);
    }
}
