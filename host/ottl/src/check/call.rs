//! Calls: which argument is for which parameter, and converters.

use std::ops::Range;

use super::{Checker, as_literal};
use crate::expr::{Call, Cx, Expr, PathExpr};
use crate::functions::{self, Argument, Function, Kind as Takes, Literals, World};
use crate::source::Source;
use crate::syntax::{self, Kind, Node};
use crate::{Context, Env, Field, Path, Problem, Value};

/// What the collector has only together with lambdas.
const WITH_LAMBDAS: [&str; 8] = ["All", "Any", "Filter", "Find", "MapEach", "MapKeys", "MapValues", "Reduce"];

/// The functions that need the item, and are therefore no converters of their own.
const OF_ITEMS: [&str; 3] = ["HasAttrKeyOnDatapoint", "HasAttrOnDatapoint", "IsRootSpan"];

/// Whether statements on that context may call a converter of that name.
pub(crate) fn has_converter(context: Context, name: &str) -> bool {
    match name {
        "HasAttrKeyOnDatapoint" | "HasAttrOnDatapoint" => context == Context::Metric,
        "IsRootSpan" => context == Context::Span,
        _ => functions::find(name).is_some(),
    }
}

impl Checker {
    pub(super) fn converter(&mut self, call: &syntax::Call) -> Option<Expr> {
        let expr = match functions::find(&call.name) {
            _ if OF_ITEMS.contains(&call.name.as_str()) => self.item_function(call),
            Some(function) => self.known_converter(function, call),
            None => self.unknown_converter(call),
        };
        let keys: Vec<_> = call.keys.iter().map(|key| self.key(key)).collect();
        let keys = keys.into_iter().collect::<Option<Vec<_>>>()?;
        Some(if keys.is_empty() { expr? } else { Expr::Index(Box::new(expr?), keys) })
    }

    #[cold]
    fn unknown_converter(&mut self, call: &syntax::Call) -> Option<Expr> {
        for argument in &call.arguments {
            self.expr(&argument.value);
        }
        let problem = Problem::new(call.name_span.clone(), format!("undefined function \"{}\"", call.name));
        self.fail(match WITH_LAMBDAS.contains(&call.name.as_str()) {
            true => problem.hint(
                "in the collector it needs the feature gate ottl.functions.enableLambda; there are no lambdas here",
            ),
            false => problem.meant(&call.name, functions::names().chain(OF_ITEMS)),
        })
    }

    fn known_converter(&mut self, function: &'static Function, call: &syntax::Call) -> Option<Expr> {
        let parameters = || function.parameters.iter().map(|parameter| (parameter.name, parameter.is_optional));
        let bound = self.bind(call, parameters());
        let (mut arguments, mut known) = (Vec::new(), Vec::new());
        let mut is_whole = bound.is_some();
        for (parameter, node) in function.parameters.iter().zip(bound.unwrap_or_default()) {
            match node.map(|node| self.argument(parameter.kind, node)) {
                None => {
                    arguments.push(Expr::Literal(Value::Nil));
                    known.push(Argument::Absent);
                }
                Some(Some((expr, argument))) => {
                    arguments.push(expr);
                    known.push(argument);
                }
                Some(None) => is_whole = false,
            }
        }
        if !is_whole {
            return None;
        }
        let converter = match (function.make)(&Literals(&known)) {
            Ok(converter) => converter,
            Err(message) => {
                let message = format!("error while parsing arguments for call to \"{}\": {message}", call.name);
                return self.fail(Problem::new(call.name_span.clone(), message));
            }
        };
        Some(folded(Call { converter, arguments }))
    }

    fn argument(&mut self, takes: Takes, node: &Node) -> Option<(Expr, Argument)> {
        if takes == Takes::Function {
            let name = self.function_name(node)?;
            return Some((Expr::Literal(Value::Nil), Argument::Function(name.to_owned())));
        }
        let expr = self.expr(node)?;
        match (as_literal(&expr), takes) {
            (Some(value), _) => Some((expr, Argument::Literal(value))),
            (None, Takes::Literal) => {
                self.fail(Problem::new(node.span.clone(), "must be written out: it is needed before there is data"))
            }
            (None, _) => Some((expr, Argument::Expression)),
        }
    }

