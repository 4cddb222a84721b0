//! `throng certs`.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use throng_trust::{Certificate, Holder, Issued, Request, date, init, issue};

use crate::args::{CertsArgs, CertsCommand};
use crate::exit::{Exit, Failure};
use crate::printing;

pub(crate) fn run(args: &CertsArgs) -> Result<Exit, Failure> {
    let done = match &args.command {
        CertsCommand::Init { dir } => init(dir).map_err(anyhow::Error::from).map(|issued| made(&issued)),
        CertsCommand::Issue { role, name, host, days, dir } => Holder::new(*role, name)
            .map_err(|error| anyhow::Error::from(error).context("--name"))
            .and_then(|holder| Ok(issue(dir, &Request { holder, hosts: host.clone(), days: *days })?))
            .map(|issued| made(&issued)),
        CertsCommand::Show { file } => show(file),
    };
    done.map_err(|error| Failure::new(Exit::InvalidConfig, error))?;
    Ok(Exit::Success)
}

fn made(issued: &Issued) {
    printing::line(&issued.certificate.display().to_string());
    printing::line(&issued.key.display().to_string());
}

fn show(file: &Path) -> anyhow::Result<()> {
    let certificate = Certificate::read(file)?;
    let (role, name) = match &certificate.holder {
        Some(holder) => (holder.role.as_str(), holder.name.as_str()),
        None if certificate.is_authority => ("authority", certificate.subject.as_str()),
        None => ("none", certificate.subject.as_str()),
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let standing = match certificate.days_left(now) {
        _ if now < certificate.not_before => "not valid yet".to_owned(),
        left if left < 0 => "expired".to_owned(),
        left => format!("{left} days left"),
    };
    let valid = format!("{} to {} ({standing})", date(certificate.not_before), date(certificate.not_after));
    let mut rows = vec![("role", role.to_owned()), ("name", name.to_owned()), ("valid", valid)];
    if !certificate.hosts.is_empty() {
        rows.push(("hosts", certificate.hosts.join(", ")));
    }
    rows.push(("issuer", certificate.issuer));
    rows.push(("sha256", certificate.fingerprint));
    for (label, value) in rows {
        printing::line(&format!("{label:<7} {value}"));
    }
    Ok(())
}
