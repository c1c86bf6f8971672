//! What `deploy/` hands to people: manifests, values and units that fit each other and the binary. The API server's say about
//! the manifests is in `kubernetes`.

mod dashboards;
pub(crate) mod manifests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::host::{Setup, binary, run};
use tailrace_tests::telemetry::{Trace, log_request, metric_request};
use tailrace_tests::workspace;

use self::manifests::{Process, built, documents, helm_process, processes};
use crate::yaml;

pub(crate) const BUILT: [&str; 6] =
    ["base", "overlays/agent", "overlays/gateway", "overlays/gateway-green", "overlays/sidecar", "overlays/two-tier"];

pub(crate) fn deploy(path: &str) -> PathBuf {
    workspace().join("deploy").join(path)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Each object says what it is, and no file of a kustomization is forgotten in it.
#[test]
fn every_manifest_is_an_object_that_kustomize_takes() {
    let mut found = Vec::new();
    files(&deploy("kustomize"), &mut found);
    assert!(found.len() > 30, "{found:?}");
    for path in &found {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        for object in documents(&text_of(path)) {
            assert!(object["apiVersion"].is_string() && object["kind"].is_string(), "{}", path.display());
            assert!(name == "kustomization.yaml" || object["metadata"]["name"].is_string(), "{}", path.display());
        }
        if name != "kustomization.yaml" {
            let kustomization = text_of(&path.with_file_name("kustomization.yaml"));
            assert!(kustomization.contains(name), "{} is in no kustomization", path.display());
        }
    }
    for folder in BUILT {
        assert!(built(folder).len() >= 4, "{folder}");
    }
}

/// As the container starts it: all files that its flags name, in their order, and its environment.
fn validate(process: &Process) {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = folder.path().join("secrets");
    std::fs::create_dir(&secrets).expect("made");
    let identity = rcgen::generate_simple_self_signed(["tailrace".to_owned()]).expect("a certificate");
    for (name, content) in [
        ("ca.crt", identity.cert.pem()),
        ("tls.crt", identity.cert.pem()),
        ("tls.key", identity.signing_key.serialize_pem()),
        ("token", "a-token-of-the-test".to_owned()),
    ] {
        std::fs::write(secrets.join(name), content).expect("written");
    }
    let mut command = Command::new(binary());
    command.arg("validate").envs(process.environment.iter());
    for (n, text) in process.configurations.iter().enumerate() {
        let file = folder.path().join(format!("{n}.yaml"));
        let secrets = secrets.display().to_string();
        let text = text.replace("/etc/tailrace/tls", &secrets).replace("/etc/tailrace/token", &secrets);
        std::fs::write(&file, text).expect("written");
        command.arg("--config").arg(file);
    }
    let output = command.output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", process.name);
}

#[test]
fn configurations_are_valid_as_their_containers_start_them() {
    let mut names = BTreeSet::new();
    for folder in BUILT {
        for process in processes(&built(folder)) {
            validate(&process);
            names.insert((folder, process.name, process.configurations.len()));
        }
    }
    for expected in [
        ("base", "tailrace-agent".to_owned(), 1),
        ("overlays/gateway-green", "tailrace-gateway-green".to_owned(), 1),
        ("overlays/sidecar", "example".to_owned(), 1),
        ("overlays/two-tier", "tailrace-agent".to_owned(), 4),
        ("overlays/two-tier", "tailrace-gateway".to_owned(), 3),
    ] {
        assert!(names.contains(&expected), "no {expected:?} in {names:?}");
    }
    for values in ["agent", "gateway"] {
        validate(&helm_process(values));
    }
}

/// The base's agent and gateway, with ports of this machine's: what comes in at the one goes out at the other.
#[tokio::test]
async fn the_base_carries_all_signals() {
    let backend = Backend::start().await;
    let objects = built("base");
    let local = |name: &str| {
        let process = processes(&objects).into_iter().find(|process| process.name == name).expect("in the base");
        let mut yaml = process.configurations[0].clone();
        for (port, placeholder) in [("4317", "@grpc@"), ("4318", "@http@"), ("13133", "@health@")] {
            yaml = yaml.replace(&format!("0.0.0.0:{port}"), &format!("127.0.0.1:{placeholder}"));
        }
        yaml.replace("host: 0.0.0.0, port: 8888", "host: 127.0.0.1, port: @metrics@")
    };
    let runtime = tempfile::tempdir().expect("a folder");
    let gateway = Setup::new(local("tailrace-gateway"))
        .set("processors.tail_sampling.decision_wait", "1s")
        .set("processors.batch.timeout", "100ms")
        .set("exporters.otlp_grpc/backend.tls.insecure", "true")
        .env("BACKEND_ENDPOINT", backend.address())
        .env("BACKEND_API_KEY", "key")
        .env("XDG_RUNTIME_DIR", runtime.path().display().to_string())
        .start()
        .await;
    let agent = Setup::new(local("tailrace-agent"))
        .set("exporters.load_balancing.resolver.dns", "null")
        .set("exporters.load_balancing.resolver.static.hostnames", &format!("['{}']", gateway.address("grpc")))
        .set("exporters.otlp_grpc/gateway.endpoint", &gateway.address("grpc"))
        .start()
        .await;
    assert!(agent.grpc().send(Signal::Traces, &Trace::new(7).error().request()).await.is_ok());
    assert!(agent.http().send(Signal::Metrics, &metric_request(3)).await.is_ok());
    assert!(agent.http().send(Signal::Logs, &log_request(2)).await.is_ok());
    backend.wait_for_spans(4).await;
    backend.wait_for_requests(3).await;
    let received = backend.received();
    assert!(received.iter().all(|request| request.headers["api-key"] == "key"), "{received:?}");
    gateway.wait_for_metric("otelcol_receiver_accepted_metric_points", &[], 3.0).await;
    let id = hex::encode(Trace::new(7).id_bytes());
    let socket = runtime.path().join("tailrace/admin.sock").display().to_string();
    let explained = run(&["explain", &id, "--admin", &socket]);
    let said = String::from_utf8_lossy(&explained.stdout);
    assert!(explained.status.success() && said.contains("errors-policy"), "{said}");
}

/// The sums of deploy/README.md, with the numbers that are in the manifests.
#[test]
fn the_gateways_memory_follows_the_measured_bytes_of_a_span() {
    const MIB: f64 = 1_048_576.0;
    const BYTES_A_SPAN: f64 = 1009.0 * 1.05;
    const ALL_ELSE: f64 = 80.0 * MIB;
    let objects = built("base");
    let gateway = objects.iter().find(|object| object["kind"] == "Deployment").expect("a gateway");
    let memory = &gateway["spec"]["template"]["spec"]["containers"][0]["resources"];
    assert_eq!(memory["requests"]["memory"], memory["limits"]["memory"], "buffered traces are no burst");
    let limit = memory["limits"]["memory"].as_str().and_then(|text| text.strip_suffix("Mi")).expect("MiB");
    let limit = limit.parse::<f64>().expect("a number") * MIB;

    let process = processes(&objects).into_iter().find(|process| process.name == "tailrace-gateway").expect("one");
    let config: Value = documents(&process.configurations[0]).remove(0);
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    let limiter = &config["processors"]["memory_limiter"];
    let soft = (number(&limiter["limit_percentage"]) - number(&limiter["spike_limit_percentage"])) / 100.0;
    let buffer = number(&config["processors"]["tail_sampling"]["num_traces"]) * 20.0 * BYTES_A_SPAN;
    let queue = number(&config["exporters"]["otlp_grpc/backend"]["sending_queue"]["queue_size"]);
    let used = buffer + queue + ALL_ELSE;
    let unpressed = limit * soft * 0.8;
    assert!(used < unpressed, "{} MiB of {} before segments are packed", used / MIB, unpressed / MIB);
    assert!(used > unpressed * 0.85, "paid for and not used: {} MiB of {}", used / MIB, unpressed / MIB);
}

/// With the binary under test in the place where the package puts it.
#[test]
fn the_unit_is_one_for_systemd() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("tailrace.service");
    let text = text_of(&deploy("systemd/tailrace.service"));
    std::fs::write(&unit, text.replace("/usr/bin/tailrace", &binary().display().to_string())).expect("written");
    let analyze = |arguments: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        let output = command.args(arguments).arg(&unit).output().expect("systemd-analyze: tests/setup.sh installs it");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let (good, said) = analyze(&["verify"]);
    assert!(good && said.trim().is_empty(), "{said}");
    // In tenths.
    let (good, said) = analyze(&["security", "--offline=yes", "--threshold=20"]);
    assert!(good, "{said}");
    let set = text.lines().any(|line| line.starts_with("MemoryDenyWriteExecute"));
    assert!(!set, "no plugin would run");

    let config = folder.path().join("config.yaml").display().to_string();
    let ports = ["@grpc@", "@http@", "@health@", "@metrics@"];
    let text_of_config = ports.iter().fold(yaml::sampling("backend:4317"), |yaml, port| yaml.replace(port, "4317"));
    std::fs::write(&config, text_of_config).expect("written");
    let environment = text_of(&deploy("systemd/tailrace.conf")).replace("/etc/tailrace/config.yaml", &config);
    for (setting, variables, more) in [
        ("ExecStartPre=", &["$TAILRACE_OPTIONS"][..], &[][..]),
        ("ExecStart=", &["$TAILRACE_OPTIONS", "$TAILRACE_RUN_OPTIONS"], &["--help"]),
    ] {
        let line = text.lines().find_map(|line| line.strip_prefix(setting)).expect("a line");
        let (known, flags) = line.split(' ').skip(1).partition::<Vec<_>, _>(|word| word.starts_with('$'));
        assert_eq!(known, variables, "{line}");
        // Those that are comments, too.
        let values = known.iter().map(|name| {
            let name = format!("{}=", &name[1..]);
            let line = environment.lines().find_map(|line| line.trim_start_matches('#').strip_prefix(&name));
            line.unwrap_or_else(|| panic!("no {name}")).trim_matches('"').to_owned()
        });
        let output = Command::new(binary()).args(flags).args(values).args(more).output().expect("the binary runs");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The image's last stage has no more than glibc and libgcc; its first the toolchain that the repository names.
#[test]
fn the_image_has_what_the_binary_needs() {
    let output = Command::new("ldd").arg(binary()).output().expect("ldd runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let known = ["linux-vdso", "libgcc_s.so.1", "libm.so.6", "libc.so.6", "ld-linux"];
    let others: Vec<_> = text.lines().filter(|line| !known.iter().any(|known| line.contains(known))).collect();
    assert!(others.is_empty(), "not in distroless/cc: {others:?}");

    let containerfile = text_of(&deploy("container/Containerfile"));
    let toolchain = text_of(&workspace().join("rust-toolchain.toml"));
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).expect("a channel");
    assert!(containerfile.contains(&format!("rust:{}-bookworm", channel.trim_matches('"'))), "{channel}");
    let bases = containerfile.lines().filter(|line| line.starts_with("FROM "));
    assert!(bases.clone().count() == 2 && bases.clone().all(|line| line.contains(':')), "a tag each");
}
