use serde_json::{Value as Json, json};

use super::*;

/// Attributes under field 9, from a list of pairs.
fn message(list: &Json) -> Vec<u8> {
    let mut message = Vec::new();
    for pair in list.as_array().expect("a list") {
        let mut body = Vec::new();
        wire::put_bytes(&mut body, 1, pair[0].as_str().expect("a key").as_bytes());
        wire::put_bytes(&mut body, 2, &any_value::from_json(&pair[1]));
        wire::put_bytes(&mut message, 9, &body);
    }
    message
}

fn actions(config: Json) -> Result<Actions, Diagnostics> {
    let list: Vec<ActionConfig> = serde_json::from_value(config).expect("actions");
    let mut problems = Diagnostics::none();
    let actions = Actions::new(&list, "actions", &mut problems);
    problems.or(actions)
}

#[test]
fn each_action_does_what_it_does_in_the_go_collector() {
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const ABC_TWICE: &str = "dfe7a23fefeea519e9bbfdd1a6be94c4b2e4529dd6b7cbea83f9959c2621b13c";
    let url = "https://shop.example:8080/cart?id=5";
    for (action, before, after) in [
        // A value of the configuration's.
        (json!({"action": "insert", "key": "a", "value": 1}), json!([["b", 2]]), json!([["b", 2], ["a", 1]])),
        (json!({"action": "insert", "key": "a", "value": 1}), json!([["a", 2]]), json!([["a", 2]])),
        (
            json!({"action": "update", "key": "a", "value": "x"}),
            json!([["a", 2], ["b", 1]]),
            json!([["a", "x"], ["b", 1]]),
        ),
        (json!({"action": "update", "key": "a", "value": "x"}), json!([["b", 1]]), json!([["b", 1]])),
        (json!({"action": "upsert", "key": "a", "value": 1.5}), json!([["b", 1]]), json!([["b", 1], ["a", 1.5]])),
        (json!({"action": "upsert", "key": "a", "value": true}), json!([["a", 1]]), json!([["a", true]])),
        (json!({"action": "UPSERT", "key": "a", "value": [1, {"k": "v"}]}), json!([]), json!([["a", [1, {"k": "v"}]]])),
        // Another attribute's value.
        (
            json!({"action": "insert", "key": "a", "from_attribute": "b"}),
            json!([["b", [1]]]),
            json!([["b", [1]], ["a", [1]]]),
        ),
        (json!({"action": "insert", "key": "a", "from_attribute": "b"}), json!([["c", 1]]), json!([["c", 1]])),
        (
            json!({"action": "update", "key": "a", "from_attribute": "b"}),
            json!([["a", 1], ["b", {"k": 2}]]),
            json!([["a", {"k": 2}], ["b", {"k": 2}]]),
        ),
        (json!({"action": "upsert", "key": "a", "from_attribute": "a"}), json!([["a", 1]]), json!([["a", 1]])),
        // A default.
        (
            json!({"action": "insert", "key": "a", "from_attribute": "b", "default_value": "d"}),
            json!([["b", 1]]),
            json!([["b", 1], ["a", 1]]),
        ),
        (
            json!({"action": "insert", "key": "a", "from_attribute": "b", "default_value": "d"}),
            json!([]),
            json!([["a", "d"]]),
        ),
        (json!({"action": "upsert", "key": "a", "default_value": "d"}), json!([["a", 1]]), json!([["a", "d"]])),
        (json!({"action": "insert", "key": "a", "value": 1, "default_value": 2}), json!([]), json!([["a", 1]])),
        // Deleting.
        (json!({"action": "delete", "key": "a"}), json!([["a", 1], ["b", 2]]), json!([["b", 2]])),
        (json!({"action": "delete", "key": "a"}), json!([["b", 2]]), json!([["b", 2]])),
        (
            json!({"action": "delete", "pattern": "^in"}),
            json!([["in.a", 1], ["b.in", 2], ["in", 3]]),
            json!([["b.in", 2]]),
        ),
        (json!({"action": "delete", "pattern": "card"}), json!([["credit_card_no", 1], ["b", 2]]), json!([["b", 2]])),
        (
            json!({"action": "Delete", "key": "b", "pattern": "^a"}),
            json!([["a", 1], ["b", 2], ["c", 3]]),
            json!([["c", 3]]),
        ),
        // Hashing.
        (json!({"action": "hash", "key": "a"}), json!([["a", "abc"], ["b", "abc"]]), json!([["a", ABC], ["b", "abc"]])),
        (json!({"action": "hash", "key": "c"}), json!([["a", "abc"]]), json!([["a", "abc"]])),
        (json!({"action": "hash", "key": "a"}), json!([["a", [1]]]), json!([["a", ""]])),
        (
            json!({"action": "hash", "pattern": "[ab]"}),
            json!([["a", "abc"], ["b", "abc"], ["c", 1]]),
            json!([["a", ABC], ["b", ABC], ["c", 1]]),
        ),
        (
            json!({"action": "hash", "key": "a", "pattern": "[ab]"}),
            json!([["a", "abc"], ["b", "abc"]]),
            json!([["a", ABC_TWICE], ["b", ABC]]),
        ),
        // Extracting.
        (
            json!({"action": "extract", "key": "url", "pattern": r"^(?P<scheme>\w+)://(?P<host>[^:/]+)(?::(?P<port>\d+))?"}),
            json!([["url", url], ["host", "before"]]),
            json!([["url", url], ["host", "shop.example"], ["scheme", "https"], ["port", "8080"]]),
        ),
        (
            json!({"action": "extract", "key": "url", "pattern": "(?P<x>a)|(?P<y>b)"}),
            json!([["url", "b"]]),
            json!([["url", "b"], ["x", ""], ["y", "b"]]),
        ),
        (
            json!({"action": "extract", "key": "url", "pattern": "(?P<x>a)"}),
            json!([["url", "b"]]),
            json!([["url", "b"]]),
        ),
        (json!({"action": "extract", "key": "url", "pattern": "(?P<x>1)"}), json!([["url", 1]]), json!([["url", 1]])),
        // Converting.
        (json!({"action": "convert", "key": "a", "converted_type": "int"}), json!([["a", "200"]]), json!([["a", 200]])),
        (
            json!({"action": "convert", "key": "a", "converted_type": "int"}),
            json!([["a", "many"]]),
            json!([["a", "many"]]),
        ),
        (json!({"action": "convert", "key": "b", "converted_type": "int"}), json!([["a", "1"]]), json!([["a", "1"]])),
    ] {
        let actions = actions(json!([action])).expect("a good configuration");
        let before = message(&before);
        let mut draft = Draft::new(&before);
        actions.apply(&mut draft, 9);
        let after = message(&after);
        assert_eq!(draft.body(), after, "{action}");
        assert_eq!(draft.is_changed(), before != after, "{action}");
    }
}

