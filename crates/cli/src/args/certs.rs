//! What `certs` takes, and how every process of a group is given its certificate.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use throng_trust::{DAYS, Role};

/// Exit codes of `throng certs`.
const EXIT_CODES: &str =
    "Exit codes: 0 done, 104 the arguments are wrong, or a file is there already or can't be used.";

/// Make the certificates of a group
///
/// A group has one authority, made by `init`. With its key it signs a certificate for each coordinator (role peer), agent
/// and client; that key is needed on no machine of the group.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct CertsArgs {
    #[command(subcommand)]
    pub(crate) command: CertsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CertsCommand {
    /// Make an authority: ca.pem, which every process is given, and ca.key, which is to be kept
    #[command(after_help = EXIT_CODES)]
    Init {
        /// Where to; made if it isn't there
        #[arg(long, value_name = "DIRECTORY", default_value = "throng-certs")]
        dir: PathBuf,
    },
    /// Make a certificate, ROLE-NAME.pem, and its private key, ROLE-NAME.key
    #[command(after_help = EXIT_CODES)]
    Issue {
        /// What its holder is: peer (a coordinator), agent or client
        #[arg(long)]
        role: Role,
        /// What it is called; an agent has this name in the group
        #[arg(long)]
        name: String,
        /// Of a peer: a name or an address by which others reach it; may be repeated
        #[arg(long, value_name = "HOST")]
        host: Vec<String>,
        /// For how many days it is valid
        #[arg(long, value_name = "N", default_value_t = DAYS)]
        days: u32,
        /// Where the authority is, and the certificate goes
        #[arg(long, value_name = "DIRECTORY", default_value = "throng-certs")]
        dir: PathBuf,
    },
    /// Say whose a certificate is and for how long
    #[command(after_help = EXIT_CODES)]
    Show {
        /// The certificate, in PEM
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// How a process proves who it is, and knows others.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Certificates, by `throng certs`")]
pub(crate) struct CertificateArgs {
    /// The authority of the group, in PEM; without it nobody is asked who they are [env: THRONG_CLUSTER_CA]
    #[arg(long, value_name = "FILE")]
    pub(crate) cluster_ca: Option<PathBuf>,
    /// This process's own certificate, in PEM [env: THRONG_CLUSTER_CERT]
    #[arg(long, value_name = "FILE")]
    pub(crate) cluster_cert: Option<PathBuf>,
    /// Its private key, in PEM [env: THRONG_CLUSTER_KEY]
    #[arg(long, value_name = "FILE")]
    pub(crate) cluster_key: Option<PathBuf>,
}

/// What a client may have in place of a certificate.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Certificates, by `throng certs`")]
pub(crate) struct TokenArgs {
    /// A token of the coordinators', in place of a certificate; others on this machine see arguments, so rather
    /// [env: THRONG_TOKEN]
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
}

/// How a client proves who it is.
#[derive(Debug, Default, Args)]
pub(crate) struct ClientArgs {
    #[command(flatten)]
    pub(crate) certificates: CertificateArgs,
    #[command(flatten)]
    pub(crate) token: TokenArgs,
}
