//! A real Kubernetes API server on loopback, over an etcd of its own. RBAC is on; there are no controllers, so whatever they would
//! write is written by the test. `tests/setup.sh` fetches and builds what runs here.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::{eventually, net, workspace};

/// The user that may do everything; its name is its token.
pub const ADMIN: &str = "admin";

/// The user that is the agents' service account; its name is its token.
pub const RESOLVER: &str = "resolver";

/// Where the agents run.
pub const NAMESPACE: &str = "observability";

/// An API server. Killed when dropped, and etcd with it.
pub struct ApiServer {
    folder: tempfile::TempDir,
    etcd_port: u16,
    port: u16,
    etcd: Child,
    server: Child,
}

impl ApiServer {
    /// An empty cluster, but for [`NAMESPACE`].
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (etcd_port, port) = (net::free_port(), net::free_port());
        let etcd = start_etcd(folder.path(), etcd_port);
        write_credentials(folder.path());
        let server = start_server(folder.path(), etcd_port, port);
        let server = Self { folder, etcd_port, port, etcd, server };
        server.wait_until_ready().await;
        server.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})).await;
        server
    }

    /// Kills it. etcd, and what is in it, stays.
    pub fn kill(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }

    /// Starts it after [`ApiServer::kill`], with the same address and certificate.
    pub async fn start_again(&mut self) {
        self.server = start_server(self.folder.path(), self.etcd_port, self.port);
        self.wait_until_ready().await;
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The text of a kubeconfig for a user, over TLS; `address` is the server's or that of something between.
    pub fn kubeconfig(&self, address: &str, user: &str) -> String {
        let certificate = self.folder.path().join("certs/apiserver.crt");
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {
                "server": format!("https://{address}"),
                "certificate-authority": certificate,
            }}],
            "users": [{"name": user, "user": {"token": user}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "current-context": "test",
        })
        .to_string()
    }

    /// A client of a user.
    pub async fn client(&self, user: &str) -> Client {
        let kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig(&self.address(), user)).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        Client::try_from(config.expect("a configuration")).expect("a client")
    }

    /// Creates or changes an object.
    pub async fn apply(&self, object: &Value) {
        self.server_side_apply(object, false).await.unwrap_or_else(|error| panic!("{error}: {object:#}"));
    }

    /// Has the server check an object as if it were created, defaults and admission included.
    pub async fn dry_run(&self, object: &Value) -> Result<(), kube::Error> {
        self.server_side_apply(object, true).await
    }

    /// Deletes what [`ApiServer::apply`] created.
    pub async fn delete(&self, object: &Value) {
        let api = self.api_of(object).await.expect("a known kind");
        api.delete(name_of(object), &DeleteParams::default()).await.expect("deleted");
    }

    async fn server_side_apply(&self, object: &Value, dry_run: bool) -> Result<(), kube::Error> {
        let parameters = PatchParams { dry_run, ..PatchParams::apply("test").force() }.validation_strict();
        let api = self.api_of(object).await?;
        api.patch(name_of(object), &parameters, &Patch::Apply(object)).await.map(drop)
    }

    async fn api_of(&self, object: &Value) -> Result<Api<DynamicObject>, kube::Error> {
        let client = self.client(ADMIN).await;
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = text("/apiVersion").split_once('/').unwrap_or(("", text("/apiVersion")));
        let kind = GroupVersionKind::gvk(group, version, text("/kind"));
        let (resource, capabilities) = kube::discovery::pinned_kind(&client, &kind).await?;
        Ok(match capabilities.scope {
            kube::discovery::Scope::Cluster => Api::all_with(client, &resource),
            kube::discovery::Scope::Namespaced => {
                let namespace = Some(text("/metadata/namespace")).filter(|namespace| !namespace.is_empty());
                Api::namespaced_with(client, namespace.unwrap_or("default"), &resource)
            }
        })
    }

    /// Writes what the controller would about the pods behind a service: their addresses, and their names if they have any.
    pub async fn put_slice(&self, service: &str, slice: &str, endpoints: &[(&str, Option<&str>)]) {
        let endpoints: Vec<Value> = endpoints
            .iter()
            .map(|(address, hostname)| match hostname {
                None => json!({"addresses": [address]}),
                Some(hostname) => json!({"addresses": [address], "hostname": hostname}),
            })
            .collect();
        self.apply(&json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": slice,
                "namespace": NAMESPACE,
                "labels": {"kubernetes.io/service-name": service},
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
        }))
        .await;
    }

    /// Deletes a slice.
    pub async fn delete_slice(&self, slice: &str) {
        let slices: Api<EndpointSlice> = Api::namespaced(self.client(ADMIN).await, NAMESPACE);
        slices.delete(slice, &DeleteParams::default()).await.expect("deleted");
    }

    async fn wait_until_ready(&self) {
        let certificate = self.folder.path().join("certs/apiserver.crt");
        eventually("the API server's certificate", async || certificate.exists().then_some(())).await;
        let client = self.client(ADMIN).await;
        eventually("the API server is ready", async || {
            let ready = http::Request::get("/readyz").body(Vec::new()).expect("a request");
            let namespaces: Api<Namespace> = Api::all(client.clone());
            let is_ready = client.request_text(ready).await.is_ok_and(|text| text == "ok");
            // The namespace in which everything is looked up for admission is made a moment later.
            (is_ready && namespaces.get("default").await.is_ok()).then_some(())
        })
        .await;
    }

    /// All that it has written.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        // It would wait long for an etcd that is gone.
        for child in [&mut self.server, &mut self.etcd] {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(20).collect();
            eprintln!("--- end of the API server's log\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("an object with a name")
}

/// Tokens and their users, and the key of tokens that nobody asks for.
fn write_credentials(folder: &Path) {
    let certs = folder.join("certs");
    std::fs::create_dir(&certs).expect("a folder");
    let key = rcgen::KeyPair::generate().expect("a key");
    std::fs::write(certs.join("service-accounts.key"), key.serialize_pem()).expect("written");
    std::fs::write(certs.join("service-accounts.pub"), key.public_key_pem()).expect("written");
    let users = format!(
        "{ADMIN},{ADMIN},1,\"system:masters\"\n\
         {RESOLVER},system:serviceaccount:{NAMESPACE}:tailrace-agent,2,\"system:serviceaccounts\"\n"
    );
    std::fs::write(certs.join("tokens.csv"), users).expect("written");
}

fn start_etcd(folder: &Path, port: u16) -> Child {
    let peer = format!("http://127.0.0.1:{}", net::free_port());
    let client = format!("http://127.0.0.1:{port}");
    let data = folder.join("etcd");
    let mut command = Command::new(existing(workspace().join("target/tools/etcd/usr/bin/etcd")));
    command.arg("--data-dir").arg(data);
    for (name, value) in [
        ("--listen-client-urls", &client),
        ("--advertise-client-urls", &client),
        ("--listen-peer-urls", &peer),
        ("--initial-advertise-peer-urls", &peer),
        ("--initial-cluster", &format!("default={peer}")),
    ] {
        command.arg(name).arg(value);
    }
    // Nothing of it has to survive the machine.
    command.arg("--unsafe-no-fsync");
    spawn(command, &folder.join("etcd.log"))
}

fn start_server(folder: &Path, etcd_port: u16, port: u16) -> Child {
    let certs = folder.join("certs");
    let cache = std::env::var_os("TAILRACE_KUBE_DIR").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| workspace().join("target/tools/kube"));
    let mut command = Command::new(existing(cache.join("kube-apiserver")));
    for (name, value) in [
        ("etcd-servers", format!("http://127.0.0.1:{etcd_port}")),
        ("service-account-issuer", "https://kubernetes.default.svc".to_owned()),
        ("service-account-key-file", certs.join("service-accounts.pub").display().to_string()),
        ("service-account-signing-key-file", certs.join("service-accounts.key").display().to_string()),
        ("token-auth-file", certs.join("tokens.csv").display().to_string()),
        ("authorization-mode", "RBAC".to_owned()),
        ("bind-address", "127.0.0.1".to_owned()),
        ("secure-port", port.to_string()),
        ("cert-dir", certs.display().to_string()),
        ("service-cluster-ip-range", "10.0.0.0/24".to_owned()),
    ] {
        command.arg(format!("--{name}={value}"));
    }
    spawn(command, &folder.join("server.log"))
}

fn spawn(mut command: Command, log: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(log).expect("a file");
    command.stdin(Stdio::null()).stderr(log.try_clone().expect("a second handle")).stdout(log);
    command.spawn().expect("it runs")
}

fn existing(binary: PathBuf) -> PathBuf {
    assert!(binary.exists(), "{} does not exist: tests/setup.sh makes it", binary.display());
    binary
}

/// How long a test waits to see that nothing changes: several times the wait between two attempts.
pub const A_WHILE: Duration = Duration::from_secs(2);
