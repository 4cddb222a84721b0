//! Memory that a data file costs which many virtual users share: resident memory and page tables of a run whose VUs read
//! rows of it, over one of the same script whose VUs make their rows themselves. A run of VUs that only sleep stands
//! beside them, since any script that computes something has more memory than that.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;
use nix::sys::resource::{Resource, setrlimit};
use throng_benches::usage::Memory;
use throng_benches::{Process, Table, build_script, machine_line, throng_program};

/// How long a run may take until its memory is steady.
const STEADY_MAX: Duration = Duration::from_secs(120);

#[derive(Debug, Parser)]
#[command(about = "Memory of a data file that virtual users share")]
struct Arguments {
    /// Virtual users
    #[arg(long, default_value_t = 10_000)]
    vus: u32,
    /// Bytes of the file
    #[arg(long, default_value_t = 10_000_000)]
    bytes: usize,
    /// What the file may cost in all, in MB
    #[arg(long, default_value_t = 30.0)]
    limit: f64,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let throng = throng_program(arguments.throng)?;
    // As an ordinary login has at most.
    setrlimit(Resource::RLIMIT_NOFILE, 20_000, 20_000)?;
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("users.csv"), users(arguments.bytes)?)?;

    let mut table = Table::new(&["script", "RSS, MiB", "page tables, MiB", "both, MB"]);
    let mut measure = |name: &str| -> Result<f64> {
        let memory = steady(&throng, name, directory.path(), arguments.vus)?;
        let mib = |kib: u64| format!("{:.1}", kib as f64 / 1024.0);
        let both = memory.total_kib() as f64 * 1024.0 / 1e6;
        table.row(vec![name.into(), mib(memory.resident_kib), mib(memory.page_tables_kib), format!("{both:.1}")]);
        Ok(both)
    };
    measure("sleep")?;
    let made = measure("rows_made")?;
    let read = measure("rows_read")?;
    let cost = read - made;
    println!("{table}\n{}", machine_line());
    println!("a file of {:.1} MB that {} VUs share costs {cost:.1} MB", arguments.bytes as f64 / 1e6, arguments.vus);
    ensure!(cost <= arguments.limit, "that is over the limit of {} MB", arguments.limit);
    Ok(())
}

/// A file of users, of this many bytes or a line more.
fn users(bytes: usize) -> Result<String> {
    let mut text = String::from("id,name,email\n");
    let mut id = 0;
    while text.len() < bytes {
        id += 1;
        writeln!(text, "{id},user number {id},user.number.{id}@example.test")?;
    }
    Ok(text)
}

fn steady(throng: &Path, script: &str, directory: &Path, vus: u32) -> Result<Memory> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scripts/{script}.rs"));
    let component = directory.join(format!("{script}.wasm"));
    build_script(throng, &source, &component)?;
    let (vus, duration) = (vus.to_string(), format!("{}s", 2 * STEADY_MAX.as_secs()));
    let arguments = ["run", "-q", "--vus", &vus, "--duration", &duration].map(AsRef::as_ref);
    Process::start(throng, arguments.into_iter().chain([component.as_os_str()]), None)?.steady_memory(STEADY_MAX)
}
