use insta::assert_snapshot;

use super::{Config, Problems, Source, load_with};

fn env(name: &str) -> Option<String> {
    let value = match name {
        "NUM" => "0123",
        "TEXT" => "hello",
        "EMPTY" => "",
        "QUOTED" => "\"q\"",
        "LIST" => "[nop]",
        "MAP" => "{level: debug}",
        "NAME" => "TEXT",
        "NESTED" => "${env:NUM}",
        "LOOP" => "${env:LOOP}",
        "DOLLAR" => "a$$b",
        "BOOL" => "true",
        "BAD_YAML" => "[a",
        _ => return None,
    };
    Some(value.to_owned())
}

fn embedded(text: &str) -> Source {
    Source::Embedded { name: "test.yaml".to_owned(), text: text.to_owned() }
}

fn load_all(texts: &[&str], sets: &[&str]) -> Result<(Config, Problems), Problems> {
    let texts = texts.iter().map(|text| embedded(text));
    let sources: Vec<Source> = texts.chain(sets.iter().map(|set| Source::set(set).expect(set))).collect();
    load_with(&sources, &env).map(|loaded| (loaded.config, loaded.warnings))
}

/// All that is said about a configuration, good or bad.
fn said(text: &str) -> String {
    match load_all(&[text], &[]) {
        Ok((_, warnings)) => warnings.render(false),
        Err(problems) => problems.render(false),
    }
}

const MINIMAL: &str =
    "receivers: {nop: }\nexporters: {nop: }\nservice: {pipelines: {traces: {receivers: [nop], exporters: [nop]}}}\n";

#[test]
fn a_minimal_configuration_is_fine() {
    let (config, warnings) = load_all(&[MINIMAL], &[]).expect("good");
    assert_eq!(warnings.render(false), "");
    assert_eq!(config.receivers.len(), 1);
    assert_eq!(config.service.pipelines.keys().map(ToString::to_string).collect::<Vec<_>>(), ["traces"]);
}

/// The same without the lists of types, which grow.
fn said_without_lists(text: &str) -> String {
    let said = said(text);
    let mut parts = said.split("(valid values: [");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("(valid values: […");
        kept.push_str(&part[part.find(']').expect("the list ends")..]);
    }
    kept
}

#[test]
fn nothing_configured() {
    assert_snapshot!(said(""));
}

#[test]
fn what_is_missing() {
    assert_snapshot!(said(
        "receivers: {nop: }\nexporters: {nop: }\nservice:\n  pipelines:\n    traces:\n    logs: {processors: []}\n"
    ));
}

#[test]
fn unknown_types_and_keys() {
    assert_snapshot!(said_without_lists(
        "receivers: {nop: , npo/x: , foo/x: }
processors:
  spanmetrics:
  forward:
exporters: {nop: , logging: , prometheusremotewrite: , kafka: , spanmetrics: }
extensions: {nope: , zpages: }
procesors: {}
x-anchors: 1
service:
  pipelines: {traces: {receivers: [nop, foo/x], processors: [spanmetrics], exporters: [nop], exporter: [nop]}}
  pipeline: {}
"
    ));
}

#[test]
fn ids_that_are_none() {
    assert_snapshot!(said(
        "receivers:
  nop:
  ' nop ':
  nop/:
  /x:
  'n op':
exporters: {nop: }
service:
  pipelines:
    traces: {receivers: [nop], exporters: [nop, 'nop/']}
    ' traces': {receivers: [nop], exporters: [nop]}
    foo: {receivers: [nop], exporters: [nop]}
    profiles: {receivers: [nop], exporters: [nop]}
"
    ));
}

#[test]
fn references_that_lead_nowhere() {
    assert_snapshot!(said(
        "receivers: {nop: }
exporters: {nop: , nop/backend: }
service:
  extensions: [zpages]
  pipelines:
    traces: {receivers: [otlp/2, nop], processors: [batch, batch], exporters: [nop/backnd]}
"
    ));
}

#[test]
fn settings_that_do_not_fit_the_signal() {
    assert_snapshot!(said(
        "receivers: {nop: }
exporters:
  load_balancing: {routing_key: metric, resolver: {static: {hostnames: [a]}}}
service:
  pipelines:
    metrics: {receivers: [nop], exporters: [load_balancing]}
    traces: {receivers: [nop], exporters: [load_balancing]}
"
    ));
}

