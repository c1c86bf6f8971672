//! Conditions.

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
    /// A path that is compared with a string. Nothing else is asked as often.
    Text {
        path: Path,
        operator: CompareOp,
        text: Box<str>,
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
            Self::Text { path, operator, text } => match cx.source.glance(path) {
                Glance::Text(found) => Ok(operator.holds(Some(found.cmp(text.as_bytes())))),
                Glance::NoText => Ok(operator.holds(None)),
                Glance::Unknown => {
                    Ok(operator.holds(compare::order(&super::get(path, cx)?, &Value::Str((&**text).into()))))
                }
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
            Self::Text { path, .. } => see(path),
            Self::Not(inner) => inner.each_path(see),
            Self::All(all) | Self::Any(all) => all.iter().for_each(|test| test.each_path(see)),
        }
    }
}
