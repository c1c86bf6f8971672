//! The load generator behind `tailrace generate`: traces, metrics or logs over OTLP, with the flags of `telemetrygen`.
//!
//! ```text
//! tailrace generate traces                                  100 traces to localhost:4317, a tenth with an error, a tenth slow
//! tailrace generate traces --rate 50 --duration 1m --workers 2
//! tailrace generate logs --logs 1000 --otlp-http --telemetry-attributes 'level="info"'
//! ```
//!
//! Items are encoded once ([`template`]); a request is copies of them with fresh ids and times. Each worker has one request
//! under way. What is refused for now is sent again; the summary counts what became of every item.

mod client;
mod options;
mod random;
mod report;
mod shape;
mod template;
mod worker;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tailrace_otlp::Signal;

pub use options::{Common, Compression, Generate, Logs, MetricType, Metrics, Traces};
pub use report::Report;

use crate::console;

/// A request with so many traces of `spans` each, metrics or log records as `tailrace generate` makes them, that end `now` (Unix
/// nanoseconds): the same each time.
pub fn request(signal: Signal, units: usize, spans: usize, now: u64) -> anyhow::Result<Vec<u8>> {
    #[derive(clap::Parser)]
    struct Command {
        #[command(subcommand)]
        generate: Generate,
    }
    let spans = spans.to_string();
    let of_traces = ["--spans", &spans];
    let more = if signal == Signal::Traces { &of_traces[..] } else { &[] };
    let arguments = [&["generate", signal.as_str()], more].concat();
    let shape = shape::Shape::new(&<Command as clap::Parser>::try_parse_from(arguments)?.generate);
    let mut random = random::Random::fixed();
    let mut items = Vec::new();
    for _ in 0..units {
        shape.append(&mut items, &mut random, now);
    }
    Ok(shape.envelope.seal(&items))
}

impl Generate {
    /// Sends what was asked for and prints a summary. Fails if nothing at all could be sent.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
        let report = runtime.block_on(self.send())?;
        console::out(&format!("{report}\n"))?;
        let nothing = report.accepted == 0 && report.sent > 0;
        Ok(if nothing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Sends what was asked for, until it is done or interrupted, and reports what became of it.
    pub async fn send(self) -> anyhow::Result<Report> {
        let shape = Arc::new(shape::Shape::new(&self));
        let client = client::Client::new(self.signal(), self.common())?;
        let plan = worker::Plan::new(&self);
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..self.common().workers.max(1) {
            workers.spawn(worker::run(plan.clone(), Arc::clone(&shape), client.clone()));
        }
        let mut report = Report::new(self.signal(), client.endpoint());
        while let Some(part) = workers.join_next().await {
            report.add(part.context("a worker failed")?);
        }
        Ok(report)
    }
}
