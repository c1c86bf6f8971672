//! For tests of components: settings from YAML text.

use std::sync::Arc;

use super::node::SourceText;
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
        decode::check(Some(&node), &at, &decoding, &mut problems, |check| settings.check(check));
    }
    (settings, problems)
}
