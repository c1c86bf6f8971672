//! Plugins from an OCI registry: a real one, on loopback.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use tailrace_otlp::Signal;
use tailrace_tests::backend::Backend;
use tailrace_tests::host::{Ended, Host, Setup, binary};
use tailrace_tests::registry::{Registry, digest};
use tailrace_tests::telemetry::{Trace, text};

use crate::yaml;

fn built(name: &str) -> Vec<u8> {
    let target = binary().ancestors().nth(2).map(Path::to_path_buf).expect("target/<profile>/tailrace");
    let path = target.join(format!("plugins/wasm32-wasip2/release/{name}.wasm"));
    std::fs::read(path).expect("the host's build makes it")
}

fn redact() -> Vec<u8> {
    built("redact")
}

/// A host with a cache of its own that lasts as long as the folder.
struct Site {
    folder: tempfile::TempDir,
    backend: Backend,
}

impl Site {
    async fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), backend: Backend::start().await }
    }

    fn setup(&self, module: &str, registry: &str) -> Setup {
        let processor = format!(
            "  wasm/it: {{module: '${{env:MODULE}}', registry: {{{registry}}}, config: {{keys: [password]}}}}\n"
        );
        self.setup_with(("wasm/it", &processor), &yaml::direct("otlp_grpc", self.backend.address()), module)
    }

    /// A processor of traces by its id and section, in which `${env:MODULE}` stands for the module.
    fn setup_with(&self, (id, processor): (&str, &str), exporter: &str, module: &str) -> Setup {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        Setup::new(yaml::config(processor, exporter, &[("traces", id, "otlp_grpc")]))
            // Not in the text, where `@` stands for ports.
            .env("MODULE", module)
            .env("TAILRACE_CACHE_DIR", at("cache"))
            .env("TAILRACE_STATE_DIR", at("state"))
            .env("DOCKER_CONFIG", at("docker"))
    }

    async fn refused(&self, module: &str, registry: &str) -> String {
        let Ended { status, log, .. } = self.setup(module, registry).spawn().ended().await;
        assert_eq!(status.code(), Some(1), "{log}");
        log
    }

    async fn works(&self, host: &Host) {
        let trace = Trace::new(1).with(text("password", "hunter2"));
        assert!(host.grpc().send(Signal::Traces, &trace.request()).await.is_ok());
        let arrived = self.backend.accepted(Signal::Traces).pop().expect("a request").message;
        assert!(!arrived.windows(7).any(|window| window == b"hunter2"));
    }
}

#[tokio::test]
async fn a_plugin_is_pulled_by_its_digest_and_kept() {
    let (site, registry, component) = (Site::new().await, Registry::start().await, redact());
    let pinned = registry.push("team/redact", "1.0.0", &component).await;
    let artefact = format!("oci://{}/team/redact", registry.address());
    let module = format!("{artefact}:1.0.0@{pinned}");

    let log = site.refused(&format!("{artefact}:1.0.0"), "").await;
    assert!(log.contains("names no digest") && log.contains(&module), "it says how to pin it\n{log}");
    let log = site.refused(&format!("{artefact}:1.0.0@{}", digest(b"another")), "").await;
    assert!(log.contains("404"), "{log}");
    let log = site.refused("oci://nonsense", "").await;
    assert!(log.contains("oci://registry/name:tag@sha256:"), "{log}");

    let host = site.setup(&module, "").start().await;
    site.works(&host).await;
    assert!(host.stop().await.status.success());

    // The registry is gone, the digest is there.
    drop(registry);
    let host = site.setup(&module, "").start().await;
    site.works(&host).await;
    assert!(host.stop().await.status.success());

    // What lies in the cache and was changed is not taken.
    let kept = site.folder.path().join("cache/oci").join(hex::encode(sha256(&component)));
    let mut bytes = std::fs::read(&kept).expect("it is kept");
    bytes[100] ^= 1;
    std::fs::write(&kept, bytes).expect("written");
    let log = site.refused(&module, "").await;
    assert!(log.contains("GET http://127.0.0.1"), "fetched again\n{log}");
}

