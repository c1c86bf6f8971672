//! The benchmark: the real binary as a process of its own on one core, generator and sink on another. Prints a table, writes
//! `target/bench.json`.
//!
//! ```text
//! bench                                  every row
//! bench passthrough-300 tail-1000        these rows
//! bench --rate 300000 passthrough-300    at a fixed number of spans a second instead of as many as are taken
//! ```
//!
//! CPU is user and system time of the host's process per span that it took. Each row is measured in several rounds of one
//! run; the table shows median and minimum. On a machine that does other things at the same time, compare minima, and rows
//! of one run with each other.

mod configs;
mod forwarder;
mod load;
mod measure;
mod report;
mod rows;
mod sink;
mod workload;

use clap::{Parser, Subcommand};
use tailrace_tests::host::pin_self;

/// As in the host, so that the bare forwarder differs from it in nothing but what it does.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The host's core, and that of generator and sink.
pub(crate) const HOST_CORE: usize = 0;
const OWN_CORE: usize = 1;

/// Measures CPU per span and memory of the real binary.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    /// Rows to measure; all if none is named. A prefix names all rows that begin with it
    rows: Vec<String>,
    /// Names of the rows
    #[arg(long)]
    list: bool,
    /// Spans a second; 0: as many as are taken
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    /// Length of a round
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Rounds of a row
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections of the generator
    #[arg(long, default_value_t = 2)]
    connections: usize,
    /// Requests under way on each connection
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    #[command(subcommand)]
    internal: Option<Internal>,
}

#[derive(Debug, Subcommand)]
enum Internal {
    /// The bare forwarder, as the rows of that name start it
    #[command(hide = true)]
    Forward {
        /// Address to listen at
        listen: String,
        /// Address to send to
        to: String,
    },
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if let Some(Internal::Forward { listen, to }) = &options.internal {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(forwarder::run(listen, to));
    }
    if options.list {
        for row in rows::ROWS {
            println!("{:<18} {}", row.name, row.about);
        }
        return Ok(());
    }
    pin_self(&[OWN_CORE])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(rows::run(&options))
}
