//! The Apache HTTP Server.

use anyhow::Result;
use nix::sys::signal::Signal;

use super::{Recipe, Site, command};

/// Names are for the case that root starts it; anybody else can't change who he is.
const CONFIGURATION: &str = "\
ServerRoot [DIRECTORY]
DefaultRuntimeDir [DIRECTORY]
PidFile [DIRECTORY]/apache.pid
ErrorLog [DIRECTORY]/error.log
ServerName throng
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
AsyncRequestWorkerFactor 100
ListenBacklog 2048
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
LogFormat \"request %>s %k\" line
CustomLog [DIRECTORY]/access.log line
DocumentRoot [DIRECTORY]
SSLSessionCache none
SSLCertificateFile [DIRECTORY]/cert.pem
SSLCertificateKeyFile [DIRECTORY]/key.pem
Listen [HTTP]
Listen [HTTPS] https
<VirtualHost [HTTPS]>
    SSLEngine on
    CustomLog [DIRECTORY]/access.log line
</VirtualHost>
";

pub(super) fn recipe(site: &Site) -> Result<Recipe> {
    let mut command = command("apache2")?;
    command.args(["-D", "FOREGROUND", "-f"]).arg(site.file("apache.conf", CONFIGURATION)?);
    Ok(Recipe { command, stop: Signal::SIGWINCH, counted_from: 0 })
}
