//! OTLP from files: JSON (one request, or one a line), or protobuf.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use tailrace_otlp::{Signal, check, json};

/// A file larger than this is not read into memory.
const MAX_BYTES: u64 = 256 << 20;

/// The requests in a file; their framing is checked.
pub(super) fn read(path: &Path, signal: Signal) -> anyhow::Result<Vec<Bytes>> {
    let name = path.display();
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("can not read {name}"))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(|| format!("can not read {name}"))?;
    ensure!(bytes.len() as u64 <= MAX_BYTES, "{name} is larger than {} MiB", MAX_BYTES >> 20);
    parse(bytes, signal).with_context(|| format!("{name} is not OTLP"))
}

/// The requests in some bytes.
fn parse(bytes: Vec<u8>, signal: Signal) -> anyhow::Result<Vec<Bytes>> {
    // A protobuf request begins with the tag of its first field, 0x0a, which is no more than white space to JSON.
    let is_json = bytes.trim_ascii_start().first() == Some(&b'{') && check(signal, &bytes).is_err();
    if !is_json {
        check(signal, &bytes)?;
        return Ok(vec![bytes.into()]);
    }
    match json::decode(signal, &bytes) {
        Ok(request) => Ok(vec![request.into()]),
        Err(whole) => {
            // As the file exporter writes it. If the first line is no request either, it was meant as a whole.
            let lines =
                bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
            let request = |(at, line): (usize, &[u8])| match json::decode(signal, line) {
                Ok(request) => Ok(Bytes::from(request)),
                Err(_) if at == 0 => Err(anyhow::Error::new(whole.clone())),
                Err(error) => Err(anyhow::Error::new(error).context(format!("line {}", at + 1))),
            };
            lines.map(request).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: &str =
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","name":"a"}]}]}]}"#;

    fn count(bytes: &[u8]) -> Result<usize, String> {
        parse(bytes.to_vec(), Signal::Traces).map(|requests| requests.len()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn json_lines_and_protobuf_are_told_apart() {
        assert_eq!(count(SPAN.as_bytes()), Ok(1));
        assert_eq!(count(format!(" {SPAN}\n\n{SPAN}\n").as_bytes()), Ok(2));
        let protobuf = json::decode(Signal::Traces, SPAN.as_bytes()).expect("good");
        assert_eq!(count(&protobuf), Ok(1));
        let error = count(format!("{SPAN}\n{{\"resourceSpans\":3}}").as_bytes()).expect_err("the second line");
        assert!(error.contains("line 2: resourceSpans"), "{error}");
        assert!(count(b"hello").is_err());
        let error = count(b"{\"resourceSpans\":\n [7]}").expect_err("no request");
        assert!(error.contains("resourceSpans[0]"), "{error}");
    }
}
