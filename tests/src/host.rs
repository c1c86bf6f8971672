//! The real binary as a process of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use crate::client::Client;
use crate::metrics::Metrics;
use crate::{eventually, net, workspace};

/// The binary under test.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("TAILRACE_BIN")
        .map_or_else(|| workspace().join("target/release/tailrace"), |path| workspace().join(path));
    assert!(path.exists(), "{} does not exist: build it, or name another in TAILRACE_BIN", path.display());
    path
}

/// Runs the binary to its end.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().expect("the binary runs")
}

/// A configuration and how to start the binary with it. `@name@` in the YAML stands for a port of this host's own,
/// always the same for the same name; `@grpc@`, `@http@`, `@metrics@` and `@health@` have methods on [`Host`].
pub struct Setup {
    yaml: Option<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    cores: Vec<usize>,
}

impl Setup {
    /// This configuration.
    pub fn new(yaml: impl Into<String>) -> Self {
        Self { yaml: Some(yaml.into()), ..Self::embedded() }
    }

    /// The configuration that the binary has in itself.
    pub fn embedded() -> Self {
        Self { yaml: None, arguments: Vec::new(), environment: Vec::new(), cores: Vec::new() }
    }

    /// One more `--set`.
    #[must_use]
    pub fn set(mut self, path: &str, value: &str) -> Self {
        self.arguments.extend(["--set".to_owned(), format!("{path}={value}")]);
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Runs on this core alone.
    #[must_use]
    pub fn on_core(mut self, core: usize) -> Self {
        self.cores = vec![core];
        self
    }

    /// Runs on all cores, whatever the caller is pinned to.
    #[must_use]
    pub fn on_all_cores(mut self) -> Self {
        self.cores = (0..cores()).collect();
        self
    }

    /// Starts it and waits until it takes data in.
    pub async fn start(self) -> Host {
        let mut host = self.spawn();
        host.wait_for_log("Everything is ready").await;
        host
    }

    /// Starts it and does not wait for anything.
    pub fn spawn(self) -> Host {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ports = BTreeMap::new();
        let mut command = Command::new(binary());
        if let Some(yaml) = &self.yaml {
            let config = folder.path().join("config.yaml");
            std::fs::write(&config, fill(yaml, &mut ports)).expect("written");
            command.arg("--config").arg(&config);
        }
        let arguments: Vec<_> = self.arguments.iter().map(|argument| fill(argument, &mut ports)).collect();
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        command
            .args(arguments)
            .envs(self.environment)
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a second handle"))
            .stdout(log);
        if !self.cores.is_empty() {
            pin(&mut command, self.cores);
        }
        let child = command.spawn().expect("the binary runs");
        Host { child, folder, ports }
    }
}

/// A running host. Killed when dropped.
pub struct Host {
    child: Child,
    folder: tempfile::TempDir,
    ports: BTreeMap<String, u16>,
}

/// How a host ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// All that it wrote.
    pub log: String,
}

impl Host {
    /// `127.0.0.1:port` for a port named in the YAML.
    pub fn address(&self, name: &str) -> String {
        let port = self.ports.get(name).unwrap_or_else(|| panic!("the configuration has no @{name}@"));
        format!("127.0.0.1:{port}")
    }

    /// A gRPC client of `@grpc@`.
    pub fn grpc(&self) -> Client {
        Client::grpc(&self.address("grpc"))
    }

    /// An HTTP client of `@http@`.
    pub fn http(&self) -> Client {
        Client::http(&self.address("http"))
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its configuration lies; other files can be put beside it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that it has written so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until it has written `text`.
    pub async fn wait_for_log(&mut self, text: &str) {
        self.wait_for_log_times(text, 1).await;
    }

    /// Waits until it has written `text` so many times.
    pub async fn wait_for_log_times(&mut self, text: &str, times: usize) {
        let log = self.folder.path().join("log");
        let child = &mut self.child;
        eventually(&format!("{text:?} in the log"), async || {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            if log.matches(text).count() >= times {
                return Some(());
            }
            let ended = child.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "the host ended ({ended:?}) before it wrote {text:?}:\n{log}");
            None
        })
        .await;
    }

