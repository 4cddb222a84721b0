//! The clients that are compared.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use tempfile::TempDir;

use crate::process::Process;

/// A program that makes load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Client {
    /// wrk as it is: it looks at nothing but the status class.
    Wrk,
    /// wrk with a Lua `request()` and `response()` that checks the status.
    WrkLua,
    /// throng.
    Throng,
    /// k6 as it ships.
    K6,
}

impl fmt::Display for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        formatter.write_str(value.as_ref().map_or("?", |value| value.get_name()))
    }
}

/// What is asked for; over https, whatever certificate the server has.
#[derive(Clone, Copy, Debug)]
pub struct Get<'a> {
    /// Where.
    pub url: &'a str,
    /// Whether connections stay; otherwise each request has a new one.
    pub reuse: bool,
}

/// What a client is to do.
#[derive(Clone, Copy, Debug)]
pub enum Scenario<'a> {
    /// One GET and one check an iteration.
    Get(Get<'a>),
    /// Sleep for a second an iteration.
    Sleep,
}

/// Where the clients' programs and scripts are.
#[derive(Debug)]
pub struct ClientPaths {
    throng: PathBuf,
    k6: Option<PathBuf>,
    quickstart: PathBuf,
    sleep: PathBuf,
    scripts: TempDir,
}

impl ClientPaths {
    /// Finds the programs and builds throng's scripts, which are built once and not at every run.
    ///
    /// throng is the one beside the program that runs, k6 the one given, or that of `install-peers`, or that in PATH.
    ///
    /// # Errors
    /// When throng isn't there or a script can't be built.
    pub fn find(throng: Option<PathBuf>, k6: Option<PathBuf>) -> Result<Self> {
        let throng = throng_program(throng)?;
        let scripts = tempfile::tempdir()?;
        for (name, text) in [
            ("check.lua", include_str!("../wrk/check.lua")),
            ("quickstart.js", include_str!("../k6/quickstart.js")),
            ("sleep.js", include_str!("../k6/sleep.js")),
        ] {
            std::fs::write(scripts.path().join(name), text)?;
        }
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let quickstart = scripts.path().join("quickstart.wasm");
        build_script(&throng, &here.join("../sdk/examples/quickstart.rs"), &quickstart)?;
        let sleep = scripts.path().join("sleep.wasm");
        build_script(&throng, &here.join("scripts/sleep.rs"), &sleep)?;
        Ok(Self { throng, k6: k6.or_else(k6_program), quickstart, sleep, scripts })
    }

    /// Whether the client can be started.
    #[must_use]
    pub fn has(&self, client: Client) -> bool {
        match client {
            Client::Wrk | Client::WrkLua => in_path("wrk").is_some(),
            Client::Throng => true,
            Client::K6 => self.k6.is_some(),
        }
    }

    /// Starts a client with `vus` connections or virtual users for `duration` at most, on `core` alone if it is given.
    ///
    /// # Errors
    /// When it isn't installed, or can't do this.
    pub fn start(
        &self,
        client: Client,
        scenario: Scenario<'_>,
        vus: u32,
        duration: Duration,
        core: Option<usize>,
    ) -> Result<Process> {
        let seconds = format!("{}s", duration.as_secs().max(1));
        let vus = vus.to_string();
        let script = |name: &str| self.scripts.path().join(name).into_os_string();
        let (program, arguments): (PathBuf, Vec<OsString>) = match (client, scenario) {
            (Client::Wrk | Client::WrkLua, Scenario::Get(Get { url, reuse })) => {
                let mut arguments: Vec<OsString> = ["-t1", "-c", &vus, "-d", &seconds].map(OsString::from).into();
                if !reuse {
                    arguments.extend(["-H", "Connection: close"].map(OsString::from));
                }
                if client == Client::WrkLua {
                    arguments.extend(["-s".into(), script("check.lua")]);
                }
                arguments.push(url.into());
                (in_path("wrk").context("wrk isn't installed: run benches/install-peers")?, arguments)
            }
            (Client::Wrk | Client::WrkLua, Scenario::Sleep) => bail!("wrk can't sleep"),
            (Client::Throng | Client::K6, scenario) => {
                let is_k6 = client == Client::K6;
                let mut arguments: Vec<OsString> =
                    ["run", "-q", "--vus", &vus, "--duration", &seconds].map(OsString::from).into();
                let script = match scenario {
                    Scenario::Get(Get { url, reuse }) => {
                        arguments.extend(["-e".into(), format!("TARGET={url}").into()]);
                        arguments.push("--insecure-skip-tls-verify".into());
                        if !reuse {
                            arguments.push("--no-connection-reuse".into());
                        }
                        if is_k6 { script("quickstart.js") } else { self.quickstart.clone().into() }
                    }
                    Scenario::Sleep if is_k6 => script("sleep.js"),
                    Scenario::Sleep => self.sleep.clone().into(),
                };
                arguments.push(script);
                if is_k6 {
                    arguments.push("--no-usage-report".into());
                }
                let k6 = || self.k6.clone().context("k6 isn't installed: run benches/install-peers");
                (if is_k6 { k6()? } else { self.throng.clone() }, arguments)
            }
        };
        Process::start(&program, arguments, core)
    }
}

/// throng's program: the one given, or the one beside the program that runs.
///
/// # Errors
/// When it isn't there.
pub fn throng_program(given: Option<PathBuf>) -> Result<PathBuf> {
    let throng = match given {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("throng"),
    };
    if !throng.exists() {
        bail!("{} isn't there: `cargo build --release` makes it", throng.display());
    }
    Ok(throng)
}

/// Builds a script to a component.
///
/// # Errors
/// With what throng said.
pub fn build_script(throng: &Path, script: &Path, component: &Path) -> Result<()> {
    let output = Command::new(throng).args(["build", "-q"]).arg(script).arg("-o").arg(component).output()?;
    if !output.status.success() {
        bail!("{} can't be built: {}", script.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// k6's program: that of `install-peers`, or the one in PATH.
#[must_use]
pub fn k6_program() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let installed = cache.map(|cache| cache.join("throng/k6/bin/k6"));
    installed.filter(|path| path.exists()).or_else(|| in_path("k6"))
}

/// A program of that name in PATH.
#[must_use]
pub fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}
