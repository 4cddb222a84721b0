//! nginx's certificate.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use anyhow::Result;
use rcgen::generate_simple_self_signed;

/// Makes `certificate.pem` and `key.pem`: of P-256, as most servers have.
pub(crate) fn make(directory: &Path, address: IpAddr) -> Result<()> {
    let made = generate_simple_self_signed([address.to_string()])?;
    fs::write(directory.join("certificate.pem"), made.cert.pem())?;
    Ok(fs::write(directory.join("key.pem"), made.signing_key.serialize_pem())?)
}
