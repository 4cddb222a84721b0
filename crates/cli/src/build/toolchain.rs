//! A compiler for wasm32: one that has the standard library for it, or one that can compile that library.

mod linker;

use super::BuildError;
use linker::Linker;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What scripts are compiled for.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// Where the standard library's source is in a sysroot.
const LIBRARY_SOURCE: &str = "lib/rustlib/src/rust/library";

/// A compiler with its cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Compiler {
    rustc: OsString,
    cargo: OsString,
}

/// Where the standard library for wasm32 comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StandardLibrary {
    /// It is there.
    Installed,
    /// Its source is there, and cargo compiles it first. That is an unstable feature of cargo, which
    /// `RUSTC_BOOTSTRAP` admits in a stable compiler; Debian's packages offer no other way.
    FromSource,
}

/// What cargo is run with.
#[derive(Debug)]
pub(super) struct Toolchain {
    compiler: Compiler,
    standard_library: StandardLibrary,
    linker: Linker,
    sysroot: PathBuf,
    version: String,
}

/// Finds a toolchain: the one that `RUSTC` and `CARGO` name, else the one in `PATH`, else the system's in `/usr/bin`
/// (which Debian's packages fill and rustup's hide). One with the library installed is preferred.
pub(super) fn find(directory: &Path) -> Result<Toolchain, BuildError> {
    let mut compilers = vec![Compiler {
        rustc: env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()),
        cargo: env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
    }];
    if env::var_os("RUSTC").is_none() {
        compilers.push(Compiler { rustc: "/usr/bin/rustc".into(), cargo: "/usr/bin/cargo".into() });
    }
    let found: Vec<Found> = compilers.into_iter().filter_map(|compiler| look_at(compiler, directory)).collect();
    choose(found)
}

/// A compiler that runs, and what it has.
struct Found {
    compiler: Compiler,
    sysroot: PathBuf,
    version: String,
    standard_library: Option<StandardLibrary>,
    linker: Option<Linker>,
}

fn choose(found: Vec<Found>) -> Result<Toolchain, BuildError> {
    let reason = match found.first() {
        None => "no Rust compiler is installed".to_owned(),
        Some(first) if found.iter().any(|compiler| compiler.standard_library.is_some()) => {
            format!("no linker for WebAssembly (rust-lld or wasm-ld) is installed beside {}", first.version_line())
        }
        Some(first) => {
            format!("{} (in {}) has no standard library for {TARGET}", first.version_line(), first.sysroot.display())
        }
    };
    let complete = |wanted| move |found: &Found| found.standard_library == Some(wanted) && found.linker.is_some();
    let installed = found.iter().position(complete(StandardLibrary::Installed));
    let at = installed.or_else(|| found.iter().position(complete(StandardLibrary::FromSource)));
    match at.and_then(|at| found.into_iter().nth(at)) {
        Some(Found { compiler, sysroot, version, standard_library: Some(standard_library), linker: Some(linker) }) => {
            Ok(Toolchain { compiler, standard_library, linker, sysroot, version })
        }
        _ => Err(BuildError::ToolchainMissing(reason)),
    }
}

impl Found {
    fn version_line(&self) -> &str {
        self.version.lines().next().unwrap_or_default()
    }
}

/// None when it doesn't run, or has no cargo that does.
fn look_at(compiler: Compiler, directory: &Path) -> Option<Found> {
    let ask = |program: &OsStr, arguments: &[&str]| ask(program, arguments, directory);
    let version = ask(&compiler.rustc, &["-vV"])?;
    ask(&compiler.cargo, &["--version"])?;
    let sysroot = PathBuf::from(ask(&compiler.rustc, &["--print", "sysroot"])?);
    let libraries = ask(&compiler.rustc, &["--print", "target-libdir", "--target", TARGET])?;
    let source = sysroot.join(LIBRARY_SOURCE).join("std/Cargo.toml");
    let standard_library = if has_standard_library(Path::new(&libraries)) {
        Some(StandardLibrary::Installed)
    } else {
        source.is_file().then_some(StandardLibrary::FromSource)
    };
    let linker = linker::find(&sysroot);
    Some(Found { compiler, sysroot, version, standard_library, linker })
}

fn has_standard_library(directory: &Path) -> bool {
    let Ok(entries) = directory.read_dir() else { return false };
    entries.flatten().any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"libstd-"))
}

/// A program's answer without the line's end; none when it fails.
fn ask(program: &OsStr, arguments: &[&str], directory: &Path) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(directory).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}

/// Variables that a surrounding cargo sets, or that would compile scripts otherwise than they are tested: flags for
/// the user's own programs are not meant for wasm32.
const DISTURBING: [&str; 12] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_MAKEFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
    "CARGO_UNSTABLE_BUILD_STD",
    "MAKEFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

impl Toolchain {
    /// Cargo, to be run in this directory.
    pub(super) fn cargo(&self, directory: &Path) -> Command {
        let mut command = Command::new(&self.compiler.cargo);
        for name in DISTURBING {
            command.env_remove(name);
        }
        command.current_dir(directory).env("RUSTC", &self.compiler.rustc);
        self.linker.apply(&mut command);
        if self.compiles_standard_library() {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }

    /// Whether cargo has to be told to compile the standard library.
    pub(super) fn compiles_standard_library(&self) -> bool {
        self.standard_library == StandardLibrary::FromSource
    }

    /// Where the standard library's source is, if it is there.
    pub(super) fn standard_library_source(&self) -> PathBuf {
        self.sysroot.join(LIBRARY_SOURCE)
    }

    /// What the compiler says of its version, several lines.
    pub(super) fn version(&self) -> &str {
        &self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, standard_library: Option<StandardLibrary>, linker: Option<Linker>) -> Found {
        Found {
            compiler: Compiler { rustc: name.into(), cargo: "cargo".into() },
            sysroot: "/opt/rust".into(),
            version: format!("rustc 1.95.0 of {name}\nhost: x"),
            standard_library,
            linker,
        }
    }

    #[test]
    fn an_installed_library_is_preferred_to_compiling_it() {
        let source = found("source", Some(StandardLibrary::FromSource), Some(Linker::Usual));
        let installed = found("installed", Some(StandardLibrary::Installed), Some(Linker::Usual));
        assert_eq!(choose(vec![source, installed]).unwrap().compiler.rustc, "installed");
    }

    #[test]
    fn a_library_without_a_linker_gives_way_to_one_with() {
        let installed = found("installed", Some(StandardLibrary::Installed), None);
        let source = found("source", Some(StandardLibrary::FromSource), Some(Linker::Usual));
        assert_eq!(choose(vec![installed, source]).unwrap().compiler.rustc, "source");
    }

    #[test]
    fn what_is_missing_is_named_with_the_remedies() {
        let reason = |found| choose(found).unwrap_err().to_string();
        assert!(reason(vec![]).starts_with("no Rust compiler is installed"));
        let bare = reason(vec![found("bare", None, Some(Linker::Usual))]);
        assert!(bare.starts_with("rustc 1.95.0 of bare (in /opt/rust) has no standard library"), "{bare}");
        for remedy in
            ["rustup target add wasm32-unknown-unknown", "sudo apt-get install rustc-web", "tools/install-wasm"]
        {
            assert!(bare.contains(remedy), "{bare}");
        }
        let unlinked = reason(vec![found("unlinked", Some(StandardLibrary::FromSource), None)]);
        assert!(unlinked.starts_with("no linker for WebAssembly"), "{unlinked}");
    }
}
