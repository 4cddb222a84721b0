//! A certificate that nobody but its maker has signed.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{PATIENCE, command};
use crate::process::Process;

/// Makes `key.pem`, `cert.pem`, and `both.pem` for servers that want one file.
pub(crate) fn make(directory: &Path, address: impl Display) -> Result<()> {
    let mut openssl = command("openssl")?;
    openssl.current_dir(directory).args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(' '));
    openssl.args("-days 2 -subj /CN=throng -keyout key.pem -out cert.pem -addext".split(' '));
    openssl.arg(format!("subjectAltName=IP:{address}"));
    // A server's and no authority's, so that it can be trusted by itself.
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    Process::start(openssl)?.wait(PATIENCE)?.expect_code(0)?;
    let read = |name| fs::read_to_string(directory.join(name));
    Ok(fs::write(directory.join("both.pem"), read("cert.pem")? + &read("key.pem")?)?)
}
