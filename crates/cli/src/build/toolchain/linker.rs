//! The linker for WebAssembly: rust-lld, which the compiler looks for in its own directory and in `PATH`.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How the compiler gets to its linker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Linker {
    /// By itself.
    Usual,
    /// With this directory in `PATH`: another toolchain's rust-lld links as well.
    In(PathBuf),
    /// By its name: LLVM's own, which takes the same arguments.
    Named(PathBuf),
}

/// Finds a linker for the compiler of this sysroot.
pub(super) fn find(sysroot: &Path) -> Option<Linker> {
    if !rust_lld_of(sysroot).is_empty() {
        return Some(Linker::Usual);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path =
        |name: &str| env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file());
    if in_path("rust-lld").is_some() {
        return Some(Linker::Usual);
    }
    if let Some(directory) = rustup_toolchains().iter().flat_map(|toolchain| rust_lld_of(toolchain)).next() {
        return Some(Linker::In(directory));
    }
    in_path("wasm-ld").or_else(newest_of_llvm).map(Linker::Named)
}

/// The directories of a sysroot with a rust-lld. `is_file` follows links: Debian's package has one that leads to a
/// package of its own, which may be missing.
fn rust_lld_of(sysroot: &Path) -> Vec<PathBuf> {
    let hosts = entries(&sysroot.join("lib/rustlib"));
    hosts.into_iter().map(|host| host.join("bin")).filter(|bin| bin.join("rust-lld").is_file()).collect()
}

fn rustup_toolchains() -> Vec<PathBuf> {
    let home = env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".rustup")));
    home.map(|home| entries(&home.join("toolchains"))).unwrap_or_default()
}

/// Debian's packages `lld-NN` put it here.
fn newest_of_llvm() -> Option<PathBuf> {
    let version = |directory: &Path| directory.file_name()?.to_str()?.strip_prefix("llvm-")?.parse::<u32>().ok();
    let versions = entries(Path::new("/usr/lib")).into_iter().filter_map(|path| Some((version(&path)?, path)));
    let linkers = versions.map(|(version, path)| (version, path.join("bin/wasm-ld")));
    linkers.filter(|(_, linker)| linker.is_file()).max().map(|(_, linker)| linker)
}

/// What is in a directory, sorted; nothing if it can't be read.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = directory.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

impl Linker {
    /// Makes cargo's compiler find it.
    pub(super) fn apply(&self, command: &mut Command) {
        match self {
            Self::Usual => {}
            Self::In(directory) => {
                let mut path = env::var_os("PATH").unwrap_or_default();
                if !path.is_empty() {
                    path.push(":");
                }
                path.push::<OsString>(directory.into());
                command.env("PATH", path);
            }
            Self::Named(linker) => {
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_to_a_linker_that_is_not_installed_is_no_linker() {
        let sysroot = tempfile::tempdir().unwrap();
        let bin = sysroot.path().join("lib/rustlib/x86_64-unknown-linux-gnu/bin");
        fs::create_dir_all(&bin).unwrap();
        symlink("lld-22", bin.join("rust-lld")).unwrap();
        assert!(rust_lld_of(sysroot.path()).is_empty());
        fs::write(bin.join("lld-22"), "").unwrap();
        assert_eq!(rust_lld_of(sysroot.path()), [bin]);
    }

    #[test]
    fn another_toolchains_linker_comes_last_in_the_path() {
        let mut command = Command::new("true");
        Linker::In("/opt/bin".into()).apply(&mut command);
        let path = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value).unwrap();
        assert!(path.to_str().unwrap().ends_with("/opt/bin"));
    }
}
