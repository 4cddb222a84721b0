//! Options as they can be given outside of files and scripts, each a row: its key, its variable, its flag. Flags,
//! variables and the README's table all come from these rows; what values mean, and whether they are right, is `plan`'s
//! to say.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

use flag::Flag;
use row::Variable;
pub(crate) use row::{Form, OptionRow, Prefix};

use Form::{Disables, Json, List, Number, Pairs, PairsOrJson, PemFiles, Repeated, Stages, Switch, Text, TextOrJson};
use Variable::{K6, Own};

mod flag;
mod row;

/// Options that say how much to run, and when.
#[rustfmt::skip]
const LOAD: [OptionRow; 18] = [
    OptionRow::new("vus", K6("VUS"), Number)
        .flag(Flag::short('u', "vus", "N", "Number of virtual users")),
    OptionRow::new("iterations", K6("ITERATIONS"), Number)
        .flag(Flag::short('i', "iterations", "N", "Iterations in all, shared by the VUs")),
    OptionRow::new("duration", K6("DURATION"), Text)
        .flag(Flag::short('d', "duration", "TIME", "How long to run, for example 30s or 1h30m")),
    OptionRow::new("stages", K6("STAGES"), Stages)
        .flag(Flag::short('s', "stage", "TIME:TARGET", "A stretch of time in which the number of VUs goes to TARGET, for example 30s:10; may be repeated")),
    OptionRow::new("scenarios", Own("SCENARIOS"), Json),
    OptionRow::new("executionSegment", K6("EXECUTION_SEGMENT"), Text)
        .flag(Flag::long("execution-segment", "FROM:TO", "The part of the run that is performed here, for example 1/4:1/2")),
    OptionRow::new("executionSegmentSequence", K6("EXECUTION_SEGMENT_SEQUENCE"), Text)
        .flag(Flag::long("execution-segment-sequence", "LIST", "The cut points of all parts, for example 0,1/4,1/2,1")),
    OptionRow::new("paused", K6("PAUSED"), Switch)
        .flag(Flag::short('p', "paused", "BOOL", "Get everything ready, then wait to be told to start")),
    OptionRow::new("linger", K6("LINGER"), Switch)
        .flag(Flag::short('l', "linger", "BOOL", "Wait for Ctrl-C before the summary")),
    OptionRow::new("rps", K6("RPS"), Number)
        .flag(Flag::long("rps", "N", "Most requests a second of the whole run; 0 is no limit")),
    OptionRow::new("minIterationDuration", K6("MIN_ITERATION_DURATION"), Text)
        .flag(Flag::long("min-iteration-duration", "TIME", "Least time of an iteration; what is left of it is slept")),
    OptionRow::new("noSetup", K6("NO_SETUP"), Switch)
        .flag(Flag::long("no-setup", "BOOL", "Leave out setup")),
    OptionRow::new("noTeardown", K6("NO_TEARDOWN"), Switch)
        .flag(Flag::long("no-teardown", "BOOL", "Leave out teardown")),
    OptionRow::new("setupTimeout", K6("SETUP_TIMEOUT"), Text),
    OptionRow::new("teardownTimeout", K6("TEARDOWN_TIMEOUT"), Text),
    OptionRow::new("throng.seed", Own("SEED"), Number),
    OptionRow::new("throng.agents", Own("AGENTS"), Text)
        .flag(Flag::long("agents", "RULES", "Which agents of a cluster: a number, or by their tags, for example zone=eu:2")),
    OptionRow::new("throng.onAgentLoss", Own("ON_AGENT_LOSS"), Text)
        .flag(Flag::long("on-agent-loss", "fail|continue|reassign", "What becomes of a run in a cluster that loses an agent")),
];

/// Options of requests.
#[rustfmt::skip]
const REQUESTS: [OptionRow; 10] = [
    OptionRow::new("userAgent", K6("USER_AGENT"), Text)
        .flag(Flag::long("user-agent", "TEXT", "User-Agent of requests")),
    OptionRow::new("maxRedirects", K6("MAX_REDIRECTS"), Number)
        .flag(Flag::long("max-redirects", "N", "Redirections that a request follows; 0 follows none")),
    OptionRow::new("batch", K6("BATCH"), Number)
        .flag(Flag::long("batch", "N", "Requests of a batch at once, of a VU; 0 is no limit")),
    OptionRow::new("batchPerHost", K6("BATCH_PER_HOST"), Number)
        .flag(Flag::long("batch-per-host", "N", "The same for one host; 0 is no limit")),
    OptionRow::new("httpDebug", K6("HTTP_DEBUG"), Text)
        .flag(Flag::long("http-debug", "headers|full", "Log requests and responses: their headers, or with =full their bodies too").or_else("headers")),
    OptionRow::new("throw", K6("THROW"), Switch)
        .flag(Flag::short('w', "throw", "BOOL", "A request that fails ends its iteration")),
    OptionRow::new("discardResponseBodies", K6("DISCARD_RESPONSE_BODIES"), Switch)
        .flag(Flag::long("discard-response-bodies", "BOOL", "Count response bodies and drop them")),
    OptionRow::new("noConnectionReuse", K6("NO_CONNECTION_REUSE"), Switch)
        .flag(Flag::long("no-connection-reuse", "BOOL", "A new connection for every request")),
    OptionRow::new("noVUConnectionReuse", K6("NO_VU_CONNECTION_REUSE"), Switch)
        .flag(Flag::long("no-vu-connection-reuse", "BOOL", "Close a VU's connections after each iteration")),
    OptionRow::new("noCookiesReset", K6("NO_COOKIES_RESET"), Switch),
];

