//! `throng agent`.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, anyhow, bail, ensure};
use signal_hook::consts::{SIGINT, SIGTERM};
use throng_agent::SHARDS_MAX;
use throng_control::AgentName;
use throng_control::limits::{AGENT_LABELS_MAX, LABEL_BYTES_MAX, WEIGHT_MAX};
use throng_link::{ArchiveCache, Left, LinkConfig, LinkError, MachineConfig, MachineWorkers, Notes, Notify};
use throng_output::{Destination, OutputSpec};
use throng_plan::{duration, size};
use throng_transport::machine::{self, Facts};
use throng_trust::Credentials;

use crate::args::{AgentArgs, Global};
use crate::build;
use crate::command::coordinator;
use crate::credentials;
use crate::exit::{Exit, Failure};
use crate::layers::Environment;
use crate::printing;
use crate::sources;

pub(crate) fn run(args: &AgentArgs, global: &Global) -> Result<Exit, Failure> {
    let drain = Arc::new(AtomicBool::new(false));
    let credentials = credentials::of_process(&args.certificates, args.insecure, global)?;
    let config = config(args, &credentials, &drain).map_err(|error| Failure::new(Exit::InvalidConfig, error))?;
    if credentials.tls().is_none() && args.insecure {
        let text = "whoever answers at these addresses can have this agent run anything against anybody (--insecure)";
        printing::warning(text, global);
    }
    let machine = machine(args, credentials)?;
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&drain))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&drain)))
            .map_err(|error| Failure::new(Exit::Machine, anyhow!(error).context("signals can't be handled")))?;
    }
    let mut notes = Printed { global, is_ready: false };
    let left = throng_link::run(config, MachineWorkers::new(machine), &mut notes).map_err(failed)?;
    if left == Left::Dismissed {
        printing::note("the group doesn't need this agent any more", global);
    }
    Ok(Exit::Success)
}

/// Tells the user how it goes. The first thing is that the agent is ready.
struct Printed<'a> {
    global: &'a Global,
    is_ready: bool,
}

impl Notes for Printed<'_> {
    fn note(&mut self, text: &str) {
        if std::mem::replace(&mut self.is_ready, true) {
            printing::note(text, self.global);
        } else {
            printing::line(text);
        }
    }

    fn warn(&mut self, text: &str) {
        printing::warning(text, self.global);
    }
}

fn config(args: &AgentArgs, credentials: &Credentials, drain: &Arc<AtomicBool>) -> anyhow::Result<LinkConfig> {
    let nodes: Vec<String> = args.join.iter().map(|node| node.trim().to_owned()).collect();
    if let Some(wrong) = nodes.iter().find(|node| !throng_link::is_address(node)) {
        bail!("--join has {wrong:?}, which is no address: write HOST:PORT, several with commas between");
    }
    credentials::may_dial(credentials, nodes.iter().map(String::as_str))?;
    let certified = || credentials.holder().map(|holder| holder.name.clone());
    let name = args.name.clone().or_else(certified).unwrap_or_else(usual_name);
    let cores = machine::cores().len().min(args.shards.unwrap_or(SHARDS_MAX)).min(SHARDS_MAX);
    let capacity = args.capacity.unwrap_or((cores as u32).clamp(1, WEIGHT_MAX));
    ensure!((1..=WEIGHT_MAX).contains(&capacity), "--capacity is {capacity}; it has to be 1 to {WEIGHT_MAX}");
    ensure!(args.shards != Some(0), "--shards has to be above 0");
    let give_up_after = args
        .give_up_after
        .as_ref()
        .map(|text| duration::parse(text).with_context(|| format!("--give-up-after {text}")));
    let addresses = Facts::read().addresses.into_iter().map(|one| one.address.to_string());
    Ok(LinkConfig {
        name: AgentName::new(&name).context("--name")?,
        nodes,
        capacity,
        tags: tags(&args.tag)?,
        addresses: addresses.take(AGENT_LABELS_MAX).collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        credentials: credentials.clone(),
        give_up_after: give_up_after.transpose()?,
        drain: Arc::clone(drain),
    })
}

fn tags(given: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for tag in given {
        let (key, value) = tag
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .with_context(|| format!("--tag {tag}: write KEY=VALUE, for example zone=eu"))?;
        ensure!(
            key.len().max(value.len()) <= LABEL_BYTES_MAX,
            "--tag {key}: it is longer than {LABEL_BYTES_MAX} bytes"
        );
        ensure!(tags.insert(key.to_owned(), value.to_owned()).is_none(), "--tag {key} is there twice");
    }
    ensure!(tags.len() <= AGENT_LABELS_MAX, "there are more than {AGENT_LABELS_MAX} tags");
    Ok(tags)
}

