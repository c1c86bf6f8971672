//! The extensions, a file each.

pub mod admin;
pub mod basicauth;
pub mod bearertokenauth;
pub mod headers_setter;
pub mod health_check;
pub mod oauth2client;
pub mod oidc;

use crate::pipeline::kind::{ExtensionRow, Stability, extension};

/// All of them: an extension is one file and one row here.
pub static EXTENSIONS: &[ExtensionRow] = &[
    extension::<admin::Admin>(Stability::Beta, "Lets people ask the running host: plugin reload, capture, explain."),
    extension::<basicauth::BasicAuth>(Stability::Beta, "Checks or shows names and passwords."),
    extension::<bearertokenauth::BearerTokenAuth>(Stability::Beta, "Checks or shows a token."),
    extension::<headers_setter::HeadersSetter>(
        Stability::Beta,
        "Sends headers with values of one's own or of whoever sent the data.",
    ),
    extension::<health_check::HealthCheck>(Stability::Beta, "Tells over HTTP whether the host is ready."),
    extension::<oauth2client::Oauth2Client>(Stability::Beta, "Shows tokens of an OAuth 2 token endpoint."),
    extension::<oidc::Oidc>(Stability::Beta, "Checks the signed tokens of OpenID Connect issuers."),
];
