//! Operating systems, by what user agents say of them.

/// What versions of Windows are called.
const WINDOWS: [(&str, &str); 9] = [
    ("10.0", "10"),
    ("6.4", "10"),
    ("6.3", "8.1"),
    ("6.2", "8"),
    ("6.1", "7"),
    ("6.0", "Vista"),
    ("5.2", "XP"),
    ("5.1", "XP"),
    ("5.0", "2000"),
];

/// Systems without a version, after those that have one.
const NAMED: [(&str, &str); 8] = [
    ("Ubuntu", "Ubuntu"),
    ("Fedora", "Fedora"),
    ("Debian", "Debian"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
    ("NetBSD", "NetBSD"),
    ("Linux", "Linux"),
    ("linux", "Linux"),
];

/// The name of a system, and its version or nothing.
pub(super) fn find(text: &str) -> (&'static str, String) {
    if let Some(version) = after(text, "Windows Phone ") {
        return ("Windows Phone", numbers(version, 4));
    }
    if let Some(version) = after(text, "Windows NT ") {
        let number = numbers(version, 2);
        let called = WINDOWS.iter().find(|(known, _)| *known == number);
        return ("Windows", called.map(|(_, name)| (*name).to_owned()).unwrap_or_default());
    }
    if text.contains("like Mac OS X") {
        let version = after(text, "iPhone OS ").or_else(|| after(text, "CPU OS ")).unwrap_or_default();
        return ("iOS", numbers(version, 4));
    }
    if let Some(version) = after(text, "Android") {
        return ("Android", numbers(version.trim_start(), 4));
    }
    if let Some(machine) = after(text, "CrOS ") {
        let version = machine.split_once(' ').map_or("", |(_, version)| version);
        return ("Chrome OS", numbers(version, 4));
    }
    if let Some(version) = after(text, "Mac OS X") {
        return ("Mac OS X", numbers(version.trim_start(), 4));
    }
    match NAMED.iter().find(|(token, _)| text.contains(token)) {
        Some((token, "Linux")) => (
            "Linux",
            after(text, token).and_then(|rest| rest.strip_prefix('/')).map(|rest| numbers(rest, 3)).unwrap_or_default(),
        ),
        Some((_, name)) => (name, String::new()),
        None => ("Other", String::new()),
    }
}

fn after<'t>(text: &'t str, token: &str) -> Option<&'t str> {
    text.split_once(token).map(|(_, after)| after)
}

/// Numbers with points or underscores between them.
fn numbers(text: &str, most: usize) -> String {
    let mut found = Vec::new();
    for part in text.split(['.', '_']).take(most) {
        let len = part.bytes().take_while(u8::is_ascii_digit).count();
        if len == 0 {
            break;
        }
        found.push(&part[..len]);
        if len < part.len() {
            break;
        }
    }
    found.join(".")
}
