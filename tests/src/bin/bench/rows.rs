//! The rows of the table.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde_json::json;
use tailrace_tests::dns::{Answer, DnsServer};
use tailrace_tests::eventually;
use tailrace_tests::host::{Host, Setup, binary};

use crate::load::{Load, Pressure};
use crate::measure::{Subject, rounds};
use crate::report::{Outcome, median, write};
use crate::sink::Sink;
use crate::workload::{Encoding, SPANS, SPANS_PER_TRACE, Workload};
use crate::{HOST_CORE, Options, configs};

/// One row and how to get it.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Forwarder(usize),
    Passthrough(usize, Encoding),
    Balance(usize),
    Membership,
    Batch(usize, Encoding),
    Transform(usize),
    /// A processor, as it stands in the YAML.
    Step(&'static str),
    Tail(usize),
    Policies(usize),
    Condition,
    Hostile,
    Scaling,
    /// With a bound on the buffer's bytes, MiB; 0: none.
    Buffered(u64),
    Overload,
    Start,
}

const fn row(name: &'static str, about: &'static str, kind: Kind) -> Row {
    Row { name, about, kind }
}

/// All rows. The number in a name is the bytes of a span; 805 is that of the published figures with compression.
pub(crate) const ROWS: &[Row] = &[
    row("forwarder-300", "gRPC to gRPC on tonic, raw bytes, nothing else", Kind::Forwarder(300)),
    row("forwarder-1000", "the same", Kind::Forwarder(1000)),
    row("passthrough-300", "OTLP gRPC to OTLP gRPC, no queue", Kind::Passthrough(300, Encoding::None)),
    row("passthrough-1000", "the same", Kind::Passthrough(1000, Encoding::None)),
    row("balance-300", "load_balancing by trace id to three backends, no queue", Kind::Balance(300)),
    row("balance-1000", "the same", Kind::Balance(1000)),
    row("membership", "load_balancing to 100 backends while one comes and goes all the time", Kind::Membership),
    row("batch-300", "with memory_limiter and batch", Kind::Batch(300, Encoding::None)),
    row("batch-1000", "the same", Kind::Batch(1000, Encoding::None)),
    row(
        "transform-300",
        "pass-through, with a transform that leaves and one that replaces everything",
        Kind::Transform(300),
    ),
    row(
        "attributes-300",
        "pass-through, with an attributes processor that inserts one, against without",
        Kind::Step("attributes: {actions: [{key: env, action: insert, value: production}]}"),
    ),
    row(
        "set-300",
        "the same with a statement of transform: set, where another attribute has a value",
        Kind::Step(
            r#"transform: {trace_statements: ['set(span.attributes["env"], "production") where span.attributes["http.request.method"] != "none"']}"#,
        ),
    ),
    row(
        "filter-300",
        "the same with a condition of filter on one attribute, which holds for none",
        Kind::Step(r#"filter: {trace_conditions: ['span.attributes["http.request.method"] == "none"']}"#),
    ),
    row("tail-300", "with memory_limiter, tail_sampling (three policies) and batch", Kind::Tail(300)),
    row("tail-1000", "the same", Kind::Tail(1000)),
    row("policies-1", "tail-300 with one policy of a plugin", Kind::Policies(1)),
    row("policies-5", "with five", Kind::Policies(5)),
    row("policies-20", "with twenty", Kind::Policies(20)),
    row("condition-300", "tail-300 with ottl_condition on two attributes alone", Kind::Condition),
    row(
        "hostile-300",
        "tail-300 with two policies more, one that loops and one that traps, against without",
        Kind::Hostile,
    ),
    row("gzip-805", "pass-through, gzip in and out", Kind::Passthrough(805, Encoding::Gzip)),
    row("zstd-805", "pass-through, zstd in and out", Kind::Passthrough(805, Encoding::Zstd)),
    row(
        "gzip-batch-805",
        "with memory_limiter and batch, so that all is packed anew",
        Kind::Batch(805, Encoding::Gzip),
    ),
    row("zstd-batch-805", "the same", Kind::Batch(805, Encoding::Zstd)),
    row("scaling", "tail sampling with two workers and two shards against one of each, on free cores", Kind::Scaling),
    row("rss", "50,000 traces of 20 spans of 1,000 B in the buffer", Kind::Buffered(0)),
    row(
        "packed",
        "the same with maximum_buffer_size_bytes at 700 MiB, so that old segments are packed",
        Kind::Buffered(700),
    ),
    row("overload", "twice the load that the sink takes", Kind::Overload),
    row("start", "start to ready with cold and warm code cache, idle memory", Kind::Start),
];

/// Measures what was asked for.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let wanted =
        |row: &&Row| options.rows.is_empty() || options.rows.iter().any(|name| row.name.starts_with(name.as_str()));
    let mut outcomes = Vec::new();
    for row in ROWS.iter().filter(wanted) {
        let outcome = row.measure(options).await?;
        outcome.print();
        outcomes.push(outcome);
    }
    anyhow::ensure!(!outcomes.is_empty(), "no row of that name; --list shows them");
    write(&outcomes)
}

