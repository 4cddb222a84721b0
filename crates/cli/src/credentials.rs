//! How this process proves who it is, from what was typed and the environment.

use std::env;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};
use throng_trust::{Certificate, Credentials, Files, Token, Tokens, date};

use crate::args::{CertificateArgs, ClientArgs, Global};
use crate::exit::{Exit, Failure};
use crate::printing;

/// A certificate that expires in fewer days than these is told of.
const DAYS_TO_RENEW: i64 = 14;

/// Those of a coordinator or an agent. Without certificates it speaks with no other machine unless that is `insecure`.
pub(crate) fn of_process(args: &CertificateArgs, insecure: bool, global: &Global) -> Result<Credentials, Failure> {
    let credentials = read(args, insecure).map_err(|error| Failure::new(Exit::InvalidConfig, error))?;
    if let Some(certificate) = credentials.certificate() {
        tell_if_old(&certificate, global);
    }
    Ok(credentials)
}

/// Those of a client of the nodes at these addresses, with commas between. It may have a token in place of a certificate.
pub(crate) fn of_client(args: &ClientArgs, addresses: &str, insecure: bool) -> Result<Credentials, Failure> {
    let read = || -> anyhow::Result<Credentials> {
        let credentials = read(&args.certificates, insecure)?;
        may_dial(&credentials, addresses.split(',').map(str::trim))?;
        let Some(token) = typed(args.token.token.clone().map(OsString::from), "THRONG_TOKEN") else {
            return Ok(credentials);
        };
        let text = token.to_str().context("--token isn't text")?;
        let token = Token::new(text).context("--token or THRONG_TOKEN")?;
        if credentials.tls().is_none() && !insecure {
            bail!(
                "a token goes by TLS alone: give --cluster-ca (or THRONG_CLUSTER_CA), or --insecure if all of the network \
                 is trusted"
            );
        }
        Ok(credentials.with_token(Some(token)))
    };
    read().map_err(|error| Failure::new(Exit::InvalidConfig, error))
}

/// Whether all of these addresses may be dialed, as far as they are no names.
pub(crate) fn may_dial<'a>(
    credentials: &Credentials,
    mut addresses: impl Iterator<Item = &'a str>,
) -> anyhow::Result<()> {
    addresses.try_for_each(|address| match address.parse::<SocketAddr>() {
        Ok(address) => Ok(credentials.may_dial(address)?),
        // A name is looked at when it is known what it leads to.
        Err(_) => Ok(()),
    })
}

/// The tokens that a coordinator takes.
pub(crate) fn tokens(file: Option<&PathBuf>, has_tls: bool, insecure: bool) -> anyhow::Result<Tokens> {
    let Some(file) = file else { return Ok(Tokens::default()) };
    if !has_tls && !insecure {
        bail!(
            "tokens go by TLS alone: give --cluster-ca, --cluster-cert and --cluster-key beside --client-token-file, or \
             --insecure if all of the network is trusted"
        );
    }
    Tokens::read(file).context("--client-token-file")
}

fn read(args: &CertificateArgs, insecure: bool) -> anyhow::Result<Credentials> {
    let path = |typed_path: &Option<PathBuf>, variable| {
        typed(typed_path.clone().map(PathBuf::into_os_string), variable).map(PathBuf::from)
    };
    let authority = path(&args.cluster_ca, "THRONG_CLUSTER_CA");
    let certificate = path(&args.cluster_cert, "THRONG_CLUSTER_CERT");
    let key = path(&args.cluster_key, "THRONG_CLUSTER_KEY");
    let own = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => bail!("there is --cluster-cert without --cluster-key, its private key"),
        (None, Some(_)) => bail!("there is --cluster-key without --cluster-cert, its certificate"),
    };
    match (authority, own) {
        (Some(authority), own) => Ok(Credentials::read(&Files { authority, own })?),
        (None, None) => Ok(Credentials::plain(insecure)),
        (None, Some(_)) => Err(anyhow!(
            "there is --cluster-cert without --cluster-ca, by which others are known: give ca.pem of the group"
        )),
    }
}

/// What was typed, or else a variable that isn't empty.
fn typed(given: Option<OsString>, variable: &str) -> Option<OsString> {
    given.or_else(|| env::var_os(variable)).filter(|text| !text.is_empty())
}

fn tell_if_old(certificate: &Certificate, global: &Global) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = certificate.days_left(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    if left < DAYS_TO_RENEW {
        let until = date(certificate.not_after);
        let text = format!("this process's certificate expires in {left} days, at {until}: issue a new one");
        printing::warning(&text, global);
    }
}
