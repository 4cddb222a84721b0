//! The addresses that connections come from: as typed, as tried.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use throng_plan::OptionError;
use throng_transport::machine::Facts;
use throng_transport::source::{BindStrategy, SourceAddresses, SourceFailure, check_sources};

use crate::args::SourceArgs;
use crate::exit::{Exit, Failure};
use crate::layers::{Environment, Setting};

/// Addresses that a complaint lists.
const TOLD_MAX: usize = 300;

/// What flags and variables say, once every address was tried.
///
/// # Errors
/// Code 104 for what is typed wrong, all of it at once; code 112 when addresses can't be used.
pub(crate) fn of(args: &SourceArgs, environment: &Environment) -> Result<Arc<SourceAddresses>, Failure> {
    let sources = read(args, environment).map_err(|error| Failure::new(Exit::InvalidConfig, error))?;
    let failures = check_sources(&sources);
    if failures.is_empty() {
        return Ok(Arc::new(sources));
    }
    Err(Failure::new(Exit::Machine, anyhow!(complaint(&sources, &failures, &device(&Facts::read())))))
}

/// The interface that addresses would be added to.
pub(crate) fn device(facts: &Facts) -> String {
    let outward = facts.addresses.iter().find(|one| !one.address.is_loopback());
    outward.map_or_else(|| "lo".to_owned(), |one| one.interface.clone())
}

/// What flags and variables say.
///
/// # Errors
/// Everything that is typed wrong.
pub(crate) fn read(args: &SourceArgs, environment: &Environment) -> anyhow::Result<SourceAddresses> {
    let mut sources = SourceAddresses::default();
    let mut faults: Vec<String> = Vec::new();
    let typed = (!args.bind_ips.is_empty()).then(|| args.bind_ips.join(","));
    if let Some((list, origin)) = Setting::BIND_IPS.text(typed.as_deref(), environment)
        && let Err(errors) = sources.add(&list)
    {
        faults.extend(errors.iter().map(|error| format!("{origin}: {error}")));
    }
    if let Some((name, origin)) = Setting::BIND_STRATEGY.text(args.bind_strategy.as_deref(), environment) {
        match strategy(&name) {
            Ok(strategy) => sources.strategy = strategy,
            Err(error) => faults.push(format!("{origin}: {error}")),
        }
    }
    if let Some((range, origin)) = Setting::BIND_PORTS.text(args.bind_ports.as_deref(), environment) {
        match ports(&range) {
            Ok(ports) => sources.ports = ports,
            Err(error) => faults.push(format!("{origin}: {error:#}")),
        }
    }
    let mut switch = Vec::new();
    sources.freebind = Setting::FREEBIND.switch(args.freebind.as_deref(), environment, &mut switch).unwrap_or(false);
    faults.extend(switch.iter().map(|OptionError { origin, message, .. }| format!("{origin}: {message}")));
    if sources.is_empty() && faults.is_empty() {
        let alone = "is of no effect without --bind-ips";
        ensure!(!sources.freebind, "--freebind {alone}");
        ensure!(sources.strategy == BindStrategy::RoundRobin, "--bind-strategy {alone}");
    }
    ensure!(faults.is_empty(), faults.join("\n"));
    Ok(sources)
}

fn strategy(name: &str) -> anyhow::Result<BindStrategy> {
    Ok(match name {
        "round-robin" => BindStrategy::RoundRobin,
        "vu" => BindStrategy::Vu,
        "least-used" => BindStrategy::LeastUsed,
        _ => bail!("`{name}` is no strategy: there are round-robin, vu, least-used"),
    })
}

fn ports(range: &str) -> anyhow::Result<(u16, u16)> {
    let (low, high) = range.split_once('-').with_context(|| format!("`{range}`: write it like 1024-65535"))?;
    let port = |text: &str| text.trim().parse().with_context(|| format!("`{text}` is no port"));
    let (low, high) = (port(low)?, port(high)?);
    ensure!(low >= 1, "port 0 is none");
    ensure!(low <= high, "the range `{range}` ends before it begins");
    Ok((low, high))
}

/// Every address that can't be used, why, and the command that adds it.
pub(crate) fn complaint(sources: &SourceAddresses, failures: &[SourceFailure], device: &str) -> String {
    let mut text = format!("{} source address(es) of --bind-ips can't be used:", failures.len());
    for SourceFailure { address, error } in failures.iter().take(TOLD_MAX) {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let network = match address {
            IpAddr::V6(v6) if !sources.v6.contains(v6) => {
                let network = sources.drawn.iter().find(|network| network.contains(*v6));
                network.map(|network| (network.network, network.prefix))
            }
            _ => None,
        };
        // Writing to a string doesn't fail.
        let _ = match network {
            Some((network, prefix)) => {
                write!(
                    text,
                    "\n  {network}/{prefix}: {error}\n    sudo ip -6 route add local {network}/{prefix} dev lo"
                )
            }
            None => write!(text, "\n  {address}: {error}\n    sudo ip address add {address}/{bits} dev {device}"),
        };
    }
    if failures.len() > TOLD_MAX {
        let _ = write!(text, "\n  and {} more", failures.len() - TOLD_MAX);
    }
    if !sources.freebind {
        text += "\nor let throng use addresses that no interface has, by --freebind";
    }
    text
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn args(list: &[&str]) -> SourceArgs {
        SourceArgs { bind_ips: list.iter().map(|one| (*one).to_owned()).collect(), ..SourceArgs::default() }
    }

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
    }

    #[test]
    fn a_flag_goes_before_variables_and_ours_before_k6s() {
        let both = environment(&[("K6_LOCAL_IPS", "127.0.0.2"), ("THRONG_BIND_IPS", "127.0.0.3")]);
        assert_eq!(read(&args(&["127.0.0.4", "127.0.0.5"]), &both).unwrap().v4.len(), 2);
        assert_eq!(read(&args(&[]), &both).unwrap().v4, [Ipv4Addr::new(127, 0, 0, 3)]);
        let k6 = environment(&[("K6_LOCAL_IPS", "127.0.0.2"), ("THRONG_BIND_PORTS", "2000-2009")]);
        let sources = read(&args(&[]), &k6).unwrap();
        assert_eq!((sources.v4.len(), sources.ports), (1, (2000, 2009)));
    }

    #[test]
    fn all_that_is_typed_wrong_is_told() {
        let args = SourceArgs {
            bind_strategy: Some("random".into()),
            bind_ports: Some("9-1".into()),
            freebind: Some("perhaps".into()),
            ..args(&["1.2.3", "10.0.0.0/40"])
        };
        let told = read(&args, &environment(&[])).unwrap_err().to_string();
        assert_eq!(told.lines().count(), 5, "{told}");
        assert!(told.contains("--bind-strategy: `random` is no strategy"), "{told}");
        let alone = SourceArgs { freebind: Some("true".into()), ..SourceArgs::default() };
        assert!(read(&alone, &environment(&[])).is_err());
    }

    #[test]
    fn addresses_of_no_interface_are_all_told_with_the_command_that_adds_them() {
        let failure = of(&args(&["127.0.0.1,192.0.2.7,2001:db8:5::/64"]), &environment(&[])).unwrap_err();
        let told = format!("{failure:#}");
        for part in
            ["2 source address(es)", "ip address add 192.0.2.7/32 dev", "ip -6 route add local 2001:db8:5::/64 dev lo"]
        {
            assert!(told.contains(part), "{told}");
        }
    }
}