#[test]
fn sections_of_the_wrong_shape() {
    assert_snapshot!(said(
        "receivers: [nop]
exporters:
  nop: 5
service:
  extensions: {a: 1}
  pipelines:
    traces: [nop]
"
    ));
}

#[test]
fn connectors_need_both_sides() {
    assert_snapshot!(said(
        "receivers: {nop: }
exporters: {nop: }
connectors: {forward/a: , forward/b: , forward/c: , nop: }
service:
  pipelines:
    traces: {receivers: [nop], exporters: [forward/a, forward/c, nop]}
    traces/2: {receivers: [forward/b], exporters: [nop]}
    logs: {receivers: [forward/c], exporters: [nop]}
"
    ));
}

#[test]
fn connectors_that_share_an_id_with_an_exporter() {
    assert_snapshot!(said_without_lists(
        "receivers: {nop: }\nexporters: {forward: , nop: }\nconnectors: {forward: }\nservice: {pipelines: {traces: {receivers: [nop], exporters: [nop]}}}\n"
    ));
}

#[test]
fn cycles_are_named_with_what_lies_on_them() {
    assert_snapshot!(said(
        "receivers: {nop: }
exporters: {nop: }
connectors: {forward/a: , forward/b: }
service:
  pipelines:
    traces: {receivers: [nop], exporters: [forward/a]}
    traces/1: {receivers: [forward/a, forward/b], exporters: [forward/b, nop]}
"
    ));
}

#[test]
fn a_chain_of_connectors_is_no_cycle() {
    let said = said(
        "receivers: {nop: }
exporters: {nop: }
connectors: {forward/a: , forward/b: }
service:
  pipelines:
    traces: {receivers: [nop], exporters: [forward/a]}
    traces/1: {receivers: [forward/a], exporters: [forward/b]}
    traces/2: {receivers: [forward/a, forward/b], exporters: [nop]}
",
    );
    assert_eq!(said, "");
}

#[test]
fn values_that_can_not_be_expanded_are_not_complained_about_twice() {
    assert_snapshot!(said(
        "receivers: {nop: }
exporters: {nop: }
service:
  telemetry: {logs: {level: '${LEVEL:-info}', encoding: '${env:UNSET:-json}'}, metrics: {level: '${env:LEVELL}'}}
  pipelines: {traces: {receivers: [nop], exporters: [nop, nope]}}
"
    ));
}

#[test]
fn values_from_the_environment_say_so() {
    assert_snapshot!(said(
        "receivers: {nop: }
exporters: {nop: }
service:
  telemetry: {logs: {sampling: {tick: '${env:TEXT}', initial: '${env:LIST}'}}}
  pipelines: {traces: {receivers: [nop], exporters: [nop]}}
"
    ));
}

