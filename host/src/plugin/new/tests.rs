use clap::ValueEnum as _;

use super::*;

fn new(name: &str, language: Language, dir: &Path) -> New {
    New { name: name.to_owned(), language, kind: Kind::Policy, dir: Some(dir.to_owned()) }
}

#[test]
fn names_are_checked() {
    for good in ["a", "keep-vip", "p99-latency", "x1-2"] {
        assert!(check(good).is_ok(), "{good}");
    }
    let long = "a".repeat(65);
    for bad in
        ["", "-a", "a-", "a--b", "1a", "Keep", "a_b", "../up", "a b", "ü", "match", "test", "serde", long.as_str()]
    {
        assert!(check(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_project_has_its_own_name_and_is_recognised() {
    let kinds = [(Kind::Policy, "policy: slow_checkouts"), (Kind::Transform, "transform: slow_checkouts")];
    for (&language, (kind, named)) in Language::value_variants().iter().flat_map(|l| kinds.map(|kind| (l, kind))) {
        let dir = tempfile::tempdir().expect("a folder");
        let project = dir.path().join("mine");
        New { kind, ..new("slow-checkouts", language, &project) }.run().expect("written");
        assert_eq!(Language::of(&project), Some(language), "{language:?}");
        for file in ["wit/plugin.wit", "README.md", "cases.yaml", ".gitignore"] {
            let text =
                fs::read_to_string(project.join(file)).unwrap_or_else(|error| panic!("{language:?} {file}: {error}"));
            for template in PLACEHOLDERS {
                assert!(!text.contains(template) && !text.contains(&snake(template)), "{language:?} {file}");
            }
        }
        let cases = fs::read_to_string(project.join("cases.yaml")).expect("there");
        assert!(cases.contains(named), "{cases}");
        for folder in ["policy", "transform", "template"] {
            assert!(!project.join(folder).exists(), "{language:?} {folder}");
        }
    }
}

#[test]
fn what_is_there_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    new("first", Language::Rust, dir.path()).run().expect("an empty folder is taken");
    let error = new("second", Language::Rust, dir.path()).run().expect_err("it is not empty now");
    assert!(error.to_string().contains("not empty"), "{error}");
    let file = dir.path().join("Cargo.toml");
    assert!(new("third", Language::Rust, &file).run().is_err(), "a file is no folder");
}

#[test]
fn the_sdk_stands_without_the_workspace() {
    let manifest = "[package]\nworkspace = \"../../plugins\"\nname = \"x\"\n[lints]\nworkspace = true\n";
    assert_eq!(alone(manifest), "[package]\nname = \"x\"\n[lints]\n");
}
