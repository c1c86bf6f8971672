//! What expressions evaluate to.

use std::borrow::Cow;

/// A value of the language. Borrowed from the request where it can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing: a missing key, an unset field, an empty `AnyValue`.
    Nil,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// A string. What a sender wrote that is no UTF-8 reads with replacement characters.
    Str(Cow<'a, str>),
    /// Bytes; trace ids and span ids too.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Value<'a>>),
    /// A map, in the order of insertion.
    Map(Map<'a>),
    /// A point in time.
    Time(Time),
    /// A span of time, ns.
    Duration(i64),
}

/// A point in time, and the offset of the clock that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Unix ns. (Wider than an `i64`: the language parses years that OTLP can not hold.)
    pub unix_ns: i128,
    /// Seconds east of UTC of the location it was read in; date parts and formats follow it.
    pub offset_seconds: i32,
}

impl Value<'_> {
    /// The same value, borrowed.
    pub fn by_ref(&self) -> Value<'_> {
        match self {
            Self::Str(text) => Value::Str(Cow::Borrowed(text)),
            Self::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Self::List(items) => Value::List(items.iter().map(Value::by_ref).collect()),
            Self::Map(map) => {
                Value::Map(Map(map.0.iter().map(|(key, value)| (Cow::Borrowed(&**key), value.by_ref())).collect()))
            }
            Self::Nil => Value::Nil,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Int(number) => Value::Int(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Time(time) => Value::Time(*time),
            Self::Duration(ns) => Value::Duration(*ns),
        }
    }

    /// The same value, with nothing borrowed.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Str(text) => Value::Str(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Self::Map(map) => Value::Map(map.into_owned()),
            Self::Nil => Value::Nil,
            Self::Bool(flag) => Value::Bool(flag),
            Self::Int(number) => Value::Int(number),
            Self::Double(number) => Value::Double(number),
            Self::Time(time) => Value::Time(time),
            Self::Duration(ns) => Value::Duration(ns),
        }
    }

    /// What the Go collector's messages call a value of this type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int64",
            Self::Double(_) => "float64",
            Self::Str(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::List(_) => "pcommon.Slice",
            Self::Map(_) => "pcommon.Map",
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
        }
    }
}

impl From<&'static str> for Value<'_> {
    fn from(text: &'static str) -> Self {
        Self::Str(Cow::Borrowed(text))
    }
}

/// A map, in the order of insertion. Keys are unique.
#[derive(Clone, Debug, Default)]
pub struct Map<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Map<'a> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value<'a>> {
        self.0.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Puts a value in, in the place of one of the same key if there is one.
    pub fn insert(&mut self, key: impl Into<Cow<'a, str>>, value: Value<'a>) {
        let key = key.into();
        match self.get_mut(&key) {
            Some(old) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    /// Puts a value last, without a look at whether its key is new: for what is read from where keys do not repeat, or where
    /// that does not matter, since [`get`](Self::get) finds the first.
    pub fn push(&mut self, key: impl Into<Cow<'a, str>>, value: Value<'a>) {
        self.0.push((key.into(), value));
    }

    /// The same map, with nothing borrowed.
    pub fn into_owned(self) -> Map<'static> {
        Map(self.0.into_iter().map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned())).collect())
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &str) -> Option<Value<'a>> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }

    /// Keeps the entries that `keep` says to.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value<'a>) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    /// The entries, in order, their values to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Value<'a>)> {
        self.0.iter_mut().map(|(key, value)| (&**key, value))
    }

    /// The entries, in order, taken out.
    pub fn into_entries(self) -> impl ExactSizeIterator<Item = (Cow<'a, str>, Value<'a>)> {
        self.0.into_iter()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of entries of one key the last one counts, at the place of the first.
impl<'a> FromIterator<(Cow<'a, str>, Value<'a>)> for Map<'a> {
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Value<'a>)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        // Sorted, since a hostile sender's map is long and looking for each key would be quadratic.
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|&a, &b| entries[a].0.cmp(&entries[b].0).then(a.cmp(&b)));
        let mut stays = vec![true; entries.len()];
        for group in
            order.chunk_by(|&a, &b| entries[a].0 == entries[b].0).filter(|group| group.len() > 1).collect::<Vec<_>>()
        {
            let (first, last) = (group[0], group[group.len() - 1]);
            entries[first].1 = std::mem::replace(&mut entries[last].1, Value::Nil);
            group[1..].iter().for_each(|&index| stays[index] = false);
        }
        let mut stays = stays.into_iter();
        entries.retain(|_| stays.next().unwrap_or_default());
        Self(entries)
    }
}

/// Maps are equal whatever their order.
impl PartialEq for Map<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_key_counts() {
        let entries = [("b", 1), ("a", 2), ("b", 3), ("c", 4), ("b", 5), ("a", 6)];
        let map: Map<'_> = entries.into_iter().map(|(key, value)| (key.into(), Value::Int(value))).collect();
        let entries: Vec<_> = map.iter().collect();
        assert_eq!(entries, [("b", &Value::Int(5)), ("a", &Value::Int(6)), ("c", &Value::Int(4))]);
    }
}
