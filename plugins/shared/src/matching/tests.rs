use serde_json::json;

use super::*;

fn put(number: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    wire::put_bytes(&mut out, number, body);
    out
}

fn pair(key: &str, value: &Json) -> Vec<u8> {
    [put(1, key.as_bytes()), put(2, &crate::any_value::from_json(value))].concat()
}

fn attributes(number: u32, list: &Json) -> Vec<u8> {
    list.as_object().expect("a map").iter().flat_map(|(key, value)| put(number, &pair(key, value))).collect()
}

fn resource(list: &Json) -> Vec<u8> {
    put(1, &attributes(1, list))
}

/// A span of kind server with these attributes.
fn span(name: &str, list: &Json) -> Vec<u8> {
    [put(5, name.as_bytes()), vec![0x30, 2], attributes(9, list)].concat()
}

fn properties(json: Json) -> Properties {
    serde_json::from_value(json).expect("a block")
}

fn matcher(json: Json) -> Matcher {
    let mut problems = Diagnostics::none();
    let matcher = Matcher::new(&properties(json), "/include", &mut problems);
    assert_eq!(problems, Diagnostics::none());
    matcher
}

fn problems(json: Json) -> Vec<(String, String)> {
    let mut problems = Diagnostics::none();
    Matcher::new(&properties(json), "/include", &mut problems);
    problems.iter().map(|(path, message)| (path.to_owned(), message.to_owned())).collect()
}

#[test]
fn spans_match_by_each_property() {
    let resource = resource(&json!({"service.name": "checkout", "host.type": "n1"}));
    let scope = put(1, &[put(1, b"mongo"), put(2, b"3.8")].concat());
    let body = span("GET /users", &json!({"env": "dev", "retry": 2, "ok": true, "ratio": 0.5, "tags": ["a", 1]}));
    let item = Item { signal: Signal::Traces, body: &body, scope: &scope, resource: &resource };
    for (block, expected) in [
        (json!({"services": ["cart", "checkout"]}), true),
        (json!({"services": ["check"]}), false),
        (json!({"services": ["^check"], "match_type": "regexp"}), true),
        (json!({"span_names": ["GET /users"]}), true),
        (json!({"span_names": ["GET"]}), false),
        (json!({"span_names": [r"/\w+$"], "match_type": "regexp"}), true),
        (json!({"span_kinds": ["SPAN_KIND_SERVER"]}), true),
        (json!({"span_kinds": ["SPAN_KIND_CLIENT"]}), false),
        (json!({"span_kinds": ["SERVER"], "match_type": "regexp"}), true),
        (json!({"attributes": [{"key": "env", "value": "dev"}, {"key": "retry"}]}), true),
        (json!({"attributes": [{"key": "env", "value": "dev"}, {"key": "missing"}]}), false),
        (json!({"attributes": [{"key": "retry", "value": 2}, {"key": "ok", "value": true}]}), true),
        (json!({"attributes": [{"key": "retry", "value": "2"}]}), false),
        (json!({"attributes": [{"key": "retry", "value": "^2$"}], "match_type": "regexp"}), true),
        (json!({"attributes": [{"key": "ratio", "value": 0.5}]}), true),
        (json!({"attributes": [{"key": "ratio", "value": r"^0\.5$"}], "match_type": "regexp"}), true),
        (json!({"attributes": [{"key": "tags", "value": ["a", 1]}]}), true),
        (json!({"attributes": [{"key": "tags", "value": "."}], "match_type": "regexp"}), false),
        (json!({"resources": [{"key": "host.type", "value": "n1"}]}), true),
        (json!({"resources": [{"key": "host.type", "value": "n2"}]}), false),
        (json!({"libraries": [{"name": "mongo"}]}), true),
        (json!({"libraries": [{"name": "redis"}, {"name": "mongo", "version": "3.8"}]}), true),
        (json!({"libraries": [{"name": "mongo", "version": ""}]}), false),
        (json!({"services": ["checkout"], "span_names": ["other"]}), false),
    ] {
        let mut block = block;
        if block.get("match_type").is_none() {
            block["match_type"] = json!("strict");
        }
        assert_eq!(matcher(block.clone()).matches(item), expected, "{block}");
    }
}

#[test]
fn what_is_missing_reads_as_the_go_collector_reads_it() {
    let body = span("a", &json!({}));
    let item = Item { signal: Signal::Traces, body: &body, scope: &[], resource: &[] };
    let matches = |block| matcher(block).matches(item);
    assert!(matches(json!({"match_type": "strict", "services": ["<nil-service-name>"]})));
    assert!(matches(json!({"match_type": "strict", "libraries": [{"name": "", "version": ""}]})));
    assert!(!matches(json!({"match_type": "strict", "attributes": [{"key": "a"}]})));
}

