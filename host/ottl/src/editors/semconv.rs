//! `set_semconv_span_name`: the name that the semantic conventions give a span, by its kind and attributes.

use std::borrow::Cow;

use tailrace_otlp::view::{Span, Value as Wire};

use super::{Bound, Edit, Editor, Made, Parameter};
use crate::{Context, Env, Item, codec};

const NAME: u32 = 5;
const ATTRIBUTES: u32 = 9;

/// The versions whose names these are.
const VERSIONS: std::ops::RangeInclusive<(u64, u64, u64)> = (1, 37, 0)..=(1, 40, 0);

pub(super) static EDITORS: &[Editor] = &[Editor {
    name: "set_semconv_span_name",
    parameters: &[Parameter::value("semconvVersion"), Parameter::optional("originalSpanNameAttribute")],
    contexts: &[Context::Span],
    make,
}];

fn make(bound: &mut Bound) -> Made {
    let version = bound.text(0)?.unwrap_or_default();
    let Some(parsed) = parse(&version) else {
        return Err(
            bound.problem(0, format!("failed to parse semconv version \"{version}\": Invalid Semantic Version"))
        );
    };
    if !VERSIONS.contains(&parsed) {
        let message = format!("unsupported semconv version \"{version}\": must be between 1.37.0 and 1.40.0");
        return Err(bound.problem(0, message));
    }
    let original = bound.text(1)?;
    if original.as_deref() == Some("") {
        return Err(bound.problem(1, "originalSpanNameAttribute cannot be an empty string"));
    }
    Ok(Box::new(SetSpanName { original }))
}

/// `1.37.0`, or with fewer parts.
fn parse(version: &str) -> Option<(u64, u64, u64)> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let mut parts = version.split('.').map(|part| part.parse().ok());
    let mut next = || parts.next().unwrap_or(Some(0));
    let version = (next()?, next()?, next()?);
    parts.next().is_none().then_some(version)
}

struct SetSpanName {
    /// The attribute that keeps the name that the span had.
    original: Option<String>,
}

impl Edit for SetSpanName {
    fn run(&self, item: &mut Item<'_, '_>, _: &Env<'_>) -> Result<(), String> {
        let span = item.draft_mut(Context::Span);
        let old = Span(span.body()).name().to_vec();
        let Some(new) = name(span.body()).filter(|new| new.as_bytes() != old) else { return Ok(()) };
        span.set_bytes(NAME, new.as_bytes());
        if let Some(key) = &self.original {
            span.set_attribute(ATTRIBUTES, key.as_bytes(), &codec::encode_text(&old));
        }
        Ok(())
    }
}

/// The name that the conventions give a span, if they do.
fn name(span: &[u8]) -> Option<String> {
    let attributes = Attributes(span);
    let name = match Span(span).kind() {
        2 => attributes.http("http.route").or_else(|| attributes.rpc()).or_else(|| attributes.messaging()),
        3 => attributes
            .http("url.template")
            .or_else(|| attributes.rpc())
            .or_else(|| attributes.database())
            .or_else(|| attributes.messaging()),
        4 | 5 => attributes.messaging(),
        _ => None,
    };
    name.filter(|name| !name.is_empty())
}