/// Options of names and addresses.
#[rustfmt::skip]
const NAMES: [OptionRow; 4] = [
    OptionRow::new("dns", K6("DNS"), TextOrJson)
        .flag(Flag::long("dns", "KEY=VALUE,...", "How names are looked up, for example ttl=5m,select=random,policy=preferIPv4")),
    OptionRow::new("hosts", K6("HOSTS"), PairsOrJson),
    OptionRow::new("blacklistIPs", K6("BLACKLIST_IPS"), List)
        .flag(Flag::long("blacklist-ip", "CIDR", "Network that no connection goes to, for example 10.0.0.0/8; may be repeated")),
    OptionRow::new("blockHostnames", K6("BLOCK_HOSTNAMES"), List)
        .flag(Flag::long("block-hostnames", "NAME", "Host that no connection goes to, for example *.example.com; may be repeated")),
];

/// Options of TLS.
#[rustfmt::skip]
const TLS: [OptionRow; 5] = [
    OptionRow::new("insecureSkipTLSVerify", K6("INSECURE_SKIP_TLS_VERIFY"), Switch)
        .flag(Flag::long("insecure-skip-tls-verify", "BOOL", "Take any certificate of a server")),
    OptionRow::new("tlsCipherSuites", K6("TLS_CIPHER_SUITES"), List),
    OptionRow::new("tlsVersion", Own("TLS_VERSION"), TextOrJson),
    OptionRow::new("tlsAuth", K6("TLSAUTH"), Json),
    OptionRow::new("throng.tlsCaCertificates", Own("TLS_CA"), PemFiles)
        .flag(Flag::long("tls-ca", "FILE", "Trust the authorities of a PEM file besides the system's; may be repeated")),
];

/// Options of what becomes of samples, and of what VUs may use.
#[rustfmt::skip]
const RESULTS: [OptionRow; 12] = [
    OptionRow::new("tags", K6("TAGS"), Pairs)
        .flag(Flag::long("tag", "NAME=VALUE", "Tag all samples; may be repeated")),
    OptionRow::new("systemTags", K6("SYSTEM_TAGS"), List)
        .flag(Flag::long("system-tags", "LIST", "The tags that throng sets itself, for example status,method,vu")),
    OptionRow::new("thresholds", K6("THRESHOLDS"), Json),
    OptionRow::new("summaryMode", K6("SUMMARY_MODE"), Text)
        .flag(Flag::long("summary-mode", "compact|full|disabled", "What the end-of-test summary shows")),
    OptionRow::new("summaryMode", K6("NO_SUMMARY"), Disables)
        .flag(Flag::long("no-summary", "BOOL", "Show no end-of-test summary")),
    OptionRow::new("summaryTrendStats", K6("SUMMARY_TREND_STATS"), List)
        .flag(Flag::long("summary-trend-stats", "LIST", "Statistics shown for trends, for example \"avg,p(99)\"")),
    OptionRow::new("summaryTimeUnit", K6("SUMMARY_TIME_UNIT"), Text)
        .flag(Flag::long("summary-time-unit", "s|ms|us", "Unit of times in the summary")),
    OptionRow::new("handleSummaryTimeout", K6("HANDLE_SUMMARY_TIMEOUT"), Text),
    OptionRow::new("out", K6("OUT"), Repeated)
        .flag(Flag::short('o', "out", "NAME[=ARGUMENT]", "Send samples or reports there too: json[=FILE], csv[=FILE], hdr=FILE, junit=FILE; may be repeated")),
    OptionRow::new("throng.memoryLimit", Own("MEMORY_LIMIT"), Text),
    OptionRow::new("throng.guestTimeLimit", Own("GUEST_TIME_LIMIT"), Text),
    OptionRow::new("throng.deadPeerTimeout", Own("DEAD_PEER_TIMEOUT"), Text),
];

/// All rows under the headings that `--help` has.
const GROUPS: [(&str, &[OptionRow]); 5] =
    [("Load", &LOAD), ("Requests", &REQUESTS), ("Names and addresses", &NAMES), ("TLS", &TLS), ("Results", &RESULTS)];

/// All options.
pub(crate) fn rows() -> impl Iterator<Item = &'static OptionRow> {
    GROUPS.into_iter().flat_map(|(_, rows)| rows)
}

/// Flags that are options, in the order of their rows; each with its values.
#[derive(Debug, Default)]
pub(crate) struct OptionArgs {
    pub(crate) given: Vec<(&'static OptionRow, Vec<String>)>,
}

impl Args for OptionArgs {
    fn augment_args(command: Command) -> Command {
        let flags = GROUPS.into_iter().flat_map(|(heading, rows)| rows.iter().map(move |row| (heading, row)));
        flags.fold(command, |command, (heading, row)| command.args(row.arg().map(|arg| arg.help_heading(heading))))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OptionArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = rows().filter_map(|row| {
            let values = matches.try_get_many::<String>(row.flag_name()?).ok().flatten()?;
            Some((row, values.cloned().collect()))
        });
        Ok(Self { given: given.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
