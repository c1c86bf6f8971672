use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde::{Deserialize, Serialize};

use super::decode;
use crate::config::testing::{node, settings};
use crate::config::{Check, Duration, Path, Problems, Secret};
use crate::pipeline::Settings;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Everything {
    text: String,
    number: i64,
    size: u16,
    count: Option<u64>,
    fraction: f64,
    flag: bool,
    wait: Duration,
    key: Secret,
    names: Vec<String>,
    sizes: Vec<u32>,
    kind: Kind,
    queue: Queue,
    keepalive: Option<Queue>,
    scrapers: BTreeMap<String, Option<Queue>>,
    items: Vec<Item>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    RoundRobin,
    PickFirst,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Queue {
    enabled: bool,
    queue_size: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self { enabled: true, queue_size: 1000 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    name: String,
    #[serde(default)]
    weight: u64,
}

impl Default for Everything {
    fn default() -> Self {
        Self {
            text: "default".to_owned(),
            number: 7,
            size: 7,
            count: Some(7),
            fraction: 0.7,
            flag: true,
            wait: Duration::from_secs(7),
            key: Secret::default(),
            names: vec!["default".to_owned()],
            sizes: vec![7],
            kind: Kind::RoundRobin,
            // Not the section's own default: null must keep this one.
            queue: Queue { enabled: false, queue_size: 7 },
            keepalive: None,
            scrapers: BTreeMap::new(),
            items: Vec::new(),
        }
    }
}

impl Settings for Everything {
    fn check(&self, check: &mut Check<'_>) {
        if self.queue.queue_size == 0 {
            check.problem("queue.queue_size", "must be positive");
        }
        if self.wait.is_zero() {
            check.problem_with_help("wait", "must be positive", "5s is a good value");
        }
        if self.items.iter().any(|item| item.weight > 100) {
            check.warning("items.0.weight", "heavy");
        }
    }
}

fn good(text: &str) -> Everything {
    let (settings, problems) = settings::<Everything>(text);
    assert_eq!(problems.render(false), "", "{text}");
    settings.expect("decoded")
}

fn bad(text: &str) -> String {
    settings::<Everything>(text).1.render(false)
}

#[test]
fn scalars_are_typed_as_the_collector_types_them() {
    let default = Everything::default;
    for (text, expected) in [
        ("", default()),
        ("number: 4.5", Everything { number: 4, ..default() }),
        ("number: -4.5", Everything { number: -4, ..default() }),
        ("number: 0x10", Everything { number: 16, ..default() }),
        ("number: 0o17", Everything { number: 15, ..default() }),
        ("number: 010", Everything { number: 8, ..default() }),
        ("number: 1_000", Everything { number: 1000, ..default() }),
        ("number: 1_0", Everything { number: 10, ..default() }),
        ("number: 1e3", Everything { number: 1000, ..default() }),
        ("fraction: 2", Everything { fraction: 2.0, ..default() }),
        ("flag: False", Everything { flag: false, ..default() }),
        ("text: yes", Everything { text: "yes".into(), ..default() }),
        ("text: '5'", Everything { text: "5".into(), ..default() }),
        ("text: 1.2.3", Everything { text: "1.2.3".into(), ..default() }),
        ("text: 10s", Everything { text: "10s".into(), ..default() }),
        ("wait: 5", Everything { wait: Duration(std::time::Duration::from_nanos(5)), ..default() }),
        ("wait: 1m30s", Everything { wait: Duration::from_secs(90), ..default() }),
        ("names: a,b", Everything { names: vec!["a".into(), "b".into()], ..default() }),
        ("names: []", Everything { names: vec![], ..default() }),
        ("kind: pick_first", Everything { kind: Kind::PickFirst, ..default() }),
        ("queue: {queue_size: 5}", Everything { queue: Queue { enabled: true, queue_size: 5 }, ..default() }),
    ] {
        assert_eq!(good(text), expected, "{text}");
    }
}

#[test]
fn null_is_zero_for_scalars_and_the_default_for_sections() {
    let read = good(
        "text:\nnumber:\nsize: ~\ncount: null\nfraction:\nflag:\nnames:\nsizes:\nqueue:\nkeepalive:\nscrapers: {cpu: }",
    );
    let expected = Everything {
        text: String::new(),
        number: 0,
        size: 0,
        count: None,
        fraction: 0.0,
        flag: false,
        keepalive: Some(Queue::default()),
        scrapers: BTreeMap::from([("cpu".to_owned(), Some(Queue::default()))]),
        ..Everything::default()
    };
    assert_eq!(read, expected);
    assert!(bad("wait:").contains("wait: must be positive"), "a null duration is 0");
}

#[test]
fn all_problems_are_found_at_once() {
    assert_snapshot!(bad(
        "number: 'x'\nsize: 70000\nflag: 'true'\nnope: 1\nwait: 5d\nqueue: {queue_sise: 1, queue_size: 0}\n\
        items:\n  - {weight: 200, name: a}\n  - {weight: -1, name: b}\n  - {weight: 1}\n"
    ));
}

#[test]
fn wrong_shapes_are_named() {
    let mut said = String::new();
    for text in [
        "text: 5",
        "text: [a]",
        "number: true",
        "number: []",
        "size: -1",
        "flag: 1",
        "fraction: '1'",
        "names: {a: 1}",
        "names: [a, 5]",
        "sizes: 1,2",
        "kind: round_robbin",
        "queue: 5",
        "keepalive: []",
        "scrapers: x",
        "wait: -1s",
        "wait: true",
        "[a]",
    ] {
        said.extend([&format!("{text:24} "), bad(text).lines().next().unwrap_or_default(), "\n"]);
    }
    assert_snapshot!(said);
}

/// What a check says about a value that could not be decoded would be about the default in its place.
#[test]
fn checks_are_silent_about_what_was_not_decoded() {
    let said = bad("queue: {queue_size: x}\nwait: 0s");
    assert!(said.contains("wait: must be positive") && !said.contains("queue_size: must be positive"), "{said}");
}

#[test]
fn component_sections_have_the_collectors_prefix() {
    let (node, mut problems) = (node("queue: {a: 1}\nnope: 1"), Problems::default());
    let at = Path::root().join("exporters").join("otlp/x");
    assert!(decode::<Everything>(Some(&node), &at, &mut problems).is_some());
    assert_snapshot!(problems.render(false));
}

/// A number where a text is expected is the usual slip with keys, and the line is shown.
#[test]
fn values_of_secrets_are_not_shown() {
    assert_snapshot!(bad("key: 12345\n"));
}

#[test]
fn problems_for_programs() {
    let (_, problems) = settings::<Everything>("wait: 0s\nitems: [{name: a, weight: 101}]\nnumbr: 1\n");
    assert_snapshot!(serde_json::to_string_pretty(&problems.to_json()).expect("JSON"));
}
