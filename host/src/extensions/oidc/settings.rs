//! The section of the YAML.

use std::collections::BTreeSet;

use http::HeaderName;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::config::Check;
use crate::net::exposure;

/// `oidc:`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The header that holds the token.
    pub attribute: String,
    /// Of the one provider that stands at the top.
    pub issuer_url: String,
    /// The same.
    pub audience: String,
    /// The same.
    pub ignore_audience: bool,
    /// The same.
    pub issuer_ca_path: String,
    /// The same.
    pub username_claim: String,
    /// The same.
    pub groups_claim: String,
    /// Whose tokens are taken.
    pub providers: Vec<ProviderSettings>,
}

/// An element of `providers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderSettings {
    /// Who signs.
    pub issuer_url: String,
    /// Whom tokens must be for.
    pub audience: String,
    /// They may be for anybody.
    pub ignore_audience: bool,
    /// Who signs the issuer's certificate, if not one of the system's.
    pub issuer_ca_path: String,
    /// The claim that is the subject; "" = `sub`.
    pub username_claim: String,
    /// The claim that is the membership; "" = none.
    pub groups_claim: String,
    /// A JWK set, in place of the issuer's.
    pub public_keys_file: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            attribute: "authorization".to_owned(),
            issuer_url: String::new(),
            audience: String::new(),
            ignore_audience: false,
            issuer_ca_path: String::new(),
            username_claim: String::new(),
            groups_claim: String::new(),
            providers: Vec::new(),
        }
    }
}

impl Settings {
    /// The provider at the top, if there is one, and the others.
    pub(super) fn all(&self) -> Vec<ProviderSettings> {
        let top = ProviderSettings {
            issuer_url: self.issuer_url.clone(),
            audience: self.audience.clone(),
            ignore_audience: self.ignore_audience,
            issuer_ca_path: self.issuer_ca_path.clone(),
            username_claim: self.username_claim.clone(),
            groups_claim: self.groups_claim.clone(),
            public_keys_file: String::new(),
        };
        let top = Some(top).filter(|top| *top != ProviderSettings::default());
        top.into_iter().chain(self.providers.iter().cloned()).collect()
    }
}

impl crate::pipeline::Settings for Settings {
    fn check(&self, check: &mut Check<'_>) {
        if self.attribute.parse::<HeaderName>().is_err() {
            check.problem("attribute", format!("invalid header name {:?}", self.attribute));
        }
        let all = self.all();
        if all.is_empty() {
            check.problem_with_help("", "no provider", "name an issuer_url and an audience under providers");
        }
        let at_top = all.len() - self.providers.len();
        let mut seen = BTreeSet::new();
        for (index, provider) in all.iter().enumerate() {
            let at = index.checked_sub(at_top).map_or(String::new(), |index| format!("providers.{index}"));
            provider.check(&at, check);
            if !seen.insert(&provider.issuer_url) {
                check.problem(&at, format!("duplicate issuer URL found: {}", provider.issuer_url));
            }
        }
    }
}

impl ProviderSettings {
    fn check(&self, at: &str, check: &mut Check<'_>) {
        let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        if self.audience.is_empty() && !self.ignore_audience {
            let help = "add an audience, or ignore_audience: true if tokens for others are to be taken";
            check.problem_with_help(at, "no Audience provided for the OIDC configuration", help);
        }
        if self.issuer_url.is_empty() {
            check.problem(at, "no IssuerURL provided for the OIDC configuration");
            return;
        }
        let url = Url::parse(&self.issuer_url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(url) = url.filter(Url::has_host) else {
            check.problem(&below("issuer_url"), format!("{:?} must be a valid URL", self.issuer_url));
            return;
        };
        let is_loopback = url.host_str().is_some_and(exposure::is_loopback);
        if url.scheme() == "http" && !is_loopback && self.public_keys_file.is_empty() {
            let message = "keys that come without TLS can be replaced by whoever is in between";
            check.warning(&below("issuer_url"), message);
        }
    }
}
