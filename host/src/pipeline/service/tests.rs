//! A whole host in the process, made of test components, under reloads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;

use super::*;
use crate::config::{Component, ComponentId, Pipeline};
use crate::exporters::queue::{Delivery, QueueSettings, RetrySettings};
use crate::pipeline::kind::{
    ConnectorRow, ExporterRow, Parsed, ProcessorRow, ReceiverRow, Stability, connector, exporter, processor, receiver,
};
use crate::pipeline::{
    Batch, Cx, Exporter, Next, Outputs, Processor, Receiver, Refusal, Rope, Settings, Signal, Stop, UpdateError,
};
use crate::telemetry::settings::MetricLevel;

/// What the components of one test report to.
#[derive(Default)]
struct World {
    sent: AtomicUsize,
    arrived: Mutex<BTreeMap<String, usize>>,
    made: Mutex<Vec<String>>,
    refused: AtomicUsize,
    source_is_stopped: AtomicBool,
}

/// Tests run beside each other in one process; each finds its world by a number in its settings.
static WORLDS: Mutex<BTreeMap<u32, Arc<World>>> = Mutex::new(BTreeMap::new());

#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Plan {
    world: u32,
    version: u32,
    fail: bool,
    in_place: bool,
    /// A sink that is queued and whose server is down.
    is_down: bool,
}
impl Settings for Plan {}

impl Plan {
    fn world(&self) -> Arc<World> {
        WORLDS.lock().entry(self.world).or_default().clone()
    }
}

fn made(plan: &Plan, cx: &Cx) -> Result<(), BuildError> {
    if plan.fail {
        return Err(BuildError::new("told to fail"));
    }
    plan.world().made.lock().push(format!("{} v{}", cx.id, plan.version));
    Ok(())
}

/// Sends batches of one item as fast as they are taken.
struct Source(Plan);
impl Receiver for Source {
    const TYPE: &'static str = "source";
    type Settings = Plan;
    fn new(plan: Plan, cx: &Cx) -> Result<Self, BuildError> {
        made(&plan, cx)?;
        Ok(Self(plan))
    }
    async fn run(&self, outputs: Outputs, stop: Stop) {
        let world = self.0.world();
        while !stop.is_requested() {
            for signal in [Signal::Traces, Signal::Logs] {
                if outputs.of(signal).is_connected() {
                    let batch = Batch::new(signal, Rope::new(), 1);
                    match outputs.of(signal).consume(batch).await {
                        Ok(()) => world.sent.fetch_add(1, Ordering::Relaxed),
                        Err(_) => world.refused.fetch_add(1, Ordering::Relaxed),
                    };
                }
            }
            tokio::task::yield_now().await;
        }
        world.source_is_stopped.store(true, Ordering::Relaxed);
    }
}

/// Holds up to ten batches and hands them on when it is stopped, or when the eleventh comes.
struct Hold {
    plan: Mutex<Plan>,
    held: Mutex<Vec<Batch>>,
}
impl Processor for Hold {
    const TYPE: &'static str = "hold";
    const BUFFERS: bool = true;
    type Settings = Plan;
    fn new(plan: Plan, cx: &Cx) -> Result<Self, BuildError> {
        made(&plan, cx)?;
        Ok(Self { plan: Mutex::new(plan), held: Mutex::default() })
    }
    async fn process(&self, batch: Batch, next: &Next) -> Result<(), Refusal> {
        let all = {
            let mut held = self.held.lock();
            held.push(batch);
            if held.len() <= 10 {
                return Ok(());
            }
            std::mem::take(&mut *held)
        };
        for batch in all {
            next.consume(batch).await?;
        }
        Ok(())
    }
    async fn run(&self, next: Next, stop: Stop) {
        stop.requested().await;
        let all = std::mem::take(&mut *self.held.lock());
        for batch in all {
            next.consume(batch).await.unwrap();
        }
    }
    fn update(&self, new: &Plan) -> Result<(), UpdateError> {
        if !new.in_place {
            return Err(UpdateError::NeedsRebuild);
        }
        *self.plan.lock() = new.clone();
        new.world().made.lock().push(format!("update v{}", new.version));
        Ok(())
    }
}

/// Counts what arrives, by id, signal and version.
struct Sink(Plan, String);
impl Exporter for Sink {
    const TYPE: &'static str = "sink";
    type Settings = Plan;
    fn new(plan: Plan, cx: &Cx) -> Result<Self, BuildError> {
        made(&plan, cx)?;
        let name = format!("{} v{}", cx.id, plan.version);
        Ok(Self(plan, name))
    }
    async fn send(&self, batch: Batch) -> Result<(), Refusal> {
        if self.0.is_down {
            return Err(Refusal::retry("down"));
        }
        *self.0.world().arrived.lock().entry(self.1.clone()).or_default() += batch.items;
        Ok(())
    }
    fn delivery(plan: &Plan) -> Delivery {
        let queue = plan.is_down.then(|| QueueSettings { queue_size: 1_000_000, ..QueueSettings::default() });
        Delivery { queue, retry: RetrySettings::default(), timeout: Duration::ZERO }
    }
}

