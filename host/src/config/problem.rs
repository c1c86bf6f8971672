//! What is wrong with a configuration: collected, not thrown, so that a user sees everything at once.

mod mask;

use std::fmt;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value as Json, json};

use super::fault::Fault;
use super::node::{Location, Node};
use super::scalar;
use crate::pipeline::Cx;

/// A place in the tree: keys, and list places as numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(Vec<String>);

impl Path {
    /// The whole configuration.
    pub fn root() -> Self {
        Self::default()
    }

    /// The place of `key` below this one.
    #[must_use]
    pub fn join(&self, key: impl Into<String>) -> Self {
        let mut path = self.clone();
        path.0.push(key.into());
        path
    }

    /// The place that `dotted` (`"policies.2.name"`, `""` for this one) means below this one.
    #[must_use]
    pub fn below(&self, dotted: &str) -> Self {
        let mut path = self.clone();
        path.0.extend(dotted.split('.').filter(|key| !key.is_empty()).map(str::to_owned));
        path
    }

    /// The keys from the root on.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The keys, joined by dots.
    pub fn dotted(&self) -> String {
        self.0.join(".")
    }

    /// The place that `path` means below this one.
    #[must_use]
    pub fn concat(&self, path: &Self) -> Self {
        Self(self.0.iter().chain(&path.0).cloned().collect())
    }

    /// Whether one of the two lies on the way to the other.
    pub fn touches(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a == b)
    }

    /// What follows `start`, if this path begins with it.
    pub fn after(&self, start: &Self) -> Option<&[String]> {
        self.0.strip_prefix(start.0.as_slice())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("::"))
    }
}

/// Whether the configuration can be used nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It can not.
    Error,
    /// It can, but should be changed.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub path: Path,
    /// The whole message, in the collector's words where it has some.
    pub message: String,
    /// Where it was written; several for several keys.
    pub places: Vec<Location>,
    /// What to do about it.
    pub help: Vec<String>,
}

impl Problem {
    /// Adds where it was written.
    pub fn at(&mut self, place: Option<&Location>) -> &mut Self {
        self.places.extend(place.cloned());
        self
    }

    /// Adds what to do about it.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help.push(help.into());
        self
    }

    /// Adds the name that the user may have meant.
    pub fn did_you_mean<'a>(&mut self, written: &str, known: impl IntoIterator<Item = &'a str>) -> &mut Self {
        match closest(written, known) {
            Some(known) => self.help(format!("did you mean {known:?}?")),
            None => self,
        }
    }

    /// Whether it is about keys, not about what they lead to.
    pub(super) fn is_unknown_keys(&self) -> bool {
        self.message.contains("has invalid keys")
    }

    fn order(&self) -> (&str, usize) {
        self.places.first().map_or(("", 0), |at| (at.source.name.as_str(), at.bytes.start))
    }

    fn to_json(&self) -> Json {
        let at = self.places.first();
        let in_text = at.filter(|at| at.line > 0 && at.source.quote);
        json!({
            "severity": match self.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "path": self.path.to_string(),
            "message": self.message,
            "source": at.map(|at| at.source.name.clone()),
            "line": in_text.map(|at| at.line),
            "column": in_text.map(|at| at.column),
            "origin": at.and_then(|at| at.origin.as_deref().map(str::to_owned)),
            "help": self.help,
        })
    }

    /// The message, `file:line:column`, the line itself and what to do about it.
    fn render(&self, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR.with_name("Error"),
            Severity::Warning => Level::WARNING.with_name("Warning"),
        };
        let mut group = Group::with_title(level.primary_title(self.message.as_str()));
        if let Some(first) = self.places.first() {
            group = if first.line == 0 || !first.source.quote {
                group.element(Origin::path(first.source.name.as_str()))
            } else {
                group.element(self.snippet(first))
            };
        }
        let origins = self.places.iter().filter_map(|at| at.origin.as_deref());
        group = group.elements(origins.map(|origin| Level::NOTE.message(format!("the value comes from {origin}"))));
        group = group.elements(self.help.iter().map(|help| Level::HELP.message(help.as_str())));
        renderer.render(&[group])
    }

    fn snippet<'a>(&'a self, first: &'a Location) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let same_text = self.places.iter().filter(|at| Arc::ptr_eq(&at.source, &first.source));
        Snippet::source(mask::mask(&first.source.text))
            .path(first.source.name.as_str())
            .annotations(same_text.map(|at| AnnotationKind::Primary.span(at.bytes.clone())))
    }
}

