//! Formats of security and web logs.

mod cef;
mod clf;
mod elf;
mod leef;

use super::arguments::string;
use super::{Function, Parameter, pure};

/// A line, or a file, as a map.
pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "ParseCEF", parameters: TARGET, make: |_| pure(|a| cef::parse(some(string(&a[0])?, "CEF")?)) },
    Function {
        name: "ParseCLF",
        parameters: &[Parameter::required("target"), Parameter::optional_literal("format")],
        make: clf::parse_clf,
    },
    Function { name: "ParseELF", parameters: TARGET, make: |_| pure(|a| elf::parse(some(string(&a[0])?, "ELF")?)) },
    Function { name: "ParseLEEF", parameters: TARGET, make: |_| pure(|a| leef::parse(some(string(&a[0])?, "LEEF")?)) },
];

const TARGET: &[Parameter] = &[Parameter::required("target")];

fn some<'t>(text: &'t str, format: &str) -> Result<&'t str, String> {
    match text.is_empty() {
        true => Err(format!("cannot parse empty {format} message")),
        false => Ok(text),
    }
}