    /// The name of a converter that is handed on.
    pub(crate) fn function_name<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.kind {
            Kind::Name(name) if functions::find(name).is_some() => Some(name),
            Kind::Name(name) => {
                let problem = Problem::new(node.span.clone(), format!("undefined function \"{name}\""));
                self.fail(problem.meant(name, functions::names()))
            }
            _ => self.fail(Problem::new(node.span.clone(), "must be the name of a converter, without parentheses")),
        }
    }

    fn item_function(&mut self, call: &syntax::Call) -> Option<Expr> {
        if !has_converter(self.context, &call.name) {
            let message = format!("undefined function \"{}\"", call.name);
            let of = if call.name == "IsRootSpan" { "span" } else { "metric" };
            let hint = format!("it is one of {of}, this runs on {}", self.context.name());
            return self.fail(Problem::new(call.name_span.clone(), message).hint(hint));
        }
        let parameters: &[(&str, bool)] = match call.name.as_str() {
            "IsRootSpan" => &[],
            "HasAttrKeyOnDatapoint" => &[("key", false)],
            _ => &[("key", false), ("value", false)],
        };
        let bound = self.bind(call, parameters.iter().copied())?;
        let arguments: Vec<_> = bound.into_iter().flatten().map(|node| self.expr(node)).collect();
        let mut arguments = arguments.into_iter().collect::<Option<Vec<_>>>()?.into_iter().map(Box::new);
        Some(match arguments.next() {
            Some(key) => Expr::AnyDataPoint(key, arguments.next()),
            None => is_root(),
        })
    }

    /// The node for each parameter, in order; none for one that is left out.
    pub(crate) fn bind<'n>(
        &mut self,
        call: &'n syntax::Call,
        parameters: impl Iterator<Item = (&'static str, bool)>,
    ) -> Option<Vec<Option<&'n Node>>> {
        let parameters: Vec<_> = parameters.collect();
        let mut bound = vec![None; parameters.len()];
        let mut named = false;
        for (at, argument) in call.arguments.iter().enumerate() {
            let place = match &argument.name {
                Some(name) => parameters.iter().position(|(known, _)| letters(known) == letters(name)),
                None if named => {
                    let message = "unnamed argument used after named argument, must use all unnamed arguments first";
                    return self.bad_arguments(call, argument.span.clone(), message);
                }
                None => Some(at),
            };
            named |= argument.name.is_some();
            let Some(slot) = place.and_then(|place| bound.get_mut(place)) else {
                let received = call.arguments.len();
                let message = match &argument.name {
                    Some(name) => format!("no such parameter: {name}"),
                    None => {
                        format!("incorrect number of arguments. Expected: {} Received: {received}", parameters.len())
                    }
                };
                return self.bad_arguments(call, argument.span.clone(), &message);
            };
            if slot.replace(&argument.value).is_some() {
                return self.bad_arguments(call, argument.span.clone(), "the same parameter is given twice");
            }
        }
        let missing = parameters.iter().zip(&bound).find(|((_, is_optional), node)| !is_optional && node.is_none());
        if let Some(((name, _), _)) = missing {
            let message = format!("missing required argument {name}");
            return self.bad_arguments(call, call.name_span.clone(), &message);
        }
        Some(bound)
    }

    fn bad_arguments<T>(&mut self, call: &syntax::Call, span: Range<usize>, message: &str) -> Option<T> {
        self.fail(Problem::new(span, format!("error while parsing arguments for call to \"{}\": {message}", call.name)))
    }
}

/// `pairDelimiter` and `pair_delimiter` are one name, as in Go.
fn letters(name: &str) -> String {
    name.chars().filter(|letter| *letter != '_').map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Whether the span has no parent.
fn is_root() -> Expr {
    let path = Path { context: Context::Span, field: Field::ParentSpanId, keys: Vec::new() };
    Expr::IsZero(PathExpr { path, more: Vec::new() })
}

/// A call on literals is made at once, if it can be made, and gives the same whatever the time and the dice.
fn folded(call: Call) -> Expr {
    if !call.arguments.iter().all(|argument| matches!(argument, Expr::Literal(_))) {
        return Expr::Call(call);
    }
    let made = |now_unix_ns: i64, random: &dyn Fn() -> u64| {
        let env = Env { world: World { now_unix_ns, random }, ..Env::default() };
        call.eval(Cx { source: &Nothing, env: &env }).map(Value::into_owned)
    };
    match (made(0, &|| 4), made(1 << 62, &|| 5)) {
        (Ok(value), Ok(again)) if value == again => Expr::Literal(value),
        _ => Expr::Call(call),
    }
}

/// What literals are evaluated against.
struct Nothing;

impl Source for Nothing {
    fn get<'s>(&'s self, _: &Path) -> Result<Value<'s>, String> {
        Ok(Value::Nil)
    }
}
