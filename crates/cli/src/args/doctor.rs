//! What `throng doctor` takes.

use std::net::SocketAddr;

use clap::Args;

use super::SourceArgs;

/// Say whether this machine can run tests, how large, and what would lift its limits
///
/// Looks at what a run needs: the kernel, io_uring, limits, cores, memory, addresses and ports, a compiler for scripts.
/// Each line begins with `ok`, `note` or `PROBLEM`, and says what is there; a note says what it limits, a problem why
/// no run would work, and both how to lift it. Nothing is changed. The exit code is 0 if a run would work, however
/// many notes there are, and 1 otherwise.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print JSON for machines
    #[arg(long)]
    pub(crate) json: bool,
    /// Say how many more connections there can be to this address and port of a target: those that this machine has
    /// already, whoever's they are, take their ports
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) to: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
}
