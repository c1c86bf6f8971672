use tailrace_sdk::Verdict;
use tailrace_sdk::testing::{TestSpan, TestValue, evaluate};

use super::*;
use crate::testing::spans;

fn text(value: &str) -> TestValue {
    TestValue::Str(value.to_owned())
}

/// Traces of a span each.
fn traces() -> Vec<Vec<TestSpan>> {
    let span =
        |name: &str| TestSpan { name: name.to_owned(), ..TestSpan::default() }.resource("service.name", text("shop"));
    vec![
        vec![span("a").attribute("tier", text("gold")), span("b")],
        vec![span("b").attribute("tier", text("silver")).attribute("n", TestValue::Int(7)).error()],
        vec![TestSpan { duration: 3_000_000_000, kind: 2, ..span("c") }],
        vec![span("d").attribute("list", TestValue::Json("[1,2]".to_owned()))],
    ]
}

fn kept(condition: &str) -> Vec<usize> {
    let config = format!(r#"{{"span": [{condition:?}]}}"#);
    let verdicts = evaluate::<OttlCondition>(&config, &traces()).expect("it is a condition");
    verdicts.iter().enumerate().filter(|(_, verdict)| **verdict == Verdict::Sample).map(|(at, _)| at).collect()
}

#[test]
fn columns_answer_what_they_can() {
    for (condition, expected) in [
        (r#"attributes["tier"] == "gold""#, &[0][..]),
        (r#"span.attributes["tier"] != nil and resource.attributes["service.name"] == "shop""#, &[0, 1]),
        (r#"attributes["n"] > 6.5"#, &[1]),
        (r#"attributes["tier"] == nil"#, &[0, 2, 3]),
        (r#"name == "b""#, &[0, 1]),
        ("status.code == STATUS_CODE_ERROR", &[1]),
        ("kind == SPAN_KIND_SERVER", &[2]),
        (r#"end_time - start_time > Duration("2s")"#, &[2]),
        ("end_time_unix_nano - start_time_unix_nano > 2000000000", &[2]),
        (r#"Len(attributes["list"]) == 2"#, &[3]),
        (r#"IsMatch(attributes["tier"], "^(gold|silver)$")"#, &[0, 1]),
        ("true", &[0, 1, 2, 3]),
        (r#"trace_state == """#, &[0, 1, 2, 3]),
    ] {
        let config = Config { span: vec![condition.to_owned()], ..Config::default() };
        assert!(OttlCondition::new(config).expect("it is a condition").rows.is_some(), "{condition}");
        assert_eq!(kept(condition), expected, "{condition}");
    }
}

#[test]
fn other_paths_walk_the_trace() {
    let env = Env::default();
    let request = spans(&[("a", &[("k", "1")]), ("b", &[])]);
    for (span, event, expected) in [
        (&["status.message == \"\" and name == \"b\""][..], &[][..], true),
        (&["attributes[\"k\"] == \"2\""], &[], false),
        (&["dropped_events_count > 0"], &["name == \"debug\""], true),
        (&[], &["span.name == \"c\""], false),
        (&[], &["attributes[\"x\"] == nil and resource.attributes[\"service.name\"] == \"shop\""], true),
    ] {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let config = Config { span: list(span), spanevent: list(event), ..Config::default() };
        let policy = OttlCondition::new(config).expect("conditions");
        let mut failures = Failures::new(ErrorMode::Ignore);
        let found = whole::any(&request, &policy.span, &policy.span_event, &env, &mut failures);
        assert_eq!(found, expected, "{span:?} {event:?}");
        failures.report();
    }
    let whole = |config| OttlCondition::new(config).expect("conditions").rows.is_none();
    assert!(whole(Config { span: vec![r#"status.message == "x""#.to_owned()], ..Config::default() }));
    assert!(whole(Config { span: vec![r#"attributes["a"]["b"] == 1"#.to_owned()], ..Config::default() }));
    assert!(whole(Config { spanevent: vec!["true".to_owned()], ..Config::default() }));
}

#[test]
fn a_failing_condition_is_false_and_the_next_one_counts() {
    for mode in ["silent", "ignore", "propagate"] {
        let config = format!(
            r#"{{"error_mode": "{mode}", "span": ["ToUpperCase(attributes[\"n\"]) == \"X\"", "name == \"c\""]}}"#
        );
        let verdicts = evaluate::<OttlCondition>(&config, &traces()).expect("it is asked all the same");
        assert_eq!(verdicts, [false.into(), false.into(), true.into(), false.into()], "{mode}");
    }
}

#[test]
fn mistakes_are_pointed_at() {
    for (config, path, message) in [
        ("{}", "", "expected at least one OTTL condition to filter on"),
        (r#"{"span": ["nam == 1"]}"#, "/span/0#char=0,3", ""),
        (r#"{"spanevent": ["name == 1", "span.nam == 1"]}"#, "/spanevent/1#char=5,8", ""),
    ] {
        let problems = evaluate::<OttlCondition>(config, &[]).expect_err("a mistake");
        let (found, said) = problems.iter().next().expect("one");
        assert_eq!(found, path, "{config}");
        assert!(said.contains(message), "{said}");
    }
}
