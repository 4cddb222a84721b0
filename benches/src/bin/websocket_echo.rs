//! Processor time per message of a WebSocket echo: throng with a blocking script and with an event-driven one, beside a
//! bare loop on epoll. The client is on core 0, `throng target` on the last core; every socket always has a message under
//! way.
//!
//! A client's time is the difference of its process's CPU clock between two instants of steady load, and its messages
//! are the difference of the target's own count between the same two. Rounds are interleaved, and ratios are formed within
//! a round.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::json;
use throng_benches::{Process, Table, TargetServer, build_script, cores, machine_line, median, throng_program, usage};

/// How long opening all sockets may take.
const START_MAX: Duration = Duration::from_secs(120);
/// Bytes of a message, as the script has it.
const MESSAGE_BYTES: usize = 32;

#[derive(Debug, Parser)]
#[command(about = "Processor time per message of a WebSocket echo")]
struct Arguments {
    /// Sockets that are open
    #[arg(long, default_value_t = 10_000)]
    sockets: u64,
    /// How often each client runs
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds between the two instants
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// throng's program; by default the one beside this
    #[arg(long)]
    throng: Option<PathBuf>,
}

/// What a client came to in a round.
#[derive(Clone, Copy, Debug)]
struct Figures {
    cpu_us: f64,
    per_second: f64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let throng = throng_program(arguments.throng.clone())?;
    let floor = std::env::current_exe()?.with_file_name("epoll_echo");
    ensure!(floor.exists(), "{} isn't there: build all of the benches", floor.display());
    let directory = tempfile::tempdir()?;
    let built = |name: &str| -> Result<PathBuf> {
        let component = directory.path().join(format!("{name}.wasm"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scripts/{name}.rs"));
        build_script(&throng, &source, &component)?;
        Ok(component)
    };
    let (blocking, events) = (built("websocket_echo")?, built("websocket_echo_events")?);
    let server = TargetServer::start(&throng, Some(cores() - 1))?;
    let address = server.address();

    let sockets = arguments.sockets.to_string();
    let options = json!({
        "scenarios": { "it": { "executor": "constant-vus", "vus": arguments.sockets, "duration": "1h" } },
        "summaryMode": "disabled",
    });
    let (options, target) = (format!("OPTIONS={options}"), format!("TARGET=ws://{address}/ws/echo"));
    let run = |component: &Path| -> Vec<String> {
        let component = component.display().to_string();
        ["run", "--quiet", &component, "-e", &options, "-e", &target].map(str::to_owned).to_vec()
    };
    let (blocking, events) = (run(&blocking), run(&events));
    let bare = vec![address.to_string(), sockets, MESSAGE_BYTES.to_string()];
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds {
        let bare = measure(&floor, &bare, &server, &arguments).context("the bare loop")?;
        let blocking = measure(&throng, &blocking, &server, &arguments).context("throng, blocking")?;
        let events = measure(&throng, &events, &server, &arguments).context("throng, event-driven")?;
        rounds.push([bare, blocking, events]);
    }
    let mut table = Table::new(&["sockets", "client", "CPU-µs a message", "messages/s", "× the bare loop"]);
    let clients = ["bare epoll loop", "throng, blocking script", "throng, event-driven script"];
    for (at, client) in clients.into_iter().enumerate() {
        let of = |what: fn(&[Figures; 3], usize) -> f64| {
            median(&rounds.iter().map(|round| what(round, at)).collect::<Vec<_>>())
        };
        table.row(vec![
            arguments.sockets.to_string(),
            client.to_owned(),
            format!("{:.2}", of(|round, at| round[at].cpu_us)),
            format!("{:.0}", of(|round, at| round[at].per_second)),
            format!("{:.2}", of(|round, at| round[at].cpu_us / round[0].cpu_us)),
        ]);
    }
    println!("{table}\n{}", machine_line());
    Ok(())
}

/// Runs a client until all its sockets are open and its load is steady, and measures it then.
fn measure(program: &Path, arguments: &[String], server: &TargetServer, of: &Arguments) -> Result<Figures> {
    let mut client = Process::start(program, arguments, Some(0))?;
    let before = server.sockets()?.messages_in;
    // Those of the round before close meanwhile.
    server
        .wait_until(START_MAX, &mut client, |now| now.open == of.sockets && now.messages_in >= before + 10 * of.sockets)
        .context("its sockets don't all open and talk")?;
    let (first, cpu, began) = (server.sockets()?.messages_in, usage::cpu_time(client.id())?, Instant::now());
    std::thread::sleep(Duration::from_secs(of.seconds));
    let (last, spent) = (server.sockets()?.messages_in, usage::cpu_time(client.id())? - cpu);
    let took = began.elapsed();
    client.check_running()?;
    let messages = (last - first) as f64;
    Ok(Figures { cpu_us: spent.as_secs_f64() * 1e6 / messages, per_second: messages / took.as_secs_f64() })
}
