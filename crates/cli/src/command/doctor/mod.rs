//! `throng doctor`: looks at the machine, and says what bounds a run and how to lift it.

mod capacity;
mod finding;
mod kernel;
mod network;

use std::io;
use std::net::SocketAddr;

use serde_json::json;
use throng_transport::machine::{self, Facts, Held};
use throng_transport::source::{SourceAddresses, SourceFailure, check_sources};
use throng_transport::{RingError, ShardError};

use self::finding::{Finding, Status};
use crate::args::{DoctorArgs, Global};
use crate::build;
use crate::exit::{Exit, Failure};
use crate::layers::Environment;
use crate::printing;
use crate::sources;

/// What was looked at, and what came of trying.
struct Observed {
    facts: Facts,
    missing_operations: Result<Vec<&'static str>, RingError>,
    shards: Result<usize, ShardError>,
    /// The compiler for scripts.
    toolchain: Result<String, String>,
    /// Where connections are to come from, and which addresses can't be used.
    sources: (SourceAddresses, Vec<SourceFailure>),
    /// The target that is asked about, and which source ports are in use for it.
    target: Option<(SocketAddr, io::Result<Held>)>,
}

pub(crate) fn run(args: &DoctorArgs, global: &Global) -> Result<Exit, Failure> {
    let sources = sources::read(&args.sources, &Environment::of_process())
        .map_err(|error| Failure::new(Exit::InvalidConfig, error))?;
    let failures = check_sources(&sources);
    // The facts come first: trying shards raises the limit of open files.
    let facts = Facts::read();
    let observed = Observed {
        facts,
        missing_operations: machine::missing_operations(),
        shards: machine::try_shards(),
        toolchain: build::toolchain_version().map_err(|error| error.to_string()),
        target: args.to.map(|target| (target, Held::read(target, &sources))),
        sources: (sources, failures),
    };
    let findings = judge(&observed);
    let would_run = findings.iter().all(|finding| finding.status != Status::Problem);
    let sockets = capacity::sockets(&observed.facts);
    let idle_vus = capacity::idle_vus(&observed.facts);
    let connections = capacity::connections(&observed.facts, &observed.sources.0, observed.target.as_ref()).count;
    if args.json {
        let findings: Vec<_> = findings.iter().map(Finding::to_json).collect();
        let report = json!({
            "ok": would_run, "sockets": sockets, "idleVus": idle_vus, "connections": connections, "findings": findings,
        });
        printing::line(&serde_json::to_string_pretty(&report).map_err(|error| Failure::new(Exit::Other, error))?);
    } else {
        let shown = findings.iter().filter(|finding| !global.quiet || finding.status != Status::Ok);
        shown.for_each(|finding| printing::line(&finding.to_string()));
        printing::line(&verdict(would_run, sockets, idle_vus));
    }
    Ok(if would_run { Exit::Success } else { Exit::Unfit })
}

fn verdict(would_run: bool, sockets: u64, idle_vus: Option<u64>) -> String {
    if !would_run {
        return "\nNo run would work here; see the lines that begin with PROBLEM.".to_owned();
    }
    let vus = idle_vus.map(|vus| format!(", about {} idle VUs", finding::grouped(vus))).unwrap_or_default();
    format!("\nA run would work here: {} sockets at once{vus}.", finding::grouped(sockets))
}

fn judge(observed: &Observed) -> Vec<Finding> {
    let facts = &observed.facts;
    let mut findings = vec![
        kernel::version(facts),
        kernel::io_uring(facts, &observed.missing_operations),
        kernel::locked_memory(facts, &observed.shards),
        kernel::shards(&observed.shards),
        capacity::open_files(facts),
        capacity::cores(facts),
        capacity::memory(facts),
        capacity::mappings(facts),
        kernel::huge_pages(facts),
        kernel::clock(facts),
        kernel::silent_peers(facts),
        network::source_ports(facts),
        capacity::connections_finding(facts, &observed.sources.0, &observed.sources.1, observed.target.as_ref()),
        network::time_wait(facts),
        network::backlog(facts),
        network::addresses(facts),
    ];
    findings.extend(network::conntrack(facts));
    findings.push(toolchain(&observed.toolchain));
    findings
}

/// Components run without a compiler, so its lack is no problem.
fn toolchain(found: &Result<String, String>) -> Finding {
    match found {
        Ok(version) => Finding::ok("building scripts", format!("{version}, for wasm32")),
        Err(error) => {
            let (reason, remedies) = error.split_once("\n\n").unwrap_or((error, ""));
            let remedies = remedies.split_once('\n').map_or(remedies, |(_, commands)| commands);
            Finding::note("building scripts", reason)
                .costs("only components (.wasm) can be run here; build scripts elsewhere")
                .lifted_by(remedies.trim_end())
        }
    }
}

#[cfg(test)]
mod tests;
