//! What the host says of itself on `/metrics`.

use std::collections::BTreeMap;

/// One scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// The text as served.
    pub text: String,
    samples: Vec<Sample>,
}

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    /// Parses the Prometheus text format.
    pub fn parse(text: String) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let samples = lines.filter_map(sample).collect();
        Self { text, samples }
    }

    /// The sum of the series of this name that have all of `labels`; 0 if there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value).sum::<f64>() + 0.0
    }

    /// Whether a series of this name has all of `labels`.
    pub fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.matching(name, labels).next().is_some()
    }

    /// Names and label values of all series that begin with `prefix`, for messages.
    pub fn with_prefix(&self, prefix: &str) -> String {
        self.text.lines().filter(|line| line.starts_with(prefix)).collect::<Vec<_>>().join("\n")
    }

    fn matching<'a>(&'a self, name: &'a str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name
                && labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|found| found == value))
        })
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let (name, rest) = series.split_once('{').unwrap_or((series, "}"));
    let mut labels = BTreeMap::new();
    for pair in rest.strip_suffix('}')?.split("\",").filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once("=\"")?;
        labels.insert(key.trim_start_matches(',').to_owned(), value.trim_end_matches('"').to_owned());
    }
    Some(Sample { name: name.to_owned(), labels, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_found_by_name_and_labels() {
        let text =
            "# HELP a b\n# TYPE a counter\na{x=\"1\",y=\"p,q\"} 3\na{x=\"2\"} 4\nb 1.5\nh_bucket{le=\"+Inf\"} 2\n";
        let metrics = Metrics::parse(text.to_owned());
        let check = |name: &str, labels: &[(&str, &str)], sum: f64| {
            assert!((metrics.sum(name, labels) - sum).abs() < f64::EPSILON, "{name}{labels:?}");
        };
        check("a", &[], 7.0);
        check("a", &[("y", "p,q")], 3.0);
        check("b", &[], 1.5);
        check("h_bucket", &[("le", "+Inf")], 2.0);
        assert!(!metrics.has("a", &[("x", "3")]));
    }
}
