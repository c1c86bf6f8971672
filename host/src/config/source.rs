//! Where configuration comes from: `file:`, `env:`, `yaml:`, `http:`, `https:`, `--set`.

mod http;

use std::io;
use std::sync::Arc;

use super::node::{Location, Node, SourceText, Value};
use super::problem::{Path, Problems};
use super::yaml;

/// One `--config` or `--set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `scheme:rest`, or a file's path.
    Uri(String),
    /// `a.b=v` of a `--set`.
    Set {
        /// `a.b=v`.
        written: String,
        /// `a::b: v`.
        yaml: String,
    },
    /// A configuration that the program brings along.
    Embedded {
        /// As messages call it.
        name: String,
        /// YAML.
        text: String,
    },
}

impl Source {
    /// The argument of `--set`; the error is in the collector's words.
    pub fn set(written: &str) -> Result<Self, String> {
        let (key, value) = written.split_once('=').ok_or("missing equal sign")?;
        let yaml = format!("{}: {}", key.replace('.', "::").trim(), value.trim());
        Ok(Self::Set { written: written.to_owned(), yaml })
    }

    /// The text, or why there is none.
    fn read(&self, env: Env<'_>) -> Result<Arc<SourceText>, String> {
        let (name, text, quote) = match self {
            Self::Set { written, yaml } => (format!("--set {written}"), yaml.clone(), false),
            Self::Embedded { name, text } => (name.clone(), text.clone(), true),
            Self::Uri(uri) => match Uri::of_argument(uri) {
                Ok(uri) => (uri.shown(), uri.retrieve(env)?.unwrap_or_default(), true),
                Err(scheme) => {
                    return Err(format!(
                        "unsupported scheme on URI {:?}",
                        format!("{scheme}:{}", &uri[scheme.len() + 1..])
                    ));
                }
            },
        };
        Ok(Arc::new(SourceText { name, text, quote }))
    }

    /// What it holds: a map or null.
    pub(super) fn load(&self, env: Env<'_>, problems: &mut Problems) -> Option<Node> {
        const RESOLVE: &str = "failed to get config: cannot resolve the configuration";
        let root = Path::root();
        let text = match self.read(env) {
            Ok(text) => text,
            Err(why) => {
                problems.error(&root, format!("{RESOLVE}: {why}"));
                return None;
            }
        };
        match yaml::parse(&text) {
            Ok(node) if node.is_null() || node.as_map().is_some() => Some(node),
            Ok(node) => {
                let kind = if node.as_list().is_some() { "[]interface {}" } else { node.go_type() };
                let why = format!("retrieved value (type={kind}) cannot be used as a Conf");
                problems.error(&root, format!("{RESOLVE}: {why}")).at(Some(&node.at));
                None
            }
            Err(yaml::Invalid { message, at }) => {
                let why = "retrieved value (type=string) cannot be used as a Conf: assuming string type since contents are not valid YAML";
                problems.error(&root, format!("{RESOLVE}: {why}: {message}")).at(Some(&at));
                None
            }
        }
    }
}

/// Looks an environment variable up.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// `scheme:rest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Uri<'a> {
    scheme: Scheme,
    rest: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    File,
    Env,
    Yaml,
    Http,
    Https,
}

impl Scheme {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "file" => Self::File,
            "env" => Self::Env,
            "yaml" => Self::Yaml,
            "http" => Self::Http,
            "https" => Self::Https,
            _ => return None,
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Env => "env",
            Self::Yaml => "yaml",
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The scheme of a text that has one, and what follows it. One letter is a drive, not a scheme.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let mut letters = scheme.chars();
    let starts_well = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
    let goes_on_well = letters.all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c));
    (scheme.len() > 1 && starts_well && goes_on_well).then_some((scheme, rest))
}