/// The attributes of a span.
#[derive(Clone, Copy)]
struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    fn value(self, key: &str) -> Option<Wire<'a>> {
        codec::attribute(self.0, ATTRIBUTES, key.as_bytes())
    }

    fn get(self, key: &str) -> Option<Cow<'a, str>> {
        self.value(key).map(Wire::as_text)
    }

    /// The attribute, or that which it was called before.
    fn either(self, key: &str, older: &str) -> Option<Cow<'a, str>> {
        self.get(key).or_else(|| self.get(older))
    }

    fn http(self, subject: &str) -> Option<String> {
        let method = self.either("http.request.method", "http.method")?;
        Some(match self.get(subject) {
            Some(subject) => format!("{method} {subject}"),
            None => method.into_owned(),
        })
    }

    fn rpc(self) -> Option<String> {
        let system = self.either("rpc.system.name", "rpc.system")?;
        let method = self.either("rpc.method", "rpc.grpc.method");
        let service = self.either("rpc.service", "rpc.grpc.service");
        Some(match (service, method) {
            (Some(service), Some(method)) => format!("{service}/{method}"),
            (None, Some(method)) => method.into_owned(),
            (Some(service), None) => format!("{service}/*"),
            (None, None) => system.into_owned(),
        })
    }

    fn database(self) -> Option<String> {
        let system = self.either("db.system.name", "db.system")?;
        if let Some(summary) = self.get("db.query.summary") {
            return Some(summary.into_owned());
        }
        let operation = self.either("db.operation.name", "db.operation").unwrap_or_default();
        let target = self.database_target();
        Some(match (operation.is_empty(), target.is_empty()) {
            (false, false) => format!("{operation} {target}"),
            (false, true) => operation.into_owned(),
            (true, false) => target,
            (true, true) => system.into_owned(),
        })
    }

    fn database_target(self) -> String {
        let namespace = self.either("db.namespace", "db.name").unwrap_or_default();
        match self.get("db.collection.name").or_else(|| self.get("db.stored_procedure.name")) {
            Some(inner) if namespace.is_empty() => inner.into_owned(),
            Some(inner) => format!("{namespace}.{inner}"),
            None if namespace.is_empty() => self.server(),
            None => namespace.into_owned(),
        }
    }

    fn messaging(self) -> Option<String> {
        let system = self.get("messaging.system")?;
        let operation = self.either("messaging.operation.name", "messaging.operation");
        let destination = self.destination();
        Some(match (operation, destination.is_empty()) {
            (Some(operation), false) => format!("{operation} {destination}"),
            (_, false) => destination,
            (Some(operation), true) => operation.into_owned(),
            (None, true) => system.into_owned(),
        })
    }

    fn destination(self) -> String {
        let is_set = |key| self.value(key) == Some(Wire::Bool(true));
        if is_set("messaging.destination.temporary") {
            return "(temporary)".to_owned();
        }
        if is_set("messaging.destination.anonymous") {
            return "(anonymous)".to_owned();
        }
        let named = self
            .get("messaging.destination.template")
            .or_else(|| self.either("messaging.destination.name", "messaging.destination"));
        named.map_or_else(|| self.server(), Cow::into_owned)
    }

    fn server(self) -> String {
        match (self.get("server.address"), self.get("server.port")) {
            (Some(address), Some(port)) => format!("{address}:{port}"),
            (Some(address), None) => address.into_owned(),
            (None, _) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::Span as Message;

    use crate::Context;
    use crate::testing::{attributes, holds, int, problems, run, text, traces};

    /// Kind, attributes, and the name that they give.
    type Case = (i32, &'static [(&'static str, &'static str)], &'static str);

    #[test]
    fn names_follow_the_conventions() {
        let cases: [Case; 17] = [
            (2, &[("http.request.method", "GET"), ("http.route", "/users/{id}")], "GET /users/{id}"),
            (2, &[("http.method", "GET")], "GET"),
            (3, &[("http.request.method", "GET"), ("url.template", "/u"), ("http.route", "/r")], "GET /u"),
            (2, &[("rpc.system", "grpc"), ("rpc.service", "s"), ("rpc.method", "m")], "s/m"),
            (3, &[("rpc.system.name", "grpc"), ("rpc.method", "m")], "m"),
            (3, &[("rpc.system", "grpc"), ("rpc.service", "s")], "s/*"),
            (3, &[("rpc.system", "grpc")], "grpc"),
            (3, &[("db.system.name", "pg"), ("db.query.summary", "SELECT users")], "SELECT users"),
            (
                3,
                &[("db.system", "pg"), ("db.operation", "SELECT"), ("db.name", "d"), ("db.collection.name", "c")],
                "SELECT d.c",
            ),
            (3, &[("db.system", "pg"), ("server.address", "h"), ("server.port", "5")], "h:5"),
            (3, &[("db.system", "pg")], "pg"),
            (2, &[("db.system", "pg")], "old"),
            (
                4,
                &[
                    ("messaging.system", "kafka"),
                    ("messaging.operation.name", "send"),
                    ("messaging.destination.name", "t"),
                ],
                "send t",
            ),
            (5, &[("messaging.system", "kafka"), ("messaging.destination.template", "t/{x}")], "t/{x}"),
            (5, &[("messaging.system", "kafka")], "kafka"),
            (1, &[("http.request.method", "GET")], "old"),
            (2, &[], "old"),
        ];
        for (kind, entries, name) in cases {
            let entries: Vec<_> = entries.iter().map(|(key, value)| (*key, text(value))).collect();
            let span = Message { name: "old".to_owned(), kind, attributes: attributes(&entries), ..Message::default() };
            let after = run(Context::Span, &traces(span), &[r#"set_semconv_span_name("1.37.0", "was")"#]).unwrap();
            let was = if name == "old" { "nil" } else { "\"old\"" };
            let expected = format!(r#"name == "{name}" and attributes["was"] == {was}"#);
            assert_eq!(holds(Context::Span, &after, &expected), Ok(true), "{kind} {entries:?}: {expected}");
        }
        let span = Message {
            kind: 4,
            attributes: attributes(&[("messaging.system", text("k")), ("messaging.destination.temporary", int(1))]),
            ..Message::default()
        };
        let after = run(Context::Span, &traces(span), &[r#"set_semconv_span_name("1.40")"#]).unwrap();
        assert_eq!(holds(Context::Span, &after, r#"name == "k""#), Ok(true), "an integer is not true");
    }

    #[test]
    fn versions_are_checked() {
        for (statement, said) in [
            (r#"set_semconv_span_name("1.36.0")"#, "must be between 1.37.0 and 1.40.0"),
            (r#"set_semconv_span_name("one")"#, "failed to parse semconv version"),
            (r#"set_semconv_span_name("1.37.0", "")"#, "cannot be an empty string"),
        ] {
            assert!(problems(statement, Context::Span)[0].message.contains(said), "{statement}");
        }
        assert!(
            problems(r#"set_semconv_span_name("1.37.0")"#, Context::Resource)[0].hint.as_deref()
                == Some("it runs on span, this runs on resource")
        );
    }
}