#[test]
fn log_records_match_by_each_property() {
    let text_body = put(5, &put(1, b"AUTH failed"));
    let map_body = put(5, &crate::any_value::from_json(&json!({"user": "x"})));
    let record = |severity: u8, body: &[u8]| {
        [&[0x10, severity][..], &put(3, b"debug2"), body, &attributes(6, &json!({"a": 1}))].concat()
    };
    for (record, block, expected) in [
        (record(9, &text_body), json!({"log_bodies": ["^AUTH"]}), true),
        (record(9, &text_body), json!({"log_bodies": ["^auth"]}), false),
        (record(9, &map_body), json!({"log_bodies": [r#"^\{"user""#]}), true),
        (record(9, &[]), json!({"log_severity_texts": ["debug.*"]}), true),
        (record(9, &[]), json!({"log_severity_number": {"min": 9}}), true),
        (record(8, &[]), json!({"log_severity_number": {"min": 9}}), false),
        (record(0, &[]), json!({"log_severity_number": {"min": 9, "match_undefined": true}}), true),
        (record(0, &[]), json!({"log_severity_number": {"min": 9}}), false),
        (record(9, &[]), json!({"attributes": [{"key": "a"}]}), true),
    ] {
        let mut block = block;
        block["match_type"] = json!("regexp");
        let item = Item { signal: Signal::Logs, body: &record, scope: &[], resource: &[] };
        assert_eq!(matcher(block.clone()).matches(item), expected, "{block}");
    }
}

#[test]
fn metrics_match_by_name_and_resource() {
    let resource = resource(&json!({"host": "a"}));
    let body = put(1, b"http.requests");
    let item = Item { signal: Signal::Metrics, body: &body, scope: &[], resource: &resource };
    let named = json!({"match_type": "strict", "metric_names": ["http.requests"]});
    assert!(matcher(named).matches(item));
    let elsewhere = json!({"match_type": "strict", "resources": [{"key": "host", "value": "b"}]});
    assert!(!matcher(elsewhere).matches(item));
}

#[test]
fn included_and_not_excluded() {
    let include = properties(json!({"match_type": "strict", "span_names": ["a", "b"]}));
    let exclude = properties(json!({"match_type": "strict", "attributes": [{"key": "skip"}]}));
    let selects = |include: Option<&Properties>, exclude: Option<&Properties>, name: &str, list: &Json| {
        let body = span(name, list);
        let item = Item { signal: Signal::Traces, body: &body, scope: &[], resource: &[] };
        Selection::new(include, exclude, &mut Diagnostics::none()).selects(item)
    };
    let skip = json!({"skip": 1});
    for (include, exclude, name, list, expected) in [
        (None, None, "c", &skip, true),
        (Some(&include), None, "a", &skip, true),
        (Some(&include), None, "c", &skip, false),
        (None, Some(&exclude), "c", &json!({}), true),
        (None, Some(&exclude), "a", &skip, false),
        (Some(&include), Some(&exclude), "a", &skip, false),
        (Some(&include), Some(&exclude), "b", &json!({}), true),
    ] {
        assert_eq!(selects(include, exclude, name, list), expected, "{name} {list}");
    }
}

#[test]
fn properties_that_mean_nothing_for_a_signal_are_told() {
    let block = properties(json!({"match_type": "strict", "span_names": ["a"]}));
    let selection = Selection::new(None, Some(&block), &mut Diagnostics::none());
    assert_eq!(selection.accepts(Signal::Traces), Ok(()));
    assert_eq!(selection.accepts(Signal::Logs), Err("exclude: span_names means nothing for logs".to_owned()));
}

#[test]
fn what_is_wrong_is_told_where_it_stands() {
    for (block, path, message) in [
        (json!({"match_type": "strict"}), "/include", "nothing to match"),
        (json!({"services": ["a"]}), "/include", "match_type is missing"),
        (json!({"match_type": "regex", "services": ["a"]}), "/include/match_type", "unrecognized match_type: 'regex'"),
        (json!({"match_type": "regexp", "services": ["a", "("]}), "/include/services/1", "unclosed group"),
        (json!({"match_type": "regexp", "libraries": [{"name": "("}]}), "/include/libraries/0/name", "unclosed group"),
        (
            json!({"match_type": "regexp", "attributes": [{"key": "a", "value": 1}]}),
            "/include/attributes/0/value",
            "only supports strings",
        ),
        (
            json!({"match_type": "regexp", "attributes": [{"key": "a", "value": "("}]}),
            "/include/attributes/0/value",
            "unclosed group",
        ),
        (json!({"match_type": "strict", "resources": [{"value": 1}]}), "/include/resources/0", "empty key"),
        (json!({"match_type": "strict", "span_kinds": ["server"]}), "/include/span_kinds/0", "unknown span kind"),
        (
            json!({"match_type": "strict", "span_names": ["a"], "metric_names": ["b"]}),
            "/include",
            "mean nothing together",
        ),
    ] {
        let found = problems(block.clone());
        assert!(found.len() == 1 && found[0].0 == path && found[0].1.contains(message), "{block}: {found:?}");
    }
    assert_eq!(problems(json!({"log_severity_number": {"min": 9}})), []);
}
