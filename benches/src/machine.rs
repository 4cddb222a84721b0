//! What the figures were measured on.

use std::fs;

/// How many cores this process may use; they are taken to be numbered from 0.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Processor, cores, kernel and present load in one line.
#[must_use]
pub fn machine_line() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let model = processor.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    format!(
        "{}, {} cores, Linux {}, load {} when it ended",
        model.map_or("unknown processor", |(_, model)| model),
        cores(),
        kernel.trim(),
        load.split(' ').next().unwrap_or("?"),
    )
}
