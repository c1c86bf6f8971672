//! Where two JSON values differ.

use serde_json::Value;

/// A line for each place at which `got` is not `expected`.
pub(super) fn diff(expected: &Value, got: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    walk(expected, got, "", &mut lines);
    lines
}

fn walk(expected: &Value, got: &Value, path: &str, lines: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(wanted), Value::Object(found)) => {
            let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            for (key, wanted) in wanted {
                match found.get(key) {
                    Some(found) => walk(wanted, found, &below(key), lines),
                    None => lines.push(format!("{}: expected {wanted}, it is not there", below(key))),
                }
            }
            let unwanted = found.iter().filter(|(key, _)| !wanted.contains_key(*key));
            lines.extend(unwanted.map(|(key, found)| format!("{}: not expected, got {found}", below(key))));
        }
        (Value::Array(wanted), Value::Array(found)) => {
            for (at, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                walk(wanted, found, &format!("{path}[{at}]"), lines);
            }
            let (expected, got) = (wanted.len(), found.len());
            if expected != got {
                lines.push(format!("{path}: expected {expected} elements, got {got}"));
            }
        }
        _ if expected == got => {}
        _ => {
            let place = if path.is_empty() { "all of it" } else { path };
            lines.push(format!("{place}: expected {expected}, got {got}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_named() {
        let expected = json!({"a": [{"b": 1, "c": "x"}, 2], "d": true});
        assert_eq!(diff(&expected, &expected), [""; 0]);
        let got = json!({"a": [{"b": 2, "e": null}], "d": true});
        assert_eq!(
            diff(&expected, &got),
            [
                "a[0].b: expected 1, got 2",
                "a[0].c: expected \"x\", it is not there",
                "a[0].e: not expected, got null",
                "a: expected 2 elements, got 1",
            ]
        );
        assert_eq!(diff(&json!(1), &json!([])), ["all of it: expected 1, got []"]);
    }
}
