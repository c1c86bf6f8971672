//! From JSON to a policy's typed configuration, with the place of what does not fit.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::policy::Diagnostics;

/// Parses a configuration; an empty text counts as `{}`.
pub(crate) fn parse<C: DeserializeOwned>(json: &str) -> Result<C, Diagnostics> {
    let json = if json.trim().is_empty() { "{}" } else { json };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let config = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = pointer(error.path());
        // Line and column of the JSON say nothing to someone who wrote YAML.
        let message = error.into_inner().to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Diagnostics::one(path, message)
    })?;
    deserializer.end().map_err(|error| Diagnostics::one("", error.to_string()))?;
    Ok(config)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let segments = path.iter().map(|segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => String::new(),
    });
    segments.collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only deserialised")]
    struct Config {
        list: Vec<Entry>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only deserialised")]
    struct Entry {
        #[serde(rename = "a/b")]
        number: u8,
    }

    #[test]
    fn says_where_and_what() {
        let cases = [
            (r#"{"list": [{"a/b": 1}, {"a/b": "x"}]}"#, "/list/1/a~1b", "invalid type: string \"x\", expected u8"),
            (r#"{"list": [{"other": 1}]}"#, "/list/0/other", "unknown field `other`, expected `a/b`"),
            (r#"{"list": 3}"#, "/list", "invalid type: integer `3`, expected a sequence"),
            ("", "", "missing field `list`"),
        ];
        for (json, path, message) in cases {
            let problems = parse::<Config>(json).expect_err(json);
            assert_eq!(problems.iter().collect::<Vec<_>>(), [(path, message)], "{json}");
        }
    }
}
