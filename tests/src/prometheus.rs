//! Debian's Prometheus as a process of its own, and its promtool. `tests/setup.sh` fetches them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::client::Client;
use crate::{eventually, net, workspace};

/// A Prometheus on loopback. Killed when dropped.
pub struct Prometheus {
    child: Child,
    _folder: tempfile::TempDir,
    address: String,
}

impl Prometheus {
    /// One that scrapes these addresses every second, and has the rules of this file.
    pub async fn start(targets: &[String], rules: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = format!("127.0.0.1:{}", net::free_port());
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [rules],
            "scrape_configs": [{"job_name": "tailrace", "static_configs": [{"targets": targets}]}],
        });
        // JSON is YAML.
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config.to_string()).expect("written");
        let mut command = Command::new(tool("prometheus"));
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("Prometheus runs");
        let prometheus = Self { child, _folder: folder, address };
        eventually("Prometheus is ready", async || {
            (Client::http(&prometheus.address).get("/-/ready").await.status == 200).then_some(())
        })
        .await;
        prometheus
    }

    /// The series that an expression has now; why it is none, if it is none.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let answer = self.get(&format!("/api/v1/query?query={}", escaped(expression))).await;
        let series = answer["data"]["result"].as_array().cloned();
        series.filter(|_| answer["status"] == "success").ok_or_else(|| answer["error"].to_string())
    }

    /// All rules, with how their last evaluation went.
    pub async fn rules(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/rules").await;
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = Client::http(&self.address).get(path).await;
        serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `prometheus` or `promtool`.
pub fn tool(name: &str) -> PathBuf {
    let path = workspace().join("target/tools/prometheus/usr/bin").join(name);
    assert!(path.exists(), "{} does not exist: tests/setup.sh fetches it", path.display());
    path
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}