static RECEIVERS: &[ReceiverRow] = &[receiver::<Source>(Stability::Alpha, "")];
static PROCESSORS: &[ProcessorRow] = &[processor::<Hold>(Stability::Alpha, "")];
static EXPORTERS: &[ExporterRow] = &[exporter::<Sink>(Stability::Alpha, "")];
static CONNECTORS: &[ConnectorRow] = &[connector::<crate::connectors::forward::Forward>(Stability::Alpha, "")];

/// A configuration in one line: `source > hold > sink, sink/2; …`, a pipeline each, with `id=version` and `!` to fail.
struct Setup {
    world: u32,
    config: Config,
}

impl Setup {
    fn new(world: u32) -> Self {
        let mut config = Config::default();
        config.service.telemetry.metrics.level = MetricLevel::None;
        config.service.telemetry.logs.level = "error".parse().unwrap();
        Self { world, config }
    }

    fn component<R>(&self, row: &'static R, plan: Option<Plan>) -> Component<R> {
        let settings = plan.map_or_else(
            || Parsed::new(crate::pipeline::NoSettings {}),
            |plan| Parsed::new(Plan { world: self.world, ..plan }),
        );
        Component { row, settings, at: crate::config::testing::node("{}").at.clone() }
    }

    fn plan(mut self, id: &str, plan: Plan) -> Self {
        let id: ComponentId = id.parse().unwrap();
        match id.kind.as_str() {
            "source" => drop(self.config.receivers.insert(id, self.component(&RECEIVERS[0], Some(plan)))),
            "hold" => drop(self.config.processors.insert(id, self.component(&PROCESSORS[0], Some(plan)))),
            "sink" => drop(self.config.exporters.insert(id, self.component(&EXPORTERS[0], Some(plan)))),
            _ => drop(self.config.connectors.insert(id, self.component(&CONNECTORS[0], None))),
        }
        self
    }

    /// Components that the pipeline names get version 0 unless planned before.
    fn pipeline(mut self, id: &str, receivers: &[&str], processors: &[&str], exporters: &[&str]) -> Self {
        for name in receivers.iter().chain(processors).chain(exporters) {
            let known: ComponentId = name.parse().unwrap();
            let config = &self.config;
            if !config.receivers.contains_key(&known)
                && !config.processors.contains_key(&known)
                && !config.exporters.contains_key(&known)
                && !config.connectors.contains_key(&known)
            {
                self = self.plan(name, Plan::default());
            }
        }
        let ids = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let pipeline = Pipeline { receivers: ids(receivers), processors: ids(processors), exporters: ids(exporters) };
        self.config.service.pipelines.insert(id.parse().unwrap(), pipeline);
        self
    }
}

fn v(version: u32) -> Plan {
    Plan { version, ..Plan::default() }
}

fn world(number: u32) -> Arc<World> {
    Plan { world: number, ..Plan::default() }.world()
}

async fn some_traffic(world: &World) {
    let before = world.sent.load(Ordering::Relaxed);
    while world.sent.load(Ordering::Relaxed) < before + 200 {
        sleep(Duration::from_millis(1)).await;
    }
}

fn start(setup: &Setup) -> Service {
    Service::start(&setup.config, Arc::new(Telemetry::new())).unwrap()
}

impl World {
    /// Everything that was taken in has arrived, and nothing was refused.
    fn settle(&self) -> BTreeMap<String, usize> {
        assert!(self.source_is_stopped.load(Ordering::Relaxed));
        assert_eq!(self.refused.load(Ordering::Relaxed), 0);
        let arrived = self.arrived.lock().clone();
        assert_eq!(arrived.values().sum::<usize>(), self.sent.load(Ordering::Relaxed), "{arrived:?}");
        arrived
    }

    fn made(&self) -> Vec<String> {
        std::mem::take(&mut *self.made.lock())
    }
}

/// What a component holds when the host is told to end still arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_hands_on_what_is_held() {
    let world = world(1);
    let service = start(&Setup::new(1).pipeline("traces", &["source"], &["hold"], &["sink"]));
    assert!(service.host().health.is_available());
    some_traffic(&world).await;
    let incoming = service.metrics().clone();
    service.shutdown().await;
    world.settle();
    let labels = [("processor", "hold"), ("otel_signal", "traces")];
    for name in ["processor_incoming_items", "processor_outgoing_items"] {
        let counter = incoming.counter(Desc { name, unit: "", help: "" }, &labels);
        assert_eq!(counter.get() as usize, world.sent.load(Ordering::Relaxed), "{name}");
    }
}

