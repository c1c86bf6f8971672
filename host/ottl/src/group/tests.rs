use super::*;

fn infer(signal: Signal, statements: &[&str], conditions: &[&str]) -> Result<Context, String> {
    Group::infer(signal, statements, conditions).map(|group| group.context).map_err(|problems| {
        let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
        said.join("; ")
    })
}

#[test]
fn the_innermost_context_that_serves_all_is_taken() {
    use Signal::{Logs, Metrics, Traces};
    let cases: [(Signal, &[&str], &[&str], Context); 12] = [
        (Traces, &[r#"set(span.name, "a")"#], &[], Context::Span),
        (Traces, &[r#"set(resource.attributes["a"], "a")"#], &[], Context::Resource),
        (Traces, &[r#"set(span.name, resource.attributes["a"])"#], &[], Context::Span),
        (
            Traces,
            &[r#"set(resource.attributes["a"], spanevent.name)"#, r#"set(span.name, "b")"#],
            &[],
            Context::SpanEvent,
        ),
        (Traces, &[], &[r#"instrumentation_scope.name == "a""#], Context::Scope),
        (Traces, &[], &[r#"resource.attributes["a"] == SPAN_KIND_SERVER"#], Context::SpanEvent),
        (Traces, &[], &["IsRootSpan()"], Context::Span),
        (Traces, &[], &[r#"resource.attributes["a"] == "b" and IsRootSpan()"#], Context::Span),
        (Metrics, &[r#"set(metric.name, "a")"#], &["datapoint.value_int == 1"], Context::DataPoint),
        (Metrics, &[], &[r#"HasAttrKeyOnDatapoint("a")"#], Context::Metric),
        (Metrics, &[], &[r#"exemplar.int_value > 1 and metric.name == "a""#], Context::Exemplar),
        (Logs, &[r#"set(log.body, "a") where resource.attributes["b"] == "c""#], &[], Context::Log),
    ];
    for (signal, statements, conditions, context) in cases {
        assert_eq!(infer(signal, statements, conditions), Ok(context), "{statements:?} {conditions:?}");
    }
}

#[test]
fn what_can_not_be_inferred_is_told() {
    use Signal::{Metrics, Traces};
    let cases: [(Signal, &[&str], &[&str], &str); 9] = [
        (Traces, &[r#"set(name, "a")"#], &[], "missing context name for path \"name\""),
        (Traces, &[r"set(span.name, name)"], &[], "missing context name for path \"name\""),
        (Traces, &[], &["true"], "unable to infer context"),
        (Traces, &[], &["spanlink.trace_id == nil"], "unable to infer context from path \"spanlink.trace_id\""),
        (Traces, &[], &["Frobnicate()"], "undefined function \"Frobnicate\""),
        (Traces, &[r#"set(log.body, "a")"#], &[], "unable to infer context"),
        (Metrics, &[], &[r#"HasAttrKeyOnDatapoint("a") and datapoint.value_int == 1"#], "unable to infer context"),
        (Traces, &[r"set(span.name, Frobnicate())"], &[], "undefined function \"Frobnicate\""),
        (Traces, &[r"set(span.nam, 1)", "st(span.name, 1)", "set(span.name, 1"], &[], "statement has invalid syntax"),
    ];
    for (signal, statements, conditions, said) in cases {
        let problem = infer(signal, statements, conditions).unwrap_err();
        assert!(problem.starts_with(said), "{statements:?} {conditions:?}: {problem}");
    }
}

#[test]
fn an_explicit_context_allows_bare_paths() {
    let group =
        Group::on(Context::Span, &[r#"set(name, resource.attributes["a"])"#], &["kind == SPAN_KIND_SERVER"]).unwrap();
    assert_eq!((group.statements.len(), group.conditions.len()), (1, 1));
    let problems = Group::on(Context::Resource, &[], &[r#"span.name == "a""#, r"nam == 1"]).unwrap_err();
    let parts: Vec<_> = problems.iter().map(|problem| (problem.part, problem.problem.span.clone())).collect();
    assert_eq!(parts, [(Part::Condition(0), 0..4), (Part::Condition(1), 0..3)]);
}