    /// A scrape of `@metrics@`.
    pub async fn metrics(&self) -> Metrics {
        let address = self.address("metrics");
        let answer = Client::http(&address).get("/metrics").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Metrics::parse(answer.text())
    }

    /// Scrapes until the sum of a metric's series is at least `value`, and gives it.
    pub async fn wait_for_metric(&self, name: &str, labels: &[(&str, &str)], value: f64) -> f64 {
        eventually(&format!("{name}{labels:?} >= {value}"), async || {
            Some(self.metrics().await.sum(name, labels)).filter(|sum| *sum >= value)
        })
        .await
    }

    /// Replaces the configuration and sends SIGHUP, without waiting for what comes of it.
    pub fn reload(&mut self, yaml: &str) {
        let filled = fill(yaml, &mut self.ports);
        std::fs::write(self.folder.path().join("config.yaml"), filled).expect("written");
        self.signal(libc::SIGHUP);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: kill takes any numbers; the process is our child and not yet waited for, so the id is its own.
        #[expect(unsafe_code, reason = "std can only kill")]
        let result = unsafe { libc::kill(self.child.id() as i32, signal) };
        assert_eq!(result, 0, "no such process");
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn stop(self) -> Ended {
        self.signal(libc::SIGTERM);
        self.ended().await
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> Ended {
        let child = &mut self.child;
        let status = eventually("the host's end", async || child.try_wait().expect("a child of ours")).await;
        Ended { status, log: self.log() }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// CPU time used so far (user and system), in microseconds.
    pub fn cpu_us(&self) -> u64 {
        cpu_us(self.pid())
    }

    /// Resident set in bytes.
    pub fn rss(&self) -> u64 {
        status_kib(self.pid(), "VmRSS:") * 1024
    }

    /// The largest resident set so far, in bytes.
    pub fn peak_rss(&self) -> u64 {
        status_kib(self.pid(), "VmHWM:") * 1024
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the host\n{}", self.log());
        }
    }
}

/// CPU time (user and system, all threads, ended ones too) of a process, in microseconds.
pub fn cpu_us(pid: u32) -> u64 {
    // SAFETY: both calls only write through pointers to locals of the right type.
    #[expect(unsafe_code, reason = "/proc/<pid>/stat counts in hundredths of a second, this clock in nanoseconds")]
    let time = unsafe {
        let mut clock = 0;
        let mut time: libc::timespec = std::mem::zeroed();
        assert_eq!(libc::clock_getcpuclockid(pid as i32, &raw mut clock), 0, "the process runs");
        assert_eq!(libc::clock_gettime(clock, &raw mut time), 0, "the process runs");
        time
    };
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}

/// Replaces each `@name@` by a port.
fn fill(text: &str, ports: &mut BTreeMap<String, u16>) -> String {
    let mut parts = text.split('@');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    while let (Some(name), Some(rest)) = (parts.next(), parts.next()) {
        let port = ports.entry(name.to_owned()).or_insert_with(net::free_port);
        filled.push_str(&port.to_string());
        filled.push_str(rest);
    }
    filled
}

fn status_kib(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

/// Lets the child run on these cores alone.
pub fn pin(command: &mut Command, cores: Vec<usize>) {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: between fork and exec only async-signal-safe calls are made: pin_self is one system call on a stack value.
    #[expect(unsafe_code, reason = "the affinity must be set before the child starts threads")]
    unsafe {
        command.pre_exec(move || pin_self(&cores));
    }
}

/// Lets the calling thread, and those that it starts later, run on these cores alone.
pub fn pin_self(cores: &[usize]) -> std::io::Result<()> {
    // SAFETY: the set lives on the stack and the kernel reads only as many bytes as it is told.
    #[expect(unsafe_code, reason = "std has no affinity")]
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        for core in cores {
            libc::CPU_SET(*core, &mut set);
        }
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Cores of the machine.
fn cores() -> usize {
    // SAFETY: sysconf only takes a number.
    #[expect(unsafe_code, reason = "std counts the cores that this thread may use, not those of the machine")]
    let cores = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(cores).unwrap_or(1)
}