#[test]
fn telemetry_levels_are_checked() {
    let said = said(
        &format!("{MINIMAL}  # levels\n").replace("service: {", "service: {telemetry: {logs: {level: verbose}}, "),
    );
    assert!(said.contains(r#"unrecognized level: "verbose""#), "{said}");
}

#[test]
fn texts_that_are_not_yaml_or_not_a_map() {
    let mut all = String::new();
    for text in ["a: [1\nb: 2\n", "receivers:\nreceivers:\n", "just text", "- 1\n", "a: *nope\n", "a:\n\t- b\n"] {
        all.extend([&said(text), "\n\n"]);
    }
    assert_snapshot!(all);
}

#[test]
fn sources_that_can_not_be_read() {
    let mut all = String::new();
    for uri in ["/no/such.yaml", "file:/no/such.yaml", "foo:bar", "env:1X", "env:UNSET", "env:BAD_YAML", "yaml:a::b: 1"]
    {
        let said = match load_with(&[Source::Uri(uri.to_owned())], &env) {
            Ok(_) => "fine".to_owned(),
            Err(problems) => problems.render(false),
        };
        all.extend(["=== ", uri, "\n", &said, "\n\n"]);
    }
    assert_snapshot!(all);
}

#[test]
fn places_survive_merges_and_sets() {
    let base = MINIMAL.replace("service: {", "service: {telemetry: {logs: {encoding: console}}, ");
    let over = "service:\n  telemetry:\n    logs:\n      sampling: {initial: many}\n      levl: x\n";
    let problems = load_all(&[&base, over], &["service.telemetry.logs.sampling.tick=5d", "service.telemetry.bad=1"])
        .expect_err("four mistakes");
    assert_snapshot!(problems.render(false));
}

#[test]
fn later_sources_win() {
    for (texts, sets, expected) in [
        (&["{a: {x: 1}}", "{a: {y: 2}}"][..], &[][..], "{a: {x: 1, y: 2}}"),
        (&["{a: [1, 2]}", "{a: [3]}"], &[], "{a: [3]}"),
        (&["{a: {x: 1}}", "{a: }"], &[], "{a: null}"),
        (&["{a: }", "{a: {x: 1}}"], &[], "{a: {x: 1}}"),
        (&["{a: {x: 1}}", "{a: 5}"], &[], "{a: 5}"),
        (&["{a: {x: 1}}", ""], &[], "{a: {x: 1}}"),
        (&["{'a::b': 1, a: {c: 2}}"], &[], "{a: {b: 1, c: 2}}"),
        (&["{a: {b: 1}}"], &["a.b=2", "a.c=[x, y]", "d.e="], "{a: {b: 2, c: [\"x\", \"y\"]}, d: {e: null}}"),
        (&["{a: 1}"], &["a={b: true}", "c='5'"], "{a: {b: true}, c: \"5\"}"),
    ] {
        let texts = texts.iter().map(|text| embedded(text));
        let sources = texts.chain(sets.iter().map(|set| Source::set(set).expect(set)));
        let mut problems = Problems::default();
        let trees: Vec<_> = sources.map(|source| source.load(&env, &mut problems).expect("a map")).collect();
        let merged = super::node::merge_all(trees).expect("a tree");
        assert_eq!(super::testing::show(&merged), expected);
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[a-z:{}\\[\\]$\\-\"'&*!|>%@#?, \\n\\t0-9._~\u{e9}/<]{0,120}") {
        let _ = said(&text);
    }

    #[test]
    fn no_value_panics(value in "[a-z:{}$\\-\"'0-9._/\u{e9}]{0,40}") {
        let quoted = value.replace('\'', "''");
        let _ = said(&format!(
            "receivers: {{nop: }}\nexporters: {{nop: '{quoted}'}}\nservice: {{telemetry: {{logs: {{level: '{quoted}', sampling: {{tick: '{quoted}', initial: {quoted}}}}}}}, pipelines: {{'{quoted}': {{}}}}}}\n"
        ));
    }
}

/// What a component says of itself as a whole stands at its id, and a processor that can not do a signal is named.
#[test]
fn components_are_checked_in_use_or_not() {
    assert_snapshot!(said(
        "receivers: {nop: }
processors:
  memory_limiter/unused:
  tail_sampling: {policies: [{name: a, type: always_sample}]}
exporters: {nop: }
service: {pipelines: {logs: {receivers: [nop], processors: [tail_sampling], exporters: [nop]}}}
"
    ));
}

/// The configurations of the documents that this project implements.
#[test]
fn seed_configurations() {
    let seed = |name: &str| {
        let path = format!("{}/../tests/data/seed-configs/{name}", env!("CARGO_MANIFEST_DIR"));
        let key = |name: &str| (name == "BACKEND_API_KEY").then(|| "secret".to_owned());
        match load_with(&[Source::Uri(path)], &key) {
            Ok(loaded) => (Vec::new(), loaded.warnings),
            Err(problems) => (problems.errors().map(|problem| problem.message.clone()).collect(), problems),
        }
    };
    let (errors, warnings) = seed("article-gateway.yaml");
    assert_eq!(errors, [""; 0]);
    let about_caches = |problem: &&super::problem::Problem| problem.message.contains("_cache_size");
    assert_eq!(warnings.warnings().filter(about_caches).count(), 2, "{}", warnings.render(false));
    let (errors, _) = seed("gateway.yaml");
    assert!(
        matches!(errors.as_slice(), [only] if only.contains(r#"unknown type: "prometheusremotewrite" for id: "prometheusremotewrite""#)),
        "{errors:?}"
    );
}

#[test]
fn old_spellings_are_accepted_and_said_to_be_old() {
    assert_snapshot!(said(
        "receivers: {nop: }
exporters: {otlp/backend: {endpoint: 'backend:4317'}}
service: {pipelines: {traces: {receivers: [nop], exporters: [otlp/backend]}}}
"
    ));
}
