//! nginx.

use anyhow::Result;
use nix::sys::signal::Signal;

use super::{Recipe, Site, command};

const CONFIGURATION: &str = "\
daemon off;
worker_processes 1;
worker_rlimit_nofile 4096;
pid [DIRECTORY]/nginx.pid;
error_log [DIRECTORY]/error.log;
events { worker_connections 2048; }
http {
    log_format line 'request $status $connection_requests';
    access_log [DIRECTORY]/access.log line buffer=1m;
    keepalive_requests 1000000000;
    client_body_temp_path [DIRECTORY]/client;
    proxy_temp_path [DIRECTORY]/proxy;
    fastcgi_temp_path [DIRECTORY]/fastcgi;
    uwsgi_temp_path [DIRECTORY]/uwsgi;
    scgi_temp_path [DIRECTORY]/scgi;
    server {
        listen [HTTP] backlog=2048;
        listen [HTTPS] ssl backlog=2048;
        ssl_certificate [DIRECTORY]/cert.pem;
        ssl_certificate_key [DIRECTORY]/key.pem;
        location = /hello { default_type text/plain; return 200 'throng'; }
    }
}
";

pub(super) fn recipe(site: &Site) -> Result<Recipe> {
    let mut command = command("nginx")?;
    command.arg("-c").arg(site.file("nginx.conf", CONFIGURATION)?);
    Ok(Recipe { command, stop: Signal::SIGQUIT, counted_from: 1 })
}
