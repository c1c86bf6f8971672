use std::io::Write as _;

use super::expand;
use crate::config::Problems;
use crate::config::testing::{node, show};

fn env(name: &str) -> Option<String> {
    let value = match name {
        "NUM" => "0123",
        "TEXT" => "hello",
        "EMPTY" => "",
        "QUOTED" => "\"q\"",
        "LIST" => "[a, b]",
        "MAP" => "{a: '${env:TEXT}'}",
        "NAME" => "TEXT",
        "NESTED" => "${env:NUM}",
        "LOOP" => "${env:LOOP}",
        "GROW" => "x${env:GROW}",
        "MAPLOOP" => "{a: '${env:MAPLOOP}'}",
        "DOLLARS" => "a$$b",
        "BOOL" => "true",
        "NULL" => "null",
        "NOT_YAML" => "[a",
        "COLON" => "a: b: c",
        _ => return None,
    };
    Some(value.to_owned())
}

/// The value of `key: <text>` after expansion, or why there is none, and whether anything was warned about.
fn expanded(text: &str) -> String {
    let mut root = node(&format!("key: {text}\n"));
    let mut problems = Problems::default();
    expand(&mut root, &env, &mut problems);
    if let Some(problem) = problems.errors().next() {
        let help = problem.help.first().map(|help| format!(" ({help})")).unwrap_or_default();
        let message = problem.message.strip_prefix("failed to get config: cannot resolve the configuration: ");
        return format!("error: {}{help}", message.expect("all errors are of resolving"));
    }
    let warned = if problems.warnings().next().is_some() { " warned" } else { "" };
    format!("{}{warned}", show(root.find(["key"]).expect("there is a key")))
}

#[test]
fn references_are_replaced_as_the_collector_does() {
    for (text, expected) in [
        // One reference that is the whole value: YAML, and the text.
        ("${env:NUM}", "83|0123"),
        ("${NUM}", "83|0123"),
        ("'${env:NUM}'", "83|0123"),
        ("${env:BOOL}", "true|true"),
        ("${env:NULL}", "null|null"),
        ("${env:TEXT}", "\"hello\"|hello"),
        ("${env:QUOTED}", "\"\\\"q\\\"\"|\"q\""),
        ("${env:LIST}", "[\"a\", \"b\"]|[a, b]"),
        ("${env:NOT_YAML}", "\"[a\"|[a"),
        ("${env:COLON}", "\"a: b: c\"|a: b: c"),
        ("${yaml:[1, b]}", "[1, \"b\"]|[1, b]"),
        ("${yaml:1.5}", "1.5|1.5"),
        ("${env:MAP}", "{a: \"hello\"|hello}|{a: 'hello'}"),
        // Unset and empty.
        ("${env:UNSET}", "null| warned"),
        ("${env:EMPTY}", "null|"),
        ("${env:UNSET:-7}", "7|7"),
        ("${env:UNSET:-}", "null|"),
        ("${env:EMPTY:-7}", "null|"),
        ("${env:UNSET:-a:-b}", "\"a:-b\"|a:-b"),
        ("a${env:UNSET}b", "\"ab\" warned"),
        // Part of a longer text.
        ("a-${env:NUM}-b", "\"a-0123-b\""),
        ("${env:NUM}${env:TEXT}", "\"0123hello\""),
        ("${env:LIST}!", "\"[a, b]!\""),
        // One inside the other, one behind the other.
        ("${env:${env:NAME}}", "\"hello\"|hello"),
        ("${env:NESTED}", "83|0123"),
        ("x${env:NESTED}", "\"x0123\""),
        ("[1, '${env:TEXT}', {b: '${env:NUM}'}]", "[1, \"hello\"|hello, {b: 83|0123}]"),
        // Dollars.
        ("$TEXT", "\"$TEXT\""),
        ("a$$b", "\"a$b\""),
        ("$$$$", "\"$$\""),
        ("$${env:NUM}", "\"${env:NUM}\""),
        ("$$${env:NUM}", "\"$0123\""),
        ("$$$${env:NUM}", "\"$${env:NUM}\""),
        ("$${env:NUM}-${env:NUM}", "\"${env:NUM}-0123\""),
        ("${env:DOLLARS}", "\"a$b\"|a$b"),
        ("${}", "error: environment variable \"\" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$"),
        ("${env:TEXT", "\"${env:TEXT\""),
        ("env:TEXT}", "\"env:TEXT}\""),
    ] {
        assert_eq!(expanded(text), expected, "{text}");
    }
}

#[test]
fn what_can_not_be_replaced_is_said_in_the_collectors_words() {
    for (text, expected) in [
        (
            "${X:-d}",
            "error: scheme \"X\" is not supported for uri \"X:-d\" (a default needs the scheme in front: ${env:X:-d})",
        ),
        ("${A_B:-d}", "error: invalid uri: \"A_B:-d\" (a default needs the scheme in front: ${env:A_B:-d})"),
        ("${vault:x}", "error: scheme \"vault\" is not supported for uri \"vault:x\""),
        ("${1a:x}", "error: invalid uri: \"1a:x\""),
        ("${env:1X}", "error: environment variable \"1X\" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$"),
        ("${env:A$B}", "error: the uri \"env:A$B\" contains unsupported characters ('$')"),
        (
            "${file:/no/such/file}",
            "error: unable to read the file file:/no/such/file: open /no/such/file: no such file or directory",
        ),
        ("${env:LOOP}", "error: too many recursive expansions"),
        ("${env:GROW}", "error: too many recursive expansions"),
        ("${env:MAPLOOP}", "error: too many recursive expansions"),
    ] {
        assert_eq!(expanded(text), expected, "{text}");
    }
}

#[test]
fn keys_are_left_alone() {
    let mut root = node("'${env:TEXT}': 1");
    expand(&mut root, &env, &mut Problems::default());
    assert_eq!(show(&root), "{${env:TEXT}: 1}");
}

/// What a file holds has places in that file; a scalar out of one has the place where it is used.
#[test]
fn files_keep_their_places() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"a: 1\nb: ${env:NUM}\n").expect("written");
    let mut root = node(&format!("x: 1\ny: ${{file:{}}}\nz: ${{env:NUM}}\n", file.path().display()));
    let mut problems = Problems::default();
    expand(&mut root, &env, &mut problems);
    let place = |path: &[&str]| {
        let at = &root.find(path.iter().copied()).expect("there").at;
        (at.source.name.clone(), at.line, at.column, at.origin.as_deref().map(str::to_owned))
    };
    let name = file.path().display().to_string();
    assert_eq!(place(&["y", "a"]), (name.clone(), 1, 4, None));
    assert_eq!(place(&["y", "b"]), (name, 2, 4, Some("${env:NUM}".to_owned())));
    assert_eq!(place(&["z"]), ("test.yaml".to_owned(), 3, 4, Some("${env:NUM}".to_owned())));
}
