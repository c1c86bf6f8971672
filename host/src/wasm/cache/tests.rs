use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::*;

/// A component with nothing in it, and an engine to compile it.
struct Lab {
    dir: tempfile::TempDir,
    engine: Engine,
    code: Vec<u8>,
}

impl Lab {
    fn new() -> Self {
        let engine = Engine::default();
        let code = Component::new(&engine, wat::parse_str("(component)").expect("text"));
        let code = code.and_then(|component| component.serialize()).expect("it compiles");
        Self { dir: tempfile::tempdir().expect("a temporary directory"), engine, code }
    }

    fn cache(&self) -> Cache {
        self.cache_of(MAX_BYTES).expect("a cache")
    }

    fn cache_of(&self, max_bytes: u64) -> Result<Cache, String> {
        let at = |name: &str| self.dir.path().join(name);
        Cache::open_in(places::Places { code: at("cache/code"), secrets: at("state/secrets") }, max_bytes)
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn code_survives_the_process_and_is_private() {
    let lab = Lab::new();
    assert!(lab.cache().entry(&lab.engine, "a").load(&lab.engine).is_none());
    lab.cache().entry(&lab.engine, "a").store(&lab.code);
    assert!(lab.cache().entry(&lab.engine, "a").load(&lab.engine).is_some(), "a second cache has the same key");
    assert!(lab.cache().entry(&lab.engine, "b").load(&lab.engine).is_none());
    assert_eq!(mode(&lab.dir.path().join("cache/code")), 0o700);
    assert_eq!(mode(&lab.dir.path().join("state/secrets")), 0o700);
    assert_eq!(mode(&lab.dir.path().join("state/secrets/code-cache.key")), 0o600);
    assert_eq!(mode(&lab.cache().entry(&lab.engine, "a").path()), 0o600);
}

/// Each way to put something else where the code was: it is not loaded, and compiling anew repairs it.
#[test]
fn what_this_host_did_not_write_is_not_loaded() {
    type Attack = fn(&Lab, &Path);
    let attacks: [(&str, Attack); 9] = [
        ("a bit flipped", |_, path| {
            let mut bytes = fs::read(path).expect("it is there");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).expect("it is ours");
        }),
        ("cut short", |lab, path| fs::write(path, &lab.code[..lab.code.len() / 2]).expect("it is ours")),
        ("code without a MAC", |lab, path| fs::write(path, &lab.code).expect("it is ours")),
        ("forged under another key", |lab, path| {
            let forged = mac::hmac_sha256(&[7; 32], &[&lab.code]);
            fs::write(path, [&MAGIC[..], &forged, &lab.code].concat()).expect("it is ours");
        }),
        ("swapped with another component's", |lab, path| {
            lab.cache().entry(&lab.engine, "other").store(&lab.code);
            fs::rename(lab.cache().entry(&lab.engine, "other").path(), path).expect("both are there");
        }),
        ("a symbolic link", |lab, path| {
            let real = lab.dir.path().join("real");
            fs::rename(path, &real).expect("it is there");
            symlink(real, path).expect("the place is free");
        }),
        ("a hard link", |lab, path| fs::hard_link(path, lab.dir.path().join("name")).expect("it is there")),
        ("writable by others", |_, path| set_mode(path, 0o660)),
        ("a directory", |_, path| {
            fs::remove_file(path).expect("it is there");
            fs::create_dir(path).expect("the place is free");
        }),
    ];
    for (what, attack) in attacks {
        let lab = Lab::new();
        lab.cache().entry(&lab.engine, "a").store(&lab.code);
        let path = lab.cache().entry(&lab.engine, "a").path();
        attack(&lab, &path);
        assert!(lab.cache().entry(&lab.engine, "a").load(&lab.engine).is_none(), "{what}");
        if path.is_dir() {
            continue;
        }
        lab.cache().entry(&lab.engine, "a").store(&lab.code);
        assert!(lab.cache().entry(&lab.engine, "a").load(&lab.engine).is_some(), "{what}: written anew");
    }
}

#[test]
fn directories_and_keys_of_doubt_are_not_used() {
    let lab = Lab::new();
    drop(lab.cache());
    let code = lab.dir.path().join("cache/code");
    set_mode(&code, 0o750);
    assert!(lab.cache_of(MAX_BYTES).err().expect("others can read it").contains("others than its owner"));
    set_mode(&code, 0o700);

    let key = lab.dir.path().join("state/secrets/code-cache.key");
    set_mode(&key, 0o644);
    assert!(lab.cache_of(MAX_BYTES).err().expect("others can read it").contains("others than its owner"));
    set_mode(&key, 0o600);
    fs::write(&key, "short").expect("it is ours");
    assert!(lab.cache_of(MAX_BYTES).err().expect("too short").contains("is no key"));
    fs::remove_file(&key).expect("it is ours");

    fs::rename(&code, lab.dir.path().join("elsewhere")).expect("it is ours");
    symlink(lab.dir.path().join("elsewhere"), &code).expect("the place is free");
    assert!(lab.cache_of(MAX_BYTES).err().expect("a link").contains("is not a directory"));
}

#[test]
fn a_new_key_makes_old_code_worthless() {
    let lab = Lab::new();
    lab.cache().entry(&lab.engine, "a").store(&lab.code);
    fs::remove_file(lab.dir.path().join("state/secrets/code-cache.key")).expect("it is there");
    assert!(lab.cache().entry(&lab.engine, "a").load(&lab.engine).is_none());
}

#[test]
fn the_size_is_bounded() {
    let lab = Lab::new();
    let room_for_two = (lab.code.len() as u64 + 40) * 5 / 2;
    let cache = lab.cache_of(room_for_two).expect("a cache");
    for (age_s, digest) in [(30, "a"), (20, "b"), (10, "c")] {
        let entry = cache.entry(&lab.engine, digest);
        entry.store(&lab.code);
        let used = std::time::SystemTime::now() - std::time::Duration::from_secs(age_s);
        fs::File::open(entry.path()).and_then(|file| file.set_modified(used)).expect("it is ours");
    }
    let there: Vec<_> = ["a", "b", "c"].map(|digest| cache.entry(&lab.engine, digest).path().exists()).into();
    assert_eq!(there, [false, true, true], "the one used longest ago went");
}