#[test]
fn actions_run_in_order() {
    // The example with which the Go processor's documentation explains how to backfill an attribute.
    let actions = actions(json!([
        {"key": "operation", "value": "default", "action": "insert"},
        {"key": "svc.operation", "from_attribute": "operation", "action": "upsert"},
        {"key": "operation", "action": "delete"},
    ]))
    .expect("a good configuration");
    for (before, after) in [
        (
            json!([["timeout", 10], ["svc.operation", "addition"], ["operation", "addition"]]),
            json!([["timeout", 10], ["svc.operation", "addition"]]),
        ),
        (json!([["operation", "subtract"], ["math", 123]]), json!([["math", 123], ["svc.operation", "subtract"]])),
        (json!([["timeout", 10]]), json!([["timeout", 10], ["svc.operation", "default"]])),
        (json!([["svc.operation", "division"], ["timeout", 3]]), json!([["svc.operation", "default"], ["timeout", 3]])),
    ] {
        let message_before = message(&before);
        let mut draft = Draft::new(&message_before);
        actions.apply(&mut draft, 9);
        assert_eq!(draft.body(), message(&after), "{before}");
    }
}

#[test]
fn values_come_from_the_client_of_the_request() {
    let set = |context: &str| json!([{"action": "upsert", "key": "a", "from_context": context, "default_value": "d"}]);
    let client = [("tenant", "blue"), ("x-id", "1"), ("x-id", "2")];
    for (context, sent, expected) in [
        ("metadata.tenant", &client[..], "blue"),
        ("Tenant", &client, "blue"),
        ("metadata.X-Id", &client, "1;2"),
        ("metadata.other", &client, "d"),
        ("metadata.tenant", &[], "d"),
    ] {
        let mut actions = actions(set(context)).expect("a good configuration");
        let mut draft = Draft::default();
        tailrace_sdk::testing::with_request(0, sent, || {
            actions.begin();
            actions.apply(&mut draft, 9);
        });
        assert_eq!(draft.body(), message(&json!([["a", expected]])), "{context}");
    }
}

