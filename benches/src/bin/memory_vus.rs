//! Memory that a sleeping virtual user costs: resident memory and page tables of a run with many, over one with a
//! single one, divided by their number.
//!
//! The limit of open files is lowered first, to what an ordinary login has at most; `vm.max_map_count` is left as it is.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use nix::sys::resource::{Resource, setrlimit};
use throng_benches::usage::Memory;
use throng_benches::{Client, ClientPaths, Scenario, Table, machine_line};

/// How long a run may take until its memory is steady.
const STEADY_MAX: Duration = Duration::from_secs(120);

#[derive(Debug, Parser)]
#[command(about = "Memory of a sleeping virtual user")]
struct Arguments {
    /// Virtual users
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..))]
    vus: u32,
    /// Limit of open files
    #[arg(long, default_value_t = 20_000)]
    nofile: u64,
    /// Measure k6 too
    #[arg(long)]
    with_k6: bool,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
    /// k6's program; by default that of benches/install-peers, or that in PATH
    #[arg(long)]
    k6: Option<PathBuf>,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    let paths = ClientPaths::find(arguments.throng.take(), arguments.k6.take())?;
    setrlimit(Resource::RLIMIT_NOFILE, arguments.nofile, arguments.nofile)?;
    let mut table = Table::new(&["client", "VUs", "RSS of 1 VU, MiB", "RSS, MiB", "page tables, MiB", "KiB a VU"]);
    let clients = [Client::Throng, Client::K6];
    for client in clients.into_iter().filter(|client| *client == Client::Throng || arguments.with_k6) {
        let one = steady(&paths, client, 1)?;
        let many = steady(&paths, client, arguments.vus)?;
        let each = (many.total_kib() as f64 - one.total_kib() as f64) / f64::from(arguments.vus - 1);
        let mib = |kib: u64| format!("{:.1}", kib as f64 / 1024.0);
        table.row(vec![
            format!("{client:?}").to_lowercase(),
            arguments.vus.to_string(),
            mib(one.resident_kib),
            mib(many.resident_kib),
            mib(many.page_tables_kib),
            format!("{each:.1}"),
        ]);
    }
    let maps = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    println!("{table}\n{}; nofile {}, vm.max_map_count {}", machine_line(), arguments.nofile, maps.trim());
    Ok(())
}

/// The memory of a run once it doesn't change any more.
fn steady(paths: &ClientPaths, client: Client, vus: u32) -> Result<Memory> {
    paths.start(client, Scenario::Sleep, vus, STEADY_MAX * 2, None)?.steady_memory(STEADY_MAX)
}
