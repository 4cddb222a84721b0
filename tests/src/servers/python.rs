//! Python.

use anyhow::Result;
use nix::sys::signal::Signal;

use super::{Recipe, Site, command};

pub(super) fn recipe(site: &Site) -> Result<Recipe> {
    let mut command = command("python3")?;
    command.arg(site.file("server.py", include_str!("server.py"))?);
    Ok(Recipe { command, stop: Signal::SIGTERM, counted_from: 1 })
}
