use clap::{CommandFactory as _, Parser as _};
use insta::assert_snapshot;

use super::args::{Args, complaint};
use super::{DEFAULT, components};
use crate::config::{Source, load_with};

#[test]
fn the_flags_are_consistent() {
    Args::command().debug_assert();
}

#[test]
fn complaints_are_the_collectors() {
    let mut said = String::new();
    for line in [
        "--bogus",
        "--confg x",
        "-x",
        "--config",
        "--set foo",
        "--feature-gates a",
        "--feature-gates -a,+b",
        "validat",
        "validate --config",
        "validate --format xml",
        "components extra",
        "components --config x",
    ] {
        let error = Args::try_parse_from(["tailrace"].into_iter().chain(line.split(' '))).expect_err(line);
        said.extend([&format!("{line:28} "), &complaint(&error).replace('\n', " | "), "\n"]);
    }
    assert_snapshot!(said);
}

#[test]
fn sets_come_last_and_flags_may_stand_before_the_command() {
    let line = "tailrace --set a.b=1 --config one validate --config two --set x=y";
    let args = Args::try_parse_from(line.split(' ')).expect("right");
    let Some(super::Command::Validate { inputs, .. }) = args.command else { panic!("not validate") };
    let sources = args.inputs.and(inputs).sources().expect("some");
    assert_eq!(
        sources,
        [
            Source::Uri("one".to_owned()),
            Source::Uri("two".to_owned()),
            Source::Set { written: "a.b=1".to_owned(), yaml: "a::b: 1".to_owned() },
            Source::Set { written: "x=y".to_owned(), yaml: "x: y".to_owned() },
        ]
    );
}

#[test]
fn the_version_names_program_and_engine() {
    let error = Args::try_parse_from(["tailrace", "--version"]).expect_err("prints");
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], concat!("tailrace version ", env!("CARGO_PKG_VERSION")));
    let wasmtime = lines[1].strip_prefix("wasmtime ").expect("the engine");
    let manifest = include_str!("../../../Cargo.toml");
    assert!(manifest.contains(&format!("wasmtime = {{ version = \"={wasmtime}\"")), "{wasmtime}");
}

#[test]
fn the_embedded_configuration_is_right() {
    let source = Source::Embedded { name: "default.yaml".to_owned(), text: DEFAULT.to_owned() };
    let loaded = load_with(&[source], &|_| None).map_err(|problems| problems.render(false)).expect("right");
    assert_eq!(loaded.warnings.render(false), "");
}

/// Scripts read it as the collector's.
#[test]
fn components_are_listed_in_the_collectors_shape() {
    let listing: serde_yaml::Value = serde_yaml::from_str(&components::list().expect("YAML")).expect("YAML");
    for section in ["receivers", "processors", "exporters", "connectors", "extensions"] {
        let names =
            listing[section].as_sequence().expect(section).iter().map(|row| row["name"].as_str().expect("a name"));
        let names: Vec<&str> = names.collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{section}: {names:?}");
    }
    let nop = listing["exporters"].as_sequence().into_iter().flatten().find(|row| row["name"] == "nop").expect("nop");
    assert_eq!(nop["stability"]["traces"], "Beta");
    assert_eq!(listing["buildinfo"]["command"], "tailrace");
}
