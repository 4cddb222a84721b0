//! `throng coordinator`.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use signal_hook::consts::{SIGINT, SIGTERM};
use throng_coordinator::{
    Coordinator, CoordinatorError, Ended, Environment, NodeConfig, Peers, Security, StartError, SystemDisk, Timing,
};
use throng_plan::{AllowedTargets, duration};
use throng_remote::AddressError;
use throng_transport::machine;

use crate::args::{CoordinatorArgs, Global};
use crate::credentials;
use crate::exit::{Exit, Failure};
use crate::printing;

/// How often it looks whether the node has ended by itself. Signals are told at once: a coordinator that has nothing to do is
/// to cost next to nothing.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &CoordinatorArgs, global: &Global) -> Result<Exit, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let signalled = watch_signals(&stop)
        .map_err(|error| Failure::new(Exit::Machine, anyhow!(error).context("signals can't be handled")))?;
    let credentials = credentials::of_process(&args.certificates, args.insecure, global)?;
    let has_tls = credentials.tls().is_some();
    let wrong = |error: anyhow::Error| Failure::new(Exit::InvalidConfig, error);
    let config = config(args, has_tls, global).map_err(wrong)?;
    let tokens = credentials::tokens(args.client_token_file.as_ref(), has_tls, args.insecure).map_err(wrong)?;
    let security = Security::of_coordinator(credentials, tokens).map_err(|error| wrong(error.into()))?;
    // Of each agent and client there is a connection.
    machine::raise_open_files();
    let disk = SystemDisk::open(&args.data_dir).map_err(|error| Failure::new(Exit::Machine, error))?;
    let environment = Environment::system(disk, security);
    let coordinator = Coordinator::start(config, args.listen.clone(), environment).map_err(failed)?;
    if !coordinator.address().ip().is_loopback() && !has_tls {
        let what = "whoever reaches it can change the group and its runs: nobody is asked who they are (--insecure)";
        printing::warning(&format!("this node listens on {}, and {what}", coordinator.address()), global);
    }
    printing::line(&format!("listening on {}", coordinator.address()));
    while !stop.load(Ordering::Relaxed) && !coordinator.has_ended() {
        // It returns when a signal has come, or after a while.
        let _ = (&signalled).read(&mut [0]);
    }
    match coordinator.stop() {
        Ended::Planned => Ok(Exit::Success),
        removed @ Ended::Removed(_) => {
            printing::note(&removed.to_string(), global);
            Ok(Exit::Success)
        }
        refused @ Ended::Refused(_) => Err(Failure::new(Exit::Refused, refused)),
        disk @ Ended::Disk { .. } => Err(Failure::new(Exit::Machine, disk)),
        fault @ Ended::Fault(_) => Err(Failure::new(Exit::Other, fault)),
    }
}

/// Has a signal set the flag and end a read of the stream; the second one ends the process.
fn watch_signals(stop: &Arc<AtomicBool>) -> std::io::Result<UnixStream> {
    let (signalled, signalling) = UnixStream::pair()?;
    signalled.set_read_timeout(Some(LOOK_EVERY))?;
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(stop))?;
        signal_hook::flag::register(signal, Arc::clone(stop))?;
        signal_hook::low_level::pipe::register(signal, signalling.try_clone()?)?;
    }
    Ok(signalled)
}

fn config(args: &CoordinatorArgs, has_tls: bool, global: &Global) -> anyhow::Result<NodeConfig> {
    let CoordinatorArgs { id, listen, .. } = args;
    anyhow::ensure!(*id > 0, "--id has to be above 0");
    match throng_remote::listen_address(listen, args.insecure || has_tls) {
        Err(AddressError::Exposed { address }) => bail!(
            "--listen {listen}: {address} can be reached from other machines: give --cluster-ca, --cluster-cert and \
             --cluster-key (`throng certs`), listen on a loopback address, or add --insecure if all of the network is \
             trusted"
        ),
        listened => listened.with_context(|| format!("--listen {listen}"))?,
    };
    let peers: Peers = match &args.peers {
        Some(peers) => peers.parse().context("--peers")?,
        None => Peers::alone(*id, listen.clone()),
    };
    peers.has(*id).context("--peers")?;
    if let Some(other) = peers.at(listen).filter(|other| other != id) {
        return Err(anyhow!(
            "node {id} is told to listen at the address of node {other}, {listen}: give it --id {other}, or --listen {}",
            peers.address(*id).unwrap_or_default()
        ));
    }
    let time = |flag: &str, text: &str| duration::parse(text).with_context(|| format!("--{flag} {text}"));
    let (min, max) = (&args.election_timeout_min, &args.election_timeout_max);
    let timing = Timing {
        heartbeat: time("heartbeat", &args.heartbeat)?,
        election: (time("election-timeout-min", min)?, time("election-timeout-max", max)?),
        snapshot_entries: args.snapshot_entries,
        ..Timing::default()
    };
    let quiet = global.quiet;
    let notify = Arc::new(move |text: &str| {
        if !quiet {
            printing::note_from_thread(text);
        }
    });
    let allowed_targets = args.allowed_targets.as_ref().map(|entries| allowed_targets(entries)).transpose()?;
    Ok(NodeConfig { id: *id, peers, timing, version: env!("CARGO_PKG_VERSION").to_owned(), allowed_targets, notify })
}

/// A list of targets, of a coordinator or an agent.
pub(crate) fn allowed_targets(entries: &[String]) -> anyhow::Result<AllowedTargets> {
    AllowedTargets::parse(entries.iter().map(String::as_str)).context("--allowed-targets")
}

fn failed(error: CoordinatorError) -> Failure {
    let exit = match &error {
        CoordinatorError::Listen { .. } => Exit::CannotListen,
        CoordinatorError::Node(StartError::Peers(_) | StartError::Timing(_)) => Exit::InvalidConfig,
        CoordinatorError::Node(StartError::Store(_)) | CoordinatorError::Thread(_) => Exit::Machine,
        CoordinatorError::Node(StartError::Raft(_)) => Exit::Other,
    };
    Failure::new(exit, error)
}
