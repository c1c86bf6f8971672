//! How much memory the process may use: the tightest limit of its control groups (v1 or v2), else what the machine has.

use std::fs;
use std::path::Path;

/// v1 writes "no limit" as the largest multiple of the page size; nothing real comes near.
const UNLIMITED_BYTES: u64 = 1 << 60;

/// Bytes that the process may use.
pub fn total_memory_bytes() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| mem_total(&text));
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = limit_bytes(Path::new("/sys/fs/cgroup"), &own);
    match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (machine, group) => machine.or(group),
    }
}

fn mem_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The tightest limit on the way from the process's group (`own` is /proc/self/cgroup) up to the `mount`. Inside a container
/// the group's path may not be visible below the mount; then the mount itself is the container's group.
fn limit_bytes(mount: &Path, own: &str) -> Option<u64> {
    let groups = own.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let (root, file) = if controllers.is_empty() {
            (mount.to_owned(), "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            (mount.join("memory"), "memory.limit_in_bytes")
        } else {
            return None;
        };
        Some((root, path.trim_start_matches('/').to_owned(), file))
    });
    let limits = groups.flat_map(|(root, path, file)| {
        let group = root.join(path);
        let ancestors = group.ancestors().take_while(|at| at.starts_with(&root)).map(Path::to_owned);
        ancestors.filter_map(move |at| read_limit(&at.join(file))).collect::<Vec<_>>()
    });
    limits.min()
}

fn read_limit(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok().filter(|limit| *limit > 0 && *limit < UNLIMITED_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// /proc/self/cgroup, files below the mount, the limit.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<u64>);

    #[test]
    fn the_tightest_limit_counts() {
        let v2 = "0::/kubepods/pod1/c1\n";
        let v1 = "5:cpu,cpuacct:/docker/a\n9:memory:/docker/a\n";
        let cases: &[Case<'_>] = &[
            (v2, &[("kubepods/pod1/c1/memory.max", "max\n")], None),
            (v2, &[("kubepods/pod1/c1/memory.max", "500\n"), ("kubepods/memory.max", "9000\n")], Some(500)),
            (v2, &[("kubepods/pod1/c1/memory.max", "500\n"), ("kubepods/memory.max", "300\n")], Some(300)),
            // In a container with its own view of the hierarchy.
            (v2, &[("memory.max", "700\n")], Some(700)),
            (v1, &[("memory/docker/a/memory.limit_in_bytes", "800\n")], Some(800)),
            (v1, &[("memory/memory.limit_in_bytes", "9223372036854771712\n")], None),
            (v1, &[("memory.max", "1\n")], None),
            ("", &[("memory.max", "1\n")], None),
        ];
        for (own, files, want) in cases {
            let mount = tempfile::tempdir().unwrap();
            for (file, text) in *files {
                let file = mount.path().join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            assert_eq!(limit_bytes(mount.path(), own), *want, "{own:?} {files:?}");
        }
    }

    #[test]
    fn the_machine_has_memory() {
        assert_eq!(mem_total("MemFree: 1 kB\nMemTotal:       16310284 kB\n"), Some(16_310_284 * 1024));
        assert!(total_memory_bytes().unwrap() > 1 << 20);
    }
}