impl Row {
    async fn measure(&self, options: &Options) -> anyhow::Result<Outcome> {
        match self.kind {
            Kind::Forwarder(len) => {
                let sink = Sink::start(None).await?;
                let subject = Subject::forwarder(&sink.address).await?;
                self.cpu(&subject, &sink, Workload::new(len, Encoding::None), options, Duration::from_secs(1)).await
            }
            Kind::Passthrough(len, encoding) => {
                let sink = Sink::start(None).await?;
                let subject = Subject::host(configs::passthrough(&sink.address, encoding.name())).await;
                self.cpu(&subject, &sink, Workload::new(len, encoding), options, Duration::from_secs(1)).await
            }
            Kind::Balance(len) => self.balance(len, options).await,
            Kind::Membership => self.membership(options).await,
            Kind::Batch(len, encoding) => {
                let sink = Sink::start(None).await?;
                let subject = Subject::host(configs::batch(&sink.address, encoding.name())).await;
                self.cpu(&subject, &sink, Workload::new(len, encoding), options, Duration::from_secs(1)).await
            }
            Kind::Transform(len) => self.transform(len, options).await,
            Kind::Tail(len) => self.tail(len, options).await,
            Kind::Step(processor) => self.step(processor, options).await,
            Kind::Condition => self.judged(300, configs::CONDITION, options).await,
            Kind::Policies(count) => self.judged(300, &configs::policies(count), options).await,
            Kind::Hostile => self.hostile(options).await,
            Kind::Scaling => self.scaling(options).await,
            Kind::Buffered(bound_mib) => self.buffered(bound_mib, options).await,
            Kind::Overload => self.overload(options).await,
            Kind::Start => self.start().await,
        }
    }

    async fn cpu(
        &self,
        subject: &Subject,
        sink: &Sink,
        workload: Workload,
        options: &Options,
        warm_up: Duration,
    ) -> anyhow::Result<Outcome> {
        let measured = rounds(subject, workload, options.pressure(), options, warm_up).await?;
        let arrived = sink.arrived.bytes.load(Relaxed) as f64 / measured.spans as f64;
        let mut beside = format!("{arrived:>4.0} B/span at the sink");
        if let Subject::Host(host) = subject {
            beside = format!("{beside}, peak RSS {} MiB", host.peak_rss() >> 20);
        }
        Ok(Outcome::of_rounds(self.name, &measured.rounds, &beside))
    }

    /// Each backend must have got about a third.
    async fn balance(&self, len: usize, options: &Options) -> anyhow::Result<Outcome> {
        let sinks = [Sink::start(None).await?, Sink::start(None).await?, Sink::start(None).await?];
        let subject = Subject::host(configs::balance(&sinks.each_ref().map(|sink| sink.address.clone()))).await;
        let workload = Workload::new(len, Encoding::None);
        let measured = rounds(&subject, workload, options.pressure(), options, Duration::from_secs(1)).await?;
        let bytes = sinks.each_ref().map(|sink| sink.arrived.bytes.load(Relaxed) as f64);
        let shares = bytes.map(|arrived| arrived / bytes.iter().sum::<f64>());
        anyhow::ensure!(shares.iter().all(|share| (0.2..0.5).contains(share)), "uneven: {shares:?}");
        let [first, second, third] = shares.map(|share| share * 100.0);
        Ok(Outcome::of_rounds(self.name, &measured.rounds, &format!("{first:.0}/{second:.0}/{third:.0} % to each")))
    }

