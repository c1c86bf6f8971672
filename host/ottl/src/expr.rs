//! Expressions and conditions, compiled: everything that does not depend on the item is done.

mod test;

use smallvec::SmallVec;

use crate::functions::Converter;
use crate::source::{Env, Source};
use crate::syntax::MathOp;
use crate::{Context, Key, Map, Path, Value, codec, math};

pub(crate) use test::Test;

/// What evaluates to a value.
pub(crate) enum Expr {
    Literal(Value<'static>),
    Path(PathExpr),
    Call(Call),
    /// Keys into what an expression gives.
    Index(Box<Expr>, Vec<KeyExpr>),
    Math(Vec<(MathOp, Expr)>),
    Negate(Box<Expr>),
    List(Vec<Expr>),
    Map(Vec<(Box<str>, Expr)>),
    /// Whether a data point of the metric has an attribute, and with that value.
    AnyDataPoint(Box<Expr>, Option<Box<Expr>>),
    /// Whether an id is absent or all zeros.
    IsZero(PathExpr),
}

/// A path, and from its first key that is not written out on, the rest of its keys.
pub(crate) struct PathExpr {
    pub(crate) path: Path,
    pub(crate) more: Vec<KeyExpr>,
}

/// A key.
pub(crate) enum KeyExpr {
    Known(Key),
    Computed(Expr),
}

/// A converter and its arguments, one for each parameter.
pub(crate) struct Call {
    pub(crate) converter: Box<dyn Converter>,
    pub(crate) arguments: Vec<Expr>,
}

/// What an expression is evaluated against.
#[derive(Clone, Copy)]
pub(crate) struct Cx<'v> {
    pub(crate) source: &'v dyn Source,
    pub(crate) env: &'v Env<'v>,
}

impl Expr {
    /// The value.
    pub(crate) fn eval<'v>(&'v self, cx: Cx<'v>) -> Result<Value<'v>, String> {
        match self {
            Self::Literal(value) => Ok(value.by_ref()),
            Self::Path(path) => path.eval(cx),
            Self::Call(call) => call.eval(cx),
            Self::Index(inner, keys) => {
                let value = inner.eval(cx)?;
                index(value, &resolved(keys, cx)?, Missing::Error)
            }
            Self::Math(terms) => sum(terms, cx),
            Self::Negate(inner) => math::negate(&inner.eval(cx)?),
            Self::List(items) => items.iter().map(|item| item.eval(cx)).collect::<Result<_, _>>().map(Value::List),
            Self::Map(entries) => {
                let mut map = Map::default();
                for (key, value) in entries {
                    map.insert(&**key, value.eval(cx)?);
                }
                Ok(Value::Map(map))
            }
            Self::AnyDataPoint(key, value) => {
                let key = text_of(key.eval(cx)?)?;
                let value = value.as_ref().map(|value| value.eval(cx).and_then(text_of)).transpose()?;
                cx.source.any_data_point(&key, value.as_deref()).map(Value::Bool)
            }
            Self::IsZero(path) => match path.eval(cx)? {
                Value::Bytes(id) => Ok(Value::Bool(id.iter().all(|byte| *byte == 0))),
                other => Ok(Value::Bool(other == Value::Nil)),
            },
        }
    }

    /// Asks about every path in the expression.
    pub(crate) fn each_path<'v>(&'v self, see: &mut dyn FnMut(&'v Path)) {
        match self {
            Self::Literal(_) => {}
            Self::Path(path) | Self::IsZero(path) => {
                see(&path.path);
                keys_paths(&path.more, see);
            }
            Self::Call(call) => call.arguments.iter().for_each(|argument| argument.each_path(see)),
            Self::Index(inner, keys) => {
                inner.each_path(see);
                keys_paths(keys, see);
            }
            Self::Math(terms) => terms.iter().for_each(|(_, term)| term.each_path(see)),
            Self::Negate(inner) => inner.each_path(see),
            Self::List(items) => items.iter().for_each(|item| item.each_path(see)),
            Self::Map(entries) => entries.iter().for_each(|(_, value)| value.each_path(see)),
            Self::AnyDataPoint(key, value) => {
                key.each_path(see);
                if let Some(value) = value {
                    value.each_path(see);
                }
            }
        }
    }
}

