//! What an authenticator knows of a client.

use std::fmt;

/// Attributes of a client, such as `subject` and `membership`; a name may repeat. They travel with the batch.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Identity(Vec<(String, String)>);

impl Identity {
    /// All values of `name`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

impl FromIterator<(String, String)> for Identity {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(attributes: I) -> Self {
        Self(attributes.into_iter().collect())
    }
}

/// The names alone: `raw` holds credentials.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
