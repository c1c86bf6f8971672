//! Severities by a mapping of the user's: what is equal to one of a list, or a number in a range.

use super::super::arguments::{list, map, owned};
use super::super::{Literals, Made, pure};
use crate::Value;

/// What makes a severity.
#[derive(Default)]
struct Criterion {
    equals: Vec<String>,
    range: Option<(i64, i64)>,
}

impl Criterion {
    fn new(entry: &Value<'_>) -> Result<Self, String> {
        let Value::Map(entry) = entry else {
            return Err("severity mapping criteria items must be map[string]any".to_owned());
        };
        if let Some((other, _)) = entry.iter().find(|(key, _)| !matches!(*key, "equals" | "range")) {
            return Err(format!("invalid severity mapping criteria: {other:?} is neither \"equals\" nor \"range\""));
        }
        let invalid = |what: &str| format!("invalid severity mapping criteria: {what}");
        let mut criterion = Self::default();
        if let Some(equals) = entry.get("equals") {
            for text in list(equals).map_err(|_| invalid("equals must be a list"))? {
                let Value::Str(text) = text else { return Err(invalid("equals values must be strings")) };
                criterion.equals.push(text.to_string());
            }
        }
        if let Some(range) = entry.get("range") {
            criterion.range = Some(range_of(range).map_err(|what| invalid(&what))?);
        }
        Ok(criterion)
    }

    fn matches(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Str(text) => self.equals.iter().any(|equal| equal == text),
            Value::Int(int) => self.range.is_some_and(|(min, max)| (min..=max).contains(int)),
            _ => false,
        }
    }
}

fn range_of(range: &Value<'_>) -> Result<(i64, i64), String> {
    match range {
        Value::Str(class) => match &**class {
            "2xx" => Ok((200, 299)),
            "3xx" => Ok((300, 399)),
            "4xx" => Ok((400, 499)),
            "5xx" => Ok((500, 599)),
            other => Err(format!("unknown range placeholder: {other}")),
        },
        Value::Map(bounds) => {
            let bound = |key: &str| match bounds.get(key) {
                None => Err(format!("range must have a {key} value")),
                Some(Value::Int(bound)) => Ok(*bound),
                Some(_) => Err(format!("{key} must be an int64")),
            };
            Ok((bound("min")?, bound("max")?))
        }
        _ => Err("range must be a map or a known placeholder string".to_owned()),
    }
}

/// The first severity of the mapping, in the order of the configuration, that has a criterion that matches.
pub(super) fn parse_severity(literals: &Literals<'_>) -> Made {
    let mapping = map(literals.get(1).unwrap_or(&Value::Nil))
        .map_err(|_| "severity mapping must be a literal PMap".to_owned())?;
    let mut severities = Vec::new();
    for (severity, criteria) in mapping.iter() {
        let criteria = list(criteria).map_err(|_| "severity mapping criteria must be []any".to_owned())?;
        let criteria = criteria.iter().map(Criterion::new).collect::<Result<Vec<_>, _>>()?;
        severities.push((severity.to_owned(), criteria));
    }
    pure(move |a| {
        let value = &a[0];
        let shown = match value {
            Value::Str(text) => text.to_string(),
            Value::Int(int) => int.to_string(),
            other => return Err(format!("could not map log level: unsupported value type: {}", other.type_name())),
        };
        severities
            .iter()
            .find(|(_, criteria)| criteria.iter().any(|criterion| criterion.matches(value)))
            .map(|(severity, _)| owned(severity.as_str()))
            .ok_or_else(|| format!("could not map log level: no matching log level found for value '{shown}'"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{check, l, m, s};
    use crate::Value;
    use crate::Value::{Double, Int};

    #[test]
    fn maps_severities() {
        let range = |min, max| m([("range", m([("min", Int(min)), ("max", Int(max))]))]);
        let info = l([m([("equals", l([s("inf"), s("info")]))]), range(200, 299)]);
        let mapping =
            m([("info", info), ("warn", l([m([("range", s("4xx"))])])), ("error", l([m([("range", s("5xx"))])]))]);
        let broken = |criteria: Value<'static>| m([("info", criteria)]);
        check(&[
            ("ParseSeverity", &[s("inf"), mapping.clone()], Ok(s("info"))),
            ("ParseSeverity", &[Int(200), mapping.clone()], Ok(s("info"))),
            ("ParseSeverity", &[Int(299), mapping.clone()], Ok(s("info"))),
            ("ParseSeverity", &[Int(404), mapping.clone()], Ok(s("warn"))),
            ("ParseSeverity", &[Int(599), mapping.clone()], Ok(s("error"))),
            ("ParseSeverity", &[Int(300), mapping.clone()], Err("no matching log level found for value '300'")),
            ("ParseSeverity", &[s("404"), mapping.clone()], Err("no matching log level found for value '404'")),
            ("ParseSeverity", &[Double(1.0), mapping], Err("unsupported value type: float64")),
            ("ParseSeverity", &[Int(1), s("info")], Err("severity mapping must be a literal PMap")),
            ("ParseSeverity", &[Int(1), broken(s("x"))], Err("severity mapping criteria must be []any")),
            ("ParseSeverity", &[Int(1), broken(l([s("x")]))], Err("criteria items must be map[string]any")),
            ("ParseSeverity", &[Int(1), broken(l([m([("equals", s("x"))])]))], Err("equals must be a list")),
            (
                "ParseSeverity",
                &[Int(1), broken(l([m([("equals", l([Int(1)]))])]))],
                Err("equals values must be strings"),
            ),
            ("ParseSeverity", &[Int(1), broken(l([m([("range", s("6xx"))])]))], Err("unknown range placeholder: 6xx")),
            (
                "ParseSeverity",
                &[Int(1), broken(l([m([("range", m([("min", Int(1))]))])]))],
                Err("range must have a max value"),
            ),
            (
                "ParseSeverity",
                &[Int(1), broken(l([m([("range", m([("min", s("1"))]))])]))],
                Err("min must be an int64"),
            ),
            ("ParseSeverity", &[Int(1), broken(l([m([("rang", Int(1))])]))], Err("\"rang\" is neither")),
        ]);
    }
}
