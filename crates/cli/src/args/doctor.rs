//! What `throng doctor` takes.

use clap::Args;

/// Looks at what a run needs of this machine: the kernel, io_uring, limits, cores, memory, ports.
///
/// Each line begins with `ok`, `note` or `PROBLEM`, and says what is there; a note says what it limits, a problem why
/// no run would work, and both how to lift it. Nothing is changed. The exit code is 0 if a run would work, however
/// many notes there are, and 1 otherwise.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print JSON for machines
    #[arg(long)]
    pub(crate) json: bool,
}
