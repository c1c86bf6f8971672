//! For tests of components: settings from YAML text.

use std::sync::Arc;

use super::node::{SourceText, Value};
use super::{Node, Path, Problems, decode, yaml};
use crate::pipeline::Settings;

/// The tree of `text`, as if it were the file `test.yaml`. The text must be YAML.
pub(crate) fn node(text: &str) -> Node {
    let source = SourceText { name: "test.yaml".to_owned(), text: text.to_owned(), quote: true };
    yaml::parse(&Arc::new(source)).expect("the test's text is YAML")
}

/// Decodes and checks `text` as the settings of a component, and returns what is wrong with it, warnings included.
pub(crate) fn settings<S: Settings>(text: &str) -> (Option<S>, Problems) {
    let (node, at, mut problems) = (node(text), Path::root(), Problems::default());
    let settings = decode::<S>(Some(&node), &at, &mut problems);
    if let Some(settings) = &settings {
        let decoding = problems.clone();
        decode::check(Some(&node), &at, &decoding, &mut problems, |mut check| settings.check(&mut check));
    }
    (settings, problems)
}

/// The tree in a few characters: texts quoted, the other face of a value after a bar.
pub(crate) fn show(node: &Node) -> String {
    let value = match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Str(value) => format!("{value:?}"),
        Value::List(list) => format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let entries = map.iter().map(|entry| format!("{}: {}", entry.key, show(&entry.node)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    };
    match &node.text {
        Some(text) => format!("{value}|{text}"),
        None => value,
    }
}