/// All that is wrong with a configuration.
#[derive(Clone, Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem: `message` is shown as it is.
    pub fn error(&mut self, path: &Path, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Error, path, message.into())
    }

    /// Adds a warning: `message` is shown as it is.
    pub fn warning(&mut self, path: &Path, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Warning, path, message.into())
    }

    fn add(&mut self, severity: Severity, path: &Path, message: String) -> &mut Problem {
        self.0.push(Problem { severity, path: path.clone(), message, places: Vec::new(), help: Vec::new() });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// Takes over what another collection holds.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Drops what is said about values that could not be read, or about a default in their place.
    pub(super) fn forget_about(&mut self, unread: &[Path]) {
        self.0.retain(|problem| problem.is_unknown_keys() || !unread.iter().any(|path| path.touches(&problem.path)));
    }

    /// Whether there is anything but warnings.
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// What makes the configuration unusable.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter().filter(|problem| problem.severity == Severity::Error)
    }

    /// What works but should be changed.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter().filter(|problem| problem.severity == Severity::Warning)
    }

    /// Everything so far; for those who add to it and want to see what they added.
    pub fn all(&self) -> &[Problem] {
        &self.0
    }

    /// All but the warnings.
    #[must_use]
    pub fn only_errors(&self) -> Self {
        Self(self.errors().cloned().collect())
    }

    /// By source and place; what has no place comes first.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| a.order().cmp(&b.order()));
    }

    /// All of it as text for people, with colours where asked.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for problem in &self.0 {
            text.push_str(&problem.render(&renderer));
            text.push_str("\n\n");
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// All of it for programs.
    pub fn to_json(&self) -> Json {
        self.0.iter().map(Problem::to_json).collect()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// Collects what is wrong with a component's settings; see [`crate::pipeline::Settings::check`].
pub struct Check<'a> {
    node: Option<&'a Node>,
    at: &'a Path,
    /// Where the component's id stands: what is said about the component as a whole is said there.
    named_at: Option<&'a Location>,
    /// Places that could not be decoded: whatever is said about them would be about a default.
    broken: &'a [Path],
    /// Where plugins can be tried out, if they are to be.
    trial: Option<&'a Cx>,
    problems: &'a mut Problems,
}

impl<'a> Check<'a> {
    /// For the settings decoded from `node`, which stands at `at`.
    pub fn new(node: Option<&'a Node>, at: &'a Path, broken: &'a [Path], problems: &'a mut Problems) -> Self {
        Self { node, at, named_at: None, broken, trial: None, problems }
    }

    /// With the place of the component's id.
    #[must_use]
    pub fn named_at(mut self, place: Option<&'a Location>) -> Self {
        self.named_at = place;
        self
    }

    /// With a context in which what is configured is to be tried out.
    #[must_use]
    pub fn trying(mut self, cx: Option<&'a Cx>) -> Self {
        self.trial = cx;
        self
    }

    /// Where to try out what is configured: plugins that have to be loaded for it. `None` if that is not wanted, or if it is known
    /// already that something is wrong with the component.
    pub fn trial(&self) -> Option<&'a Cx> {
        let is_sound =
            self.broken.is_empty() && self.problems.errors().all(|problem| problem.path.after(self.at).is_none());
        self.trial.filter(|_| is_sound)
    }

    /// Something is wrong at `path` below the component (`"retry_on_failure.initial_interval"`, list places as numbers:
    /// `"policies.2.name"`; `""` for the component itself), said in the collector's words.
    pub fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.fault(&Fault::new(&Path::root().below(path), message));
    }

    /// The same with what to do about it.
    pub fn problem_with_help(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.fault(&Fault { help: Some(help.into()), ..Fault::new(&Path::root().below(path), message) });
    }

    /// Works but should be changed: a deprecated spelling, an option without effect.
    pub fn warning(&mut self, path: &str, message: impl Into<String>) {
        self.fault(&Fault::warning(&Path::root().below(path), message));
    }

    /// The same with what to do about it.
    pub fn warning_with_help(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.fault(&Fault { help: Some(help.into()), ..Fault::warning(&Path::root().below(path), message) });
    }

    /// The same for what a plugin found, at a path whose keys may have dots.
    pub fn fault(&mut self, Fault { path, part, message, help, is_warning }: &Fault) {
        let place = self.at.concat(path);
        if self.broken.iter().any(|broken| broken.touches(&place)) {
            return;
        }
        let severity = if *is_warning { Severity::Warning } else { Severity::Error };
        let problem = self.problems.add(severity, &place, format!("{place}: {message}"));
        let precise = part.as_ref().and_then(|part| scalar::locate(self.node?.find(path.keys())?, part));
        let inside = precise.or_else(|| self.node.and_then(|node| nearest(node, path)));
        let is_whole = path.keys().next().is_none();
        problem.at(if is_whole { self.named_at.or(inside.as_ref()) } else { inside.as_ref() });
        problem.help.extend(help.clone());
    }
}

/// Where `path` below `node` was written, or the nearest place above it that was.
pub(super) fn nearest(node: &Node, path: &Path) -> Option<Location> {
    let (mut node, mut at) = (node, None);
    for key in path.keys() {
        if let Some(entry) = node.as_map().and_then(|map| map.entry(key)) {
            // A value is pointed at by itself, a section by its name.
            let section = entry.node.as_map().is_some() || entry.node.as_list().is_some() || entry.node.is_null();
            let origin = entry.node.at.origin.clone();
            at = Some(if section { Location { origin, ..entry.at.clone() } } else { entry.node.at.clone() });
            node = &entry.node;
        } else if let Some(element) = node.find([key]) {
            at = Some(element.at.clone());
            node = element;
        } else {
            break;
        }
    }
    at.or_else(|| Some(node.at.clone()))
}

/// The known name that `written` is most likely a slip of.
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (written.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|known| (distance(&written.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance <= bound && *known != written)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Edits (insert, delete, replace, swap of neighbours) from one to the other; `_` and `-` are free.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.chars().filter(|c| !matches!(c, '_' | '-')).collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
