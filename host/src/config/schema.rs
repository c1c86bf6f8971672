//! Checks a value against a JSON Schema: the part of 2020-12 that describes configurations (what `schemars` derives, and what people
//! write by hand). Keywords that it does not know are no restriction; the plugin itself has the last word.

use serde_json::{Map, Value};

use super::problem::closest;

/// A value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// From the value's root: keys, and list places as numbers.
    pub path: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Schemas nested deeper than this, references included, are not followed.
const MAX_DEPTH: usize = 64;

/// Comparisons of a value with a schema; a schema that branches without end stops here.
const MAX_STEPS: usize = 100_000;

/// Whether a schema says anything at all.
pub fn restricts(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => !map.is_empty(),
        Value::Bool(allows) => !allows,
        _ => false,
    }
}

/// All that does not fit.
pub fn check(schema: &Value, value: &Value) -> Vec<Misfit> {
    let mut checker = Checker { root: schema, steps: 0 };
    checker.check(schema, value, &Vec::new(), 0)
}

struct Checker<'a> {
    root: &'a Value,
    steps: usize,
}

type Path = Vec<String>;

fn misfit(path: &Path, message: impl Into<String>) -> Misfit {
    Misfit { path: path.clone(), message: message.into(), help: None }
}

fn below(path: &Path, key: impl ToString) -> Path {
    let mut path = path.clone();
    path.push(key.to_string());
    path
}

impl<'a> Checker<'a> {
    fn check(&mut self, schema: &'a Value, value: &Value, path: &Path, depth: usize) -> Vec<Misfit> {
        self.steps += 1;
        if depth > MAX_DEPTH || self.steps > MAX_STEPS {
            return Vec::new();
        }
        let schema = match schema {
            Value::Bool(false) => return vec![misfit(path, "is not allowed here")],
            Value::Object(schema) => schema,
            _ => return Vec::new(),
        };
        if let Some(wrong) = wrong_type(schema, value) {
            return vec![misfit(path, wrong)];
        }
        let mut found = Vec::new();
        found.extend(wrong_choice(schema, value).map(|message| misfit(path, message)));
        found.extend(out_of_bounds(schema, value).map(|message| misfit(path, message)));
        match value {
            Value::Object(map) => self.object(schema, map, path, depth, &mut found),
            Value::Array(list) => self.array(schema, list, path, depth, &mut found),
            _ => {}
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|name| self.resolve(name)) {
            found.extend(self.check(target, value, path, depth + 1));
        }
        for part in list(schema, "allOf") {
            found.extend(self.check(part, value, path, depth + 1));
        }
        for alternatives in ["anyOf", "oneOf"] {
            if let Some(Value::Array(forms)) = schema.get(alternatives) {
                found.extend(self.alternatives(forms, value, path, depth));
            }
        }
        if let Some(never) = schema.get("not")
            && self.check(never, value, path, depth + 1).is_empty()
        {
            found.push(misfit(path, format!("{} is not allowed here", short(value))));
        }
        found
    }

    fn object(
        &mut self,
        schema: &'a Map<String, Value>,
        map: &Map<String, Value>,
        path: &Path,
        depth: usize,
        found: &mut Vec<Misfit>,
    ) {
        for key in list(schema, "required").filter_map(Value::as_str).filter(|key| !map.contains_key(*key)) {
            found.push(misfit(path, format!("missing field {key:?}")));
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, value) in map {
            let known = properties.and_then(|properties| properties.get(key));
            // Keys by pattern are not told apart here: then none is unknown.
            let others = schema.get("additionalProperties").filter(|_| !schema.contains_key("patternProperties"));
            match (known, others) {
                (Some(of_key), _) => found.extend(self.check(of_key, value, &below(path, key), depth + 1)),
                (None, Some(Value::Bool(false))) => found.push(unknown_key(key, properties, path)),
                (None, Some(of_others)) => found.extend(self.check(of_others, value, &below(path, key), depth + 1)),
                (None, None) => {}
            }
        }
    }