/// A sampling policy, signed, and the canary of another: what the registry had decides about traces, and does so without it.
#[tokio::test]
async fn policies_come_from_the_registry_too() {
    let (site, registry, signer) = (Site::new().await, Registry::start().await, Signer::new());
    let pinned = registry.push("team/policies", "1.0.0", &built("tailrace_hostile")).await;
    let module = format!("oci://{}/team/policies:1.0.0@{pinned}", registry.address());
    let standard = registry.push("team/standard", "1.0.0", &built("tailrace_policies")).await;
    let standard = format!("oci://{}/team/standard:1.0.0@{standard}", registry.address());
    let processor = format!(
        "  tail_sampling:
    decision_wait: 1s
    policies:
      - name: third
        type: wasm
        wasm: {{module: '${{env:MODULE}}', policy: counts, config: {{every: 3}}, registry: {{cosign_key: '{}'}}}}
      - name: rollout
        type: wasm
        wasm:
          module: '${{env:MODULE}}'
          policy: always_sample
          mode: canary
          canary: {{module: '${{env:STANDARD}}', share: 0.01%}}
",
        signer.key().display()
    );
    let setup = || {
        let exporter = yaml::queued("otlp_grpc", site.backend.address());
        site.setup_with(("tail_sampling", &processor), &exporter, &module).env("STANDARD", &standard)
    };
    let log = setup().spawn().ended().await.log;
    assert!(log.contains("policies::0::wasm") && log.contains("no cosign signature that could be had"), "{log}");

    let (payload, signature) = signer.sign(&pinned);
    registry.sign("team/policies", &pinned, &payload, &signature).await;
    let decides = async |round: usize| {
        let host = setup().start().await;
        let first = round as u128 * 10;
        for id in first + 1..=first + 9 {
            assert!(host.grpc().send(Signal::Traces, &Trace::new(id).request()).await.is_ok());
        }
        let counted = "otelcol_processor_tail_sampling_global_count_traces_sampled";
        host.wait_for_metric(counted, &[], 9.0).await;
        assert!(host.stop().await.status.success());
        assert_eq!(site.backend.traces().len(), (round + 1) * 3, "every third of nine");
    };
    decides(0).await;
    drop(registry);
    decides(1).await;
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

#[tokio::test]
async fn credentials_are_those_of_docker() {
    // "secret", as `htpasswd -B` writes it.
    const USERS: &str = "robot:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";
    let site = Site::new().await;
    let registry = Registry::start_guarded(USERS).await;
    let module = format!("oci://{}/redact:1@{}", registry.address(), digest(b"whatever"));
    let log = site.refused(&module, "").await;
    assert!(log.contains("docker's configuration has no credentials"), "{log}");

    let docker = site.folder.path().join("docker");
    std::fs::create_dir(&docker).expect("made");
    let write = |password: &str| {
        let auth = json!({"username": "robot", "password": password});
        let config = json!({"auths": {registry.address(): auth}});
        std::fs::write(docker.join("config.json"), config.to_string()).expect("written");
    };
    write("wrong");
    let log = site.refused(&module, "").await;
    assert!(log.contains("401"), "{log}");
    write("secret");
    let log = site.refused(&module, "").await;
    assert!(log.contains("404"), "let in, and there is no such thing\n{log}");
}

/// A key pair made by openssl, as `cosign generate-key-pair` makes one.
struct Signer(tempfile::TempDir);

impl Signer {
    fn new() -> Self {
        let signer = Self(tempfile::tempdir().expect("a folder"));
        signer.openssl(&["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "cosign.key"]);
        signer.openssl(&["ec", "-in", "cosign.key", "-pubout", "-out", "cosign.pub"]);
        signer
    }

    fn openssl(&self, arguments: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(self.0.path()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().expect("openssl runs").success(), "{arguments:?}");
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("cosign.pub")
    }

    /// The payload for an artefact, and its signature in base64.
    fn sign(&self, artefact: &str) -> (Vec<u8>, String) {
        let image = json!({"docker-manifest-digest": artefact});
        let critical =
            json!({"identity": {"docker-reference": ""}, "image": image, "type": "cosign container image signature"});
        let payload = json!({"critical": critical, "optional": null}).to_string().into_bytes();
        std::fs::write(self.0.path().join("payload"), &payload).expect("written");
        self.openssl(&["dgst", "-sha256", "-sign", "cosign.key", "-out", "signature", "payload"]);
        self.openssl(&["base64", "-A", "-in", "signature", "-out", "signature.b64"]);
        (payload, std::fs::read_to_string(self.0.path().join("signature.b64")).expect("written"))
    }
}

#[tokio::test]
async fn a_signature_has_to_be_by_the_key_and_over_the_digest() {
    let (site, registry) = (Site::new().await, Registry::start().await);
    let (signer, stranger) = (Signer::new(), Signer::new());
    let pinned = registry.push("redact", "1", &redact()).await;
    let module = format!("oci://{}/redact:1@{pinned}", registry.address());
    let verify = format!("cosign_key: '{}'", signer.key().display());

    let log = site.refused(&module, &verify).await;
    assert!(log.contains("no cosign signature that could be had"), "{log}");

    let (payload, signature) = stranger.sign(&pinned);
    registry.sign("redact", &pinned, &payload, &signature).await;
    let log = site.refused(&module, &verify).await;
    assert!(log.contains("not by the configured key"), "{log}");

    let (payload, signature) = signer.sign(&digest(b"another"));
    registry.sign("redact", &pinned, &payload, &signature).await;
    let log = site.refused(&module, &verify).await;
    assert!(log.contains("of another artefact"), "{log}");

    let (payload, signature) = signer.sign(&pinned);
    registry.sign("redact", &pinned, &payload, &signature).await;
    let host = site.setup(&module, &verify).start().await;
    site.works(&host).await;
    assert!(host.stop().await.status.success());

    drop(registry);
    let host = site.setup(&module, &verify).start().await;
    site.works(&host).await;
    assert!(host.stop().await.status.success());
    let other = format!("cosign_key: '{}'", stranger.key().display());
    let log = site.refused(&module, &other).await;
    assert!(log.contains("no cosign signature that could be had"), "another key, and nobody to ask\n{log}");
}
