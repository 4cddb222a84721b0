//! What a process uses, from the kernel.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// Processor time of all threads of a process, ended ones too, exact to the nanosecond.
///
/// # Errors
/// When there is no such process.
pub fn cpu_time(pid: i32) -> Result<Duration> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid)).with_context(|| format!("process {pid} has gone"))?;
    Ok(Duration::from(clock_gettime(clock)?))
}

/// What a process has started, and what that has, without those whose parent has ended.
#[must_use]
pub fn descendants(pid: i32) -> Vec<i32> {
    let parent_of = |pid: i32| -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The parent and the state follow the name in parentheses, which may itself contain some.
        stat.rsplit_once(") ")?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<(i32, i32)> = pids.filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(&one) = found.get(at) {
        found.extend(parents.iter().filter(|(_, parent)| *parent == one).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

/// Memory of a process in KiB: resident, and its page tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// VmRSS.
    pub resident_kib: u64,
    /// VmPTE.
    pub page_tables_kib: u64,
}

impl Memory {
    /// What process `pid` has now.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of(pid: i32) -> Result<Self> {
        let status =
            fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid} has gone"))?;
        Ok(Self::parse(&status))
    }

    /// What process `pid` and all that it has started have now.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of_tree(pid: i32) -> Result<Self> {
        let mut sum = Self::of(pid)?;
        // One that has ended meanwhile has none.
        for one in descendants(pid).into_iter().filter_map(|pid| Self::of(pid).ok()) {
            sum.resident_kib += one.resident_kib;
            sum.page_tables_kib += one.page_tables_kib;
        }
        Ok(sum)
    }

    fn parse(status: &str) -> Self {
        let field = |name| {
            let value = status.lines().find_map(|line| line.strip_prefix(name))?;
            value.trim().strip_suffix(" kB")?.parse().ok()
        };
        Self { resident_kib: field("VmRSS:").unwrap_or(0), page_tables_kib: field("VmPTE:").unwrap_or(0) }
    }

    /// Both together.
    #[must_use]
    pub fn total_kib(self) -> u64 {
        self.resident_kib + self.page_tables_kib
    }
}

/// Time that a process's threads spent on a core, and waiting for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduled {
    /// Nanoseconds on a core.
    pub ran_ns: u64,
    /// Nanoseconds ready to run without a core, up to the last time that it got one.
    pub waited_ns: u64,
    /// Whether a thread runs or waits for a core right now: a wait under way isn't in `waited_ns` yet.
    pub is_runnable: bool,
}

impl Scheduled {
    /// The sum over the threads that process `pid` has now.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of(pid: i32) -> Result<Self> {
        let mut sum = Self::default();
        let threads = fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("process {pid} has gone"))?;
        for thread in threads.flatten() {
            // A thread may end between the two looks.
            let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            let one = Self::parse(&read("schedstat"), &read("stat"));
            sum = Self {
                ran_ns: sum.ran_ns + one.ran_ns,
                waited_ns: sum.waited_ns + one.waited_ns,
                is_runnable: sum.is_runnable || one.is_runnable,
            };
        }
        Ok(sum)
    }

    fn parse(schedstat: &str, stat: &str) -> Self {
        let mut numbers = schedstat.split_whitespace().map(|number| number.parse().unwrap_or(0));
        // The state follows the name in parentheses, which may itself contain some.
        let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        Self {
            ran_ns: numbers.next().unwrap_or(0),
            waited_ns: numbers.next().unwrap_or(0),
            is_runnable: state.starts_with('R'),
        }
    }

    /// Nanoseconds that it ran or wanted to since `before`.
    #[must_use]
    pub fn active_since(self, before: Self) -> u64 {
        (self.ran_ns + self.waited_ns).saturating_sub(before.ran_ns + before.waited_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_the_kernel_writes_them() {
        let status = "Name:\tx\nVmRSS:\t   10240 kB\nRssAnon:\t 1 kB\nVmPTE:\t     120 kB\n";
        assert_eq!(Memory::parse(status), Memory { resident_kib: 10_240, page_tables_kib: 120 });
        let waiting = Scheduled { ran_ns: 12, waited_ns: 34, is_runnable: true };
        assert_eq!(Scheduled::parse("12 34 5\n", "7 (a) S b) R 1 2"), waiting);
        assert!(!Scheduled::parse("12 34 5\n", "7 (R) S 1 2").is_runnable);
    }

    #[test]
    fn a_process_is_counted_with_what_it_has_started() {
        let script = "sleep 60 & sleep 60 & wait";
        let mut shell = std::process::Command::new("sh").args(["-c", script]).spawn().unwrap();
        let pid = shell.id().cast_signed();
        let begin = std::time::Instant::now();
        while descendants(pid).len() < 2 {
            assert!(begin.elapsed() < Duration::from_secs(10));
        }
        let started = descendants(pid);
        assert!(Memory::of_tree(pid).unwrap().total_kib() > Memory::of(pid).unwrap().total_kib());
        for pid in started.into_iter().chain([pid]) {
            nix::sys::signal::kill(Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
        }
        shell.wait().unwrap();
        assert!(Memory::of_tree(pid).is_err());
    }

    #[test]
    fn work_shows_as_processor_time() {
        let pid = std::process::id().cast_signed();
        let before = (cpu_time(pid).unwrap(), Scheduled::of(pid).unwrap());
        let mut number = 1u64;
        while cpu_time(pid).unwrap() - before.0 < Duration::from_millis(20) {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
        assert!(Scheduled::of(pid).unwrap().active_since(before.1) > 10_000_000);
        assert!(Memory::of(pid).unwrap().total_kib() > 500);
    }
}
