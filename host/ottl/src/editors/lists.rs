//! Editors of lists.

use super::arguments::Target;
use super::{Bound, Edit, Editor, Made, Parameter};
use crate::expr::{Cx, Expr};
use crate::source::Source;
use crate::{Env, Item, Value};

pub(super) static EDITORS: &[Editor] = &[
    Editor {
        name: "append",
        parameters: &[Parameter::target(), Parameter::optional("value"), Parameter::optional("values")],
        contexts: &[],
        make: append,
    },
    Editor {
        name: "delete_index",
        parameters: &[Parameter::target(), Parameter::value("startIndex"), Parameter::optional("endIndex")],
        contexts: &[],
        make: delete_index,
    },
];

fn append(bound: &mut Bound) -> Made {
    let target = bound.target(0)?;
    let (value, values) = (bound.value(1), bound.value(2));
    if value.is_none() && values.is_none() {
        let message = "at least one of the optional arguments ('value' or 'values') must be provided";
        return Err(bound.problem(1, message));
    }
    Ok(Box::new(Append { target, value, values }))
}

/// Puts values at the end of a list; what is no list becomes the first of one.
struct Append {
    target: Target,
    value: Option<Expr>,
    values: Option<Expr>,
}

impl Edit for Append {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let path = self.target.path(item, env)?.into_owned();
        let cx = Cx { source: item, env };
        let mut list = match item.get(&path)? {
            Value::Nil => Vec::new(),
            Value::List(items) => items,
            other @ (Value::Str(_) | Value::Int(_) | Value::Double(_) | Value::Bool(_)) => vec![other],
            other => return Err(format!("unsupported type of target field: '{}'", other.type_name())),
        };
        if let Some(value) = &self.value {
            list.push(value.eval(cx)?);
        }
        match self.values.as_ref().map(|values| values.eval(cx)).transpose()? {
            None => {}
            Some(Value::List(values)) => list.extend(values),
            Some(other) => return Err(format!("values must be a list but got {}", other.type_name())),
        }
        let list = Value::List(list).into_owned();
        item.set(&path, &list)
    }
}

fn delete_index(bound: &mut Bound) -> Made {
    Ok(Box::new(DeleteIndex { target: bound.target(0)?, start: bound.required(1)?, end: bound.value(2) }))
}

struct DeleteIndex {
    target: Target,
    start: Expr,
    end: Option<Expr>,
}

impl Edit for DeleteIndex {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let path = self.target.path(item, env)?.into_owned();
        let cx = Cx { source: item, env };
        let mut list = match item.get(&path)? {
            Value::List(items) => items,
            other => return Err(format!("expected pcommon.Slice but got {}", other.type_name())),
        };
        let start = int(&self.start, cx)?;
        let end = self.end.as_ref().map_or(Ok(start.saturating_add(1)), |end| int(end, cx))?;
        let len = list.len() as i64;
        if (start, end) != (0, len) {
            check(start, end, len)?;
        }
        list.drain(start as usize..end as usize);
        let list = Value::List(list).into_owned();
        item.set(&path, &list)
    }
}

fn check(start: i64, end: i64, len: i64) -> Result<(), String> {
    if !(0..len).contains(&start) {
        return Err(format!("startIndex {start} out of bounds for slice of length {len}"));
    }
    if end < start {
        return Err(format!("endIndex {end} cannot be less than startIndex {start}"));
    }
    if end > len {
        return Err(format!("deletion range [{start}:{end}] out of bounds for slice of length {len}"));
    }
    Ok(())
}

fn int(expr: &Expr, cx: Cx<'_>) -> Result<i64, String> {
    match expr.eval(cx)? {
        Value::Int(number) => Ok(number),
        other => Err(format!("expected int64 but got {}", other.type_name())),
    }
}
