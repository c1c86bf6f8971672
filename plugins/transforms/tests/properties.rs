//! Properties of the transforms over arbitrary requests, with plain models on prost's structs as the oracle.

#[path = "../../../host/otlp/tests/oracle/arbitrary.rs"]
#[expect(dead_code, reason = "damage is for the readers' own tests")]
mod arbitrary;
#[path = "properties/lists.rs"]
mod lists;
#[path = "../../../host/otlp/tests/oracle/model.rs"]
#[expect(dead_code, reason = "shared with the readers' own tests")]
mod model;
#[path = "properties/models.rs"]
mod models;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tailrace_otlp::{Signal, check};
use tailrace_sdk::{Outcome, Transform, testing};
use tailrace_transforms::{Attributes, ProbabilisticSampler, Redaction, Resource};

use lists::{Place, each_list};
use model::Model;

/// What goes on; that it is well-formed, `testing::apply` has checked.
fn apply<T: Transform>(config: &Json, request: &Model) -> Model {
    let (signal, bytes) = (request.signal(), request.encode());
    let after = match testing::apply::<T>(&config.to_string(), signal, &bytes).expect("an answer") {
        Outcome::Unchanged => bytes,
        Outcome::Discarded => Vec::new(),
        Outcome::Replaced(after) => after,
    };
    Model::decode(signal, &after).expect("a request")
}

/// A request whose attributes have keys of one letter, each once in a list.
fn request() -> impl Strategy<Value = Model> {
    arbitrary::request().prop_map(|mut request| {
        each_list(&mut request, &mut |_, list| {
            let mut place = 0;
            list.retain_mut(|pair| {
                pair.key = "abcde".get(pair.key.len() % 5..).unwrap_or_default().chars().take(1).collect();
                place += 1;
                true
            });
            let mut seen = Vec::new();
            list.retain(|pair| !seen.contains(&pair.key) && (seen.push(pair.key.clone()), true).1);
        });
        request
    })
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c", "d"])
}

fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        any::<i64>().prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
        "[a-z]{0,3}".prop_map(Json::from),
        (-1e9..1e9).prop_map(Json::from),
        prop::collection::vec(any::<i64>(), 0..3).prop_map(Json::from),
    ]
}

fn action() -> impl Strategy<Value = Json> {
    let set = prop::sample::select(vec!["insert", "update", "upsert"]);
    let pattern = prop::sample::select(vec!["[ab]", "^c", "."]);
    prop_oneof![
        (set.clone(), key(), value())
            .prop_map(|(action, key, value)| json!({"action": action, "key": key, "value": value})),
        (set, key(), key(), prop::option::of(value())).prop_map(|(action, key, from, default)| {
            json!({"action": action, "key": key, "from_attribute": from, "default_value": default})
        }),
        (prop::sample::select(vec!["delete", "hash"]), key())
            .prop_map(|(action, key)| json!({"action": action, "key": key})),
        (prop::sample::select(vec!["delete", "hash"]), pattern)
            .prop_map(|(action, pattern)| json!({"action": action, "pattern": pattern})),
        key().prop_map(|key| json!({"action": "extract", "key": key, "pattern": "(?P<a>.)(?P<e>x)?"})),
        (key(), prop::sample::select(vec!["int", "double", "string"]))
            .prop_map(|(key, to)| json!({"action": "convert", "key": key, "converted_type": to})),
    ]
}

fn actions() -> impl Strategy<Value = Vec<Json>> {
    prop::collection::vec(action(), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn attributes_acts_on_items_as_the_model(request in request(), actions in actions()) {
        let mut expected = request.clone();
        each_list(&mut expected, &mut |place, list| {
            if matches!(place, Place::Item | Place::Point) {
                models::act(&actions, list);
            }
        });
        prop_assert_eq!(apply::<Attributes>(&json!({"actions": actions}), &request), expected);
    }

    #[test]
    fn resource_acts_on_resources_as_the_model(request in request(), actions in actions()) {
        let mut expected = request.clone();
        lists::with_resources(&mut expected);
        each_list(&mut expected, &mut |place, list| {
            if place == Place::Resource {
                models::act(&actions, list);
            }
        });
        let mut found = apply::<Resource>(&json!({"attributes": actions}), &request);
        lists::with_resources(&mut found);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn sampler_keeps_what_the_model_keeps(request in request(), percentage in 0.0_f32..110.0, seed: u32) {
        prop_assume!(request.signal() != Signal::Metrics);
        let config = json!({"sampling_percentage": percentage, "hash_seed": seed});
        let expected = models::sample(&request, percentage, seed);
        prop_assert_eq!(lists::without_marks(&apply::<ProbabilisticSampler>(&config, &request)), lists::without_marks(&expected));
    }

    #[test]
    fn redaction_leaves_nothing_that_it_should_not(request in request()) {
        let config = json!({"allowed_keys": ["a", "b", "c"], "blocked_key_patterns": ["^b$"], "ignored_keys": ["c"], "summary": "silent"});
        let mut found = apply::<Redaction>(&config, &request);
        let mut expected = request.clone();
        each_list(&mut expected, &mut |place, list| {
            if place != Place::Untouched {
                models::redact(list);
            }
        });
        lists::clear_bodies(&mut found);
        lists::clear_bodies(&mut expected);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn every_kind_takes_any_request(request in arbitrary::request(), summary in prop::sample::select(vec!["debug", "info", "silent"])) {
        let all = json!({
            "allow_all_keys": true, "blocked_values": ["[a-m]"], "blocked_key_patterns": ["x"], "ignored_key_patterns": ["^z"],
            "blocked_value_presets": ["card_numbers", "email_addresses", "tokens"], "allowed_values": ["^q"],
            "redact_all_types": true, "hash_function": "sha3", "summary": summary,
        });
        for (config, kind) in [
            (all, apply::<Redaction> as fn(&Json, &Model) -> Model),
            (json!({"allowed_keys": ["x"], "summary": summary}), apply::<Redaction>),
            (json!({"actions": [{"pattern": ".", "action": "hash"}]}), apply::<Attributes>),
            (json!({"attributes": [{"key": "x", "value": 1, "action": "upsert"}]}), apply::<Resource>),
        ] {
            let after = kind(&config, &request);
            prop_assert_eq!(check(after.signal(), &after.encode()).map(|counts| counts.items), Ok(request.counts().items));
        }
        if request.signal() != Signal::Metrics {
            for mode in ["hash_seed", "equalizing", "proportional"] {
                for fail_closed in [true, false] {
                    let config = json!({"sampling_percentage": 50, "mode": mode, "fail_closed": fail_closed, "from_attribute": "x"});
                    apply::<ProbabilisticSampler>(&config, &request);
                }
            }
        }
    }
}
