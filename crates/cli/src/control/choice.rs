//! Which running test a command means.

use anyhow::anyhow;
use throng_protocol::ControlError;
use throng_remote::{Client, Found, Place, RunDirectory, RunId};

use super::runtime_directory;
use crate::args::RunChoice;
use crate::exit::{Exit, Failure};

/// A run, and a connection to whoever serves it.
pub(crate) struct Chosen {
    pub(crate) client: Client,
    /// Its id; empty for the only one there.
    pub(crate) run_id: String,
}

/// The run that is meant.
pub(crate) fn one(choice: &RunChoice) -> Result<Chosen, Failure> {
    if let Some(chosen) = at_address(choice)? {
        return Ok(chosen);
    }
    let directory = runtime_directory::of_user();
    let mut found = found(choice, &directory)?;
    if found.len() > 1 {
        let ids: Vec<&str> = found.iter().map(|found| found.id.as_str()).collect();
        let error = anyhow!(
            "{} tests are running: say which by --run ID; they are {}, and `throng status` tells more",
            ids.len(),
            ids.join(", ")
        );
        return Err(Failure::new(Exit::InvalidConfig, error));
    }
    let found = found.pop().ok_or_else(|| nothing_runs(&directory))?;
    Ok(connect(found)?)
}

/// All runs that may be meant.
pub(crate) fn all(choice: &RunChoice) -> Result<Vec<Chosen>, Failure> {
    if let Some(chosen) = at_address(choice)? {
        return Ok(vec![chosen]);
    }
    let directory = runtime_directory::of_user();
    // One that has just ended isn't there any more.
    let chosen: Vec<Chosen> = found(choice, &directory)?.into_iter().filter_map(|found| connect(found).ok()).collect();
    if chosen.is_empty() { Err(nothing_runs(&directory)) } else { Ok(chosen) }
}

fn at_address(choice: &RunChoice) -> Result<Option<Chosen>, Failure> {
    let Some(address) = &choice.address else { return Ok(None) };
    let run_id = id(choice)?.map(|id| id.to_string()).unwrap_or_default();
    Ok(Some(Chosen { client: Client::connect(&Place::Address(address.clone()))?, run_id }))
}

fn connect(found: Found) -> Result<Chosen, ControlError> {
    Ok(Chosen { client: Client::connect(&Place::Socket(found.socket))?, run_id: found.id.to_string() })
}

/// The user's runs, or the one that was named.
fn found(choice: &RunChoice, directory: &RunDirectory) -> Result<Vec<Found>, Failure> {
    let mut found = directory.runs().map_err(|error| Failure::new(Exit::NoSuchRun, error))?;
    if let Some(id) = id(choice)? {
        let ids: Vec<String> = found.iter().map(|found| found.id.to_string()).collect();
        found.retain(|found| found.id == id);
        if found.is_empty() {
            let running = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
            return Err(Failure::new(Exit::NoSuchRun, anyhow!("there is no run {id}; running: {running}")));
        }
    }
    Ok(found)
}

fn id(choice: &RunChoice) -> Result<Option<RunId>, Failure> {
    let id = choice.run.as_deref().map(RunId::parse).transpose();
    id.map_err(|error| Failure::new(Exit::InvalidConfig, error))
}

fn nothing_runs(directory: &RunDirectory) -> Failure {
    let error = anyhow!(
        "no test of this user runs here ({} has none): one that was started with `throng run --address HOST:PORT` is \
         found anywhere by --address HOST:PORT",
        directory.path().display()
    );
    Failure::new(Exit::NoSuchRun, error)
}
