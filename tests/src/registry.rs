//! Debian's docker-registry as a process of its own, and what is pushed to it. `tests/setup.sh` fetches it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::client::Client;
use crate::{eventually, net, workspace};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry on loopback. Killed when dropped.
pub struct Registry {
    child: Child,
    _folder: tempfile::TempDir,
    address: String,
}

impl Registry {
    /// One that takes anything from anyone.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// One that knows a single user, `robot`. The line is that of a htpasswd file.
    pub async fn start_guarded(htpasswd_line: &str) -> Self {
        Self::start_with(htpasswd_line).await
    }

    async fn start_with(htpasswd_line: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = format!("127.0.0.1:{}", net::free_port());
        let mut config = json!({
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": folder.path().join("data")}},
            "http": {"addr": address},
        });
        if !htpasswd_line.is_empty() {
            let users = folder.path().join("htpasswd");
            std::fs::write(&users, htpasswd_line).expect("written");
            config["auth"] = json!({"htpasswd": {"realm": "test", "path": users}});
        }
        // JSON is YAML.
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config.to_string()).expect("written");
        let binary = binary();
        assert!(binary.exists(), "{} does not exist: tests/setup.sh fetches it", binary.display());
        let mut command = Command::new(binary);
        command.arg("serve").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the registry runs");
        let registry = Self { child, _folder: folder, address };
        eventually("the registry answers", async || {
            tokio::net::TcpStream::connect(&registry.address).await.ok().map(drop)
        })
        .await;
        registry
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Pushes a component as `wkg` does; gives the digest of its manifest.
    pub async fn push(&self, name: &str, tag: &str, component: &[u8]) -> String {
        let config = json!({"architecture": "wasm", "os": "wasip2", "layerDigests": [digest(component)]}).to_string();
        let config = self.blob(name, config.as_bytes(), "application/vnd.wasm.config.v0+json").await;
        let layer = self.blob(name, component, "application/wasm").await;
        self.manifest(name, tag, &config, &[layer]).await
    }

    /// Pushes a signature of the artefact with this digest as `cosign` does.
    pub async fn sign(&self, name: &str, artefact: &str, payload: &[u8], signature: &str) {
        let config = self.blob(name, b"{}", "application/vnd.oci.image.config.v1+json").await;
        let mut layer = self.blob(name, payload, "application/vnd.dev.cosign.simplesigning.v1+json").await;
        layer["annotations"] = json!({"dev.cosignproject.cosign/signature": signature});
        let tag = format!("{}.sig", artefact.replace(':', "-"));
        self.manifest(name, &tag, &config, &[layer]).await;
    }

    async fn manifest(&self, name: &str, tag: &str, config: &Value, layers: &[Value]) -> String {
        let manifest =
            json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}).to_string();
        let path = format!("/v2/{name}/manifests/{tag}");
        let digest = digest(manifest.as_bytes());
        let answer =
            self.client().request(Method::PUT, &path, manifest.into(), &[("content-type", OCI_MANIFEST)]).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        digest
    }

    /// Pushes bytes; gives their descriptor.
    async fn blob(&self, name: &str, bytes: &[u8], media_type: &str) -> Value {
        let client = self.client();
        let begun = client.post(&format!("/v2/{name}/blobs/uploads/"), Bytes::new(), &[]).await;
        assert_eq!(begun.status, 202, "{begun:?}");
        let location = begun.header("location");
        let path = location.split_once(&self.address).map_or(location, |(_, path)| path);
        let path = format!("{path}&digest={}", digest(bytes));
        let octets = [("content-type", "application/octet-stream")];
        let put = client.request(Method::PUT, &path, Bytes::copy_from_slice(bytes), &octets).await;
        assert_eq!(put.status, 201, "{put:?}");
        json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
    }

    fn client(&self) -> Client {
        Client::http(&self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn binary() -> PathBuf {
    workspace().join("target/tools/registry/usr/bin/docker-registry")
}

/// `sha256:…` of some bytes.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