impl<'a> Uri<'a> {
    /// The argument of a `--config`; the error is its unknown scheme.
    fn of_argument(text: &'a str) -> Result<Self, &'a str> {
        match split_scheme(text) {
            None => Ok(Self { scheme: Scheme::File, rest: text }),
            Some((scheme, rest)) => Scheme::parse(scheme).map(|scheme| Self { scheme, rest }).ok_or(scheme),
        }
    }

    /// What stands between `${` and `}`; the error is in the collector's words.
    pub(super) fn of_reference(text: &'a str) -> Result<Self, String> {
        if !text.contains(':') {
            return Ok(Self { scheme: Scheme::Env, rest: text });
        }
        let unsupported = |scheme| format!("scheme {scheme:?} is not supported for uri {text:?}");
        let (scheme, rest) = match (split_scheme(text), text.split_once(':')) {
            (Some(split), _) => split,
            (None, Some((letter, _))) if letter.len() == 1 => return Err(unsupported(letter)),
            (None, _) => return Err(format!("invalid uri: {text:?}")),
        };
        let scheme = Scheme::parse(scheme).ok_or_else(|| unsupported(scheme))?;
        if rest.contains('$') {
            return Err(format!("the uri {text:?} contains unsupported characters ('$')"));
        }
        Ok(Self { scheme, rest })
    }

    /// The name of the environment variable, if it is one.
    pub(super) fn variable(&self) -> Option<&'a str> {
        (self.scheme == Scheme::Env).then(|| self.rest.split(":-").next().unwrap_or(self.rest))
    }

    /// Whether the places of what it holds are worth telling: not those in an environment variable.
    pub(super) fn is_document(&self) -> bool {
        matches!(self.scheme, Scheme::File | Scheme::Http | Scheme::Https)
    }

    /// As messages call the source.
    pub(super) fn shown(&self) -> String {
        match self.scheme {
            Scheme::File => self.rest.to_owned(),
            scheme => format!("{}:{}", scheme.as_str(), self.rest),
        }
    }

    /// The text it leads to; `None` is a variable that is not set.
    pub(super) fn retrieve(&self, env: Env<'_>) -> Result<Option<String>, String> {
        match self.scheme {
            Scheme::File => read_file(self.rest).map(Some),
            Scheme::Env => read_variable(self.rest, env),
            Scheme::Yaml => Ok(Some(self.rest.to_owned())),
            Scheme::Http | Scheme::Https => http::get(&self.shown()).map(Some),
        }
    }
}

/// More than any configuration needs; a device or a log named by mistake ends here.
const MAX_BYTES: u64 = 16 << 20;

fn read_file(path: &str) -> Result<String, String> {
    let read = || {
        let file = std::fs::File::open(path)?;
        io::read_to_string(io::Read::take(file, MAX_BYTES + 1))
    };
    match read() {
        Ok(text) if text.len() as u64 > MAX_BYTES => {
            Err(format!("unable to read the file file:{path}: larger than {MAX_BYTES} bytes"))
        }
        Ok(text) => Ok(text),
        Err(error) => Err(format!("unable to read the file file:{path}: open {path}: {}", reason(&error))),
    }
}

/// The words that Go has for it, where it has some.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}

fn read_variable(rest: &str, env: Env<'_>) -> Result<Option<String>, String> {
    let (name, default) = match rest.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (rest, None),
    };
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(letters) || name.starts_with(|c: char| c.is_ascii_digit()) {
        const PATTERN: &str = "^[a-zA-Z_][a-zA-Z0-9_]*$";
        return Err(format!("environment variable {name:?} has invalid name: must match regex {PATTERN}"));
    }
    // The default is for a variable that is not set, not for an empty one.
    Ok(env(name).or_else(|| default.map(str::to_owned)))
}

/// What a `${…}` leads to, by the collector's rules: YAML where it is YAML, and the text as its other face.
pub(super) fn as_value(uri: &Uri<'_>, text: String, used_at: &Location, origin: &Arc<str>) -> Node {
    let source = SourceText { name: uri.shown(), text: text.clone(), quote: true };
    let mut node = match yaml::parse(&Arc::new(source)) {
        Ok(node) if !matches!(node.value, Value::Str(_)) => node,
        // Not YAML, or a text: then it is meant as it stands, quotes included.
        Ok(_) | Err(_) => Node::new(Value::Str(text.clone()), used_at.clone()),
    };
    let scalar = node.as_map().is_none() && node.as_list().is_none();
    let at = Location { origin: Some(origin.clone()), ..used_at.clone() };
    if scalar || !uri.is_document() {
        place(&mut node, &at);
    }
    node.text = Some(text.into());
    node
}

/// Gives everything in `node` the place `at`.
fn place(node: &mut Node, at: &Location) {
    node.at = at.clone();
    match &mut node.value {
        Value::List(list) => list.iter_mut().for_each(|element| place(element, at)),
        Value::Map(map) => {
            let placed = std::mem::take(map).into_iter().map(|mut entry| {
                entry.at = at.clone();
                place(&mut entry.node, at);
                entry
            });
            *map = placed.collect();
        }
        _ => {}
    }
}
