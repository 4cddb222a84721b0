//! `throng target`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use signal_hook::consts::{SIGINT, SIGTERM};
use throng_target::{ROUTES, SelfSigned, Target, TargetConfig};
use throng_transport::machine;
use throng_transport::tls::TlsAcceptor;

use crate::args::TargetArgs;
use crate::exit::{Exit, Failure};
use crate::printing;

pub(crate) fn run(args: &TargetArgs) -> Result<Exit, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Failure::new(Exit::Machine, anyhow!(error).context("signals can't be handled")))?;
    }
    let config = TargetConfig {
        address: args.listen,
        shards: machine::cores().into_iter().map(Some).collect(),
        sockets_per_shard: machine::sockets_per_shard(),
        echo: args.echo,
        tls: acceptor(args).map_err(|error| Failure::new(Exit::InvalidConfig, error))?,
    };
    let target = Target::start(config).map_err(|error| Failure::new(Exit::Machine, error))?;
    printing::line(&format!("listening on {}://{}", if args.tls { "https" } else { "http" }, target.address()));
    if let Some(echo) = target.echo() {
        printing::line(&format!("echoing TCP and UDP on {echo}"));
    }
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
    }
    printing::line(&target.stats().to_string());
    target.stop().map_err(|error| Failure::new(Exit::Other, error))?;
    Ok(Exit::Success)
}

/// What the arguments say of TLS.
fn acceptor(args: &TargetArgs) -> anyhow::Result<Option<TlsAcceptor>> {
    if !args.tls {
        return Ok(None);
    }
    let read = |path: &Path| fs::read(path).with_context(|| format!("{} can't be read", path.display()));
    let (chain, key) = match (&args.tls_cert, &args.tls_key) {
        (Some(chain), Some(key)) => (read(chain)?, read(key)?),
        _ => {
            let made = SelfSigned::new(&args.listen.ip().to_string())?;
            if let Some(path) = &args.tls_cert_out {
                fs::write(path, &made.certificate_pem)
                    .with_context(|| format!("{} can't be written", path.display()))?;
            }
            (made.certificate_pem.into_bytes(), made.key_pem.into_bytes())
        }
    };
    let acceptor = match &args.tls_client_ca {
        Some(authorities) => TlsAcceptor::for_clients_of(&read(authorities)?, &chain, &key)?,
        None => TlsAcceptor::new(&chain, &key)?,
    };
    Ok(Some(acceptor))
}

/// What the server answers, for `--help`.
pub(crate) fn routes() -> String {
    let mut text = "Paths and what they answer, to GET and HEAD where no method is named:\n".to_owned();
    for (pattern, methods, about) in ROUTES {
        let methods = match *methods {
            "" => " (any method)".to_owned(),
            "GET, HEAD" => String::new(),
            methods => format!(" ({methods})"),
        };
        // Backticks are for documents.
        text += &format!("  {pattern}{methods}\n          {}\n", about.replace('`', ""));
    }
    text
}
