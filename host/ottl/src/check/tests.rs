use std::ops::Range;

use tailrace_otlp::edit::Place;

use crate::functions::World;
use crate::testing::{full_span, holds, traces};
use crate::{Condition, Context, Env, Item, Memory, Problem};

fn problems(text: &str, context: Context) -> Vec<Problem> {
    Condition::parse(text, context).err().unwrap_or_default()
}

#[test]
fn what_does_not_exist_is_told_with_what_may_be_meant() {
    use Context::{Log, Metric, Resource, Span};
    type Case = (Context, &'static str, Range<usize>, &'static str, Option<&'static str>);
    let cases: [Case; 25] = [
        (
            Span,
            "nam == 1",
            0..3,
            "segment \"nam\" from path \"span.nam\" is not a valid path nor",
            Some("did you mean name?"),
        ),
        (
            Span,
            "span.status.cod == 1",
            12..15,
            "segment \"cod\" from path \"span.status.cod\"",
            Some("did you mean status.code?"),
        ),
        (Span, "kind.number == 1", 5..11, "segment \"number\" from path \"span.kind.number\"", None),
        (
            Span,
            "log.body == 1",
            0..3,
            "context \"log\" from path \"log.body\" is not valid",
            Some("this runs on span, which has paths of span, scope, resource"),
        ),
        (
            Resource,
            "span.name == 1",
            0..4,
            "context \"span\" from path \"span.name\" is not valid",
            Some("this runs on resource, which has paths of resource"),
        ),
        (Span, "resource.cache[\"a\"] == 1", 0..19, "access to cache must be performed using the same context", None),
        (
            Span,
            "profile.time == 1",
            0..7,
            "context \"profile\" from path",
            Some("profiles and span links are not supported"),
        ),
        (Span, "name[\"a\"] == 1", 5..8, "does not support indexing", None),
        (Span, "status[\"a\"].code == 1", 7..10, "does not support indexing", None),
        (
            Span,
            "attributes[0] == 1",
            11..12,
            "unable to resolve a string index in map",
            Some("attributes is a map, its keys are strings"),
        ),
        (Span, "trace_state[\"a\"][\"b\"] == 1", 17..20, "must provide exactly 1 key when accessing trace_state", None),
        (
            Span,
            "kind == SPAN_KIND_SEVER",
            8..23,
            "enum symbol, SPAN_KIND_SEVER, not found",
            Some("did you mean SPAN_KIND_SERVER?"),
        ),
        (
            Span,
            "kind == SEVERITY_NUMBER_WARN",
            8..28,
            "enum symbol, SEVERITY_NUMBER_WARN, not found",
            Some("it belongs to log, this runs on span"),
        ),
        (Span, "name == Now", 8..11, "enum symbol, Now, not found", Some("a function is called: Now(…)")),
        (Span, "Ismatch(name, \"a\")", 0..7, "undefined function \"Ismatch\"", Some("did you mean IsMatch?")),
        (Log, "IsRootSpan()", 0..10, "undefined function \"IsRootSpan\"", Some("it is one of span, this runs on log")),
        (
            Span,
            "HasAttrKeyOnDatapoint(\"a\")",
            0..21,
            "undefined function",
            Some("it is one of metric, this runs on span"),
        ),
        (Metric, "HasAttrOnDatapoint(\"a\")", 0..18, "missing required argument value", None),
        (
            Span,
            "Any(attributes, name)",
            0..3,
            "undefined function \"Any\"",
            Some("in the collector it needs the feature gate ottl.functions.enableLambda; there are no lambdas here"),
        ),
        (Span, "IsMatch(name)", 0..7, "missing required argument", None),
        (Span, "IsMatch(name, \"a\", \"b\")", 19..22, "incorrect number of arguments. Expected: 2 Received: 3", None),
        (Span, "IsMatch(name, \"(\")", 0..7, "error while parsing arguments for call to \"IsMatch\"", None),
        (Span, "name == 1 / 0", 8..13, "attempted to divide by 0", None),
        (Span, "name == -\"a\"", 9..12, "unexpected token", None),
        (Span, "Concat([nam], \"\") == \"\"", 8..11, "segment \"nam\"", Some("did you mean name?")),
    ];
    for (context, text, span, message, hint) in cases {
        let found = problems(text, context);
        let problem = found.first().unwrap_or_else(|| panic!("{text} is wrong"));
        assert!(problem.message.contains(message), "{text}: {problem}");
        assert_eq!((problem.span.clone(), problem.hint.as_deref()), (span, hint), "{text}: {problem}");
    }
}

#[test]
fn all_problems_of_a_text_are_told() {
    let text = r#"nam == 1 and (IsMtch(kin, "a") or attributes[Foo()] == [STATUS_CODE_OKAY])"#;
    let spans: Vec<_> = problems(text, Context::Span).into_iter().map(|problem| &text[problem.span]).collect();
    assert_eq!(spans, ["nam", "kin", "IsMtch", "Foo", "STATUS_CODE_OKAY"]);
}

#[test]
fn what_depends_on_the_time_is_not_made_ahead() {
    let is_later = |text: &str| {
        let condition = Condition::parse(text, Context::Resource).unwrap();
        let (mut place, mut memory) = (Place::default(), Memory::default());
        let item = Item::new(Context::Resource, &mut place, &mut memory);
        let at = |now_unix_ns| {
            let env = Env { world: World { now_unix_ns, random: &|| 7 }, ..Env::default() };
            condition.holds(&item, &env).unwrap()
        };
        (at(1), at(1_700_000_000_000_000_000))
    };
    assert_eq!(is_later(r#"Now() > Time("2001", "%Y")"#), (false, true));
    assert_eq!(is_later(r#"Time("02-03", "%m-%d") > Time("2001", "%Y")"#), (false, true));
    assert_eq!(is_later(r#"Time("2002", "%Y") > Time("2001", "%Y")"#), (true, true));
}

#[test]
fn expressions_are_evaluated() {
    let cases = [
        (r#"Concat([name, "x"], "-") == "GET /-x""#, Ok(true)),
        (r#"Split(trace_state, ",")[1] == "b=2""#, Ok(true)),
        (r#"attributes[Concat(["te", "xt"], "")] == "gold""#, Ok(true)),
        (
            r#"attributes["map"][attributes["list"][2]["none"]] == nil"#,
            Err("expecting 'string' or 'int64' but got 'nil'"),
        ),
        (r#"attributes["list"][attributes["int"] - 7] == "a""#, Ok(true)),
        (r#"{"a": attributes["int"], "b": [1, kind]} == {"b": [1, 2], "a": 7}"#, Ok(true)),
        ("end_time_unix_nano - start_time_unix_nano == 15 and -kind == -2", Ok(true)),
        (r#"end_time - start_time == Duration("15ns") and end_time - start_time < Duration("1s")"#, Ok(true)),
        (r#"start_time + Duration("15ns") == end_time"#, Ok(true)),
        ("(kind + 1) * 2 == 6 and kind + 1 * 2 == 4 and 7 / kind == 3", Ok(true)),
        (r#"kind + attributes["double"] == 1"#, Err("cannot add int64 and float64")),
        ("kind / (kind - 2) == 1", Err("attempted to divide by 0")),
        (r#"ParseJSON("{\"a\": [1]}")["a"][0] == 1"#, Ok(true)),
        (r#"ParseJSON("{\"a\": [1]}")["b"] == 1"#, Err("key not found in map")),
        (r#"Split(name, " ")[2] == "x""#, Err("index 2 out of bounds")),
        (r#"Len(name)["a"] == 1"#, Err("type, int64, does not support string indexing")),
        ("ToUpperCase(name)", Err("must be bool but got string")),
        (r#"attributes["none"] > 1 or attributes["none"] <= nil"#, Ok(true)),
        (r#"not attributes["none"] == 1 and attributes["none"] != 1"#, Ok(true)),
        (r#"false and attributes["text"]["x"] == 1"#, Ok(false)),
        (r#"true or attributes["text"]["x"] == 1"#, Ok(true)),
        (r#"attributes["text"]["x"] == 1 or true"#, Err("type Str does not support string indexing")),
    ];
    for (text, expected) in cases {
        let found = holds(Context::Span, &traces(full_span()), text).map_err(|failure| failure.why);
        match expected {
            Ok(flag) => assert_eq!(found, Ok(flag), "{text}"),
            Err(why) => assert!(found.clone().is_err_and(|said| said.contains(why)), "{text}: {found:?}"),
        }
    }
}
