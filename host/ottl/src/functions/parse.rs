//! Formats of data in strings.

mod csv;
mod json;
mod key_values;
mod severity;

use super::arguments::string;
use super::{Function, Parameter, pure};

/// From text to maps and lists; key-value pairs to text too.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "ParseCSV",
        parameters: &[
            Parameter::required("target"),
            Parameter::required("header"),
            Parameter::optional_literal("delimiter"),
            Parameter::optional_literal("headerDelimiter"),
            Parameter::optional_literal("mode"),
        ],
        make: csv::parse_csv,
    },
    Function {
        name: "ParseJSON",
        parameters: &[Parameter::required("target")],
        make: |_| pure(|a| json::parse(string(&a[0])?)),
    },
    Function {
        name: "ParseKeyValue",
        parameters: &[
            Parameter::required("target"),
            Parameter::optional_literal("delimiter"),
            Parameter::optional_literal("pairDelimiter"),
        ],
        make: key_values::parse_key_value,
    },
    Function {
        name: "ParseSeverity",
        parameters: &[Parameter::required("target"), Parameter::literal("mapping")],
        make: severity::parse_severity,
    },
    Function {
        name: "ToKeyValueString",
        parameters: &[
            Parameter::required("target"),
            Parameter::optional_literal("delimiter"),
            Parameter::optional_literal("pairDelimiter"),
            Parameter::optional_literal("sortOutput"),
        ],
        make: key_values::to_key_value_string,
    },
];
