//! Compiles a script to a component: `throng build`, and the first step of `throng run` on sources.
//!
//! A path becomes a [`source::Source`]: a crate, or one file, for which a crate is made in the cache directory. The SDK
//! is unpacked there too ([`sdk`]), so that the binary needs no repository. Then cargo of a [`toolchain`] that can
//! compile for wasm32 makes a core module, and [`component`] a component of it.

mod cache;
mod cargo;
mod component;
mod embedded;
mod error;
mod module;
mod sdk;
mod source;
mod toolchain;

pub(crate) use error::BuildError;
pub(crate) use sdk::unpack as unpack_sdk;

use cache::Cache;
use std::path::{Path, PathBuf};

/// A compiled script.
pub(crate) struct Component {
    /// The crate's name, or the file's without `.rs`.
    pub(crate) name: String,
    /// The component's binary format.
    pub(crate) bytes: Vec<u8>,
}

/// A compiled script that has been written to a file.
pub(crate) struct Built {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What was written.
    pub(crate) bytes: Vec<u8>,
}

/// Compiles a crate's directory, its `Cargo.toml` or one `.rs` file, and writes the component: to `output`, or to
/// `NAME.wasm` in the working directory. The file appears whole or not at all.
///
/// `log` gets a line on whatever takes long. The compiler's own messages go to standard error as they are.
pub(crate) fn build(path: &Path, output: Option<&Path>, log: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
    let component = compile(path, log)?;
    let path = output.map_or_else(|| PathBuf::from(format!("{}.wasm", component.name)), Path::to_owned);
    component::write(&component.bytes, &path)?;
    Ok(Built { path, bytes: component.bytes })
}

/// Where compiled components' machine code is kept; none where no directory can be made.
pub(crate) fn components_directory() -> Option<PathBuf> {
    Cache::open().ok().map(|cache| cache.path("components"))
}

/// Where archives are kept that were fetched from a group.
pub(crate) fn archives_directory() -> Option<PathBuf> {
    Cache::open().ok().map(|cache| cache.path("archives"))
}

/// Compiles as [`build`] does and writes nothing outside of the cache directory.
pub(crate) fn compile(path: &Path, log: &mut dyn FnMut(&str)) -> Result<Component, BuildError> {
    let source = source::Source::at(path)?;
    let cache = Cache::open()?;
    let sdk = sdk::unpack()?;
    let toolchain = toolchain::find(source.directory())?;
    // Builds share the compiled SDK, and the file that cargo writes for a crate may be replaced by another's.
    let _lock = cache.lock(log)?;
    let package = source.package(&cache, &sdk, &toolchain)?;
    let module = cargo::compile(&package, &sdk, &toolchain, &cache, log)?;
    let bytes = component::encode(&package, &module)?;
    Ok(Component { name: package.script_name, bytes })
}

/// The first line of what the compiler that would be used says of itself.
pub(crate) fn toolchain_version() -> Result<String, BuildError> {
    let toolchain = toolchain::find(Path::new("."))?;
    Ok(toolchain.version().lines().next().unwrap_or_default().to_owned())
}
