use proptest::prelude::*;
use tailrace_sdk::Verdict::{self, No, Sample};
use tailrace_sdk::testing::{TestSpan, TestValue, evaluate};

use super::*;

fn text(value: &str) -> TestValue {
    TestValue::Str(value.to_owned())
}

#[test]
fn values_of_spans_and_resources() {
    let traces = [
        vec![TestSpan::default(), TestSpan::default().attribute("k", text("a"))],
        vec![TestSpan::default().resource("k", text("a"))],
        vec![TestSpan::default().attribute("k", text("b")).attribute("other", text("a"))],
        vec![TestSpan::default().attribute("k", TestValue::Bytes(b"a".to_vec()))],
        vec![],
    ];
    let verdicts = |config: &str| evaluate::<StringAttribute>(config, &traces).expect("a good configuration");
    assert_eq!(verdicts(r#"{"key": "k", "values": ["a", ""]}"#), [Sample, Sample, No, No, No]);
    let inverted = r#"{"key": "k", "values": ["a"], "invert_match": true, "cache_max_size": 10}"#;
    assert_eq!(verdicts(inverted), [No, No, Sample, Sample, Sample]);
}

#[test]
fn expressions_are_not_anchored_and_skip_empty_values_of_spans_only() {
    let traces = [
        vec![TestSpan::default().attribute("k", text("xay"))],
        vec![TestSpan::default().attribute("k", text(""))],
        vec![TestSpan::default().resource("k", text(""))],
        vec![TestSpan::default().attribute("k", TestValue::Int(1))],
        vec![TestSpan::default().resource("k", TestValue::Int(1))],
        vec![TestSpan::default()],
    ];
    let verdicts = |values: &str| {
        let config = format!(r#"{{"key": "k", "enabled_regex_matching": true, "values": {values}}}"#);
        evaluate::<StringAttribute>(&config, &traces).expect("a good configuration")
    };
    assert_eq!(verdicts(r#"["a", "^z"]"#), [Sample, No, No, No, No, No]);
    assert_eq!(verdicts(r#"[".*"]"#), [Sample, No, Sample, No, Sample, No]);
}

#[test]
fn a_bad_expression_is_named() {
    let config = r#"{"key": "k", "enabled_regex_matching": true, "values": ["ok", "(", "a(?=b)"]}"#;
    let problems = evaluate::<StringAttribute>(config, &[]).expect_err("a bad expression");
    assert_eq!(problems.iter().map(|(path, _)| path).collect::<Vec<_>>(), ["/values/1", "/values/2"]);
}

proptest! {
    #[test]
    fn votes_as_the_plain_rule(
        values in proptest::collection::vec("[ab]{0,2}", 0..3), invert: bool, regex: bool,
        traces in proptest::collection::vec(
            proptest::collection::vec((proptest::option::of("[ab]{0,2}"), proptest::option::of("[ab]{0,2}")), 0..5), 0..6),
    ) {
        let span = |(own, resource): &(Option<String>, Option<String>)| {
            let mut span = TestSpan::default();
            span.attributes.extend(own.iter().map(|value| ("k".to_owned(), text(value))));
            span.resource.extend(resource.iter().map(|value| ("k".to_owned(), text(value))));
            span
        };
        let batch: Vec<Vec<_>> = traces.iter().map(|spans| spans.iter().map(span).collect()).collect();
        let matches = |value: &String| {
            values.iter().any(|wanted| if regex { value.contains(wanted) } else { !wanted.is_empty() && value == wanted })
        };
        let found = |(own, resource): &(Option<String>, Option<String>)| {
            own.as_ref().is_some_and(|value| !value.is_empty() && matches(value)) || resource.as_ref().is_some_and(matches)
        };
        let expected: Vec<Verdict> = traces.iter().map(|spans| (spans.iter().any(found) != invert).into()).collect();
        let config =
            format!(r#"{{"key": "k", "values": {values:?}, "invert_match": {invert}, "enabled_regex_matching": {regex}}}"#);
        prop_assert_eq!(evaluate::<StringAttribute>(&config, &batch), Ok(expected));
    }
}
