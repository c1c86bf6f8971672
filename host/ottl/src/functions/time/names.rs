//! Names of months and weekdays in languages.

/// The names of a language.
pub(super) struct Names {
    pub(super) months: [&'static str; 12],
    /// From Sunday.
    pub(super) weekdays: [&'static str; 7],
    /// Short ones where they are not the first three letters.
    pub(super) short_months: Option<[&'static str; 12]>,
    pub(super) short_weekdays: Option<[&'static str; 7]>,
    /// What stands for AM and PM besides these.
    pub(super) meridiems: [&'static str; 2],
}

pub(super) static ENGLISH: Names = Names {
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    weekdays: ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
    short_months: None,
    short_weekdays: None,
    meridiems: ["AM", "PM"],
};

/// Those of CLDR that logs are written in most; each is a few hundred bytes of every plugin.
static LANGUAGES: [(&str, &Names); 7] = [
    ("de", &GERMAN),
    ("en", &ENGLISH),
    ("es", &SPANISH),
    ("fr", &FRENCH),
    ("it", &ITALIAN),
    ("nl", &DUTCH),
    ("pt", &PORTUGUESE),
];

/// The names of a locale: its language, whatever its region.
pub(super) fn of(locale: &str) -> Result<&'static Names, String> {
    let language = locale.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let known = LANGUAGES.iter().find(|(known, _)| *known == language).map(|(_, names)| *names);
    known.ok_or_else(|| {
        let languages: Vec<_> = LANGUAGES.iter().map(|(language, _)| *language).collect();
        format!("unsupported locale '{locale}', the language must be one of {}", languages.join(", "))
    })
}

static GERMAN: Names = Names {
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    weekdays: ["Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"],
    short_months: Some(["Jan", "Feb", "März", "Apr", "Mai", "Juni", "Juli", "Aug", "Sept", "Okt", "Nov", "Dez"]),
    short_weekdays: Some(["So", "Mo", "Di", "Mi", "Do", "Fr", "Sa"]),
    meridiems: ["AM", "PM"],
};

static SPANISH: Names = Names {
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    weekdays: ["domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"],
    short_months: Some(["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"]),
    short_weekdays: None,
    meridiems: ["a.m.", "p.m."],
};

static FRENCH: Names = Names {
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    weekdays: ["dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"],
    short_months: Some(["janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc"]),
    short_weekdays: None,
    meridiems: ["AM", "PM"],
};

static ITALIAN: Names = Names {
    months: [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ],
    weekdays: ["domenica", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato"],
    short_months: None,
    short_weekdays: None,
    meridiems: ["AM", "PM"],
};

static DUTCH: Names = Names {
    months: [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    weekdays: ["zondag", "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag"],
    short_months: Some(["jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"]),
    short_weekdays: Some(["zo", "ma", "di", "wo", "do", "vr", "za"]),
    meridiems: ["a.m.", "p.m."],
};

static PORTUGUESE: Names = Names {
    months: [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
    weekdays: ["domingo", "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado"],
    short_months: None,
    short_weekdays: None,
    meridiems: ["AM", "PM"],
};

impl Names {
    /// Reads a name off the front of a text: its number, and what follows. Upper and lower case are one, and a point may follow a
    /// short name.
    pub(super) fn month<'t>(&self, text: &'t str, is_short: bool) -> Option<(u8, &'t str)> {
        let (index, rest) = match (is_short, &self.short_months) {
            (true, Some(short)) => longest(short.iter().copied(), text)?,
            (true, None) => longest(self.months.iter().map(|name| first_three(name)), text)?,
            (false, _) => longest(self.months.iter().copied(), text)?,
        };
        Some((
            index as u8 + 1,
            if is_short && !self.is_english() { rest.strip_prefix('.').unwrap_or(rest) } else { rest },
        ))
    }

    pub(super) fn weekday<'t>(&self, text: &'t str, is_short: bool) -> Option<&'t str> {
        let (_, rest) = match (is_short, &self.short_weekdays) {
            (true, Some(short)) => longest(short.iter().copied(), text)?,
            (true, None) => longest(self.weekdays.iter().map(|name| first_three(name)), text)?,
            (false, _) => longest(self.weekdays.iter().copied(), text)?,
        };
        Some(if is_short && !self.is_english() { rest.strip_prefix('.').unwrap_or(rest) } else { rest })
    }

    /// Whether a text begins with what means PM, and what follows.
    pub(super) fn meridiem<'t>(&self, text: &'t str, is_upper: bool) -> Option<(bool, &'t str)> {
        if !self.is_english() {
            let own = self.meridiems.iter().position(|name| strip(text, name).is_some());
            if let Some(index) = own {
                return Some((index == 1, strip(text, self.meridiems[index])?));
            }
        }
        let names = if is_upper { ["AM", "PM"] } else { ["am", "pm"] };
        let index = names.iter().position(|name| text.starts_with(name))?;
        Some((index == 1, &text[2..]))
    }

    fn is_english(&self) -> bool {
        std::ptr::eq(self, &raw const ENGLISH)
    }
}

fn first_three(name: &str) -> &str {
    name.char_indices().nth(3).map_or(name, |(end, _)| &name[..end])
}

/// The longest of the names that a text begins with.
fn longest<'n, 't>(names: impl Iterator<Item = &'n str>, text: &'t str) -> Option<(usize, &'t str)> {
    let found = names.enumerate().filter_map(|(index, name)| strip(text, name).map(|rest| (index, rest)));
    found.min_by_key(|(_, rest)| rest.len())
}

/// What follows a name, whatever the case of its letters.
fn strip<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut chars = text.chars();
    for expected in name.chars() {
        let found = chars.next()?;
        if found != expected && !found.to_lowercase().eq(expected.to_lowercase()) {
            return None;
        }
    }
    Some(chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names() {
        assert_eq!(ENGLISH.month("march 1", false), Some((3, " 1")));
        assert_eq!(ENGLISH.month("MARch", true), Some((3, "ch")));
        assert_eq!(GERMAN.month("März 1", false), Some((3, " 1")));
        assert_eq!(GERMAN.month("MÄRZ", true), Some((3, "")));
        assert_eq!(FRENCH.month("juil. 1", true), Some((7, " 1")));
        assert_eq!(FRENCH.month("juin", true), Some((6, "")));
        assert_eq!(SPANISH.weekday("miércoles,", false), Some(","));
        assert_eq!(SPANISH.weekday("mié.", true), Some(""));
        assert_eq!(SPANISH.meridiem("p.m.", false), Some((true, "")));
        assert_eq!(ENGLISH.meridiem("PM", false), None);
        assert_eq!(ENGLISH.month("Marz", false), None);
        assert!(of("es-ES").is_ok() && of("pt_BR").is_ok() && of("EN").is_ok());
        assert!(of("tlh").is_err_and(
            |message| message == "unsupported locale 'tlh', the language must be one of de, en, es, fr, it, nl, pt"
        ));
    }
}
