//! Node.

use anyhow::Result;
use nix::sys::signal::Signal;

use super::{Recipe, Site, command};

pub(super) fn recipe(site: &Site) -> Result<Recipe> {
    let mut command = command("node")?;
    command.arg(site.file("server.js", include_str!("server.js"))?);
    Ok(Recipe { command, stop: Signal::SIGTERM, counted_from: 1 })
}
