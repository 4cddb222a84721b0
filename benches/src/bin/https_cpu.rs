//! Processor time per HTTPS request of throng and its peers: one GET and one check an iteration, on connections that
//! stay and on a new one for each request, the client on core 0, nginx on the last core.
//!
//! Nobody verifies nginx's certificate, since wrk can't. Whether sessions are resumed is nginx's word.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use anyhow::Result;
use clap::Parser;
use throng_benches::{Client, CpuArguments, CpuComparison, Get, Nginx, Table, cores};

/// The most that throng may take, as a multiple of what wrk does.
const KEPT_MAX: f64 = 1.1;
const NEW_MAX: f64 = 1.0;

#[derive(Debug, Parser)]
#[command(about = "Processor time per HTTPS request of throng and wrk")]
struct Arguments {
    #[command(flatten)]
    cpu: CpuArguments,
    /// Connections, a list
    #[arg(long, value_delimiter = ',', default_value = "256")]
    connections: Vec<u32>,
    /// Clients, a list
    #[arg(long, value_delimiter = ',', default_value = "wrk,wrk-lua,throng")]
    clients: Vec<Client>,
}

fn main() -> Result<()> {
    let Arguments { cpu, connections, clients } = Arguments::parse();
    let (comparison, absent) = CpuComparison::new(cpu, clients)?;
    for client in absent {
        println!("{client} isn't installed and is left out: benches/install-peers installs it");
    }
    let mut nginx = Nginx::start(cores() - 1)?;
    let url = nginx.https_url();
    let headings =
        ["connections", "client", "CPU-µs a request", "requests/s", "× wrk", "× wrk-lua", "sessions resumed"];
    let mut table = Table::new(&headings);
    for connections in connections {
        for reuse in [true, false] {
            let measured = comparison.measure(&mut nginx, Get { url: &url, reuse }, connections)?;
            let kind = format!("{connections} {}", if reuse { "kept" } else { "new" });
            for (row, resumed) in measured.rows(&[Client::Wrk, Client::WrkLua]).into_iter().zip(measured.resumed()) {
                table.row([vec![kind.clone()], row, vec![resumed]].concat());
            }
        }
    }
    println!("{table}\n{}", comparison.footer());
    println!("throng may take {KEPT_MAX} × wrk with connections that stay, and {NEW_MAX} × with new ones");
    Ok(())
}