    fn array(
        &mut self,
        schema: &'a Map<String, Value>,
        values: &[Value],
        path: &Path,
        depth: usize,
        found: &mut Vec<Misfit>,
    ) {
        let first: Vec<&Value> = list(schema, "prefixItems").collect();
        for (at, value) in values.iter().enumerate() {
            if let Some(of_item) = first.get(at).copied().or_else(|| schema.get("items")) {
                found.extend(self.check(of_item, value, &below(path, at), depth + 1));
            }
        }
    }

    /// A value that should have one of several forms. (That `oneOf` forbids a second one is left to the plugin.)
    fn alternatives(&mut self, forms: &'a [Value], value: &Value, path: &Path, depth: usize) -> Vec<Misfit> {
        let mut best: Option<Vec<Misfit>> = None;
        for form in forms {
            let found = self.check(form, value, path, depth + 1);
            if found.is_empty() {
                return Vec::new();
            }
            // What went wrong further inside is more likely what was meant; `null` is what is not written.
            let reach = |found: &[Misfit]| found.iter().map(|misfit| misfit.path.len()).max();
            let is_null = form.get("type").and_then(Value::as_str) == Some("null");
            if !is_null && best.as_ref().is_none_or(|best| reach(&found) > reach(best)) {
                best = Some(found);
            }
        }
        let choices: Option<Vec<&Value>> = forms.iter().map(|form| form.get("const")).collect();
        match (choices, best) {
            (Some(choices), _) if !choices.is_empty() => vec![misfit(path, one_of(&choices))],
            (_, Some(best)) if forms.len() <= 2 || best.iter().any(|misfit| misfit.path.len() > path.len()) => best,
            (_, Some(_)) => vec![misfit(path, format!("{} fits none of the {} forms", short(value), forms.len()))],
            (_, None) => vec![misfit(path, format!("{} is not allowed here", short(value)))],
        }
    }

    /// A place in the schema itself; nothing is ever fetched.
    fn resolve(&self, reference: &str) -> Option<&'a Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }
}

fn list<'a>(schema: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn unknown_key(key: &str, known: Option<&Map<String, Value>>, path: &Path) -> Misfit {
    let known = || known.into_iter().flat_map(Map::keys).map(String::as_str);
    let help = match closest(key, known()) {
        Some(meant) => Some(format!("did you mean {meant:?}?")),
        None if known().next().is_none() => None,
        None => Some(format!("the fields here are {}", known().collect::<Vec<_>>().join(", "))),
    };
    Misfit { path: below(path, key), message: format!("unknown field {key:?}"), help }
}

fn wrong_type(schema: &Map<String, Value>, value: &Value) -> Option<String> {
    let types: Vec<&str> = match schema.get("type")? {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let fits = |name: &&str| match (*name, value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("string", Value::String(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_))
        | ("number", Value::Number(_)) => true,
        ("integer", Value::Number(number)) => {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        _ => false,
    };
    (!types.iter().any(fits)).then(|| format!("expected {}, got {}", types.join(" or "), short(value)))
}

fn wrong_choice(schema: &Map<String, Value>, value: &Value) -> Option<String> {
    let choices: Vec<&Value> = match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(choices)), _) => choices.iter().collect(),
        (None, Some(only)) => vec![only],
        _ => return None,
    };
    (!choices.contains(&value)).then(|| one_of(&choices))
}

fn one_of(choices: &[&Value]) -> String {
    let choices: Vec<_> = choices.iter().map(ToString::to_string).collect();
    match choices.as_slice() {
        [only] => format!("must be {only}"),
        choices => format!("must be one of {}", choices.join(", ")),
    }
}

/// Whether a size breaks a bound.
type Breaks = fn(f64, f64) -> bool;

/// A keyword, what it means in words, and what breaks it.
type Bounds = [(&'static str, &'static str, Breaks); 4];

