//! Values inside of values.

use crate::{Key, Map, Value, codec};

/// How long a list grows by being given an element far behind its end.
const MAX_PADDING: i64 = 1024;

/// Puts a value where keys lead. What is missing on the way is made: a map for a string, a list for an index.
pub(in crate::item) fn put<'v>(whole: &mut Value<'v>, keys: &[Key], value: Value<'v>) -> Result<(), String> {
    let Some((key, rest)) = keys.split_first() else {
        *whole = value;
        return Ok(());
    };
    if *whole == Value::Nil {
        *whole = match key {
            Key::Str(_) => Value::Map(Map::default()),
            Key::Int(index @ 0..=MAX_PADDING) => Value::List(vec![Value::Nil; *index as usize + 1]),
            Key::Int(index) => return Err(format!("index {index} out of bounds")),
        };
    }
    match (whole, key) {
        (Value::Map(map), Key::Str(key)) => {
            if map.get(key).is_none() {
                map.push(key.clone().into_string(), Value::Nil);
            }
            map.get_mut(key).map_or(Ok(()), |inner| put(inner, rest, value))
        }
        (Value::List(items), Key::Int(index)) => {
            let item = usize::try_from(*index).ok().and_then(|at| items.get_mut(at));
            put(item.ok_or_else(|| format!("index {index} out of bounds"))?, rest, value)
        }
        (Value::Map(_), Key::Int(_)) => Err(codec::NO_STRING_KEY.to_owned()),
        (Value::List(_), Key::Str(_)) => Err(codec::NO_INT_KEY.to_owned()),
        (other, _) => Err(format!("type {} does not support string indexing", other.type_name())),
    }
}
