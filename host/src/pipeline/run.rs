//! The life of the process: start, signals, end.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior};

use super::service::{Service, is_same};
use super::task::said;
use crate::config::{Config, Loaded};
use crate::console;
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::Desc;

/// How long the last log lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

const PANICS: Desc = Desc { name: "tailrace_panics", unit: "{panic}", help: "Panics anywhere in the process." };

/// Reads the configuration: at the start, at every SIGHUP, and at intervals with [`Options::watch`]. An error is the whole text
/// for the user.
pub type Load = Box<dyn Fn() -> Result<Loaded, String> + Send + Sync>;

/// Says with its place what is wrong with plugins of the configuration, if anything is; asked when the configuration can not be
/// taken over.
pub type Explain = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// What the command line says about the process.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads that move data; without it, what `TOKIO_WORKER_THREADS` says, else one per core that the process may use
    /// (affinity and the cgroup's quota are taken into account).
    pub workers: Option<usize>,
    /// Reads the configuration this often and takes it over if it changed.
    pub watch: Option<Duration>,
    /// Prints what runs once it does, with this as the next command to type.
    pub next_command: Option<String>,
}

/// Runs until SIGTERM or SIGINT; then what is held is handed on. A second signal ends the process at once, with a failure.
pub fn run(load: &Load, explain: &Explain, options: &Options) -> ExitCode {
    match runtime(options.workers) {
        Ok(runtime) => {
            let code = runtime.block_on(live(load, explain, options));
            // Whatever is left by now is not worth waiting for.
            runtime.shutdown_background();
            code
        }
        Err(error) => failed(&format!("failed to start the runtime: {error}")),
    }
}

fn runtime(workers: Option<usize>) -> std::io::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().thread_name("worker");
    let from_environment = || std::env::var("TOKIO_WORKER_THREADS").ok()?.parse().ok();
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    builder.worker_threads(workers.or_else(from_environment).unwrap_or_else(cores).max(1)).build()
}

/// Says why the process ends.
fn failed(error: &str) -> ExitCode {
    console::err(format_args!("Error: {error}"));
    ExitCode::FAILURE
}

async fn live(load: &Load, explain: &Explain, options: &Options) -> ExitCode {
    let loaded = match load() {
        Ok(loaded) => loaded,
        Err(error) => return failed(&error),
    };
    let mut signals = match Signals::new(options.watch) {
        Ok(signals) => signals,
        Err(error) => return failed(&format!("failed to listen for signals: {error}")),
    };
    let telemetry = Arc::new(Telemetry::new());
    catch_panics(&telemetry);
    warn(&loaded);
    let started = Service::start(&loaded.config, Arc::clone(&telemetry));
    let code = match started {
        Ok(service) => {
            if let Some(next) = &options.next_command {
                announce(&service, next);
            }
            serve(service, loaded.config, (load, explain), &mut signals).await
        }
        Err(error) => {
            telemetry.logger().flush(LAST_LINES);
            failed(&explain().unwrap_or_else(|| error.to_string()))
        }
    };
    telemetry.logger().flush(LAST_LINES);
    code
}

/// Reloads until it is time to end.
async fn serve(
    mut service: Service,
    mut config: Config,
    (load, explain): (&Load, &Explain),
    signals: &mut Signals,
) -> ExitCode {
    // A file that stays broken is complained about once.
    let mut complained = None;
    loop {
        let order = signals.next().await;
        match order {
            Order::End(name) => {
                tracing::info!(signal = name, "Received signal from OS");
                break;
            }
            Order::Reload => tracing::info!(signal = "hangup", "Received signal from OS"),
            Order::Look => {}
        }
        match load() {
            Ok(loaded) if order == Order::Look && is_same(&loaded.config, &config) => complained = None,
            Ok(loaded) => {
                warn(&loaded);
                match service.reload(&loaded.config) {
                    Ok(()) => config = loaded.config,
                    Err(_) => {
                        if let Some(explained) = explain() {
                            tracing::error!("{explained}");
                        }
                        // Looking again at the same file would fail again, and be logged again.
                        if order == Order::Look {
                            config = loaded.config;
                        }
                    }
                }
            }
            Err(error) if order == Order::Look && complained.as_ref() == Some(&error) => {}
            Err(error) => {
                service.reload_failed(&error);
                complained = Some(error);
            }
        }
    }
    tokio::select! {
        () = service.shutdown() => ExitCode::SUCCESS,
        name = signals.end() => {
            tracing::error!(signal = name, "Received a second signal from OS; ending without handing on what is held");
            ExitCode::FAILURE
        }
    }
}

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    End(&'static str),
    Reload,
    /// See whether the configuration changed.
    Look,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    watch: Option<Interval>,
}

impl Signals {
    fn new(watch: Option<Duration>) -> std::io::Result<Self> {
        let watch = watch.map(|every| {
            let mut interval = tokio::time::interval(every);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval.reset();
            interval
        });
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            watch,
        })
    }

    async fn next(&mut self) -> Order {
        let look = async {
            match &mut self.watch {
                Some(interval) => interval.tick().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Order::End("terminated"),
            _ = self.interrupt.recv() => Order::End("interrupt"),
            _ = self.hangup.recv() => Order::Reload,
            _ = look => Order::Look,
        }
    }

    async fn end(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "terminated",
            _ = self.interrupt.recv() => "interrupt",
        }
    }
}

fn warn(loaded: &Loaded) {
    for problem in loaded.warnings.warnings() {
        let help = problem.help.join("; ");
        tracing::warn!(path = %problem.path, help, "{}", problem.message);
    }
}

/// Panics are logged, not printed in between.
fn catch_panics(telemetry: &Telemetry) {
    let panics = telemetry.metrics.counter(PANICS, &[]);
    std::panic::set_hook(Box::new(move |panic| {
        panics.add(1);
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, error = %said(panic.payload()), "Panic");
    }));
}

/// Tells on standard output what runs and what to do next.
fn announce(service: &Service, next: &str) {
    if let Err(error) = console::out(&announcement(service, next)) {
        tracing::debug!("what runs could not be announced: {error:#}");
    }
}

fn announcement(service: &Service, next: &str) -> String {
    let mut lines = vec![String::new(), format!("{} {} is ready.", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))];
    lines.push(String::new());
    lines.extend(service.bound().into_iter().map(|(id, what, address)| format!("  {id:<16} {what:<10} {address}")));
    for (id, described) in service.describe() {
        lines.extend([String::new(), format!("  {id}")]);
        lines.extend(described.into_iter().map(|line| format!("    {line}")));
    }
    lines.extend(["", "Now type in a second terminal:", "", &format!("  {next}"), "", ""].map(str::to_owned));
    lines.join("\n")
}