fn out_of_bounds(schema: &Map<String, Value>, value: &Value) -> Option<String> {
    let (size, what, bounds): (f64, &str, Bounds) = match value {
        Value::Number(number) => (
            number.as_f64()?,
            "",
            [
                ("minimum", "at least", |n, bound| n < bound),
                ("maximum", "at most", |n, bound| n > bound),
                ("exclusiveMinimum", "greater than", |n, bound| n <= bound),
                ("exclusiveMaximum", "less than", |n, bound| n >= bound),
            ],
        ),
        Value::String(text) => (text.chars().count() as f64, " characters long", lengths("minLength", "maxLength")),
        Value::Array(list) => (list.len() as f64, " elements long", lengths("minItems", "maxItems")),
        Value::Object(map) => (map.len() as f64, " fields long", lengths("minProperties", "maxProperties")),
        _ => return None,
    };
    bounds.into_iter().find_map(|(key, words, breaks)| {
        let bound = schema.get(key)?;
        breaks(size, bound.as_f64()?).then(|| format!("must be {words} {bound}{what}"))
    })
}

fn lengths(min: &'static str, max: &'static str) -> Bounds {
    let (least, most) = ((min, "at least", (|n, bound| n < bound) as _), (max, "at most", (|n, bound| n > bound) as _));
    [least, most, least, most]
}

/// A value in a few words.
fn short(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
        Value::String(text) if text.chars().count() > 40 => "a string".to_owned(),
        Value::String(text) => format!("the string {text:?}"),
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(schema: &Value, value: &Value) -> Vec<String> {
        let line = |misfit: Misfit| {
            format!(
                "{}: {}{}",
                misfit.path.join("/"),
                misfit.message,
                misfit.help.map_or(String::new(), |h| format!(" ({h})"))
            )
        };
        check(schema, value).into_iter().map(line).collect()
    }

    #[test]
    fn configurations_are_checked_as_schemars_describes_them() {
        let schema = json!({
            "type": "object",
            "properties": {
                "tier": {"type": "string", "minLength": 1},
                "rates": {"type": "array", "items": {"$ref": "#/$defs/Rate"}, "maxItems": 2},
                "mode": {"oneOf": [{"const": "keep"}, {"const": "drop"}]},
                "level": {"type": "string", "enum": ["a", "b"]},
                "more": {"anyOf": [{"$ref": "#/$defs/Rate"}, {"type": "null"}]},
            },
            "required": ["tier"],
            "additionalProperties": false,
            "$defs": {
                "Rate": {
                    "type": "object",
                    "properties": {"share": {"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "n": {"type": "integer"}},
                    "required": ["share"],
                },
            },
        });
        let good = json!({"tier": "x", "rates": [{"share": 0, "n": 2.0}], "mode": "keep", "level": "b", "more": null});
        assert_eq!(said(&schema, &good), [""; 0]);
        for (value, expected) in [
            (json!({}), ": missing field \"tier\""),
            (json!({"tier": 3}), "tier: expected string, got 3"),
            (json!({"tier": ""}), "tier: must be at least 1 characters long"),
            (json!({"tier": "x", "teir": 1}), "teir: unknown field \"teir\" (did you mean \"tier\"?)"),
            (json!({"tier": "x", "rates": [{"share": 0.5}, {"share": 1}]}), "rates/1/share: must be less than 1"),
            (json!({"tier": "x", "rates": [{"share": 0.5, "n": 1.5}]}), "rates/0/n: expected integer, got 1.5"),
            (json!({"tier": "x", "rates": [1, 2, 3]}), "rates: must be at most 2 elements long"),
            (json!({"tier": "x", "mode": "hold"}), "mode: must be one of \"keep\", \"drop\""),
            (json!({"tier": "x", "level": "c"}), "level: must be one of \"a\", \"b\""),
            (json!({"tier": "x", "more": {"n": 1}}), "more: missing field \"share\""),
            (json!([1]), ": expected object, got a list"),
        ] {
            assert_eq!(said(&schema, &value).first().map(String::as_str), Some(expected), "{value}");
        }
    }

    #[test]
    fn schemas_that_go_round_in_circles_end() {
        let schema = json!({"$ref": "#"});
        assert_eq!(check(&schema, &json!(1)), []);
        let schema = json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]});
        assert_eq!(check(&schema, &json!({})), []);
        let schema =
            json!({"$ref": "http://example.com/schema", "properties": 3, "required": {}, "type": 7, "enum": "x"});
        assert_eq!(check(&schema, &json!({})), []);
    }

    #[test]
    fn an_empty_schema_says_nothing() {
        assert!(!restricts(&json!({})) && !restricts(&json!(true)) && restricts(&json!({"type": "object"})));
    }
}
