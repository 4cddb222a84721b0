//! How much memory a process may take.

use std::fs;
use std::path::{Path, PathBuf};

/// A control group that has no limit says so with a number near 2^63.
const NO_LIMIT_FROM: u64 = 1 << 62;

/// Bytes that could be taken now: what the machine has, and what the process's control groups leave.
pub(super) fn available_bytes() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| of_meminfo(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let left = directories(&groups).into_iter().filter_map(|(directory, names)| left_in(&directory, names));
    machine.into_iter().chain(left).min()
}

fn of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Names of the files with the limit and with what is used.
type Names = (&'static str, &'static str);

const VERSION_1: Names = ("memory.limit_in_bytes", "memory.usage_in_bytes");
const VERSION_2: Names = ("memory.max", "memory.current");

/// The directories of the process's groups and of all groups above them. In a container the path may be one of the
/// outside, of which only the top is visible.
fn directories(groups: &str) -> Vec<(PathBuf, Names)> {
    let mut directories = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (top, names) = match controllers {
            "" => ("/sys/fs/cgroup", VERSION_2),
            list if list.split(',').any(|name| name == "memory") => ("/sys/fs/cgroup/memory", VERSION_1),
            _ => continue,
        };
        let whole = Path::new(top).join(path.trim_start_matches('/'));
        let above = whole.ancestors().filter(|directory| directory.starts_with(top));
        directories.extend(above.map(|directory| (directory.to_owned(), names)));
    }
    directories
}

fn left_in(directory: &Path, (limit, used): Names) -> Option<u64> {
    let number = |name: &str| fs::read_to_string(directory.join(name)).ok()?.trim().parse::<u64>().ok();
    let limit = number(limit).filter(|limit| *limit < NO_LIMIT_FROM)?;
    Some(limit.saturating_sub(number(used).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_kibibytes() {
        let text = "MemTotal:       24683656 kB\nMemFree:         9574140 kB\nMemAvailable:   21778620 kB\n";
        assert_eq!(of_meminfo(text), Some(21_778_620 * 1024));
        assert_eq!(of_meminfo("MemTotal: 1 kB\n"), None);
        assert!(available_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn groups_of_both_versions_are_looked_at_up_to_the_top() {
        let found = directories("9:name=systemd:/\n4:cpu,memory:/a/b\n0::/x\nnonsense\n");
        let found: Vec<_> = found.iter().map(|(path, names)| (path.to_str().unwrap(), names.0)).collect();
        let expected = [
            ("/sys/fs/cgroup/memory/a/b", VERSION_1.0),
            ("/sys/fs/cgroup/memory/a", VERSION_1.0),
            ("/sys/fs/cgroup/memory", VERSION_1.0),
            ("/sys/fs/cgroup/x", VERSION_2.0),
            ("/sys/fs/cgroup", VERSION_2.0),
        ];
        assert_eq!(found, expected);
    }
}
