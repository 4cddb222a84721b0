//! Where connections come from.

use clap::Args;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Sources")]
pub(crate) struct SourceArgs {
    /// Addresses that connections come from: 10.0.0.1, 10.0.0.1-10.0.0.9, 10.0.0.0/24, IPv6 too; larger IPv6 networks are
    /// drawn from. Several with commas between, or the flag repeated [default: what the kernel's routes choose]
    #[arg(long, value_name = "ADDRESSES", alias = "local-ips")]
    pub(crate) bind_ips: Vec<String>,
    /// Which of them is next: round-robin, vu (a VU keeps one), least-used [default: round-robin]
    #[arg(long, value_name = "STRATEGY")]
    pub(crate) bind_strategy: Option<String>,
    /// Ports of each of them [default: 1024-65535]
    #[arg(long, value_name = "LOW-HIGH")]
    pub(crate) bind_ports: Option<String>,
    /// Also use addresses that no interface has (IP_FREEBIND); answers must find their way back
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) freebind: Option<String>,
}
