//! User agents, with what ua-parser's database says of them.

use super::super::testing::{call, check};
use super::*;
use crate::Value::{Int, Nil};

#[test]
fn knows_what_sends_requests() {
    let cases = include_str!("agents.tsv").lines().filter(|line| !line.starts_with('#'));
    for case in cases {
        let [text, name, version, system, system_version] = *case.split('\t').collect::<Vec<_>>() else {
            panic!("{case}")
        };
        let map = call("UserAgent", &[Value::Str(text.into())]).expect("a map");
        let Value::Map(map) = map else { panic!("{map:?}") };
        let part = |key: &str| match map.get(key) {
            Some(Value::Str(part)) => part.to_string(),
            None => String::new(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!((&*part("user_agent.name"), &*part("user_agent.version")), (name, version), "{text}");
        assert_eq!((&*part("os.name"), &*part("os.version")), (system, system_version), "{text}");
        assert_eq!(part("user_agent.original"), text);
        assert_eq!(map.get("os.version").is_none(), system_version.is_empty(), "{text}");
    }
}

#[test]
fn refuses_other_types() {
    check(&[
        ("UserAgent", &[Int(1)], Err("expected string but got int64")),
        ("UserAgent", &[Nil], Err("expected string but got nil")),
    ]);
}

proptest::proptest! {
    #[test]
    fn takes_any_text(text in "[A-Za-z0-9/._ ;()é-]{0,60}", token in 0..RULES.len()) {
        let _ = agent(&format!("{text}{}{text}", RULES[token].token));
        let _ = system::find(&format!("{text} Linux{text}Mac OS X{text}"));
    }
}
