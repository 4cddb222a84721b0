//! From cargo's core module to a component.

use super::BuildError;
use super::cache::replace;
use super::source::Package;
use std::path::Path;
use wit_component::{ComponentEncoder, DecodedWasm};

/// What every script exports.
const EXPORTS: [&str; 5] = ["describe", "run", "setup", "summarize", "teardown"];

/// Makes a component of a core module that carries its types, as the SDK puts them there.
///
/// Fails where the module is no script: it doesn't use the SDK, or is of another world.
pub(super) fn encode(package: &Package, module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let not_script = |reason: String| BuildError::NotScript { script: package.shown.clone(), reason };
    let encoded = ComponentEncoder::default().validate(true).module(module).and_then(|encoder| encoder.encode());
    let bytes = encoded.map_err(|error| not_script(format!("{error:#}")))?;
    let missing = missing_exports(&bytes).map_err(|error| not_script(format!("{error:#}")))?;
    match missing.first() {
        None => Ok(bytes),
        Some(_) if missing.len() == EXPORTS.len() => {
            Err(not_script("it doesn't use the crate `throng`; begin with `use throng::prelude::*;`".to_owned()))
        }
        Some(export) => Err(not_script(format!("it is of another world: it has no export `{export}`"))),
    }
}

fn missing_exports(component: &[u8]) -> anyhow::Result<Vec<&'static str>> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        anyhow::bail!("the encoder made no component");
    };
    let exports = &resolve.worlds[world].exports;
    let names: Vec<String> = exports.keys().map(|key| resolve.name_world_key(key)).collect();
    Ok(EXPORTS.into_iter().filter(|export| !names.iter().any(|name| name == export)).collect())
}

/// Writes a component to a file, which appears whole or not at all.
pub(super) fn write(bytes: &[u8], path: &Path) -> Result<(), BuildError> {
    replace(path, bytes)
}
