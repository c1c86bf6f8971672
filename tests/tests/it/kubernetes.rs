//! The resolver `k8s`, and what `deploy/` gives to a cluster, against a real API server.

use serde_json::{Value, json};
use tailrace_tests::eventually;
use tailrace_tests::gate::{Gate, Watches};
use tailrace_tests::host::{Host, Setup};
use tailrace_tests::kubernetes::{A_WHILE, ApiServer, NAMESPACE, RESOLVER};
use tailrace_tests::proxy::Proxy;

use crate::deploy::manifests::{built, documents};
use crate::deploy::{BUILT, deploy};
use crate::yaml;

const BACKENDS: &str = "otelcol_loadbalancer_num_backends";
const SERVICE: &str = "tailrace-gateway-headless";

/// An agent whose kubeconfig has this text.
fn agent(kubeconfig: &str, options: &str) -> (Setup, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, kubeconfig).expect("written");
    let exporter = format!(
        "  load_balancing: {{protocol: {{otlp: {{tls: {{insecure: true}}}}}}, resolver: {{k8s: {{{options}}}}}}}\n"
    );
    let setup = Setup::new(yaml::config("", &exporter, &[("traces", "", "load_balancing")]));
    (setup.env("KUBECONFIG", file.display().to_string()), folder)
}

/// An agent as deployed, but for a short timeout: a watch is begun anew after 2 s, and a connection that is dead is given up 5 s
/// later.
fn following(kubeconfig: &str) -> (Setup, tempfile::TempDir) {
    agent(kubeconfig, &format!("service: {SERVICE}.{NAMESPACE}, ports: [4317], timeout: 2s"))
}

/// The manifests that let agents read endpoint slices.
fn rights() -> Vec<Value> {
    let files = ["base/agent/serviceaccount.yaml", "components/k8s-resolver/rbac.yaml"];
    let read = |file| std::fs::read_to_string(deploy("kustomize").join(file)).expect("a manifest");
    files.into_iter().flat_map(|file| documents(&read(file))).collect()
}

async fn allow(api: &ApiServer) {
    for object in rights() {
        api.apply(&object).await;
    }
}

/// The last list that was logged, sorted.
fn last_list(log: &str) -> Option<String> {
    let line = log.lines().rev().find(|line| line.contains("The list of backends has changed"))?;
    let fields: Value = serde_json::from_str(&line[line.find('{')?..]).expect("fields are JSON");
    Some(fields["backends"].as_str().expect("a list").to_owned())
}

async fn wait_for_list(host: &Host, backends: &str) {
    let what = format!("the list {backends:?}");
    eventually(&what, async || (last_list(&host.log()).as_deref() == Some(backends)).then_some(())).await;
    let gauge = host.metrics().await.sum(BACKENDS, &[]);
    assert!((gauge - backends.split_whitespace().count() as f64).abs() < f64::EPSILON, "{gauge}: {backends}");
}

async fn resolutions(host: &Host, success: &str) -> f64 {
    let metrics = host.metrics().await;
    metrics.sum("otelcol_loadbalancer_num_resolutions", &[("resolver", "k8s"), ("success", success)])
}

/// Waits for more failed resolutions, and sees that the list stays.
async fn fails_and_stays(host: &Host, backends: &str) {
    let before = resolutions(host, "false").await;
    eventually("a failed resolution", async || (resolutions(host, "false").await >= before + 2.0).then_some(())).await;
    wait_for_list(host, backends).await;
}