/// Under load, every kind of component is replaced, updated, removed and added; nothing is refused or lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reload_loses_and_refuses_nothing() {
    let world = world(2);
    let base = || Setup::new(2);
    let line = |setup: Setup| setup.pipeline("traces", &["source"], &["hold", "hold/2"], &["sink"]);
    let mut service = start(&line(base()));
    assert_eq!(world.made(), ["sink v0", "hold/2 v0", "hold v0", "source v0"]);
    let in_place = Plan { version: 2, in_place: true, ..Plan::default() };
    let steps = [
        (line(base()), vec![]),
        (line(base().plan("hold", v(1))), vec!["hold v1"]),
        (line(base().plan("hold", in_place.clone())), vec!["update v2"]),
        (line(base().plan("hold", in_place.clone()).plan("sink", v(1))), vec!["sink v1"]),
        (
            base().plan("hold", in_place).plan("sink", v(1)).pipeline("traces", &["source"], &["hold"], &["sink"]),
            vec![],
        ),
        (base().pipeline("traces/other", &["source"], &["hold"], &["sink/b"]), vec!["sink/b v0", "hold v0"]),
        (
            base().pipeline("traces/other", &["source"], &["hold"], &["forward"]).pipeline(
                "traces",
                &["forward"],
                &["hold"],
                &["sink/b"],
            ),
            vec!["hold v0"],
        ),
    ];
    for (setup, made) in steps {
        some_traffic(&world).await;
        service.reload(&setup.config).unwrap();
        assert_eq!(world.made(), made);
    }
    some_traffic(&world).await;
    service.shutdown().await;
    let arrived = world.settle();
    assert_eq!(arrived.keys().collect::<Vec<_>>(), ["sink v0", "sink v1", "sink/b v0"]);
}

/// A new graph that can not be built leaves the old one alone, settings taken in place included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_reload_changes_nothing() {
    let world = world(3);
    let line = |setup: Setup| setup.pipeline("traces", &["source"], &["hold", "hold/2"], &["sink"]);
    let updatable = |version| Plan { version, in_place: true, ..Plan::default() };
    let mut service = start(&line(Setup::new(3).plan("hold/2", updatable(0))));
    world.made();
    let broken = Plan { fail: true, ..Plan::default() };
    let error = service.reload(&line(Setup::new(3).plan("hold/2", updatable(1)).plan("hold", broken.clone())).config);
    let want = "failed to build pipelines: failed to create \"hold\" processor, in pipeline \"traces\": told to fail";
    assert_eq!(error.unwrap_err().to_string(), want);
    assert_eq!(world.made(), ["update v1", "update v0"]);
    let error = service.reload(&line(Setup::new(3).plan("source", broken)).config).unwrap_err();
    assert_eq!(error.to_string(), "cannot start pipelines: failed to start \"source\" receiver: told to fail");
    some_traffic(&world).await;
    let metrics = service.metrics().clone();
    service.shutdown().await;
    world.settle();
    assert_eq!(metrics.counter(RELOADS, &[("outcome", "failure")]).get(), 2);
}

/// One receiver, two pipelines of one signal and one of another: each branch gets everything of its signal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_receiver_feeds_many_pipelines() {
    let world = world(4);
    let setup = Setup::new(4)
        .pipeline("traces/a", &["source"], &["hold"], &["sink/a"])
        .pipeline("traces/b", &["source"], &[], &["sink/b", "sink/c"])
        .pipeline("logs", &["source"], &["hold"], &["sink/logs"]);
    let service = start(&setup);
    assert_eq!(world.made().iter().filter(|line| line.starts_with("source")).count(), 1);
    some_traffic(&world).await;
    service.shutdown().await;
    let arrived = world.arrived.lock().clone();
    assert_eq!(arrived["sink/a v0"], arrived["sink/b v0"]);
    assert_eq!(arrived["sink/a v0"], arrived["sink/c v0"]);
    assert_eq!(arrived["sink/a v0"] + arrived["sink/logs v0"], world.sent.load(Ordering::Relaxed));
}

/// What waits in the queue of an exporter whose server is down goes to the exporter that replaces it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_goes_to_the_successor() {
    let world = world(5);
    let line = |plan| Setup::new(5).plan("sink", plan).pipeline("traces", &["source"], &[], &["sink"]);
    let mut service = start(&line(Plan { is_down: true, ..Plan::default() }));
    some_traffic(&world).await;
    service.reload(&line(v(1)).config).unwrap();
    service.shutdown().await;
    let arrived = world.settle();
    assert_eq!(arrived.keys().collect::<Vec<_>>(), ["sink v1"]);
}

/// The log tells what a reload did to whom.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_knows_what_it_changes() {
    let line = |setup: Setup, end| setup.pipeline("traces", &["source"], &["hold", "hold/2"], &[end]);
    let mut service = start(&line(Setup::new(6), "sink"));
    let in_place = Plan { version: 1, in_place: true, ..Plan::default() };
    let next = line(Setup::new(6).plan("hold", in_place).plan("hold/2", v(1)), "sink/b").config;
    let want = Changes {
        kept: 1,
        updated: "processor \"hold\"".into(),
        started: "processor \"hold/2\", exporter \"sink/b\"".into(),
        stopped: "processor \"hold/2\", exporter \"sink\"".into(),
    };
    assert_eq!(service.replace(&next).unwrap(), want);
    service.shutdown().await;
}
