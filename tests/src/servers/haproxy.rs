//! HAProxy.

use anyhow::Result;
use nix::sys::signal::Signal;

use super::{Recipe, Site, command};

/// It drops lines of its log rather than wait: for a pipe, for a socket, and for another thread that writes one. So
/// there is one thread, and the log is a file, which it can only have as its standard output.
const CONFIGURATION: &str = "\
global
    maxconn 2048
    nbthread 1
    hard-stop-after 10s
defaults
    mode http
    timeout client 60s
    timeout http-request 60s
    timeout http-keep-alive 60s
    log stdout format raw local0 info
    option dontlognull
frontend throng
    bind [HTTP]
    bind [HTTPS] ssl crt [DIRECTORY]/both.pem
    http-request set-var(sess.number) var(sess.number,0),add(1)
    log-format \"request %ST %[var(sess.number)]\"
    http-request return status 200 content-type text/plain string throng
";

pub(super) fn recipe(site: &Site) -> Result<Recipe> {
    let haproxy = command("haproxy")?;
    let mut command = command("sh")?;
    command.args(["-c", r#"log=$1; shift; exec "$@" >"$log""#, "sh"]).arg(site.log());
    command.arg(haproxy.get_program()).args(haproxy.get_args());
    command.args(["-db", "-f"]).arg(site.file("haproxy.conf", CONFIGURATION)?);
    Ok(Recipe { command, stop: Signal::SIGUSR1, counted_from: 1 })
}
