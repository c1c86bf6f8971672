//! `from_context`: what the client sent beside the data.

use tailrace_sdk::otlp::view::Value;
use tailrace_sdk::request;

use super::{Constant, encoded};

/// A header, or gRPC metadata; read once for each request.
#[derive(Debug)]
pub(super) struct FromClient {
    /// In lower case, as the host has it.
    name: String,
    value: Option<Constant>,
}

impl FromClient {
    /// From the option, or why it can not be had.
    pub(super) fn parse(context: &str) -> Result<Self, String> {
        if context == "client.address" || context.starts_with("auth.") {
            return Err(format!(
                "{context} is not available: plugins see the metadata that the client sent, as metadata.<name>"
            ));
        }
        // Without the prefix, too.
        let name = context.strip_prefix("metadata.").unwrap_or(context);
        Ok(Self { name: name.to_lowercase(), value: None })
    }

    /// Gets the value for an attribute of this key; several are joined.
    pub(super) fn read(&mut self, key: &[u8]) {
        let values = request::client_values(&self.name);
        let text = values.join(";");
        self.value = (!values.is_empty()).then(|| Constant::new(key, encoded(Value::Str(text.as_bytes()))));
    }

    /// `None` if the client sent none.
    pub(super) fn value(&self) -> Option<&Constant> {
        self.value.as_ref()
    }
}
