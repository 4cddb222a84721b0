//! Processor time per request of throng and its peers: one GET and one check an iteration, keep-alive, the client on
//! core 0, nginx on the last core.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use anyhow::Result;
use clap::Parser;
use throng_benches::{Client, CpuArguments, CpuComparison, Get, Nginx, Table, cores};

#[derive(Debug, Parser)]
#[command(about = "Processor time per request of throng, wrk and k6")]
struct Arguments {
    #[command(flatten)]
    cpu: CpuArguments,
    /// Connections, a list
    #[arg(long, value_delimiter = ',', default_value = "64,256,1000")]
    connections: Vec<u32>,
    /// Clients, a list
    #[arg(long, value_delimiter = ',', default_value = "wrk,wrk-lua,throng,k6")]
    clients: Vec<Client>,
}

fn main() -> Result<()> {
    let Arguments { cpu, connections, clients } = Arguments::parse();
    let (comparison, absent) = CpuComparison::new(cpu, clients)?;
    for client in absent {
        println!("{client} isn't installed and is left out: benches/install-peers installs it");
    }
    let mut nginx = Nginx::start(cores() - 1)?;
    let url = nginx.url();
    let mut table =
        Table::new(&["connections", "client", "CPU-µs a request", "requests/s", "× wrk", "× wrk-lua", "× k6"]);
    for connections in connections {
        let measured = comparison.measure(&mut nginx, Get { url: &url, reuse: true }, connections)?;
        for row in measured.rows(&[Client::Wrk, Client::WrkLua, Client::K6]) {
            table.row([vec![connections.to_string()], row].concat());
        }
    }
    println!("{table}\n{}", comparison.footer());
    Ok(())
}