    /// One sink has all the addresses. The longest that a request waits is to be the same whether the list changes or not.
    async fn membership(&self, options: &Options) -> anyhow::Result<Outcome> {
        const PHASE: Duration = Duration::from_secs(8);
        let sink = Sink::start_at("0.0.0.0:0", None).await?;
        let port = sink.address.rsplit_once(':').map_or("", |(_, port)| port).to_owned();
        let dns = DnsServer::start().await;
        // They do not fit into a datagram.
        let addresses = |count: u8| {
            Answer::OverTcp(Box::new(Answer::Addresses((1..=count).map(|n| [127, 0, 1, n].into()).collect())))
        };
        dns.answer(addresses(100));
        let host = Setup::new(configs::balance_by_name(&dns.address(), &port)).start().await;
        let updates = async || host.metrics().await.sum("otelcol_loadbalancer_num_backend_updates", &[]);
        eventually("the backends", async || (updates().await > 0.0).then_some(())).await;
        let pressure = Pressure { rate: 50_000.0, ..options.pressure() };
        let load = Load::start(&host.address("grpc"), Arc::new(Workload::new(300, Encoding::None)), pressure).await?;
        let mut longest_ms = Vec::new();
        for changes in [false, true] {
            tokio::time::sleep(Duration::from_secs(1)).await;
            load.counts.longest_us.store(0, Relaxed);
            let begun = Instant::now();
            while begun.elapsed() < PHASE {
                for count in [101, 100] {
                    dns.answer(addresses(if changes { count } else { 100 }));
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
            longest_ms.push(load.counts.longest_us.load(Relaxed) as f64 / 1000.0);
        }
        let changes = updates().await - 1.0;
        let counts = load.stop().await;
        let refused = counts.retryable.load(Relaxed) + counts.failed.load(Relaxed);
        anyhow::ensure!(changes >= 8.0 && refused == 0, "{changes} changes, {refused} requests refused");
        let [still, changing] = [longest_ms[0], longest_ms[1]];
        let beside = format!("longest wait in 8 s with {changes} changes; {still:.1} ms without; none refused");
        let json = json!({"still_ms": still, "changing_ms": changing, "changes": changes});
        Ok(Outcome::new(self.name, format!("{changing:.1} ms"), beside, &json))
    }

    /// The same without a transform is measured beside them: what counts is the difference.
    async fn transform(&self, len: usize, options: &Options) -> anyhow::Result<Outcome> {
        let mut costs = Vec::new();
        for transform in [None, Some("passes"), Some("copies")] {
            let sink = Sink::start(None).await?;
            let subject = Subject::host(configs::transform(&sink.address, transform)).await;
            let workload = Workload::new(len, Encoding::None);
            let measured = rounds(&subject, workload, options.pressure(), options, Duration::from_secs(1)).await?;
            costs.push(median(&measured.rounds.iter().map(|round| round.us_per_span).collect::<Vec<_>>()));
        }
        let (unchanged, replaced) = (costs[1] - costs[0], costs[2] - costs[0]);
        let beside = format!("replaced + {replaced:.3} us/span, without {:.3} us/span", costs[0]);
        let json = json!({"without": costs[0], "unchanged": costs[1], "replaced": costs[2]});
        Ok(Outcome::new(self.name, format!("unchanged + {unchanged:.3} us/span"), beside, &json))
    }

    /// As [`Row::transform`], for a processor that ships with the host.
    async fn step(&self, processor: &str, options: &Options) -> anyhow::Result<Outcome> {
        let mut costs = Vec::new();
        for is_there in [false, true] {
            let sink = Sink::start(None).await?;
            let yaml = match is_there {
                true => configs::step(&sink.address, processor),
                false => configs::passthrough(&sink.address, "none"),
            };
            let subject = Subject::host(yaml).await;
            let workload = Workload::new(300, Encoding::None);
            let measured = rounds(&subject, workload, options.pressure(), options, Duration::from_secs(1)).await?;
            costs.push(median(&measured.rounds.iter().map(|round| round.us_per_span).collect::<Vec<_>>()));
        }
        let more = costs[1] - costs[0];
        let beside = format!("{:.3} us/span with, {:.3} without", costs[1], costs[0]);
        let json = json!({"without": costs[0], "with": costs[1], "more": more});
        Ok(Outcome::new(self.name, format!("+ {more:.3} us/span"), beside, &json))
    }

    /// Warm-up is long enough for the buffer to have been filled and emptied once.
    async fn tail(&self, len: usize, options: &Options) -> anyhow::Result<Outcome> {
        self.judged(len, configs::THREE, options).await
    }

    async fn judged(&self, len: usize, policies: &str, options: &Options) -> anyhow::Result<Outcome> {
        let sink = Sink::start(None).await?;
        let subject = Subject::host(configs::with_policies(&sink.address, "1s", policies)).await;
        let workload = Workload::new(len, Encoding::None);
        let mut outcome = self.cpu(&subject, &sink, workload, options, Duration::from_secs(5)).await?;
        let Subject::Host(host) = &subject else { return Ok(outcome) };
        let policies = policy_cost(host).await;
        outcome.beside = format!("{}, policies {:.0} ns/trace", outcome.beside, policies.ns_per_trace);
        outcome.json.insert("policy_ns_per_trace".to_owned(), json!(policies.ns_per_trace));
        outcome.json.insert("kept_share".to_owned(), json!(policies.kept_share));
        Ok(outcome)
    }

    /// As much load as is taken, on one core, without and with policies that fail: their breakers see to it that they cost little.
    async fn hostile(&self, options: &Options) -> anyhow::Result<Outcome> {
        let module = plugin("hostile")?;
        let mut rates = Vec::new();
        for policies in [configs::THREE.to_owned(), configs::hostile_policies(&module)] {
            let sink = Sink::start(None).await?;
            let subject = Subject::host(configs::with_policies(&sink.address, "1s", &policies)).await;
            let workload = Workload::new(300, Encoding::None);
            let measured = rounds(&subject, workload, options.pressure(), options, Duration::from_secs(5)).await?;
            rates.push(median(&measured.rounds.iter().map(|round| round.spans_per_second).collect::<Vec<_>>()));
            if let (Subject::Host(host), true) = (&subject, rates.len() == 2) {
                let failures = host.metrics().await.sum("otelcol_tailrace_plugin_failures", &[]);
                anyhow::ensure!(failures >= 2.0, "the hostile policies have not failed");
            }
        }
        let ratio = rates[1] / rates[0];
        let beside = format!("{:.0} spans/s without, {:.0} with", rates[0], rates[1]);
        let json = json!({"without": rates[0], "with": rates[1], "ratio": ratio});
        Ok(Outcome::new(self.name, format!("{ratio:.2} x"), beside, &json))
    }

    /// Both on all cores, with as much load as is taken, so that nothing but the number of workers and shards differs.
    async fn scaling(&self, options: &Options) -> anyhow::Result<Outcome> {
        let (mut costs, mut rates) = (Vec::new(), Vec::new());
        for count in ["1", "2"] {
            let sink = Sink::start(None).await?;
            let yaml = configs::tail_sampling(&sink.address, "1s");
            let yaml = yaml.replace("    num_traces", &format!("    num_shards: {count}\n    num_traces"));
            let setup = Setup::new(yaml).on_all_cores().env("TOKIO_WORKER_THREADS", count);
            let subject = Subject::Host(setup.start().await);
            let workload = Workload::new(300, Encoding::None);
            let measured = rounds(&subject, workload, options.pressure(), options, Duration::from_secs(4)).await?;
            costs.push(median(&measured.rounds.iter().map(|round| round.us_per_span).collect::<Vec<_>>()));
            rates.push(median(&measured.rounds.iter().map(|round| round.spans_per_second).collect::<Vec<_>>()));
        }
        let ratio = costs[1] / costs[0];
        let beside = format!(
            "{:.3} with one, {:.3} us/span with two, at {:.0} and {:.0} spans/s",
            costs[0], costs[1], rates[0], rates[1]
        );
        let json = json!({"one": costs[0], "two": costs[1], "ratio": ratio});
        Ok(Outcome::new(self.name, format!("{ratio:.2} x"), beside, &json))
    }

    async fn buffered(&self, bound_mib: u64, options: &Options) -> anyhow::Result<Outcome> {
        const TRACES: u64 = 50_000;
        let sink = Sink::start(None).await?;
        let yaml = configs::tail_sampling(&sink.address, "10m").replace(
            "num_traces: 2000000",
            &format!("num_traces: 60000\n    maximum_buffer_size_bytes: {}", bound_mib << 20),
        );
        let host = Setup::new(yaml).on_core(HOST_CORE).start().await;
        let idle = host.rss();
        let requests = TRACES * SPANS_PER_TRACE as u64 / SPANS as u64;
        let pressure = Pressure { requests, rate: 0.0, ..options.pressure() };
        let workload = Arc::new(Workload::new(1000, Encoding::None));
        let counts = Load::start(&host.address("grpc"), workload, pressure).await?.finished().await;
        let wire = counts.bytes.load(Relaxed);
        // The gauge is set once a second.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let metrics = host.metrics().await;
        let buffered = metrics.sum("otelcol_processor_tail_sampling_sampling_traces_on_memory", &[]);
        let (rss, peak) = (host.rss(), host.peak_rss());
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let ratio = rss as f64 / wire as f64;
        let beside = format!(
            "{buffered:.0} traces, {:.0} MiB on the wire, ratio {ratio:.2}, peak {:.0} MiB, idle {:.0} MiB",
            mib(wire),
            mib(peak),
            mib(idle)
        );
        let json = json!({"rss": rss, "peak_rss": peak, "wire_bytes": wire, "ratio": ratio, "traces": buffered, "idle_rss": idle});
        Ok(Outcome::new(self.name, format!("{:.2} GiB", mib(rss) / 1024.0), beside, &json))
    }

    /// The sink takes 30 MB/s; twice that comes, for long enough to fill the limit several times over.
    async fn overload(&self, options: &Options) -> anyhow::Result<Outcome> {
        const SINK_RATE: f64 = 30e6;
        const LIMIT_MIB: u64 = 200;
        let sink = Sink::start(Some(SINK_RATE)).await?;
        let host = Setup::new(configs::overload(&sink.address, LIMIT_MIB)).on_core(HOST_CORE).start().await;
        let workload = Arc::new(Workload::new(1000, Encoding::None));
        let rate = 2.0 * SINK_RATE / workload.span_len();
        let pressure = Pressure { rate, ..options.pressure() };
        let load = Load::start(&host.address("grpc"), workload, pressure).await?;
        let mut rss = Vec::new();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            rss.push(host.rss() >> 20);
        }
        let counts = load.stop().await;
        let (accepted, retryable) = (counts.accepted.load(Relaxed), counts.retryable.load(Relaxed));
        let failed = counts.failed.load(Relaxed);
        let growth = rss[rss.len() - 1] as f64 / rss[rss.len() / 2] as f64;
        let share = retryable as f64 / (accepted + retryable + failed) as f64;
        let beside = format!(
            "limit {LIMIT_MIB} MiB, RSS after 5/10/15/20 s {}/{}/{}/{} MiB, {:.0} % refused retryably, {failed} otherwise",
            rss[4],
            rss[9],
            rss[14],
            rss[19],
            share * 100.0
        );
        let json = json!({"rss_mib": rss, "retryable_share": share, "failed": failed, "growth": growth});
        Ok(Outcome::new(self.name, format!("RSS x {growth:.2} in 10 s"), beside, &json))
    }

    async fn start(&self) -> anyhow::Result<Outcome> {
        let cache = tempfile::tempdir()?;
        let mut warm = Vec::new();
        let (cold, _) = start_once(&cache).await;
        let mut idle = 0;
        for _ in 0..5 {
            let (time, rss) = start_once(&cache).await;
            warm.push(time.as_secs_f64());
            idle = rss;
        }
        let warm = median(&warm);
        let beside = format!("cold {:.2} s, idle RSS {} MiB", cold.as_secs_f64(), idle >> 20);
        let json = json!({"warm_s": warm, "cold_s": cold.as_secs_f64(), "idle_rss": idle});
        Ok(Outcome::new(self.name, format!("{warm:.3} s"), beside, &json))
    }
}

/// A component that the host's build leaves beside the binary.
fn plugin(name: &str) -> anyhow::Result<String> {
    let target = binary().ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default();
    let path = target.join(format!("plugins/wasm32-wasip2/release/tailrace_{name}.wasm"));
    anyhow::ensure!(path.exists(), "{} does not exist: the host's build makes it", path.display());
    Ok(path.display().to_string())
}

/// From the call to the line that says ready; then the memory after a while of doing nothing.
async fn start_once(cache: &tempfile::TempDir) -> (Duration, u64) {
    let home = cache.path().display().to_string();
    let setup = Setup::new(configs::tail_sampling("127.0.0.1:9", "10s")).on_core(HOST_CORE);
    let setup = setup.env("HOME", &home).env("XDG_CACHE_HOME", &home).env("XDG_STATE_HOME", &home);
    let begun = Instant::now();
    let host = setup.spawn();
    while !host.log().contains("Everything is ready") {
        assert!(begun.elapsed() < Duration::from_mins(1), "not ready: {}", host.log());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let time = begun.elapsed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    (time, host.rss())
}

struct PolicyCost {
    ns_per_trace: f64,
    kept_share: f64,
}

/// From the host's own metrics: time in policies over traces decided.
async fn policy_cost(host: &Host) -> PolicyCost {
    const PREFIX: &str = "otelcol_processor_tail_sampling_";
    let metrics = eventually("decisions", async || {
        let metrics = host.metrics().await;
        metrics.has(&format!("{PREFIX}global_count_traces_sampled"), &[]).then_some(metrics)
    })
    .await;
    let decided = metrics.sum(&format!("{PREFIX}global_count_traces_sampled"), &[]);
    let kept = metrics.sum(&format!("{PREFIX}global_count_traces_sampled"), &[("sampled", "true")]);
    let time_us = metrics.sum(&format!("{PREFIX}sampling_policy_execution_time_sum"), &[]);
    PolicyCost { ns_per_trace: time_us * 1000.0 / decided, kept_share: kept / decided }
}
