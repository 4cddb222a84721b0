//! Runs cargo, and reads what it says.

use super::BuildError;
use super::cache::{Cache, write_if_changed};
use super::sdk::{Sdk, short_hex};
use super::source::{Package, smallest};
use super::toolchain::{TARGET, Toolchain};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The guest's stack. It holds JSON nested as deep as serde_json reads it. A VU pays only for the pages that it touches:
/// the usual 1 MiB would cost address space, no memory. Static data begins where the stack ends, so with a length
/// of three quarters of a page less, the first calls have a quarter of a page that the static data and the heap of a small
/// script have the rest of.
const STACK_BYTES: u32 = (128 << 10) - 3072;

/// How scripts are compiled, whatever profile their crate has. `abort` since unwinding needs what VUs don't have; names
/// stay, for readable traps.
const PROFILE: [(&str, &str); 7] = [
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_INCREMENTAL", "false"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_STRIP", "debuginfo"),
];

/// What `cargo metadata` knows about a manifest.
#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<PackageMetadata>,
}

#[derive(Deserialize)]
pub(super) struct PackageMetadata {
    pub(super) name: String,
    pub(super) manifest_path: PathBuf,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) targets: Vec<Target>,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// Where it is, unless it comes from a registry or a repository.
    pub(super) path: Option<PathBuf>,
}

#[derive(Deserialize)]
pub(super) struct Target {
    pub(super) kind: Vec<String>,
}

/// Reads a manifest.
pub(super) fn metadata(manifest: &Path, toolchain: &Toolchain) -> Result<Metadata, BuildError> {
    let not_source = |reason: String| BuildError::NotSource { path: manifest.to_owned(), reason };
    let mut command = toolchain.cargo(manifest.parent().unwrap_or(manifest));
    command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
    let output = run(command.stderr(Stdio::piped()))?;
    if !output.status.success() {
        return Err(not_source(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| not_source(format!("cargo describes it strangely: {error}")))
}

/// Compiles a package and returns the core module.
///
/// Before the first one, the SDK is compiled by itself: that takes long, so cargo's progress is shown, which is left out
/// afterwards.
pub(super) fn compile(
    package: &Package,
    sdk: &Sdk,
    toolchain: &Toolchain,
    cache: &Cache,
    log: &mut dyn FnMut(&str),
) -> Result<Vec<u8>, BuildError> {
    let marker = cache.path(&format!("compiled-{}", compiled_digest(sdk, toolchain)));
    if !marker.exists() || !cache.target_directory().exists() {
        let and = if toolchain.compiles_standard_library() { " and the standard library for wasm32" } else { "" };
        log(&format!("compiling the SDK{and}: once, one or two minutes"));
        rustc(&smallest(cache, sdk)?, sdk, toolchain, cache, &[]).map_err(|error| match error {
            BuildError::Compile { .. } => BuildError::SdkCompile,
            other => other,
        })?;
        write_if_changed(&marker, "")?;
    }
    let module = rustc(package, sdk, toolchain, cache, &["--quiet"])?;
    fs::read(&module).map_err(BuildError::file("read", &module))
}

/// Runs `cargo rustc` and returns the file with the module.
fn rustc(
    package: &Package,
    sdk: &Sdk,
    toolchain: &Toolchain,
    cache: &Cache,
    options: &[&str],
) -> Result<PathBuf, BuildError> {
    let mut command = arguments(package, sdk, toolchain, cache);
    command.args(options);
    command.args(["--", &format!("-Clink-arg=-zstack-size={STACK_BYTES}")]);
    let output = run(command.stderr(Stdio::inherit()))?;
    if !output.status.success() {
        return Err(BuildError::Compile { script: package.shown.clone() });
    }
    artifact(&output.stdout, &package.manifest).ok_or_else(|| BuildError::NotScript {
        script: package.shown.clone(),
        reason: "cargo made no WebAssembly of it".to_owned(),
    })
}

fn arguments(package: &Package, sdk: &Sdk, toolchain: &Toolchain, cache: &Cache) -> Command {
    let mut command = toolchain.cargo(package.manifest.parent().unwrap_or(&package.manifest));
    command.envs(PROFILE);
    // Paths in panic messages are data of every VU, and would make the same script differ between machines. The flags
    // don't name the SDK's digest: the standard library would be compiled again for each.
    let flags = [
        format!("--remap-path-prefix={}=throng", cache.path("").display()),
        format!("--remap-path-prefix={}=std", toolchain.standard_library_source().display()),
    ];
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    // Whatever crate types the manifest has: one without `cdylib` is a script as well.
    command.args(["rustc", "--release", "--lib", "--crate-type", "cdylib", "--target", TARGET]);
    command.args(["--message-format", "json-render-diagnostics"]);
    command.arg("--manifest-path").arg(&package.manifest);
    command.arg("--target-dir").arg(cache.target_directory());
    if package.wants_sdk {
        let path = serde_json::Value::from(sdk.throng_crate().to_string_lossy());
        command.arg("--config").arg(format!("patch.crates-io.throng.path={path}"));
    }
    if toolchain.compiles_standard_library() {
        command.arg("-Zbuild-std=std,panic_abort");
    }
    command
}

/// Names what is compiled before any script.
fn compiled_digest(sdk: &Sdk, toolchain: &Toolchain) -> String {
    let mut hash = Sha256::new();
    hash.update(sdk.digest());
    hash.update(toolchain.version());
    short_hex(hash)
}

fn run(command: &mut Command) -> Result<Output, BuildError> {
    let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().and_then(|child| child.wait_with_output());
    output
        .map_err(|source| BuildError::Command { command: command.get_program().to_string_lossy().into_owned(), source })
}

/// The file that cargo says it made of a package's library.
fn artifact(messages: &[u8], manifest: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        manifest_path: Option<PathBuf>,
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    let messages = messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let of_package =
        |message: &Message| message.reason == "compiler-artifact" && message.manifest_path.as_deref() == Some(manifest);
    let mut files = messages.filter(of_package).flat_map(|message| message.filenames);
    files.find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_that_of_the_script_and_not_of_a_dependency() {
        let messages = br#"{"reason":"compiler-artifact","manifest_path":"/dep/Cargo.toml","filenames":["/t/dep.wasm"]}
not JSON, such as what a build script prints
{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","filenames":["/t/a.d","/t/a.wasm"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(artifact(messages, Path::new("/a/Cargo.toml")), Some("/t/a.wasm".into()));
        assert_eq!(artifact(messages, Path::new("/b/Cargo.toml")), None);
    }
}
