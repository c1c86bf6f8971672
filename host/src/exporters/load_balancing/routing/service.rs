//! By the resource's `service.name`.

use tailrace_otlp::deal::{Deal, Turn};
use tailrace_otlp::view;
use tailrace_otlp::walk::Header;

use super::Ways;

const SERVICE_NAME: &str = "service.name";

pub(super) struct ByService<'a> {
    pub(super) ring: Ways<'a>,
    /// The key is the value alone.
    pub(super) is_bare: bool,
}

impl Deal for ByService<'_> {
    fn resource(&mut self, body: &[u8]) -> Turn {
        let header = Header::of(body);
        let name = view::resource_attributes(&header).find(|(key, _)| *key == SERVICE_NAME.as_bytes());
        let name = name.map(|(_, value)| value.as_text()).unwrap_or_default();
        Turn::All(if self.is_bare {
            self.ring.of(name.as_bytes())
        } else {
            self.ring.of(format!("{SERVICE_NAME}={name}|").as_bytes())
        })
    }

    fn item(&mut self, _body: &[u8]) -> usize {
        self.ring.of(b"")
    }
}
