//! A group of coordinators with agents, as processes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::group::Group;
use crate::network::Network;
use crate::process::{Finished, Process, until};
use crate::throng::Throng;

const PATIENCE: Duration = Duration::from_secs(60);

/// Three coordinators and agents; dropping it ends all.
#[derive(Debug)]
pub struct Cluster {
    /// The coordinators.
    pub group: Group,
    agents: Vec<(String, Process)>,
}

impl Cluster {
    /// Starts three coordinators and so many agents, named `a1` and so on, of one shard each.
    ///
    /// # Errors
    /// When one of them doesn't start.
    pub fn start(agents: usize) -> Result<Self> {
        let mut cluster = Self { group: Group::start(3)?, agents: Vec::new() };
        for number in 1..=agents {
            cluster.add_agent(&format!("a{number}"))?;
        }
        Ok(cluster)
    }

    /// The same on machines: the nodes on the first three, agents on those that follow. The calling thread has to be at the
    /// router.
    ///
    /// # Errors
    /// When one of them doesn't start.
    pub fn start_on(network: &Arc<Network>, group: Group, agents: u8) -> Result<Self> {
        let mut cluster = Self { group, agents: Vec::new() };
        for number in 1..=agents {
            cluster.add_agent_by(&format!("a{number}"), &network.on(3 + number), &[])?;
        }
        Ok(cluster)
    }

    /// Starts an agent, and waits until it has joined.
    ///
    /// # Errors
    /// When it doesn't.
    pub fn add_agent(&mut self, name: &str) -> Result<()> {
        self.add_agent_by(name, &[], &[])
    }

    /// The same with further arguments.
    ///
    /// # Errors
    /// When it doesn't join.
    pub fn add_agent_with(&mut self, name: &str, more: &[&str]) -> Result<()> {
        self.add_agent_by(name, &[], more)
    }

    fn add_agent_by(&mut self, name: &str, prefix: &[String], more: &[&str]) -> Result<()> {
        let arguments = ["agent", "--join", &self.group.alive(), "--name", name, "--shards", "1"];
        let mut process = Throng::limited(prefix, arguments)?.args(more).args(self.group.caller()).start()?;
        process.stdout_line("joined the group", PATIENCE)?;
        self.agents.push((name.to_owned(), process));
        Ok(())
    }

    /// The process of an agent, which the cluster forgets.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn take_agent(&mut self, name: &str) -> Result<Process> {
        let index = self.agents.iter().position(|(other, _)| other == name);
        Ok(self.agents.remove(index.with_context(|| format!("there is no agent {name}"))?).1)
    }

    /// `throng run --cluster` with the script, its summary exported.
    ///
    /// # Errors
    /// When there is no binary or no directory.
    pub fn run(&self, script: &Path) -> Result<Throng> {
        Ok(Throng::run(script)?.args(["--cluster", &self.group.alive()]).args(self.group.caller()))
    }

    /// `throng` with these arguments and `--cluster`.
    ///
    /// # Errors
    /// When there is no binary or no directory.
    pub fn command(&self, arguments: &[&str]) -> Result<Throng> {
        Ok(Throng::command(arguments)?.args(["--cluster", &self.group.alive()]).args(self.group.caller()))
    }

    /// Runs [`Cluster::command`] to its end.
    ///
    /// # Errors
    /// When it doesn't end.
    pub fn ask(&self, arguments: &[&str]) -> Result<Finished> {
        self.command(arguments)?.finish()
    }

    /// What `throng status --json` says of a run.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn status(&self, run: &str) -> Result<Value> {
        let finished = self.ask(&["status", "--json", "--run", run])?.expect_code(0)?;
        let mut status: Value = serde_json::from_str(&finished.stdout)?;
        Ok(status["runs"][0].take())
    }

    /// Waits until a run is in a state.
    ///
    /// # Errors
    /// When it isn't in time.
    pub fn until_state(&self, run: &str, state: &str) -> Result<Value> {
        until(&format!("the run {run} is {state}"), PATIENCE, || {
            let status = self.status(run)?;
            Ok((status["state"] == state).then_some(status))
        })
    }
}
