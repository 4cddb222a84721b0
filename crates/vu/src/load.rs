use thiserror::Error;
use wasmtime::component::Component;

use crate::{
    engine::Engine,
    exports::{DESCRIBE, HANDLE, RUN},
};

/// The version of `throng:script` that this host implements.
pub const CONTRACT_VERSION: &str = "0.1.0";
const CONTRACT_PREFIX: &str = "throng:script/";

/// Why a file can't be used as a script.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file doesn't begin as WebAssembly does.
    #[error("not a WebAssembly file; `throng build` makes a script from a Rust crate or file")]
    NotWasm,
    /// A module as compilers write it, which is only a component's inside.
    #[error("a core WebAssembly module, not a component; `throng build` makes a component of a script")]
    CoreModule,
    /// A component of an unknown binary version.
    #[error("a WebAssembly file of an unknown version (header {0:02x?}); `throng build` makes a script anew")]
    UnknownFormat([u8; 4]),
    /// The file breaks off or is damaged, or uses features that throng lacks.
    #[error("a damaged or truncated component, or one with unknown features: {0}; `throng build` makes it anew")]
    Corrupt(String),
    /// A component, but of another world.
    #[error(
        "not a throng script: {}; `throng build` makes one from a Rust crate or file",
        describe_world(.unknown_imports, .missing_exports)
    )]
    OtherWorld {
        /// What it imports that throng doesn't provide.
        unknown_imports: Vec<String>,
        /// What a script exports and it doesn't.
        missing_exports: Vec<String>,
    },
    /// A script for a version of the contract that this throng doesn't provide.
    #[error(
        "made for version {found} of throng:script, this throng provides {CONTRACT_VERSION}; \
         build it again with this throng's SDK{}", reason_in_brackets(.reason)
    )]
    OtherVersion {
        /// The version it asks for.
        found: String,
        /// What doesn't fit, where only single functions differ.
        reason: Option<String>,
    },
    /// An export or import has another type than the contract says.
    #[error(
        "export `{name}` isn't what throng:script {CONTRACT_VERSION} says: {reason}; build it with this throng's SDK"
    )]
    WrongExport {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

fn describe_world(unknown_imports: &[String], missing_exports: &[String]) -> String {
    let mut parts = Vec::new();
    if !unknown_imports.is_empty() {
        parts.push(format!("it imports {}, which throng doesn't provide", unknown_imports.join(", ")));
    }
    if !missing_exports.is_empty() {
        parts.push(format!("it doesn't export {}", missing_exports.join(" and ")));
    }
    parts.join("; ")
}

fn reason_in_brackets(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
}

/// Tells by its first bytes whether a file may be a component.
pub(crate) fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(LoadError::NotWasm);
    }
    match bytes.get(4..8) {
        Some([1, 0, 0, 0]) => Err(LoadError::CoreModule),
        Some([0x0d, 0, 1, 0]) => Ok(()),
        Some(&[a, b, c, d]) => Err(LoadError::UnknownFormat([a, b, c, d])),
        _ => Err(LoadError::Corrupt("it ends after its first bytes".into())),
    }
}

/// Checks by names that a component is of the world `throng:script`, and returns
/// the version of the contract that it asks for, if it imports anything.
pub(crate) fn check_world(engine: &Engine, component: &Component) -> Result<Option<String>, LoadError> {
    let world = component.component_type();
    let mut unknown_imports = Vec::new();
    let mut asked = None;
    for (name, _) in world.imports(engine.wasmtime()) {
        match name.strip_prefix(CONTRACT_PREFIX) {
            Some(rest) => {
                let version = rest.split_once('@').map_or("", |(_, version)| version);
                if !is_compatible(version) {
                    return Err(LoadError::OtherVersion { found: version.to_owned(), reason: None });
                }
                asked = Some(version.to_owned());
            }
            None => unknown_imports.push(name.to_owned()),
        }
    }
    let has = |name| world.get_export(engine.wasmtime(), name).is_some();
    let mut missing_exports: Vec<String> = Vec::new();
    missing_exports.extend((!has(DESCRIBE)).then(|| DESCRIBE.to_owned()));
    missing_exports.extend((!has(RUN) && !has(HANDLE)).then(|| format!("{RUN} or {HANDLE}")));
    if unknown_imports.is_empty() && missing_exports.is_empty() {
        return Ok(asked);
    }
    Err(LoadError::OtherWorld { unknown_imports, missing_exports })
}

/// Within 0.1 functions are only added, so another patch version may fit.
fn is_compatible(version: &str) -> bool {
    let minor = |version: &str| {
        let (minor, patch) = version.rsplit_once('.')?;
        patch.parse::<u64>().ok().map(|_| minor.to_owned())
    };
    minor(version).is_some() && minor(version) == minor(CONTRACT_VERSION)
}

/// What it means that a component with the right names can't be linked.
pub(crate) fn link_error(asked: Option<String>, error: &wasmtime::Error) -> LoadError {
    LoadError::OtherVersion {
        found: asked.unwrap_or_else(|| "an unknown version".to_owned()),
        reason: Some(format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_versions_are_compatible_and_others_not() {
        for (version, fits) in
            [("0.1.0", true), ("0.1.7", true), ("0.2.0", false), ("1.1.0", false), ("0.1", false), ("", false)]
        {
            assert_eq!(is_compatible(version), fits, "{version}");
        }
    }
}
