use opentelemetry_proto::tonic::trace::v1::Span;

use crate::Context;
use crate::testing::{attributes, holds, int, list, map, problems, run, text, traces};

/// What the attributes of a span are after a statement.
fn becomes(statement: &str, expected: &str) {
    let attributes = attributes(&[
        ("user", text("alice")),
        ("url", text("/user/12/list/34")),
        ("kube_pod", text("héllo wörld")),
        ("int", int(7)),
        ("tags", list(vec![text("a"), text("b"), text("c")])),
        ("map", map(&[("x", text("y")), ("z", list(vec![int(1), map(&[("deep", int(2))])]))])),
    ]);
    let before = traces(Span { name: "GET /user/12".to_owned(), attributes, ..Span::default() });
    let after = run(Context::Span, &before, &[statement]).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(holds(Context::Span, &after, expected), Ok(true), "{statement}: {expected}");
}

#[test]
fn keys_are_deleted_and_kept() {
    let rest = r#"attributes["int"] == 7 and Len(attributes)"#;
    let cases = [
        (r#"delete_key(attributes, "user")"#, format!(r#"attributes["user"] == nil and {rest} == 5"#)),
        (r#"delete_key(attributes, "none")"#, format!("{rest} == 6")),
        (r#"delete_key(attributes, Concat(["us", "er"], ""))"#, format!("{rest} == 5")),
        (
            r#"delete_key(attributes["map"], "x")"#,
            format!(r#"attributes["map"]["x"] == nil and Len(attributes["map"]) == 1 and {rest} == 6"#),
        ),
        (r#"delete_matching_keys(attributes, "^u")"#, format!(r"{rest} == 4")),
        (r#"delete_matching_keys(attributes, attributes["user"])"#, format!(r"{rest} == 6")),
        (
            r#"keep_matching_keys(attributes, "^(int|user)$")"#,
            format!(r#"attributes["user"] == "alice" and {rest} == 2"#),
        ),
        (r#"keep_keys(attributes, ["int", "none"])"#, format!("{rest} == 1")),
        (r"keep_keys(attributes, [])", "attributes == {}".to_owned()),
        (
            r#"limit(attributes, 3, ["int"])"#,
            format!(r#"attributes["user"] != nil and attributes["url"] != nil and {rest} == 3"#),
        ),
        (r#"limit(attributes, 1, ["int"])"#, format!("{rest} == 1")),
        (r#"limit(attributes, 1, ["none"])"#, r#"attributes == {"user": "alice"}"#.to_owned()),
        (r"limit(attributes, 6, [])", format!("{rest} == 6")),
        (r"limit(attributes, 0, [])", "attributes == {}".to_owned()),
    ];
    for (statement, expected) in cases {
        becomes(statement, &expected);
    }
}

#[test]
fn strings_are_replaced() {
    let cases = [
        (r#"replace_pattern(name, "[0-9]+", "{id}")"#, r#"name == "GET /user/{id}""#),
        (r#"replace_pattern(name, "(\\w+) /(\\w+)", "$2-$1")"#, r#"name == "user-GET/12""#),
        (r#"replace_pattern(name, "\\d", "${0}!")"#, r#"name == "GET /user/1!2!""#),
        (r#"replace_pattern(name, "\\d", "$$1")"#, r#"name == "GET /user/$1$1""#),
        (r#"replace_pattern(name, "none", "x")"#, r#"name == "GET /user/12""#),
        (r#"replace_pattern(attributes["int"], "7", "x")"#, r#"attributes["int"] == 7"#),
        (r#"replace_pattern(attributes["none"], "7", "x")"#, r#"attributes["none"] == nil"#),
        (r#"replace_pattern(attributes["user"], "^a", name)"#, r#"attributes["user"] == "GET /user/12lice""#),
        (r#"replace_pattern(attributes["user"], "(l)", "$1", ToUpperCase)"#, r#"attributes["user"] == "aLice""#),
        (
            r#"replace_pattern(attributes["user"], "(l|c)", "$1", function=ToUpperCase, replacement_format="<%s>")"#,
            r#"attributes["user"] == "a<L>i<C>e""#,
        ),
        (
            r#"replace_all_patterns(attributes, "value", "\\d+", "{id}")"#,
            r#"attributes["url"] == "/user/{id}/list/{id}" and attributes["int"] == 7"#,
        ),
        (
            r#"replace_all_patterns(attributes, "key", "^kube_", "k8s.")"#,
            r#"attributes["k8s.pod"] == "héllo wörld" and attributes["kube_pod"] == nil"#,
        ),
        (
            r#"replace_all_patterns(attributes, "key", "^(u.*|int)$", "one")"#,
            r#"attributes["one"] == 7 and Len(attributes) == 4"#,
        ),
        (r#"replace_all_patterns(attributes["map"], "value", "y", "Y")"#, r#"attributes["map"]["x"] == "Y""#),
        (
            r#"replace_match(attributes["url"], "/user/*/list/*", "/user/{userId}/list/{listId}")"#,
            r#"attributes["url"] == "/user/{userId}/list/{listId}""#,
        ),
        (r#"replace_match(attributes["url"], "/user/*/list", "x")"#, r#"attributes["url"] == "/user/12/list/34""#),
        (r#"replace_match(attributes["url"], "/user/*", "a", ToUpperCase, "/%s")"#, r#"attributes["url"] == "/A""#),
        (
            r#"replace_all_matches(attributes, "*/user/*", "$1")"#,
            r#"attributes["url"] == "$1" and attributes["user"] == "alice""#,
        ),
        (
            "truncate_all(attributes, 3)",
            r#"attributes["user"] == "ali" and attributes["kube_pod"] == "hé" and attributes["int"] == 7"#,
        ),
        ("truncate_all(attributes, 2)", r#"attributes["kube_pod"] == "h""#),
        ("truncate_all(attributes, 100)", r#"attributes["user"] == "alice""#),
        (r#"truncate_all(attributes, 4, truncation_marker="..")"#, r#"attributes["user"] == "al..""#),
        ("stringify_all(attributes)", r#"attributes["int"] == "7" and attributes["tags"] == "[\"a\",\"b\",\"c\"]""#),
    ];
    for (statement, expected) in cases {
        becomes(statement, expected);
    }
}

#[test]
fn lists_and_maps_are_edited() {
    let cases = [
        (r#"append(attributes["tags"], "d")"#, r#"attributes["tags"] == ["a", "b", "c", "d"]"#),
        (r#"append(attributes["tags"], values=["d", 1])"#, r#"attributes["tags"] == ["a", "b", "c", "d", 1]"#),
        (r#"append(attributes["user"], "bob")"#, r#"attributes["user"] == ["alice", "bob"]"#),
        (r#"append(attributes["new"], "bob")"#, r#"attributes["new"] == ["bob"]"#),
        (r#"append(attributes["new"], attributes["tags"])"#, r#"attributes["new"] == [["a", "b", "c"]]"#),
        (r#"delete_index(attributes["tags"], 0)"#, r#"attributes["tags"] == ["b", "c"]"#),
        (r#"delete_index(attributes["tags"], 0, 3)"#, r#"attributes["tags"] == []"#),
        (r#"delete_index(attributes["tags"], 1, 1)"#, r#"attributes["tags"] == ["a", "b", "c"]"#),
        (r#"delete_index(attributes["tags"], Len(attributes["tags"]) - 1)"#, r#"attributes["tags"] == ["a", "b"]"#),
        (
            r#"merge_maps(attributes, {"int": 8, "new": 1}, "insert")"#,
            r#"attributes["int"] == 7 and attributes["new"] == 1"#,
        ),
        (
            r#"merge_maps(attributes, {"int": 8, "new": 1}, "update")"#,
            r#"attributes["int"] == 8 and attributes["new"] == nil"#,
        ),
        (
            r#"merge_maps(attributes, attributes["map"], "upsert")"#,
            r#"attributes["x"] == "y" and Len(attributes) == 8"#,
        ),
        (r#"merge_maps(attributes["map"], {"x": 1}, "upsert")"#, r#"attributes["map"]["x"] == 1"#),
        (
            "flatten(attributes)",
            r#"attributes["tags.0"] == "a" and attributes["map.x"] == "y" and attributes["map.z.1"] == {"deep": 2} and Len(attributes) == 10"#,
        ),
        (
            r#"flatten(attributes, "p", 1)"#,
            r#"attributes["p.user"] == "alice" and attributes["p.map.z"] == [1, {"deep": 2}]"#,
        ),
        ("flatten(attributes, depth=0)", r#"attributes["map"]["x"] == "y" and Len(attributes) == 6"#),
        (
            "flatten(attributes, resolveConflicts=true)",
            r#"attributes["tags"] == "a" and attributes["tags.0"] == "b" and attributes["tags.1"] == "c""#,
        ),
    ];
    for (statement, expected) in cases {
        becomes(statement, expected);
    }
}

#[test]
fn what_is_wrong_with_arguments_is_told() {
    let cases = [
        ("st(name, 1)", 0..2, "undefined function \"st\""),
        ("set(name)", 0..3, "missing required argument value"),
        ("set(name, 1, 2)", 13..14, "incorrect number of arguments. Expected: 2 Received: 3"),
        ("set(name, valu=1)", 10..16, "no such parameter: valu"),
        ("set(value=1, name)", 13..17, "unnamed argument used after named argument"),
        ("set(1, 2)", 4..5, "must be a path"),
        (r#"set(attributes["a"], Duration("1s"))"#, 21..35, "unsupported value type time.Duration"),
        ("delete_key(name, \"a\")", 11..15, "span.name is no map"),
        ("keep_keys(attributes, \"a\")", 22..25, "must be a list of strings"),
        ("limit(attributes, -1, [])", 18..20, "invalid limit for limit function, -1 cannot be negative"),
        ("limit(attributes, 0, [\"a\"])", 18..19, "cannot be less than number of priority attributes 1"),
        ("replace_pattern(name, \"(\", \"\")", 22..25, "is not a valid pattern"),
        ("replace_match(name, \"[\", \"\")", 20..23, "is not a valid pattern"),
        ("replace_pattern(name, \"a\", \"\", Frob)", 31..35, "undefined function \"Frob\""),
        ("replace_pattern(name, \"a\", \"\", ToUpperCase, \"%d\")", 44..48, "single %s"),
        (
            "replace_all_patterns(attributes, \"keys\", \"a\", \"\")",
            33..39,
            "invalid mode keys, must be either 'key' or 'value'",
        ),
        ("merge_maps(attributes, {}, \"replace\")", 27..36, "invalid value for strategy, replace"),
        ("truncate_all(attributes, 1, true, \"...\")", 34..39, "more than the limit"),
        ("append(attributes[\"a\"])", 0..6, "at least one of the optional arguments"),
        ("flatten(attributes, \"\", -1)", 24..26, "cannot be negative"),
        ("set(otelcol.client.addr, \"a\")", 4..23, "cannot be modified"),
    ];
    for (statement, span, said) in cases {
        let found = problems(statement, Context::Span);
        let problem = found.first().unwrap_or_else(|| panic!("{statement}"));
        assert!(problem.message.contains(said), "{statement}: {}", problem.message);
        assert_eq!(problem.span, span, "{statement}: {problem}");
    }
}

#[test]
fn failures_of_the_moment_are_told() {
    let cases = [
        (r#"delete_key(attributes["user"], "a")"#, "expected pcommon.Map but got string"),
        (r#"delete_key(attributes["none"], "a")"#, "expected pcommon.Map but got nil"),
        (r#"delete_key(attributes, attributes["int"])"#, "expected string but got int64"),
        (r#"delete_index(attributes["tags"], 3)"#, "startIndex 3 out of bounds for slice of length 3"),
        (r#"delete_index(attributes["tags"], 2, 1)"#, "endIndex 1 cannot be less than startIndex 2"),
        (r#"delete_index(attributes["tags"], 1, 9)"#, "deletion range [1:9] out of bounds for slice of length 3"),
        (r#"merge_maps(attributes, attributes["int"], "insert")"#, "expected pcommon.Map but got int64"),
        (r#"append(attributes["map"], 1)"#, "unsupported type of target field: 'pcommon.Map'"),
    ];
    let attributes = attributes(&[
        ("user", text("a")),
        ("int", int(7)),
        ("tags", list(vec![int(1), int(2), int(3)])),
        ("map", map(&[])),
    ]);
    let request = traces(Span { attributes, ..Span::default() });
    for (statement, said) in cases {
        assert_eq!(run(Context::Span, &request, &[statement]).unwrap_err().why, said, "{statement}");
    }
}

#[test]
fn what_is_no_utf8_stays_as_it_is() {
    use tailrace_otlp::{view, wire};
    let put = |number, body: &[u8]| {
        let mut out = Vec::new();
        wire::put_bytes(&mut out, number, body);
        out
    };
    let pair = |key: &[u8], value: &[u8]| put(9, &[put(1, key), put(2, &put(1, value))].concat());
    let span = [pair(b"bad\xff", b"\xffvalue"), pair(b"good", b"value")].concat();
    let request = put(1, &put(2, &put(2, &span)));
    for statement in
        [r#"set(attributes["new"], 1)"#, r#"delete_key(attributes, "good")"#, r"truncate_all(attributes, 3)"]
    {
        let after = run(Context::Span, &request, &[statement]).unwrap();
        let spans = tailrace_otlp::walk::children(&after, 1)
            .flat_map(|(_, resource)| tailrace_otlp::walk::children(resource, 2));
        let mut spans = spans.flat_map(|(_, scope)| tailrace_otlp::walk::children(scope, 2));
        let (key, value) = view::Span(spans.next().unwrap().1).attributes().next().unwrap();
        assert_eq!(key, b"bad\xff");
        assert!(matches!(value, view::Value::Str(b"\xffvalue" | b"\xffva")), "{statement}");
    }
}
