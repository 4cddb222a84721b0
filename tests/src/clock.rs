//! Processes whose clock is wrong.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// Says another time of day than the kernel; time that passes is right.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    const char *ahead = getenv("CLOCK_AHEAD_S");
    if (result == 0 && clock == CLOCK_REALTIME && ahead) time->tv_sec += atol(ahead);
    return result;
}
"#;

/// Sets the clock of a process so many seconds ahead, or back if they are below 0.
///
/// # Errors
/// When there is no C compiler, which Rust's linker is a part of.
pub fn with_clock_ahead(command: &mut Command, seconds: i64) -> Result<()> {
    static LIBRARY: OnceLock<Option<(TempDir, PathBuf)>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| compile().ok()).as_ref().context("the clock's library can't be compiled")?;
    command.env("LD_PRELOAD", &library.1).env("CLOCK_AHEAD_S", seconds.to_string());
    Ok(())
}

fn compile() -> Result<(TempDir, PathBuf)> {
    let directory = tempfile::tempdir()?;
    let (source, library) = (directory.path().join("clock.c"), directory.path().join("clock.so"));
    std::fs::write(&source, SHIM)?;
    let status = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).status()?;
    ensure!(status.success(), "cc: {status}");
    Ok((directory, library))
}
