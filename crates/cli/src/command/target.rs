//! `throng target`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use signal_hook::consts::{SIGINT, SIGTERM};
use throng_target::{ROUTES, Target, TargetConfig};
use throng_transport::machine;

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
    };
    let target = Target::start(config).map_err(|error| Failure::new(Exit::Machine, error))?;
    printing::line(&format!("listening on http://{}", target.address()));
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
    }
    printing::line(&target.stats().to_string());
    target.stop().map_err(|error| Failure::new(Exit::Other, error))?;
    Ok(Exit::Success)
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