#[tokio::test]
async fn backends_come_and_go_with_endpoint_slices() {
    let api = ApiServer::start().await;
    allow(&api).await;
    let (setup, _folder) = following(&api.kubeconfig(&api.address(), RESOLVER));
    let host = setup.start().await;
    // A service without pods is an empty list, and no failure.
    eventually("the first list", async || (resolutions(&host, "true").await > 0.0).then_some(())).await;
    api.put_slice(SERVICE, "one", &[("10.1.0.2", None), ("10.1.0.10", None)]).await;
    wait_for_list(&host, "10.1.0.10:4317 10.1.0.2:4317").await;
    // Another service's are none of ours; a second slice is.
    api.put_slice("another", "three", &[("10.1.0.9", None)]).await;
    api.put_slice(SERVICE, "two", &[("10.1.0.3", None)]).await;
    wait_for_list(&host, "10.1.0.10:4317 10.1.0.2:4317 10.1.0.3:4317").await;
    // A watch ends every 2 s: changes are seen after that, too.
    tokio::time::sleep(A_WHILE * 2).await;
    api.put_slice(SERVICE, "one", &[("10.1.0.2", None)]).await;
    wait_for_list(&host, "10.1.0.2:4317 10.1.0.3:4317").await;
    api.delete_slice("two").await;
    wait_for_list(&host, "10.1.0.2:4317").await;
    api.delete_slice("one").await;
    wait_for_list(&host, "").await;
    assert!(resolutions(&host, "false").await < 1.0, "{}", host.log());
}

#[tokio::test]
async fn hostnames_of_a_stateful_set_are_backends() {
    let api = ApiServer::start().await;
    allow(&api).await;
    let options = format!("service: {SERVICE}.{NAMESPACE}.svc.cluster.local, return_hostnames: true");
    let (setup, _folder) = agent(&api.kubeconfig(&api.address(), RESOLVER), &options);
    let host = setup.start().await;
    let pods = [("10.1.0.2", Some("gateway-0")), ("10.1.0.3", None), ("10.1.0.4", Some("gateway-1"))];
    api.put_slice(SERVICE, "one", &pods).await;
    let name = |pod: &str| format!("{pod}.{SERVICE}.{NAMESPACE}");
    wait_for_list(&host, &format!("{} {}", name("gateway-0"), name("gateway-1"))).await;
    assert!(host.log().contains("Endpoints have no hostname"), "{}", host.log());
}

#[tokio::test]
async fn an_api_server_that_is_away_takes_no_backend_away() {
    let mut api = ApiServer::start().await;
    allow(&api).await;
    api.put_slice(SERVICE, "one", &[("10.1.0.2", None)]).await;
    let proxy = Proxy::start(api.address()).await;
    // Nobody answers yet. The agent starts nevertheless.
    proxy.close();
    let (setup, _folder) = following(&api.kubeconfig(proxy.address(), RESOLVER));
    let host = setup.start().await;
    eventually("a failed resolution", async || (resolutions(&host, "false").await > 0.0).then_some(())).await;
    proxy.cut();
    wait_for_list(&host, "10.1.0.2:4317").await;
    // The watch is cut while a pod comes.
    proxy.close();
    api.put_slice(SERVICE, "one", &[("10.1.0.2", None), ("10.1.0.3", None)]).await;
    fails_and_stays(&host, "10.1.0.2:4317").await;
    proxy.cut();
    wait_for_list(&host, "10.1.0.2:4317 10.1.0.3:4317").await;
    // The way is dead, and nobody says so.
    proxy.silence();
    api.put_slice(SERVICE, "one", &[("10.1.0.3", None)]).await;
    fails_and_stays(&host, "10.1.0.2:4317 10.1.0.3:4317").await;
    proxy.cut();
    wait_for_list(&host, "10.1.0.3:4317").await;
    // The server itself is killed, and comes back with what had been written before.
    api.kill();
    fails_and_stays(&host, "10.1.0.3:4317").await;
    api.start_again().await;
    api.put_slice(SERVICE, "one", &[("10.1.0.4", None)]).await;
    wait_for_list(&host, "10.1.0.4:4317").await;
}

