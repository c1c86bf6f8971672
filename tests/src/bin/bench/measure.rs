//! Running one process under load and reading what it used.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tailrace_tests::host::{Host, Setup, cpu_us, pin};
use tailrace_tests::{eventually, net};
use tokio::net::TcpStream;

use crate::load::{Load, Pressure};
use crate::workload::Workload;
use crate::{HOST_CORE, Options};

/// One round of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// CPU of the process for each span.
    pub(crate) us_per_span: f64,
    /// Spans taken a second.
    pub(crate) spans_per_second: f64,
    /// How busy the process was, of one core.
    pub(crate) busy: f64,
}

/// What is measured: the host, or the bare forwarder.
pub(crate) enum Subject {
    Host(Host),
    Forwarder(Child, String),
}

impl Subject {
    pub(crate) async fn host(yaml: String) -> Self {
        Self::Host(Setup::new(yaml).on_core(HOST_CORE).start().await)
    }

    pub(crate) async fn forwarder(sink: &str) -> anyhow::Result<Self> {
        let address = format!("127.0.0.1:{}", net::free_port());
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["forward", &address, sink]).stdin(Stdio::null());
        pin(&mut command, vec![HOST_CORE]);
        let subject = Self::Forwarder(command.spawn().context("cannot start the forwarder")?, address.clone());
        eventually("the forwarder", async || TcpStream::connect(&address).await.ok()).await;
        Ok(subject)
    }

    pub(crate) fn address(&self) -> String {
        match self {
            Self::Host(host) => host.address("grpc"),
            Self::Forwarder(_, address) => address.clone(),
        }
    }

    fn pid(&self) -> u32 {
        match self {
            Self::Host(host) => host.pid(),
            Self::Forwarder(child, _) => child.id(),
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Self::Forwarder(child, _) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Options {
    pub(crate) fn pressure(&self) -> Pressure {
        Pressure { connections: self.connections, in_flight: self.in_flight, rate: self.rate, requests: u64::MAX }
    }
}

/// What a row with several rounds gives.
pub(crate) struct Measured {
    pub(crate) rounds: Vec<Round>,
    /// Spans taken in all.
    pub(crate) spans: u64,
}

/// Warms up, then measures round after round under one load.
pub(crate) async fn rounds(
    subject: &Subject,
    workload: Workload,
    pressure: Pressure,
    options: &Options,
    warm_up: Duration,
) -> anyhow::Result<Measured> {
    let load = Load::start(&subject.address(), Arc::new(workload), pressure).await?;
    tokio::time::sleep(warm_up).await;
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        let (spans, cpu, begun) = (load.counts.spans(), cpu_us(subject.pid()), Instant::now());
        tokio::time::sleep(Duration::from_secs_f64(options.seconds)).await;
        let (spans, cpu) = ((load.counts.spans() - spans) as f64, (cpu_us(subject.pid()) - cpu) as f64);
        let elapsed = begun.elapsed().as_secs_f64();
        rounds.push(Round { us_per_span: cpu / spans, spans_per_second: spans / elapsed, busy: cpu / elapsed / 1e6 });
    }
    let counts = load.stop().await;
    anyhow::ensure!(counts.spans() > 0, "nothing was accepted");
    Ok(Measured { rounds, spans: counts.spans() })
}
