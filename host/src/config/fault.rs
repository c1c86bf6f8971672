//! What a plugin, or its schema, has against its configuration, and where in a component's section that stands.

use std::fmt;
use std::ops::Range;

use super::problem::Path;

/// Something that is wrong with a part of a component's section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Below the component's section.
    pub path: Path,
    /// The bytes of the text at `path` that it is about; `None`: all of it.
    pub part: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Whether the component works nevertheless.
    pub is_warning: bool,
}

impl Fault {
    /// An error about all that stands at `path`.
    pub fn new(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.clone(), part: None, message: message.into(), help: None, is_warning: false }
    }

    /// The same for what works nevertheless.
    pub fn warning(path: &Path, message: impl Into<String>) -> Self {
        Self { is_warning: true, ..Self::new(path, message) }
    }

    /// What a plugin's diagnostic says: `pointer` is a JSON pointer into its configuration, which stands at `config`. Behind it,
    /// `#char=12,17` (as RFC 5147 has it for files) names bytes of the text that it points at.
    pub fn of_diagnostic(config: &Path, pointer: &str, message: &str) -> Self {
        let (pointer, part) = split_part(pointer);
        let keys = pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~"));
        Self { part, ..Self::new(&keys.fold(config.clone(), |path, key| path.join(key)), message) }
    }

    /// The errors among `faults`, a line each; `None` if there are only warnings.
    pub fn errors(faults: &[Self]) -> Option<String> {
        let errors: Vec<_> = faults.iter().filter(|fault| !fault.is_warning).map(ToString::to_string).collect();
        (!errors.is_empty()).then(|| errors.join("\n"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.keys().next().is_some() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

/// A key that really ends like this is not told apart; it loses its caret and nothing else.
fn split_part(pointer: &str) -> (&str, Option<Range<usize>>) {
    let part = |text: &str| {
        let (start, end) = text.split_once(',')?;
        let part = start.parse().ok()?..end.parse().ok()?;
        (part.start <= part.end).then_some(part)
    };
    match pointer.rsplit_once("#char=") {
        Some((before, text)) => part(text).map_or((pointer, None), |part| (before, Some(part))),
        None => (pointer, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_point_below_the_configuration_and_into_texts() {
        let config = Path::root().below("policies.2.wasm.config");
        for (pointer, path, part) in [
            ("", "policies::2::wasm::config", None),
            ("/a~1b/0/c~0d", "policies::2::wasm::config::a/b::0::c~d", None),
            ("/statements/0#char=12,17", "policies::2::wasm::config::statements::0", Some(12..17)),
            ("#char=0,0", "policies::2::wasm::config", Some(0..0)),
            ("/a#char=5,2", "policies::2::wasm::config::a#char=5,2", None),
            ("/a#char=x,2", "policies::2::wasm::config::a#char=x,2", None),
            ("/a#line=1,2", "policies::2::wasm::config::a#line=1,2", None),
        ] {
            let fault = Fault::of_diagnostic(&config, pointer, "wrong");
            assert_eq!((fault.path.to_string().as_str(), fault.part), (path, part), "{pointer}");
        }
    }

    #[test]
    fn errors_are_a_line_each() {
        let at = Path::root().join("config");
        let warning = Fault::warning(&at, "no schema");
        assert_eq!(Fault::errors(std::slice::from_ref(&warning)), None);
        let whole = Fault { help: Some("write it".to_owned()), ..Fault::new(&Path::root(), "missing") };
        let all = [warning, Fault::new(&at, "wrong"), whole];
        assert_eq!(Fault::errors(&all).as_deref(), Some("config: wrong\nmissing (write it)"));
    }
}
