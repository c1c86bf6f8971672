//! What is wrong with a text, and where.

use std::ops::Range;

/// A mistake in a statement or condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// The bytes of the text that it is about.
    pub span: Range<usize>,
    /// What is wrong, in the Go collector's words where it has some.
    pub message: String,
    /// How to put it right.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without a hint.
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: None }
    }

    /// The same with a hint.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same with the known name that `wrong` may have been meant to be.
    pub(crate) fn meant<'n>(self, wrong: &str, known: impl Iterator<Item = &'n str>) -> Self {
        match nearest(wrong, known) {
            Some(name) => self.hint(format!("did you mean {name}?")),
            None => self,
        }
    }
}

/// The name that is written most like `wrong`, if one is near enough to have been meant.
pub(crate) fn nearest<'n>(wrong: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // A third of the letters may be wrong; below that almost everything is near to everything.
    let bound = (wrong.chars().count() / 3).clamp(1, 4);
    let near = known.map(|name| (distance(wrong, name), name)).min_by_key(|(distance, _)| *distance)?;
    (near.0 <= bound).then_some(near.1)
}

/// How many letters must be changed, put in or left out to make one of the other, whatever their case.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, letter) in left.to_lowercase().chars().enumerate() {
        let mut diagonal = above;
        let mut beside = above + 1;
        for (other, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = *cell;
            beside = changed.min(beside + 1).min(diagonal + 1);
            *cell = beside;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_if_it_is_near() {
        let known = ["IsMatch", "Concat", "delete_key", "delete_matching_keys"];
        let cases = [
            ("Ismatch", Some("IsMatch")),
            ("IsMtch", Some("IsMatch")),
            ("delete_keys", Some("delete_key")),
            ("Frobnicate", None),
            ("x", None),
        ];
        for (wrong, meant) in cases {
            assert_eq!(nearest(wrong, known.into_iter()), meant, "{wrong}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
