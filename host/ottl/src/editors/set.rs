//! `set` and `clear`.

use super::arguments::Target;
use super::{Bound, Edit, Editor, Made, Parameter};
use crate::expr::{Cx, Expr};
use crate::path::{Shape, shape};
use crate::source::Source;
use crate::{Env, Field, Item, Map, Path, Time, Value, codec};

pub(super) static EDITORS: &[Editor] = &[
    Editor { name: "set", parameters: &[Parameter::target(), Parameter::value("value")], contexts: &[], make: set },
    Editor { name: "clear", parameters: &[Parameter::target()], contexts: &[], make: clear },
];

fn set(bound: &mut Bound) -> Made {
    let target = bound.target(0)?;
    let value = bound.required(1)?;
    let path = &target.0.path;
    let is_attribute = path.field != Field::Cache && shape(path) == Some(Shape::Map) && target.0.more.is_empty();
    let Some(key) = path.only_key().filter(|_| is_attribute).map(Box::<str>::from) else {
        return Ok(Box::new(Set { target, value }));
    };
    let Expr::Literal(literal) = &value else {
        return Ok(Box::new(SetAttribute { path: target.0.path, key, value }));
    };
    let mut encoded = Vec::new();
    codec::encode(&mut encoded, literal).map_err(|message| bound.problem(1, message))?;
    Ok(Box::new(SetLiteral { path: target.0.path, key, encoded }))
}

/// Gives a field a value.
struct Set {
    target: Target,
    value: Expr,
}

impl Edit for Set {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let value = self.value.eval(Cx { source: item, env })?.into_owned();
        let path = self.target.path(item, env)?;
        item.set(&path, &value)
    }
}

/// Gives an attribute a value, without a detour over the item's other values.
struct SetAttribute {
    path: Path,
    key: Box<str>,
    value: Expr,
}

impl Edit for SetAttribute {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        item.with_scratch(|item, scratch| {
            let found = match &self.value {
                Expr::Path(from) if from.more.is_empty() => item.encoded_attribute(&from.path),
                _ => None,
            };
            match found {
                // From one attribute to another as it lies.
                Some(encoded) => scratch.extend_from_slice(encoded),
                None => codec::encode(scratch, &self.value.eval(Cx { source: item, env })?)?,
            }
            item.set_attribute(&self.path, &self.key, scratch)
        })
    }
}

/// Gives an attribute the same value each time, which is on the wire's form already.
struct SetLiteral {
    path: Path,
    key: Box<str>,
    encoded: Vec<u8>,
}

impl Edit for SetLiteral {
    fn run(&self, item: &mut Item<'_, '_>, _: &Env<'_>) -> Result<(), String> {
        item.set_attribute(&self.path, &self.key, &self.encoded)
    }
}

fn clear(bound: &mut Bound) -> Made {
    Ok(Box::new(Clear(bound.target(0)?)))
}

/// Gives a field the value that one of its type has when it is not set.
struct Clear(Target);

impl Edit for Clear {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let path = self.0.path(item, env)?;
        let zero = match item.get(&path)? {
            Value::Nil => Value::Nil,
            Value::Bool(_) => Value::Bool(false),
            Value::Int(_) => Value::Int(0),
            Value::Double(_) => Value::Double(0.0),
            Value::Str(_) => "".into(),
            Value::Bytes(bytes) => Value::Bytes(vec![0; if path.keys.is_empty() { bytes.len() } else { 0 }].into()),
            Value::List(_) => Value::List(Vec::new()),
            Value::Map(_) => Value::Map(Map::default()),
            Value::Time(time) => Value::Time(Time { unix_ns: 0, ..time }),
            Value::Duration(_) => Value::Duration(0),
        };
        item.set(&path, &zero)
    }
}