#[test]
fn what_is_wrong_is_told_where_it_stands() {
    for (action, path, message) in [
        (json!({"key": "a"}), "", "missing required field \"action\""),
        (json!({"key": "a", "action": "remove"}), "/action", "unsupported action \"remove\""),
        (json!({"action": "insert", "value": 1}), "", "missing required field \"key\""),
        (json!({"action": "insert", "key": "a"}), "", "either \"value\""),
        (
            json!({"action": "insert", "key": "a", "value": 1, "from_attribute": "b"}),
            "/from_attribute",
            "multiple value sources",
        ),
        (
            json!({"action": "insert", "key": "a", "value": 1, "pattern": "b"}),
            "/pattern",
            "does not use the field \"pattern\"",
        ),
        (json!({"action": "insert", "key": "a", "from_context": "auth.subject"}), "/from_context", "not available"),
        (json!({"action": "insert", "key": "a", "from_context": "client.address"}), "/from_context", "not available"),
        (json!({"action": "insert", "key": "a", "from_context": "b", "value": 1}), "/from_context", "multiple value"),
        (json!({"action": "delete"}), "", "needs \"key\", \"pattern\" or both"),
        (json!({"action": "delete", "key": "a", "value": 1}), "/value", "does not use"),
        (json!({"action": "delete", "key": "a", "default_value": 1}), "/default_value", "does not use"),
        (json!({"action": "hash", "key": "a", "from_context": "b"}), "/from_context", "does not use"),
        (json!({"action": "hash", "pattern": "("}), "/pattern", "invalid pattern"),
        (json!({"action": "extract", "key": "a"}), "", "missing required field \"pattern\""),
        (json!({"action": "extract", "key": "a", "pattern": "b"}), "/pattern", "no named groups"),
        (json!({"action": "extract", "key": "a", "pattern": "(?P<x>a)(b)"}), "/pattern", "unnamed group"),
        (json!({"action": "extract", "pattern": "(?P<x>a)"}), "", "missing required field \"key\""),
        (json!({"action": "convert", "key": "a"}), "", "missing required field \"converted_type\""),
        (
            json!({"action": "convert", "key": "a", "converted_type": "bool"}),
            "/converted_type",
            "invalid converted_type \"bool\"",
        ),
    ] {
        let problems = actions(json!([{"action": "delete", "key": "fine"}, action])).expect_err("it is wrong");
        let found: Vec<_> = problems.iter().collect();
        assert!(
            found.len() == 1 && found[0].0 == format!("/actions/1{path}") && found[0].1.contains(message),
            "{action}: {found:?}"
        );
    }
    let none = actions(json!([])).expect_err("nothing to do");
    assert_eq!(none.iter().collect::<Vec<_>>(), [("", "missing required field \"actions\"")]);
}
