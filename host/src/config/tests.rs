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
