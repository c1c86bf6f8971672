//! Where the code and its key lie.

use std::ffi::OsString;
use std::path::PathBuf;

/// Two directories, apart from each other: who can write the one need not be able to read the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) code: PathBuf,
    pub(super) secrets: PathBuf,
}

impl Places {
    /// `TAILRACE_CACHE_DIR` and `TAILRACE_STATE_DIR`; what systemd made for the service; the XDG directories of the user.
    pub(super) fn find(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, String> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        // systemd gives a list if several are configured.
        let first = |list: OsString| list.to_string_lossy().split(':').next().map(PathBuf::from);
        let find = |own: &str, systemd: &str, xdg: &str, home: &str| {
            let own = set(own).map(PathBuf::from);
            let systemd = || set(systemd).and_then(first);
            let xdg = || set(xdg).map(|dir| PathBuf::from(dir).join("tailrace"));
            let home = || set("HOME").map(|dir| PathBuf::from(dir).join(home).join("tailrace"));
            own.or_else(systemd).or_else(xdg).or_else(home).filter(|dir| dir.is_absolute())
        };
        let cache = find("TAILRACE_CACHE_DIR", "CACHE_DIRECTORY", "XDG_CACHE_HOME", ".cache");
        let state = find("TAILRACE_STATE_DIR", "STATE_DIRECTORY", "XDG_STATE_HOME", ".local/state");
        match cache.zip(state) {
            Some((cache, state)) => Ok(Self { code: cache.join("code"), secrets: state.join("secrets") }),
            None => Err("neither TAILRACE_CACHE_DIR and TAILRACE_STATE_DIR nor HOME name a directory".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_variable_wins() {
        let find = |variables: &[(&str, &str)]| {
            let lookup = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(*value))
            };
            Places::find(lookup).ok().map(|places| {
                (places.code.to_string_lossy().into_owned(), places.secrets.to_string_lossy().into_owned())
            })
        };
        let places = |code: &str, secrets: &str| Some((code.to_owned(), secrets.to_owned()));
        let home = ("HOME", "/h");
        assert_eq!(find(&[home]), places("/h/.cache/tailrace/code", "/h/.local/state/tailrace/secrets"));
        let xdg = [home, ("XDG_CACHE_HOME", "/x"), ("XDG_STATE_HOME", "")];
        assert_eq!(find(&xdg), places("/x/tailrace/code", "/h/.local/state/tailrace/secrets"));
        let systemd = [home, ("CACHE_DIRECTORY", "/var/cache/t:/var/cache/u"), ("STATE_DIRECTORY", "/var/lib/t")];
        assert_eq!(find(&systemd), places("/var/cache/t/code", "/var/lib/t/secrets"));
        let own = [("CACHE_DIRECTORY", "/s"), ("TAILRACE_CACHE_DIR", "/c"), ("TAILRACE_STATE_DIR", "/t")];
        assert_eq!(find(&own), places("/c/code", "/t/secrets"));
        assert_eq!(find(&[]), None);
        assert_eq!(find(&[("TAILRACE_CACHE_DIR", "/c")]), None);
        assert_eq!(find(&[("HOME", "relative")]), None);
    }
}
