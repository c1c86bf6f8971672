use std::os::unix::fs::symlink;
use std::path::Path;

use super::super::material::{Source, failed};
use super::super::testing::{Authority, Issued, write};
use super::super::{ClientTls, tests::server_tls};
use super::*;
use crate::net::testing::{PATIENCE, cx};

const EVERY: Duration = Duration::from_millis(5);

/// The certificate, once it is known that the key fits.
struct Leaf(Sources);

impl Recipe for Leaf {
    type Product = Vec<u8>;

    fn sources(&self) -> Sources {
        self.0.clone()
    }

    fn make(&self, material: &Material) -> Result<Vec<u8>, BuildError> {
        let (chain, key) = material.identity()?.ok_or_else(|| failed("none"))?;
        let leaf = chain[0].to_vec();
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).map_err(failed)?;
        rustls::sign::CertifiedKey::new(chain, key).keys_match().map_err(failed)?;
        Ok(leaf)
    }
}

fn leaf_of(folder: &Path) -> Leaf {
    let file = |name: &str| Source::File(folder.join(name).to_str().unwrap().to_owned());
    Leaf(Sources { certificate: file("tls.crt"), key: file("tls.key"), ..Sources::default() })
}

fn write_pair(folder: &Path, issued: &Issued) {
    write(folder, "tls.crt", &issued.certificate);
    write(folder, "tls.key", &issued.key);
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect(what);
}

/// As the kubelet does it: the paths stay, a link in between goes to another folder.
#[tokio::test]
async fn a_flipped_link_is_a_change_and_a_touched_file_is_none() {
    let (authority, folder) = (Authority::new("ca"), tempfile::tempdir().unwrap());
    for version in ["1", "2", "3"] {
        let data = folder.path().join(version);
        std::fs::create_dir(&data).unwrap();
        write_pair(&data, &authority.issue("first.test", 2100));
    }
    for name in ["tls.crt", "tls.key"] {
        std::fs::copy(folder.path().join("1").join(name), folder.path().join("2").join(name)).unwrap();
    }
    let flip = |version: &str| {
        symlink(version, folder.path().join("..tmp")).unwrap();
        std::fs::rename(folder.path().join("..tmp"), folder.path().join("..data")).unwrap();
    };
    flip("1");
    let recipe = leaf_of(&folder.path().join("..data"));
    let reloading = Reloading::start(recipe, EVERY, &cx("otlp", None)).unwrap();
    let first = reloading.newest();
    flip("2");
    tokio::time::sleep(EVERY * 10).await;
    assert!(Arc::ptr_eq(&first, &reloading.newest()), "the same in other inodes");
    flip("3");
    tokio::time::timeout(PATIENCE, reloading.changed()).await.unwrap();
    assert_ne!(first, reloading.newest());
}

#[tokio::test]
async fn bad_files_change_nothing_but_the_health() {
    let (authority, folder, cx) = (Authority::new("ca"), tempfile::tempdir().unwrap(), cx("otlp", None));
    let [first, second] = [2100, 2101].map(|until| authority.issue("a.test", until));
    write_pair(folder.path(), &first);
    let reloading = Reloading::start(leaf_of(folder.path()), EVERY, &cx).unwrap();
    let newest = reloading.newest();
    let degraded = || cx.host.health.degraded().iter().map(|(_, why)| why.clone()).collect::<Vec<_>>();
    let is_degraded = |about: &str| degraded().len() == 1 && degraded()[0].contains(about);

    write(folder.path(), "tls.crt", &second.certificate);
    until("a key of the old certificate", || is_degraded("KeyMismatch")).await;
    write(folder.path(), "tls.key", &second.key[..60]);
    until("half a key", || is_degraded("failed to parse key")).await;
    std::fs::remove_file(folder.path().join("tls.key")).unwrap();
    until("no key", || is_degraded("tls.key: No such file")).await;
    std::fs::create_dir(folder.path().join("tls.key")).unwrap();
    until("a folder", || is_degraded("not a regular file")).await;
    assert!(Arc::ptr_eq(&newest, &reloading.newest()));

    std::fs::remove_dir(folder.path().join("tls.key")).unwrap();
    write(folder.path(), "tls.key", &second.key);
    until("the new pair", || reloading.newest() != newest && degraded().is_empty()).await;
    write(folder.path(), "tls.key", "");
    until("an empty key", || degraded().len() == 1).await;
    write_pair(folder.path(), &first);
    until("the first again", || *reloading.newest() == *newest && degraded().is_empty()).await;
}

#[tokio::test]
async fn texts_are_not_looked_at_again() {
    let (authority, folder, cx) = (Authority::new("ca"), tempfile::tempdir().unwrap(), cx("otlp", None));
    let pair = authority.issue("a.test", 2100);
    let text = |pem: &str| Source::Text(pem.to_owned().into());
    let sources = Sources { certificate: text(&pair.certificate), key: text(&pair.key), ..Sources::default() };
    assert!(Reloading::start(Leaf(sources), EVERY, &cx).unwrap().task.is_none());
    write_pair(folder.path(), &pair);
    let files = Reloading::start(leaf_of(folder.path()), EVERY, &cx).unwrap();
    let task = files.task.clone().unwrap();
    drop(files);
    until("the end of the looks", || task.is_finished()).await;
}

#[tokio::test]
async fn clients_of_equal_settings_share() {
    let (folder, cx) = (tempfile::tempdir().unwrap(), cx("otlp_grpc", None));
    let ca_file = write(folder.path(), "ca.crt", &Authority::new("ca").pem());
    let tls = ClientTls { ca_file, ..ClientTls::default() };
    let client = |tls: &ClientTls, protocols: &[&[u8]]| tls.client(protocols, &cx).unwrap();
    let first = client(&tls, &[b"h2"]);
    assert!(Arc::ptr_eq(&first, &client(&tls, &[b"h2"])));
    assert!(!Arc::ptr_eq(&first, &client(&tls, &[b"http/1.1"])));
    let pair = Authority::new("clients").issue("client", 2100);
    let with_key = |key: &str| ClientTls {
        cert_pem: pair.certificate.clone().into(),
        key_pem: key.to_owned().into(),
        ..tls.clone()
    };
    assert!(!Arc::ptr_eq(&first, &client(&with_key(&pair.key), &[b"h2"])));
    // Told apart by what is in secrets, too.
    assert!(with_key("other").client(&[b"h2"], &cx).is_err());
    assert!(server_tls(folder.path(), &pair).acceptor(&[], super::super::Owner::Extension, &cx).is_ok());
}
