//! Layouts of times: the directives of `strftime` (`%Y-%m-%d`), and in the text between them the elements of Go's layouts
//! (`2006-01-02`).

use super::go;

/// A layout, read once.
pub(super) struct Layout {
    pub(super) elements: Vec<Element>,
    /// As it was written, for messages.
    pub(super) text: String,
}

/// A part of a layout, and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Literal(String),
    Year4,
    Year2,
    MonthName,
    MonthShort,
    Month(Pad),
    WeekdayName,
    WeekdayShort,
    Day(Pad),
    DayOfYear(Pad),
    Hour24,
    Hour12(Pad),
    Minute(Pad),
    Second(Pad),
    /// Digits of a second's fraction, with what stands before them; zeros at the end only where they are kept.
    Fraction {
        separator: char,
        digits: u8,
        keeps_zeros: bool,
    },
    Meridiem {
        is_upper: bool,
    },
    ZoneName,
    Offset(Offset),
}

/// How a number is filled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pad {
    None,
    Zero,
    Space,
}

/// How an offset from UTC is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    /// UTC is `Z`.
    pub(super) has_z: bool,
    pub(super) has_colons: bool,
    /// 1 for hours, 2 with minutes, 3 with seconds.
    pub(super) parts: u8,
}

impl Layout {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let mut layout = Self { elements: Vec::new(), text: text.to_owned() };
        let mut rest = text;
        while let Some(percent) = rest.find('%') {
            layout.push_go(&rest[..percent]);
            let Some(directive) = rest[percent + 1..].chars().next() else {
                layout.push(Element::Literal("%".to_owned()));
                return Ok(layout);
            };
            layout.push_directive(directive)?;
            rest = &rest[percent + 1 + directive.len_utf8()..];
        }
        layout.push_go(rest);
        Ok(layout)
    }

    fn push(&mut self, element: Element) {
        match (self.elements.last_mut(), element) {
            (Some(Element::Literal(last)), Element::Literal(text)) => last.push_str(&text),
            (_, element) => self.elements.push(element),
        }
    }

    fn push_directive(&mut self, directive: char) -> Result<(), String> {
        let numeric = |has_colons, parts| Element::Offset(Offset { has_z: false, has_colons, parts });
        let element = match directive {
            'Y' => Element::Year4,
            'y' => Element::Year2,
            'm' => Element::Month(Pad::Zero),
            'o' => Element::Month(Pad::Space),
            'q' => Element::Month(Pad::None),
            'b' | 'h' => Element::MonthShort,
            'B' => Element::MonthName,
            'd' => Element::Day(Pad::Zero),
            'e' => Element::Day(Pad::Space),
            'g' => Element::Day(Pad::None),
            'a' => Element::WeekdayShort,
            'A' => Element::WeekdayName,
            'H' => Element::Hour24,
            'l' => Element::Hour12(Pad::None),
            'I' => Element::Hour12(Pad::Zero),
            'p' => Element::Meridiem { is_upper: true },
            'P' => Element::Meridiem { is_upper: false },
            'M' => Element::Minute(Pad::Zero),
            'S' => Element::Second(Pad::Zero),
            'L' => return self.push_fraction(directive, 3),
            'f' => return self.push_fraction(directive, 6),
            's' => return self.push_fraction(directive, 9),
            'Z' => Element::ZoneName,
            'z' => numeric(false, 2),
            'w' => numeric(false, 3),
            'i' => numeric(false, 1),
            'j' => numeric(true, 2),
            'k' => numeric(true, 3),
            'n' => Element::Literal("\n".to_owned()),
            't' => Element::Literal("\t".to_owned()),
            '%' => Element::Literal("%".to_owned()),
            'D' | 'x' => {
                self.push_go("01/02/2006");
                return Ok(());
            }
            'F' => {
                self.push_go("2006-01-02");
                return Ok(());
            }
            'T' | 'X' => {
                self.push_go("15:04:05");
                return Ok(());
            }
            'r' => {
                self.push_go("03:04:05 pm");
                return Ok(());
            }
            'R' => {
                self.push_go("15:04");
                return Ok(());
            }
            'c' => {
                self.push_go("Mon Jan 02 15:04:05 2006");
                return Ok(());
            }
            other => {
                return Err(format!("convert to go time format: unsupported ctimefmt.ToNative() directive: %{other}"));
            }
        };
        self.push(element);
        Ok(())
    }

    /// A fraction belongs to the point or comma before it.
    fn push_fraction(&mut self, directive: char, digits: u8) -> Result<(), String> {
        let separator = match self.elements.last_mut() {
            Some(Element::Literal(text)) => text.pop_if_separator(),
            _ => None,
        };
        let separator = separator.ok_or_else(|| {
            format!("invalid fractional seconds directive: '%{directive}'. must be preceded with '.' or ','")
        })?;
        self.elements.retain(|element| !matches!(element, Element::Literal(text) if text.is_empty()));
        self.push(Element::Fraction { separator, digits, keeps_zeros: false });
        Ok(())
    }

    /// Text in which the elements of Go's layouts stand.
    fn push_go(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (element, len) = go::element(rest).unwrap_or_else(|| (Element::Literal(c.to_string()), c.len_utf8()));
            self.push(element);
            rest = &rest[len..];
        }
    }
}

/// Taking a point or comma off the end of a text.
trait PopIfSeparator {
    fn pop_if_separator(&mut self) -> Option<char>;
}

impl PopIfSeparator for String {
    fn pop_if_separator(&mut self) -> Option<char> {
        let separator = self.chars().next_back().filter(|c| matches!(c, '.' | ','))?;
        self.pop();
        Some(separator)
    }
}

impl Element {
    /// Whether the element says something of the day.
    pub(super) fn is_of_date(&self) -> bool {
        matches!(
            self,
            Self::Year4
                | Self::Year2
                | Self::MonthName
                | Self::MonthShort
                | Self::Month(_)
                | Self::WeekdayName
                | Self::WeekdayShort
                | Self::Day(_)
                | Self::DayOfYear(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_directives_and_elements() {
        let elements = |text: &str| Layout::new(text).expect("a layout").elements;
        assert_eq!(elements("%Y-%m-%dT%H:%M:%S.%LZ"), elements("2006-01-02T15:04:05.999Z"));
        assert_eq!(elements("%F %T"), elements("%Y-%m-%d %H:%M:%S"));
        assert_eq!(elements("%c"), elements("%a %b %d %H:%M:%S %Y"));
        assert_eq!(elements("%Y%m%d%H%M%S"), elements("20060102150405"));
        assert_eq!(elements("Month%nJanuary"), [Element::Literal("Month\n".to_owned()), Element::MonthName]);
        assert_eq!(elements("100%"), [Element::Month(Pad::None), Element::Literal("00%".to_owned())]);
        for directive in "YymoqbhBdegaAHlIpPMSZzwijkntDxFTXrRc%".chars() {
            assert!(Layout::new(&format!("%{directive}")).is_ok(), "%{directive}");
        }
        for (text, message) in [
            ("%Y %U", "unsupported ctimefmt.ToNative() directive: %U"),
            ("%S%L", "invalid fractional seconds directive: '%L'. must be preceded with '.' or ','"),
            ("%f", "invalid fractional seconds directive: '%f'"),
        ] {
            assert!(Layout::new(text).is_err_and(|error| error.contains(message)), "{text}");
        }
    }
}
