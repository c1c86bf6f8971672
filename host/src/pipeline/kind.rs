//! From an author's trait to a row of a table. `const fn processor::<P>()` turns the trait's functions into function pointers
//! and its node into a trait object, so that configuration and graph work on tables and never name a component.
//!
//! Adding a component is one new file and one row, in `receivers.rs`, `processors.rs`, `exporters.rs`, `connectors.rs` or
//! `extensions.rs`.

mod node;
mod row;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use serde_yaml::Value;

pub use node::{DynConnector, DynExporter, DynExtension, DynProcessor, DynReceiver};
pub use row::{
    About, Build, ConnectorRow, ExporterRow, ExtensionRow, Parse, ProcessorRow, ReceiverRow, Row, Stability, connector,
    exporter, extension, find, processor, receiver,
};

use crate::config::Check;
use crate::net::auth::Reference;
use crate::pipeline::{Settings, Signal};

/// A component's decoded settings, whatever their type. Cloning shares them.
#[derive(Clone)]
pub struct Parsed(Arc<dyn AnySettings>);

impl Parsed {
    /// Erases the type of `settings`.
    pub fn new<S: Settings>(settings: S) -> Self {
        Self(Arc::new(settings))
    }

    /// The settings, if they are of type `S`.
    pub fn get<S: Settings>(&self) -> Option<&S> {
        self.0.as_any().downcast_ref()
    }

    /// Reports what their types can not express; see [`Settings::check`].
    pub fn check(&self, check: &mut Check<'_>) {
        self.0.check(check);
    }

    /// The extensions that they name; see [`Settings::references`].
    pub fn references(&self) -> Vec<Reference> {
        self.0.references()
    }

    /// See [`Settings::misfit`].
    pub fn misfit(&self, signal: Signal) -> Option<String> {
        self.0.misfit(signal)
    }

    /// As `print-config` shows them, defaults filled in and secrets redacted.
    pub fn to_yaml(&self) -> Value {
        self.0.to_yaml()
    }

    /// The settings as `S`: the row that decoded them is the one that asks.
    fn expect<S: Settings>(&self) -> &S {
        self.get().expect("a row is handed the settings that it parsed itself")
    }
}

impl PartialEq for Parsed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.equals(other.0.as_any())
    }
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Parsed").field(&self.to_yaml()).finish()
    }
}

trait AnySettings: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn equals(&self, other: &dyn Any) -> bool;
    fn check(&self, check: &mut Check<'_>);
    fn references(&self) -> Vec<Reference>;
    fn misfit(&self, signal: Signal) -> Option<String>;
    fn to_yaml(&self) -> Value;
}

impl<S: Settings> AnySettings for S {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref() == Some(self)
    }

    fn check(&self, check: &mut Check<'_>) {
        Settings::check(self, check);
    }

    fn references(&self) -> Vec<Reference> {
        Settings::references(self)
    }

    fn misfit(&self, signal: Signal) -> Option<String> {
        Settings::misfit(self, signal)
    }

    fn to_yaml(&self) -> Value {
        serde_yaml::to_value(self).unwrap_or_else(|error| Value::String(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::NoSettings;

    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Size(u32);
    impl Settings for Size {}

    /// A reload keeps a component exactly when its settings compare equal.
    #[test]
    fn equal_settings_of_one_type_are_equal() {
        assert_eq!(Parsed::new(Size(1)), Parsed::new(Size(1)));
        assert_ne!(Parsed::new(Size(1)), Parsed::new(Size(2)));
        assert_ne!(Parsed::new(Size(1)), Parsed::new(NoSettings {}));
        assert_eq!(Parsed::new(Size(7)).get::<Size>(), Some(&Size(7)));
        assert_eq!(Parsed::new(Size(7)).get::<NoSettings>(), None);
    }
}