fn keys_paths<'v>(keys: &'v [KeyExpr], see: &mut dyn FnMut(&'v Path)) {
    for key in keys {
        if let KeyExpr::Computed(expr) = key {
            expr.each_path(see);
        }
    }
}

fn text_of(value: Value<'_>) -> Result<std::borrow::Cow<'_, str>, String> {
    match value {
        Value::Str(text) => Ok(text),
        other => Err(format!("expected string but got {}", other.type_name())),
    }
}

impl PathExpr {
    fn eval<'v>(&'v self, cx: Cx<'v>) -> Result<Value<'v>, String> {
        match self.more.is_empty() {
            true => get(&self.path, cx),
            false => get(&self.resolve(cx)?, cx),
        }
    }

    /// The path with all of its keys.
    pub(crate) fn resolve(&self, cx: Cx<'_>) -> Result<Path, String> {
        let mut path = self.path.clone();
        path.keys.extend(resolved(&self.more, cx)?);
        Ok(path)
    }
}

fn get<'v>(path: &Path, cx: Cx<'v>) -> Result<Value<'v>, String> {
    match path.context {
        Context::Request => match cx.env.client.value(path.field) {
            Value::Nil => Ok(Value::Nil),
            value => index(value, &path.keys, Missing::Nil),
        },
        _ => cx.source.get(path),
    }
}

fn resolved(keys: &[KeyExpr], cx: Cx<'_>) -> Result<Vec<Key>, String> {
    let resolve = |key: &KeyExpr| match key {
        KeyExpr::Known(key) => Ok(key.clone()),
        KeyExpr::Computed(expr) => match expr.eval(cx)? {
            Value::Str(text) => Ok(Key::Str(text.into())),
            Value::Int(index) => Ok(Key::Int(index)),
            other => Err(format!(
                "could not resolve key for map/slice, expecting 'string' or 'int64' but got '{}'",
                other.type_name()
            )),
        },
    };
    keys.iter().map(resolve).collect()
}

impl Call {
    pub(crate) fn eval<'v>(&'v self, cx: Cx<'v>) -> Result<Value<'v>, String> {
        let mut arguments = SmallVec::<[Value<'v>; 4]>::new();
        for argument in &self.arguments {
            arguments.push(argument.eval(cx)?);
        }
        self.converter.call(&arguments, &cx.env.world)
    }
}

fn sum<'v>(terms: &'v [(MathOp, Expr)], cx: Cx<'v>) -> Result<Value<'v>, String> {
    let mut terms = terms.iter();
    let Some((_, first)) = terms.next() else { return Ok(Value::Nil) };
    let mut value = first.eval(cx)?;
    for (operator, term) in terms {
        value = math::apply(*operator, &value, &term.eval(cx)?)?;
    }
    Ok(value)
}

/// What a key that is not there gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Nil,
    Error,
}

/// Follows keys into a value.
pub(crate) fn index<'v>(value: Value<'v>, keys: &[Key], missing: Missing) -> Result<Value<'v>, String> {
    let mut value = value;
    for key in keys {
        value = match (value, key) {
            (Value::Map(mut map), Key::Str(key)) => match (map.remove(key), missing) {
                (Some(inner), _) => inner,
                (None, Missing::Nil) => return Ok(Value::Nil),
                (None, Missing::Error) => return Err("key not found in map".to_owned()),
            },
            (Value::List(mut items), Key::Int(at)) => {
                let inside = usize::try_from(*at).ok().filter(|at| *at < items.len());
                items.swap_remove(inside.ok_or_else(|| format!("index {at} out of bounds"))?)
            }
            (Value::Map(_), Key::Int(_)) => return Err(codec::NO_STRING_KEY.to_owned()),
            (Value::List(_), Key::Str(_)) => return Err(codec::NO_INT_KEY.to_owned()),
            (other, Key::Str(_)) => {
                return Err(format!("type, {}, does not support string indexing", other.type_name()));
            }
            (other, Key::Int(_)) => return Err(format!("type, {}, does not support int indexing", other.type_name())),
        };
    }
    Ok(value)
}
