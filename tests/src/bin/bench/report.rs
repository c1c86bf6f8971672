//! The table and the JSON.

use serde_json::{Map, Value, json};
use tailrace_tests::workspace;

use crate::measure::Round;

/// The result of one row: named figures, and a line for the table.
pub(crate) struct Outcome {
    /// Name of the row.
    pub(crate) row: String,
    /// The figure that counts, with its unit.
    pub(crate) figure: String,
    /// Everything else worth a look.
    pub(crate) beside: String,
    /// What is written as JSON.
    pub(crate) json: Map<String, Value>,
}

impl Outcome {
    pub(crate) fn new(row: &str, figure: String, beside: String, json: &Value) -> Self {
        let json = json.as_object().cloned().unwrap_or_default();
        Self { row: row.to_owned(), figure, beside, json }
    }

    /// CPU per span over several rounds.
    pub(crate) fn of_rounds(row: &str, rounds: &[Round], beside: &str) -> Self {
        let costs: Vec<_> = rounds.iter().map(|round| round.us_per_span).collect();
        let (median, min) = (median(&costs), costs.iter().copied().fold(f64::INFINITY, f64::min));
        let speeds: Vec<_> = rounds.iter().map(|round| round.spans_per_second).collect();
        let busy: Vec<_> = rounds.iter().map(|round| round.busy).collect();
        let speed = self::median(&speeds);
        let mut line = format!("{:>9.0} spans/s, {:>3.0} % busy", speed, self::median(&busy) * 100.0);
        if !beside.is_empty() {
            line = format!("{line}, {beside}");
        }
        let json = json!({
            "us_per_span": {"median": median, "min": min, "rounds": costs},
            "spans_per_second": speed,
            "busy": self::median(&busy),
        });
        Self::new(row, format!("{median:.3} (min {min:.3}) us/span"), line, &json)
    }

    pub(crate) fn print(&self) {
        println!("{:<18} {:<32} {}", self.row, self.figure, self.beside);
    }
}

/// Writes all rows, keeping those of earlier runs that were not measured now.
pub(crate) fn write(outcomes: &[Outcome]) -> anyhow::Result<()> {
    let path = workspace().join("target/bench.json");
    let earlier = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let mut rows: Map<String, Value> = earlier.unwrap_or_default();
    for outcome in outcomes {
        rows.insert(outcome.row.clone(), Value::Object(outcome.json.clone()));
    }
    std::fs::write(&path, serde_json::to_string_pretty(&rows)?)?;
    println!("written to {}", path.display());
    Ok(())
}

/// The middle one; the mean of the two middle ones.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}
