//! Settings that several components have.

use serde::{Deserialize, Deserializer};

/// For an optional section that is off unless its key is there: `batch:` without a body turns it on with its defaults. Use
/// as `#[serde(deserialize_with = "section")]` on an `Option`.
pub fn section<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(|section| Some(section.unwrap_or_default()))
}