/// The host's name, as far as it can be one of an agent's, and a number that another agent there hardly has.
fn usual_name() -> String {
    let host = nix::sys::utsname::uname().map(|system| system.nodename().to_string_lossy().into_owned());
    let fits = |character: &char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    let host: String = host.unwrap_or_default().chars().filter(fits).take(48).collect();
    let number = RandomState::new().build_hasher().finish() as u32;
    if host.is_empty() { format!("agent-{number:08x}") } else { format!("{host}-{number:08x}") }
}

/// What of this machine runs may use; whether there can be any is found out now and not with the first one.
fn machine(args: &AgentArgs, credentials: Credentials) -> Result<MachineConfig, Failure> {
    machine::try_shards().map_err(|error| Failure::new(Exit::Machine, error))?;
    let bytes_max = size::parse(&args.archive_cache)
        .with_context(|| format!("--archive-cache {}", args.archive_cache))
        .map_err(|error| Failure::new(Exit::InvalidConfig, error))?;
    let allowed_targets =
        args.allowed_targets.as_ref().map(|entries| coordinator::allowed_targets(entries)).transpose();
    let directory = build::archives_directory().unwrap_or_else(|| std::env::temp_dir().join("throng-archives"));
    let archives = ArchiveCache::open(&directory, bytes_max)
        .with_context(|| format!("the directory for archives, {}, can't be used", directory.display()))
        .map_err(|error| Failure::new(Exit::Machine, error))?;
    Ok(MachineConfig {
        archives,
        sources: sources::of(&args.sources, &Environment::of_process())?,
        credentials,
        cache_dir: build::components_directory(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        shards_max: args.shards.unwrap_or(SHARDS_MAX),
        parts_max: args.parts,
        allowed_targets: allowed_targets.map_err(|error| Failure::new(Exit::InvalidConfig, error))?,
        outputs: outputs(&args.out).map_err(|error| Failure::new(Exit::InvalidConfig, error))?,
        notify: Notify(Arc::new(printing::note_from_thread)),
    })
}

/// What is written of each part of a run.
fn outputs(given: &[String]) -> anyhow::Result<Vec<OutputSpec>> {
    let read = OutputSpec::parse_all(given, &Environment::of_process().csv_defaults());
    let specs = read.map_err(|errors| {
        let errors = errors.iter().map(|(place, error)| format!("--out {}: {error}", given[*place]));
        anyhow!(errors.collect::<Vec<_>>().join("; "))
    })?;
    for (spec, text) in specs.iter().zip(given) {
        ensure!(!spec.is_report(), "--out {text}: it is made of a whole run, so give it to `throng run --cluster`");
        let is_file = matches!(spec.destination, Destination::File(_));
        ensure!(is_file, "--out {text}: standard output isn't for samples here, so give it a file");
    }
    Ok(specs)
}

fn failed(error: LinkError) -> Failure {
    let exit = match &error {
        LinkError::Runtime(_) => Exit::Machine,
        LinkError::Version(_) | LinkError::Duplicate(_) | LinkError::Refused(_) | LinkError::Distrust(_) => {
            Exit::Refused
        }
        LinkError::Unreachable { .. } => Exit::NoSuchRun,
    };
    Failure::new(exit, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_pairs_and_each_key_is_there_once() {
        let given = |tags: &[&str]| super::tags(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
        assert_eq!(given(&["a=1", "b=x=y", "c="]).unwrap().into_iter().collect::<Vec<_>>().len(), 3);
        for wrong in [&["a"][..], &["=1"], &["a=1", "a=2"]] {
            assert!(given(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn outputs_of_an_agent_are_files_of_samples() {
        let given = |outs: &[&str]| outputs(&outs.iter().map(|out| (*out).to_owned()).collect::<Vec<_>>());
        assert_eq!(given(&["json=a.json", "hdr=b"]).unwrap().len(), 2);
        for (wrong, why) in [
            (&["junit=a.xml"][..], "throng run --cluster"),
            (&["json"], "a file"),
            (&["json=a", "kafka=b"], "--out kafka=b"),
            (&["json=a", "csv=a"], "--out csv=a"),
        ] {
            let error = given(wrong).unwrap_err().to_string();
            assert!(error.contains(why), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn the_usual_name_can_be_one() {
        assert!(AgentName::new(&usual_name()).is_ok());
    }
}
