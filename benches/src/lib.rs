//! What the measuring programs beside the peers have in common.
//!
//! Each program under `src/bin` measures one thing that throng promises and prints a table. It starts all it needs
//! itself ([`Nginx`], [`Client`]s as [`Process`]es pinned to cores) and ends it by process id, whatever happens. Figures
//! come from the kernel ([`usage`]) and from nginx's own count of requests, never from what a client says of itself.
//!
//! `install-peers` installs the peers. Not here: tests, which are in `tests/`, and anything that other crates use.

mod certificate;
mod client;
mod cpu;
mod machine;
mod nginx;
mod open_run;
mod process;
mod stats;
mod table;
mod target;
pub mod usage;

pub use client::{Client, ClientPaths, Get, Scenario, build_script, in_path, k6_program, throng_program};
pub use cpu::{CpuArguments, CpuComparison, CpuFigures, CpuMeasured};
pub use machine::{cores, machine_line};
pub use nginx::{Nginx, Sessions};
pub use open_run::{OpenFigures, OpenRun, OpenRunning};
pub use process::Process;
pub use stats::median;
pub use table::Table;
pub use target::{TargetServer, TargetSockets};
