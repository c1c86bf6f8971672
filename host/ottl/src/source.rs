//! What expressions read from.

use crate::functions::World;
use crate::{Field, Path, Value};

/// An item, as a condition sees it.
///
/// [`Item`](crate::Item) is one over wire bytes. A caller that has an item in another form, such as columns, can serve the
/// [paths](crate::Condition::paths) of its conditions itself.
///
/// ```
/// use tailrace_ottl::{Condition, Context, Env, Field, Path, Source, Value};
///
/// struct Row { name: &'static str, duration_ms: i64 }
///
/// impl Source for Row {
///     fn get<'s>(&'s self, path: &Path) -> Result<Value<'s>, String> {
///         match (path.field, path.only_key()) {
///             (Field::Name, None) => Ok(self.name.into()),
///             (Field::Attributes, Some("duration_ms")) => Ok(Value::Int(self.duration_ms)),
///             _ => Ok(Value::Nil),
///         }
///     }
/// }
///
/// let condition = Condition::parse(r#"name == "pay" and attributes["duration_ms"] > 500"#, Context::Span).expect("valid");
/// let row = Row { name: "pay", duration_ms: 700 };
/// assert_eq!(condition.holds(&row, &Env::default()), Ok(true));
/// let needed: Vec<String> = condition.paths().iter().map(ToString::to_string).collect();
/// assert_eq!(needed, ["span.name", "span.attributes[\"duration_ms\"]"]);
/// ```
pub trait Source {
    /// The value of a path: [`Value::Nil`] for a key that is not there. An error is the condition's or statement's.
    fn get<'s>(&'s self, path: &Path) -> Result<Value<'s>, String>;

    /// What lies at a path, as far as a look at it tells without decoding it. Most conditions compare an attribute with a
    /// literal: for those this is the faster way.
    fn glance<'s>(&'s self, path: &Path) -> Glance<'s> {
        _ = path;
        Glance::Unknown
    }

    /// Whether a data point of the metric has an attribute of that key, and of that value if one is given: what the `filter`
    /// processor's two functions of old ask.
    fn any_data_point(&self, key: &str, value: Option<&str>) -> Result<bool, String> {
        _ = (key, value);
        Err("only metrics have data points".to_owned())
    }
}

/// What [`Source::glance`] tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Glance<'s> {
    /// Nothing is there: [`Value::Nil`].
    Nothing,
    /// A string, which may be no UTF-8.
    Text(&'s [u8]),
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// Something else, which is equal to none of these.
    Other,
    /// Not known without [`Source::get`].
    Unknown,
}

/// What is known of who sent the request: what paths under `otelcol` give.
pub trait Client {
    /// The address as a string; metadata and attributes as maps, whose keys are in small letters, of lists of strings.
    fn value(&self, field: Field) -> Value<'_>;
}

/// Nobody is known.
impl Client for () {
    fn value(&self, _: Field) -> Value<'_> {
        Value::Nil
    }
}

/// What an evaluation knows besides the item.
pub struct Env<'e> {
    /// Time and randomness.
    pub world: World<'e>,
    /// Who sent the request.
    pub client: &'e dyn Client,
}

/// The time is 1970, chance gives 4, and nobody is known: for tests, and for conditions that ask for none of that.
impl Default for Env<'_> {
    fn default() -> Self {
        Self { world: World { now_unix_ns: 0, random: &|| 4 }, client: &() }
    }
}