#[tokio::test]
async fn a_watch_that_has_expired_is_begun_with_a_new_list() {
    let api = ApiServer::start().await;
    allow(&api).await;
    api.put_slice(SERVICE, "one", &[("10.1.0.1", None)]).await;
    let gate = Gate::start(&api).await;
    let (setup, _folder) = following(&gate.kubeconfig());
    let host = setup.start().await;
    wait_for_list(&host, "10.1.0.1:4317").await;
    for (number, watches) in [Watches::ExpireInside, Watches::ExpireOutside, Watches::End].into_iter().enumerate() {
        gate.set(watches);
        fails_and_stays(&host, &format!("10.1.0.{}:4317", number + 1)).await;
        // Without a single watch, the next list tells what is new.
        api.put_slice(SERVICE, "one", &[(&format!("10.1.0.{}", number + 2), None)]).await;
        wait_for_list(&host, &format!("10.1.0.{}:4317", number + 2)).await;
        // Nobody is asked all the time.
        let before = gate.requests();
        tokio::time::sleep(A_WHILE).await;
        let requests = gate.requests() - before;
        assert!(requests < 20, "{requests} requests within {A_WHILE:?}");
        gate.set(Watches::Pass);
        let before = resolutions(&host, "true").await;
        eventually("a list", async || (resolutions(&host, "true").await > before).then_some(())).await;
    }
    assert!(host.log().contains("too old resource version: 1 (2) (410)"), "{}", host.log());
}

#[tokio::test]
async fn a_right_that_is_taken_away_takes_no_backend_away() {
    let api = ApiServer::start().await;
    let (setup, _folder) = following(&api.kubeconfig(&api.address(), RESOLVER));
    let host = setup.start().await;
    api.put_slice(SERVICE, "one", &[("10.1.0.2", None)]).await;
    // Without the right, the agent runs and asks.
    eventually("a refusal", async || host.log().contains("endpointslices.discovery.k8s.io is forbidden").then_some(()))
        .await;
    allow(&api).await;
    wait_for_list(&host, "10.1.0.2:4317").await;
    for object in rights().iter().filter(|object| object["kind"] == "RoleBinding") {
        api.delete(object).await;
    }
    api.put_slice(SERVICE, "one", &[("10.1.0.3", None)]).await;
    // A watch under way may see this; the next one is refused.
    let before = resolutions(&host, "false").await;
    eventually("a refusal", async || (resolutions(&host, "false").await > before).then_some(())).await;
    api.put_slice(SERVICE, "one", &[("10.1.0.4", None)]).await;
    let before = resolutions(&host, "false").await;
    eventually("another refusal", async || (resolutions(&host, "false").await > before).then_some(())).await;
    assert!((host.metrics().await.sum(BACKENDS, &[]) - 1.0).abs() < f64::EPSILON);
    assert!(!host.log().contains("10.1.0.4"), "{}", host.log());
    allow(&api).await;
    wait_for_list(&host, "10.1.0.4:4317").await;
}

/// All that `deploy/` would give to a cluster, as kustomize makes it.
#[tokio::test]
async fn the_api_server_takes_every_manifest() {
    let api = ApiServer::start().await;
    for folder in BUILT {
        let objects = built(folder);
        assert!(!objects.is_empty(), "{folder}");
        for object in &objects {
            if object["kind"] == "Namespace" {
                api.apply(object).await;
            }
            if object["apiVersion"].as_str().is_some_and(|version| version.starts_with("cert-manager.io/")) {
                api.apply(&definition(object)).await;
            }
        }
        for object in &objects {
            let what = format!("{folder}: {} {}", object["kind"], object["metadata"]["name"]);
            eventually(&format!("{what} is known"), async || {
                match api.dry_run(object).await {
                    Ok(()) => Some(()),
                    // A kind that was defined just now.
                    Err(kube::Error::Discovery(_)) => None,
                    Err(kube::Error::Api(status)) if status.code == 404 => None,
                    Err(error) => panic!("{what}: {error}"),
                }
            })
            .await;
        }
    }
}

/// A stand-in for the definition of the kind of `object`, whose real one is not ours to install.
fn definition(object: &Value) -> Value {
    let kind = object["kind"].as_str().expect("a kind");
    let (group, version) = object["apiVersion"].as_str().and_then(|text| text.split_once('/')).expect("a group");
    let singular = kind.to_lowercase();
    let scope = if kind.starts_with("Cluster") { "Cluster" } else { "Namespaced" };
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{singular}s.{group}")},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "singular": singular, "plural": format!("{singular}s")},
            "versions": [{
                "name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}
