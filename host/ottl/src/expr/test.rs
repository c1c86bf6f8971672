//! Conditions.

use std::cmp::Ordering;

use super::{Cx, Expr};
use crate::source::Glance;
use crate::syntax::CompareOp;
use crate::{Path, Value, compare};

/// What is true or false of an item.
pub(crate) enum Test {
    Constant(bool),
    /// What must give a boolean.
    Value(Expr),
    Compare(CompareOp, Expr, Expr),
    /// A path that is compared with nil, a boolean, a number or a string. Nothing else is asked as often.
    Plain {
        path: Path,
        operator: CompareOp,
        literal: Value<'static>,
    },
    Not(Box<Test>),
    All(Vec<Test>),
    Any(Vec<Test>),
}

impl Test {
    /// Whether it holds.
    pub(crate) fn eval(&self, cx: Cx<'_>) -> Result<bool, String> {
        match self {
            Self::Constant(flag) => Ok(*flag),
            Self::Value(expr) => match expr.eval(cx)? {
                Value::Bool(flag) => Ok(flag),
                other => Err(format!(
                    "value returned from converter in constant expression must be bool but got {}",
                    other.type_name()
                )),
            },
            Self::Plain { path, operator, literal } => match cx.source.glance(path) {
                Glance::Unknown => Ok(compare::holds(*operator, &super::get(path, cx)?, literal)),
                found => Ok(operator.holds(order(found, literal))),
            },
            Self::Compare(operator, left, right) => Ok(compare::holds(*operator, &left.eval(cx)?, &right.eval(cx)?)),
            Self::Not(inner) => inner.eval(cx).map(|holds| !holds),
            Self::All(all) => {
                for test in all {
                    if !test.eval(cx)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(all) => {
                for test in all {
                    if test.eval(cx)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// Asks about every path in the condition.
    pub(crate) fn each_path<'v>(&'v self, see: &mut dyn FnMut(&'v Path)) {
        match self {
            Self::Constant(_) => {}
            Self::Value(expr) => expr.each_path(see),
            Self::Compare(_, left, right) => {
                left.each_path(see);
                right.each_path(see);
            }
            Self::Plain { path, .. } => see(path),
            Self::Not(inner) => inner.each_path(see),
            Self::All(all) | Self::Any(all) => all.iter().for_each(|test| test.each_path(see)),
        }
    }
}

/// How what was glanced at relates to a literal, if they can be compared.
#[inline]
fn order(found: Glance<'_>, literal: &Value<'static>) -> Option<Ordering> {
    match (found, literal) {
        (Glance::Text(found), Value::Str(text)) => Some(found.cmp(text.as_bytes())),
        (Glance::Nothing, Value::Nil) => Some(Ordering::Equal),
        (Glance::Bool(found), literal) => compare::order(&Value::Bool(found), literal),
        (Glance::Int(found), literal) => compare::order(&Value::Int(found), literal),
        (Glance::Double(found), literal) => compare::order(&Value::Double(found), literal),
        (Glance::Text(_) | Glance::Nothing | Glance::Other | Glance::Unknown, _) => None,
    }
}
