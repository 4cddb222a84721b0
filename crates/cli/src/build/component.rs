//! From cargo's core module to a component.

use super::BuildError;
use super::cache::replace;
use super::embedded::FILES;
use super::module::{exports, without_sections};
use super::source::Package;
use std::path::Path;
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap};

/// What every script exports.
const EXPORTS: [&str; 4] = ["describe", "setup", "summarize", "teardown"];

/// The kinds of scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum World {
    /// Functions that VUs run.
    Script,
    /// Handlers of events.
    Events,
}

impl World {
    /// What a script of this kind exports beside [`EXPORTS`].
    fn export(self) -> &'static str {
        match self {
            Self::Script => "run",
            Self::Events => "handle",
        }
    }
}

/// Makes a component of a core module that carries its types, as the SDK puts them there.
///
/// Fails where the module is no script: it doesn't use the SDK, is of another world, or of two.
pub(super) fn encode(package: &Package, module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let not_script = |reason: String| BuildError::NotScript { script: package.shown.clone(), reason };
    let world = world_of(module).map_err(not_script)?;
    let encoded = with_types_of(world, module).and_then(|module| {
        ComponentEncoder::default().validate(true).module(&module).and_then(|encoder| encoder.encode())
    });
    let bytes = encoded.map_err(|error| not_script(format!("{error:#}")))?;
    let missing = missing_exports(world, &bytes).map_err(|error| not_script(format!("{error:#}")))?;
    match missing.first() {
        None => Ok(bytes),
        Some(_) if missing.len() > EXPORTS.len() => {
            Err(not_script("it doesn't use the crate `throng`; begin with `use throng::prelude::*;`".to_owned()))
        }
        Some(export) => Err(not_script(format!("it is of another world: it has no export `{export}`"))),
    }
}

/// Which world a module is for, by the symbols that the SDK's attributes leave.
fn world_of(module: &[u8]) -> Result<World, String> {
    let names = exports(module).map_err(|error| error.to_string())?;
    let has = |kind: &str| names.iter().any(|name| name.starts_with(kind) && name.ends_with("_each_name_once"));
    let is_event_driven = has("events_");
    if is_event_driven && has("scenario_") {
        let text = "it has both `#[scenario]` functions, which VUs run, and `#[handlers]`, whose VUs are connections: make \
                    two scripts of it";
        return Err(text.to_owned());
    }
    if is_event_driven && names.contains(&"vu_init_at_most_one") {
        let text = "it has both `#[handlers]` and `#[vu_init]`, which is for VUs with an instance each: keep what all \
                    connections of an instance need in a `thread_local!`, and make it when it is first used";
        return Err(text.to_owned());
    }
    Ok(if is_event_driven { World::Events } else { World::Script })
}

/// The module with the types of its world alone. The SDK puts in those of both, since it can't know which attributes a
/// script uses.
fn with_types_of(world: World, module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let is_type = |name: &str| name.starts_with("component-type");
    let is_of_handlers = |name: &str| is_type(name) && name.contains(":throng:sdk:");
    match world {
        World::Script => Ok(without_sections(module, |name| !is_of_handlers(name))?),
        World::Events => {
            let mut module = without_sections(module, |name| !is_type(name))?;
            embed_event_types(&mut module)?;
            Ok(module)
        }
    }
}

fn embed_event_types(module: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut contract = SourceMap::new();
    for (path, text) in FILES.iter().filter(|(path, _)| path.starts_with("wit/")) {
        contract.push_str(path, *text);
    }
    let mut resolve = Resolve::default();
    let package = resolve.push_group(contract.parse().map_err(|(_, error)| anyhow::Error::from(error))?)?;
    let world = resolve.select_world(&[package], Some("events"))?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)
}

fn missing_exports(world: World, component: &[u8]) -> anyhow::Result<Vec<&'static str>> {
    let DecodedWasm::Component(resolve, id) = wit_component::decode(component)? else {
        anyhow::bail!("the encoder made no component");
    };
    let exports = &resolve.worlds[id].exports;
    let names: Vec<String> = exports.keys().map(|key| resolve.name_world_key(key)).collect();
    let wanted = EXPORTS.into_iter().chain([world.export()]);
    Ok(wanted.filter(|export| !names.iter().any(|name| name == export)).collect())
}

/// Writes a component to a file, which appears whole or not at all.
pub(super) fn write(bytes: &[u8], path: &Path) -> Result<(), BuildError> {
    replace(path, bytes)
}
