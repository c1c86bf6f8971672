use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use serde_json::json;

use super::*;
use crate::testing::{apply, attributes, problems, span, traces};

#[test]
fn presets_mask_what_everybody_masks() {
    let config =
        json!({"allow_all_keys": true, "blocked_value_presets": ["card_numbers", "email_addresses", "tokens"]});
    let before = json!({
        "auth": "Bearer abcdefghijkl",
        "card": "4111 1111 1111 1111",
        "mail": "to jane@example.com",
        "order": "1234567890123",
    });
    let after = json!({"auth": "****", "card": "****", "mail": "to ****", "order": "1234567890123"});
    let of = |attributes| traces(attributes, vec![span("a", attributes)]);
    assert_eq!(apply::<Redaction, _>(&config, &of(&before)), of(&after));
}

#[test]
fn events_are_redacted_and_links_are_not() {
    let config = json!({"allowed_keys": ["kept"]});
    let of = |event: &serde_json::Value| {
        let mut span = span("a", &json!({"kept": 1}));
        span.events = vec![Event { attributes: attributes(event), ..Event::default() }];
        span.links = vec![Link { attributes: attributes(&json!({"gone": 1})), ..Link::default() }];
        traces(&json!({}), vec![span])
    };
    assert_eq!(apply::<Redaction, _>(&config, &of(&json!({"gone": 1, "kept": "x"}))), of(&json!({"kept": "x"})));
}

#[test]
fn nothing_to_redact_means_unchanged() {
    let config = json!({"allow_all_keys": true, "blocked_values": ["secret"], "summary": "debug"});
    let request = traces(&json!({"a": "x"}), vec![span("a", &json!({"b": "y"}))]);
    assert_eq!(apply::<Redaction, _>(&config, &request), request);
}

#[test]
fn what_is_wrong_is_told() {
    let key = "k".repeat(31);
    for (config, path, message) in [
        (json!({"blocked_values": ["a", "("]}), "/blocked_values/1", "unclosed group"),
        (json!({"allowed_values": ["("]}), "/allowed_values/0", "unclosed group"),
        (json!({"blocked_key_patterns": ["("]}), "/blocked_key_patterns/0", "unclosed group"),
        (json!({"ignored_key_patterns": ["("]}), "/ignored_key_patterns/0", "unclosed group"),
        (json!({"hash_function": "sha5"}), "/hash_function", "unknown hash_function"),
        (json!({"hash_function": "hmac-sha256"}), "/hash_function", "a key of at least 32 bytes, got 0"),
        (json!({"hash_function": "hmac-sha256", "hmac_key": key}), "/hmac_key", "at least 32 bytes, got 31"),
        (json!({"summary": "loud"}), "/summary", "unknown summary"),
        (json!({"url_sanitizer": {"enabled": true}}), "/url_sanitizer", "not available"),
        (json!({"db_sanitizer": {}}), "/db_sanitizer", "not available"),
        (json!({"blocked_value_presets": ["ibans"]}), "/blocked_value_presets/0", "unknown variant"),
        (json!({"allowed": []}), "/allowed", "unknown field"),
    ] {
        let found = problems::<Redaction>(&config);
        assert!(found.len() == 1 && found[0].0 == path && found[0].1.contains(message), "{config}: {found:?}");
    }
    assert_eq!(problems::<Redaction>(&json!({})), []);
}
