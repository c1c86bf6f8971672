use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;
use tailrace_sdk::testing;

use super::*;
use crate::testing::{apply, logs, problems, span, traces};

const KEPT: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
const DROPPED: u128 = 1;

fn of(id: u128) -> Span {
    Span { trace_id: id.to_be_bytes().to_vec(), ..span("a", &json!({})) }
}

#[test]
fn what_is_kept_is_marked_and_what_is_left_empty_goes() {
    let config = json!({"sampling_percentage": 15});
    let mut request = traces(&json!({"r": 1}), vec![of(DROPPED), of(KEPT)]);
    let empty = traces(&json!({"r": 2}), vec![of(DROPPED)]);
    request.resource_spans.extend(empty.resource_spans.clone());
    let kept = Span { trace_state: "ot=rv:fdc80d0b42008d;th:d99c".to_owned(), ..of(KEPT) };
    assert_eq!(apply::<ProbabilisticSampler, _>(&config, &request), traces(&json!({"r": 1}), vec![kept]));
    let outcome = testing::apply::<ProbabilisticSampler>(
        &config.to_string(),
        Signal::Traces,
        &prost::Message::encode_to_vec(&empty),
    );
    assert_eq!(outcome, Ok(Outcome::Discarded));
}

#[test]
fn what_is_marked_as_it_should_be_is_left_alone() {
    let config = json!({"sampling_percentage": 50, "mode": "equalizing"});
    let marked = Span { trace_state: "ot=th:c,a=1".to_owned(), ..of(u128::MAX) };
    let request = traces(&json!({}), vec![marked]);
    assert_eq!(apply::<ProbabilisticSampler, _>(&config, &request), request);
}

#[test]
fn log_records_are_kept_by_an_attribute() {
    let config = json!({"sampling_percentage": 50, "attribute_source": "record", "from_attribute": "id"});
    let record = |id: u32| LogRecord {
        attributes: crate::testing::attributes(&json!({"id": id.to_string()})),
        ..LogRecord::default()
    };
    let request = logs(&json!({}), (0..100).map(record).collect());
    let kept = apply::<ProbabilisticSampler, _>(&config, &request);
    let records = &kept.resource_logs[0].scope_logs[0].log_records;
    assert!((30..70).contains(&records.len()), "{}", records.len());
    assert!(records.iter().all(|record| record.attributes.len() == 3), "id, randomness, threshold");
}

#[test]
fn what_is_wrong_is_told() {
    for (config, path, message) in [
        (json!({"sampling_percentage": -1}), "/sampling_percentage", "negative"),
        (json!({"sampling_percentage": 1e-30}), "/sampling_percentage", "too small"),
        (json!({"sampling_percentage": "x"}), "/sampling_percentage", "invalid type"),
        (json!({"sampling_precision": 0}), "/sampling_precision", "from 1 to 14"),
        (json!({"sampling_precision": 15}), "/sampling_precision", "from 1 to 14"),
        (json!({"sampling_precision": -1}), "/sampling_precision", "invalid value"),
        (json!({"mode": "exact"}), "/mode", "unknown variant"),
        (json!({"attribute_source": "span"}), "/attribute_source", "unknown variant"),
        (json!({"attribute_source": "record"}), "/attribute_source", "would drop every log record"),
        (json!({"percentage": 1}), "/percentage", "unknown field"),
    ] {
        let found = problems::<ProbabilisticSampler>(&config);
        assert!(found.len() == 1 && found[0].0 == path && found[0].1.contains(message), "{config}: {found:?}");
    }
    assert_eq!(problems::<ProbabilisticSampler>(&json!({})), []);
    assert!(testing::apply::<ProbabilisticSampler>("{}", Signal::Metrics, &[]).is_err());
}
