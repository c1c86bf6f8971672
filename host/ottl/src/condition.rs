//! Conditions: what `filter` and `ottl_condition` ask about an item.

use std::sync::Arc;

use crate::check::{Checker, Paths};
use crate::expr::{Cx, Test};
use crate::failure::What;
use crate::{Context, Env, Failure, Path, Problem, Source, parser, syntax};

/// A condition, ready to be asked.
pub struct Condition {
    text: Arc<str>,
    context: Context,
    test: Test,
}

impl Condition {
    /// A condition on that context. Paths may leave the context out.
    pub fn parse(text: &str, context: Context) -> Result<Self, Vec<Problem>> {
        let tree = parser::condition(text).map_err(|problem| vec![problem])?;
        Self::check(text, &tree, context, Paths::Bare)
    }

    /// A condition of a tree that was read from `text`.
    pub(crate) fn check(text: &str, tree: &syntax::Test, context: Context, paths: Paths) -> Result<Self, Vec<Problem>> {
        let mut checker = Checker::new(context, paths);
        let test = checker.test(tree);
        let test = checker.finish(test)?;
        Ok(Self { text: text.into(), context, test })
    }

    /// Whether it is true of an item.
    pub fn holds(&self, item: &dyn Source, env: &Env<'_>) -> Result<bool, Failure> {
        self.test.eval(Cx { source: item, env }).map_err(|why| self.failure(why))
    }

    #[cold]
    fn failure(&self, why: String) -> Failure {
        Failure { what: What::EvalCondition, text: self.text.clone(), why }
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it is asked of.
    pub fn context(&self) -> Context {
        self.context
    }

    /// The paths it reads, each once, in the order of the text. Where a key is computed, the path ends before it: all of the map
    /// may be read.
    pub fn paths(&self) -> Vec<&Path> {
        let mut all = Vec::new();
        self.test.each_path(&mut |path| {
            if !all.contains(&path) {
                all.push(path);
            }
        });
        all
    }
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Condition").field("text", &self.text).field("context", &self.context).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tailrace_otlp::edit::Place;

    use super::*;
    use crate::{Client, Field, Item, Memory, Value};

    #[test]
    fn paths_are_those_that_are_read() {
        let text = r#"attributes["a"]["b"][0] == name or IsMatch(attributes[resource.attributes["k"]]["x"], name) or IsRootSpan()"#;
        let condition = Condition::parse(text, Context::Span).unwrap();
        let paths: Vec<_> = condition.paths().iter().map(ToString::to_string).collect();
        let expected = [
            r#"span.attributes["a"]["b"][0]"#,
            "span.name",
            "span.attributes",
            r#"resource.attributes["k"]"#,
            "span.parent_span_id",
        ];
        assert_eq!(paths, expected);
    }

    struct Caller;

    impl Client for Caller {
        fn value(&self, field: Field) -> Value<'_> {
            match field {
                Field::ClientAddr => "10.0.0.1:5".into(),
                Field::ClientMetadata => {
                    let tenants = Value::List(vec!["blue".into(), "green".into()]);
                    Value::Map([("x-tenant".into(), tenants)].into_iter().collect())
                }
                _ => Value::Nil,
            }
        }
    }

    #[test]
    fn the_client_is_asked_for_what_it_is() {
        let (mut place, mut memory) = (Place::default(), Memory::default());
        let item = Item::new(Context::Resource, &mut place, &mut memory);
        let env = Env { client: &Caller, ..Env::default() };
        for (text, expected) in [
            (r#"otelcol.client.addr == "10.0.0.1:5""#, true),
            (r#"otelcol.client.metadata["X-Tenant"][1] == "green""#, true),
            (r#"otelcol.client.metadata["x-tenant"] == ["blue", "green"]"#, true),
            (r#"otelcol.client.metadata["none"] == nil and otelcol.client.metadata["none"][0] == nil"#, true),
            (r#"otelcol.client.auth.attributes["sub"] == nil and otelcol.grpc.metadata["x"] == nil"#, true),
        ] {
            let condition = Condition::parse(text, Context::Resource).unwrap_or_else(|problems| panic!("{problems:?}"));
            assert_eq!(condition.holds(&item, &env), Ok(expected), "{text}");
        }
        let condition =
            Condition::parse(r#"otelcol.client.metadata["x-tenant"][2] == "x""#, Context::Resource).unwrap();
        assert_eq!(condition.holds(&item, &env).unwrap_err().why, "index 2 out of bounds");
    }
}
