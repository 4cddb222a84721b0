//! The memory of a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::unistd::Pid;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks at a process's peak of resident memory until it is told to stop, or the process has gone.
#[derive(Debug)]
pub struct PeakMemory {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl PeakMemory {
    /// Begins to look.
    #[must_use]
    pub fn of(process: Pid) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut peak = 0;
            while !stopped.load(Ordering::Relaxed) {
                match peak_bytes(process) {
                    Some(bytes) => peak = peak.max(bytes),
                    None if peak > 0 => break,
                    None => {}
                }
                std::thread::sleep(LOOK_EVERY);
            }
            peak
        });
        Self { stop, thread }
    }

    /// The highest figure seen, in bytes; 0 if there was none.
    #[must_use]
    pub fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or(0)
    }
}

fn peak_bytes(process: Pid) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
