//! Kubernetes objects, and the processes in them.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize as _;
use serde_json::Value;
use tailrace_tests::workspace;

use super::deploy;

/// The documents of a YAML file.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    let read = documents.map(|document| Value::deserialize(document).unwrap_or_else(|error| panic!("{error}\n{text}")));
    read.filter(|document| !document.is_null()).collect()
}

/// What kustomize makes of a folder.
pub(crate) fn built(folder: &str) -> Vec<Value> {
    let kustomize = workspace().join("target/tools/bin/kustomize");
    assert!(kustomize.exists(), "{} does not exist: tests/setup.sh builds it", kustomize.display());
    let folder = deploy("kustomize").join(folder);
    let output = Command::new(kustomize).arg("build").arg(&folder).output().expect("kustomize runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", folder.display());
    documents(&String::from_utf8(output.stdout).expect("UTF-8"))
}

/// A container that runs a configuration.
#[derive(Debug)]
pub(super) struct Process {
    /// Of its Deployment or `DaemonSet`.
    pub(super) name: String,
    /// In the order of its flags.
    pub(super) configurations: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
}

/// All containers with a `--config`.
pub(super) fn processes(objects: &[Value]) -> Vec<Process> {
    let workloads = objects.iter().filter(|object| object["kind"] == "Deployment" || object["kind"] == "DaemonSet");
    workloads.flat_map(|workload| processes_of(workload, objects)).collect()
}

fn processes_of(workload: &Value, objects: &[Value]) -> Vec<Process> {
    let pod = &workload["spec"]["template"]["spec"];
    let all = list(&pod["initContainers"]).chain(list(&pod["containers"]));
    let processes = all.map(|container| Process {
        name: text(&workload["metadata"]["name"]).to_owned(),
        configurations: list(&container["args"])
            .filter_map(|argument| text(argument).strip_prefix("--config="))
            .map(|path| mounted(path, container, pod, objects))
            .collect(),
        environment: environment(&container["env"]),
    });
    processes.filter(|process| !process.configurations.is_empty()).collect()
}

/// The text that lies at `path` in the container.
fn mounted(path: &str, container: &Value, pod: &Value, objects: &[Value]) -> String {
    let (folder, file) = path.rsplit_once('/').expect("a path");
    let mut mounts = list(&container["volumeMounts"]);
    let mount = mounts.find(|mount| mount["mountPath"] == folder).unwrap_or_else(|| panic!("nothing at {folder}"));
    let volume = list(&pod["volumes"]).find(|volume| volume["name"] == mount["name"]).expect("a volume of that name");
    let name = &volume["configMap"]["name"];
    let mut maps = objects.iter().filter(|object| object["kind"] == "ConfigMap");
    let map = maps.find(|map| map["metadata"]["name"] == *name).unwrap_or_else(|| panic!("no ConfigMap {name}"));
    text(&map["data"][file]).to_owned()
}

/// What is no plain value (a secret, a field of the pod's) gets one that is good for all of them.
fn environment(list_of: &Value) -> BTreeMap<String, String> {
    let value = |entry: &Value| entry["value"].as_str().unwrap_or("127.0.0.1").to_owned();
    list(list_of).map(|entry| (text(&entry["name"]).to_owned(), value(entry))).collect()
}

/// What the official chart makes of our values: nulls take its defaults away.
pub(super) fn helm_process(values: &str) -> Process {
    let file = deploy("helm").join(format!("{values}.yaml"));
    let mut values = documents(&std::fs::read_to_string(file).expect("values")).remove(0);
    assert_eq!(values["command"]["name"], "tailrace", "the chart runs /<command.name>");
    let mut config = values["config"].take();
    without_nulls(&mut config);
    let mut environment = environment(&values["extraEnvs"]);
    environment.insert("MY_POD_IP".to_owned(), "127.0.0.1".to_owned());
    let name = text(&values["fullnameOverride"]).to_owned();
    Process { name, configurations: vec![config.to_string()], environment }
}

fn without_nulls(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(without_nulls);
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
