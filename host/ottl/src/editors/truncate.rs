//! `truncate_all`.

use tailrace_otlp::view::Value as Wire;

use super::arguments::Target;
use super::{Bound, Edit, Editor, Made, Parameter};
use crate::item::{Change, rewrite};
use crate::{Env, Item, codec};

pub(super) static EDITORS: &[Editor] = &[Editor {
    name: "truncate_all",
    parameters: &[
        Parameter::target(),
        Parameter::value("limit"),
        Parameter::optional("utf8_safe"),
        Parameter::optional("truncation_marker"),
    ],
    contexts: &[],
    make,
}];

fn make(bound: &mut Bound) -> Made {
    let target = bound.map(0)?;
    let limit = bound.int(1)?.unwrap_or_default();
    let Ok(size) = usize::try_from(limit) else {
        return Err(bound.problem(1, format!("invalid limit for truncate_all function, {limit} cannot be negative")));
    };
    let is_utf8_safe = bound.flag(2)?.unwrap_or(true);
    let marker = bound.text(3)?.unwrap_or_default();
    if marker.len() > size {
        let message = format!("the truncation marker has {} bytes, which is more than the limit {size}", marker.len());
        return Err(bound.problem(3, message));
    }
    Ok(Box::new(TruncateAll { target, limit: size, is_utf8_safe, marker }))
}

/// Cuts strings to so many bytes, a marker included.
struct TruncateAll {
    target: Target,
    limit: usize,
    is_utf8_safe: bool,
    marker: String,
}

impl TruncateAll {
    fn cut<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let mut len = self.limit - self.marker.len();
        // Where a letter is cut, the bytes after the cut continue it.
        while self.is_utf8_safe && len > 0 && text.get(len).is_some_and(|byte| byte & 0xc0 == 0x80) {
            len -= 1;
        }
        text.get(..len).unwrap_or(text)
    }
}

impl Edit for TruncateAll {
    fn run(&self, item: &mut Item<'_, '_>, env: &Env<'_>) -> Result<(), String> {
        let path = self.target.path(item, env)?.into_owned();
        item.edit_map(&path, &mut |message, number| {
            rewrite(message, number, &mut |_, value| match value {
                Wire::Str(text) if text.len() > self.limit => {
                    let cut = [self.cut(text), self.marker.as_bytes()].concat();
                    Ok(Change::Value(codec::encode_text(&cut)))
                }
                _ => Ok(Change::Keep),
            })
        })
    }
}
