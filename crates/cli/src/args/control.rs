//! What commands take that look at a running test and steer it, and what `run` takes about being steered.

use clap::{Args, ValueEnum};

use super::ClientArgs;

/// Exit codes of the commands that control a running test.
const EXIT_CODES: &str = "Exit codes: 0 done, 104 the arguments are wrong or several tests may be meant, 114 no such \
                          test runs or none answers, 115 the test refuses.";

/// Where a run can be controlled.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Control")]
pub(crate) struct OfferArgs {
    /// Listen on this address too for `throng status` and the like; port 0 takes a free one
    #[arg(short, long, value_name = "HOST:PORT")]
    pub(crate) address: Option<String>,
    /// Let the address be one that others reach, or, without certificates, coordinators be on other machines; nobody has
    /// to prove who they are
    #[arg(long, requires = "reach")]
    pub(crate) insecure: bool,
}

/// Which run is meant.
#[derive(Debug, Args)]
pub(crate) struct RunChoice {
    /// The id of the run, where several are running
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Where the run was told to listen, instead of looking for this user's runs on this machine
    #[arg(short, long, value_name = "HOST:PORT", conflicts_with = "cluster")]
    pub(crate) address: Option<String>,
    /// Ask a cluster, of which this names nodes, instead of this machine (so does the variable THRONG_CLUSTER)
    #[arg(long, value_name = "HOST:PORT,…")]
    pub(crate) cluster: Option<String>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    /// Without certificates, speak with coordinators on other machines, whosever they are
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Print JSON for machines
    #[arg(long)]
    pub(crate) json: bool,
}

/// Say how far running tests are
///
/// Without arguments, all tests that this user runs on this machine.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) choice: RunChoice,
}

/// Change the number of VUs of a running test
///
/// Only a scenario whose executor is externally-controlled takes a number.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ScaleArgs {
    #[command(flatten)]
    pub(crate) choice: RunChoice,
    /// The scenario, where several are externally controlled
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Option<String>,
    /// VUs that are to run iterations
    #[arg(short = 'u', long, value_name = "N", required_unless_present = "max")]
    pub(crate) vus: Option<u64>,
    /// VUs that there may be at most
    #[arg(short, long, value_name = "N")]
    pub(crate) max: Option<u64>,
}

/// Pause a running test
///
/// The VUs of externally-controlled scenarios stop until `throng resume`; a test that hasn't begun waits.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) choice: RunChoice,
}

/// Let a paused test go on, or one begin that was started with --paused
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) choice: RunChoice,
}

/// End a running test before its time
///
/// Its iterations are cut; teardown and the summary follow. It exits with 103.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) choice: RunChoice,
}

/// Watch a running test until its end, then print its summary
///
/// Exits as the test does. Ctrl-C ends the watching, not the test. With --json every event is a line of its own.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) choice: RunChoice,
    /// The least important messages to show
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = WatchLevel::Info)]
    pub(crate) log_level: WatchLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WatchLevel {
    Debug,
    Info,
    Warn,
    Error,
}
