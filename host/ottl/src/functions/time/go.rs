//! The elements of Go's layouts, which are parts of one moment: 2006-01-02 15:04:05 -0700 MST, a Monday in January.

use super::layout::{Element, Offset, Pad};

const fn offset(has_z: bool, has_colons: bool, parts: u8) -> Element {
    Element::Offset(Offset { has_z, has_colons, parts })
}

/// Longer ones before those that they begin with.
static GO_ELEMENTS: [(&str, Element); 33] = [
    ("January", Element::MonthName),
    ("Jan", Element::MonthShort),
    ("Monday", Element::WeekdayName),
    ("Mon", Element::WeekdayShort),
    ("MST", Element::ZoneName),
    ("2006", Element::Year4),
    ("002", Element::DayOfYear(Pad::Zero)),
    ("__2", Element::DayOfYear(Pad::Space)),
    ("_2", Element::Day(Pad::Space)),
    ("01", Element::Month(Pad::Zero)),
    ("02", Element::Day(Pad::Zero)),
    ("03", Element::Hour12(Pad::Zero)),
    ("04", Element::Minute(Pad::Zero)),
    ("05", Element::Second(Pad::Zero)),
    ("06", Element::Year2),
    ("15", Element::Hour24),
    ("PM", Element::Meridiem { is_upper: true }),
    ("pm", Element::Meridiem { is_upper: false }),
    ("-07:00:00", offset(false, true, 3)),
    ("-070000", offset(false, false, 3)),
    ("-07:00", offset(false, true, 2)),
    ("-0700", offset(false, false, 2)),
    ("-07", offset(false, false, 1)),
    ("Z07:00:00", offset(true, true, 3)),
    ("Z070000", offset(true, false, 3)),
    ("Z07:00", offset(true, true, 2)),
    ("Z0700", offset(true, false, 2)),
    ("Z07", offset(true, false, 1)),
    ("1", Element::Month(Pad::None)),
    ("2", Element::Day(Pad::None)),
    ("3", Element::Hour12(Pad::None)),
    ("4", Element::Minute(Pad::None)),
    ("5", Element::Second(Pad::None)),
];

/// The element that a text begins with, and its length.
pub(super) fn element(text: &str) -> Option<(Element, usize)> {
    if text.starts_with("_2006") {
        // An underscore and a year, not a day and 006.
        return Some((Element::Literal("_".to_owned()), 1));
    }
    if let Some(fraction) = fraction(text) {
        return Some(fraction);
    }
    let (written, element) = GO_ELEMENTS.iter().find(|(written, _)| text.starts_with(written))?;
    // `Month` is no `Mon`.
    let goes_on = text[written.len()..].starts_with(|c: char| c.is_ascii_lowercase());
    (!(goes_on && matches!(*written, "Jan" | "Mon"))).then(|| (element.clone(), written.len()))
}

/// `.000` or `,999`, if no digit follows.
fn fraction(text: &str) -> Option<(Element, usize)> {
    let separator = text.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digit = text[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let digits = text[1..].bytes().take_while(|byte| char::from(*byte) == digit).count();
    let goes_on = text[1 + digits..].starts_with(|c: char| c.is_ascii_digit());
    let element = Element::Fraction { separator, digits: u8::try_from(digits).ok()?, keeps_zeros: digit == '0' };
    (!goes_on).then_some((element, 1 + digits))
}

impl Element {
    /// How Go writes the element, for messages.
    pub(super) fn as_go(&self) -> String {
        if let Self::Literal(text) = self {
            return text.clone();
        }
        if let Self::Fraction { separator, digits, keeps_zeros } = self {
            return format!("{separator}{}", if *keeps_zeros { "0" } else { "9" }.repeat((*digits).into()));
        }
        let written = GO_ELEMENTS.iter().find(|(_, element)| element == self).map(|(written, _)| *written);
        written.unwrap_or("_1").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::Layout;
    use super::*;

    #[test]
    fn knows_how_go_writes() {
        for text in ["2006", "_2", "-07:00", "Z0700", ".000", ",999999", "Mon", "15"] {
            let layout = Layout::new(text).expect("a layout");
            assert_eq!(layout.elements.iter().map(Element::as_go).collect::<String>(), text);
        }
    }
}
