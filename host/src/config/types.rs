//! Values with a syntax of their own.

mod duration;
mod id;

use std::cell::Cell;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use duration::{Duration, DurationError};
pub use id::{ComponentId, IdError, PipelineId};

/// A value that is never printed: `Debug` and `Serialize` give `[REDACTED]`.
#[derive(Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

thread_local! {
    static REDACTED: Cell<bool> = const { Cell::new(true) };
}

impl Secret {
    /// The value itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Runs `print` with secrets serialised as they are: `print-config --mode unredacted`.
    pub fn unredacted<T>(print: impl FnOnce() -> T) -> T {
        struct Restore;
        impl Drop for Restore {
            fn drop(&mut self) {
                REDACTED.set(true);
            }
        }
        let _restore = Restore;
        REDACTED.set(false);
        print()
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if REDACTED.get() { "[REDACTED]" } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn secrets_print_only_when_asked() {
        let secret = Secret::from("swordfish".to_owned());
        assert_eq!(format!("{secret:?}"), "[REDACTED]");
        assert_eq!(serde_json::to_string(&secret).unwrap(), r#""[REDACTED]""#);
        assert_eq!(Secret::unredacted(|| serde_json::to_string(&secret).unwrap()), r#""swordfish""#);
        assert_eq!(serde_json::to_string(&secret).unwrap(), r#""[REDACTED]""#);
    }
}
