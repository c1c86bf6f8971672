//! Removes attributes that are not on a list, and masks values that look like what nobody should see: in resources, scopes,
//! spans, their events, log records, their bodies and data points.
//!
//! ```yaml
//! processors:
//!   redaction:
//!     allow_all_keys: false                     # true: allowed_keys does not count
//!     allowed_keys: [http.route, description]   # attributes with other keys are removed; none given: all are
//!     ignored_keys: [safe]                      # left alone, value and all
//!     ignored_key_patterns: ["^trusted\\."]
//!     blocked_key_patterns: ["token"]           # the whole value is masked
//!     blocked_values: ["4[0-9]{12}(?:[0-9]{3})?"]   # the parts that match are masked, in the order of the list
//!     blocked_value_presets: [card_numbers, email_addresses, tokens]   # tailrace's own; after blocked_values
//!     allowed_values: [".+@mycompany\\.com"]    # a value that matches is not masked
//!     redact_all_types: false                   # true: numbers, lists and so on are looked at as text
//!     hash_function: hmac-sha256                # instead of ****: md5, sha1, sha3, hmac-sha256, hmac-sha512
//!     hmac_key: ${env:REDACTION_KEY}            # of at least 32 bytes for SHA-256, 64 for SHA-512
//!     summary: info                             # attributes that say what was done: debug, info, silent (default)
//! ```
//!
//! Works as the Go collector's processor of the same name, which looks into maps and lists in bodies of log records but not in
//! attributes (`redact_all_types` takes those as one text, in JSON). Differences: `url_sanitizer` and `db_sanitizer` are not
//! available, which is an error; an option without effect is warned of; the presets are tailrace's own (card numbers count only
//! if their check digit is right).

use super::embedded::Kind;
use crate::wasm::Embedded;

/// `redaction`
pub struct Redaction;

impl Kind for Redaction {
    const TYPE: &'static str = "redaction";
    const COMPONENT: Embedded = Embedded::Transforms;
    const SECRETS: &'static [&'static str] = &["hmac_key"];
}
