use std::path::PathBuf;
use std::time::Duration;

use prost::Message as _;
use tailrace_otlp::{Rope, Signal, json};

use super::*;
use crate::net::testing::traces;

const RULE: Rule = Rule { decision_wait: Duration::from_secs(2) };

fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn read(bytes: &[u8]) -> Result<Vec<Content>, ReadError> {
    let (_folder, path) = file(bytes);
    let mut reader = Reader::open(&path, RULE)?;
    let mut all = Vec::new();
    while let Some(content) = reader.read()? {
        all.push(content);
    }
    Ok(all)
}

fn slice(n: u8) -> Content {
    let trace = Trace { id: vec![n; 16], otlp: vec![n; 1000], decision: Decision::Kept.into(), ..Trace::default() };
    let asked = Asked { leaf: 1, candidates: vec![0], verdicts: vec![1], reasons: vec![3], ..Asked::default() };
    Content::Slice(Slice {
        now: u64::from(n),
        occasion: Occasion::Early.into(),
        traces: vec![trace],
        asked: vec![asked],
    })
}

fn recording() -> (Vec<u8>, Vec<Content>) {
    let mut writer = Writer::new();
    let mut bytes = Writer::preamble();
    let mut contents = vec![Content::Head(Head { processor: "x".to_owned(), ..Head::default() })];
    contents.extend((0..5).map(slice));
    contents.push(Content::Trailer(Trailer { traces: 5, ..Trailer::default() }));
    for content in &contents {
        writer.add(content.clone());
        // A block each for some, one for several others.
        if !matches!(content, Content::Slice(Slice { now: 1 | 2, .. })) {
            bytes.extend(writer.block().unwrap().unwrap());
        }
    }
    (bytes, contents)
}

#[test]
fn what_is_written_is_read() {
    let (bytes, contents) = recording();
    assert_eq!(read(&bytes).unwrap(), contents);
}

#[test]
fn damage_is_noticed() {
    let (bytes, _) = recording();
    for at in [13, 17, 22, 40, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        assert!(matches!(read(&damaged), Err(ReadError::Damaged(_))), "byte {at}");
    }
    assert!(matches!(read(&bytes[..bytes.len() - 1]), Err(ReadError::Damaged(_))));
    assert!(matches!(read(&bytes[..10]), Err(ReadError::Damaged(_))));
    let mut newer = bytes;
    newer[8] = 9;
    assert!(matches!(read(&newer), Err(ReadError::Version(9))));
}

#[test]
fn a_later_writers_records_are_passed_over() {
    let (mut bytes, mut contents) = recording();
    let raw = [3, 0x9a, 0x06, 0];
    let packed = zstd::bulk::compress(&raw, 1).unwrap();
    for number in [packed.len() as u32, raw.len() as u32, crc(&packed)] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(packed);
    assert_eq!(read(&bytes).unwrap(), contents);
    contents.clear();
}

#[test]
fn batches_of_plain_otlp_are_made_up() {
    let span = |id: u8, start_s: u64| {
        let mut span = opentelemetry_proto::tonic::trace::v1::Span::default();
        (span.trace_id, span.span_id) = (vec![id; 16], vec![1; 8]);
        (span.start_time_unix_nano, span.end_time_unix_nano) = (start_s * 1_000_000_000, start_s * 1_000_000_000 + 5);
        span
    };
    let request = |spans: Vec<opentelemetry_proto::tonic::trace::v1::Span>| {
        use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, TracesData};
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }.encode_to_vec()
    };
    let json = |request: &[u8]| json::encode(Signal::Traces, &Rope::from(request.to_vec())).unwrap();
    let (one, two) = (request(vec![span(1, 100), span(2, 101), span(3, 100)]), request(vec![span(1, 99)]));
    let lines = format!("{}\n{}\n", json(&one), json(&two));
    let whole = [one, two].concat();
    for form in [whole.clone(), lines.into_bytes(), json(&whole).into_bytes()] {
        let contents = read(&form).unwrap();
        let slices: Vec<_> = contents
            .iter()
            .filter_map(|content| match content {
                Content::Slice(slice) => Some(slice),
                _ => None,
            })
            .map(|slice| {
                (slice.now / 1_000_000_000, slice.traces.iter().map(|trace| (trace.id[0], trace.spans)).collect())
            })
            .collect();
        let expected: Vec<(u64, Vec<(u8, u32)>)> = vec![(102, vec![(1, 2)]), (103, vec![(3, 1)]), (104, vec![(2, 1)])];
        assert_eq!(slices, expected);
    }
    assert!(matches!(read(b"hello, this is text"), Err(ReadError::Unknown { .. })));
    assert!(matches!(read(b"{\"resourceSpans\": 7}"), Err(ReadError::Unknown { .. })));
    assert!(read(&traces(3, 10)).is_ok(), "spans without times");
}

#[test]
fn batches_have_a_bound() {
    let many: Vec<u8> = (0..2500_u32)
        .flat_map(|n| {
            let mut request = traces(1, 5);
            let at = request.windows(16).position(|bytes| bytes == [1; 16]).unwrap();
            request[at..at + 4].copy_from_slice(&n.to_be_bytes());
            request
        })
        .collect();
    let sizes: Vec<_> = read(&many)
        .unwrap()
        .iter()
        .filter_map(|content| match content {
            Content::Slice(slice) => Some(slice.traces.len()),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [1024, 1024, 452]);
}
