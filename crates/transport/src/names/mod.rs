//! From a host's name to the addresses that a connection may be made to.
//!
//! [`Names`] is one shard's: it asks the run's rules ([`NameRules`]), knows the answers of the last while, lets one
//! look-up per name be under way, and orders the addresses for each new connection. Look-ups run on a few threads of
//! the process, since the system's resolver blocks.
//!
//! An answer whose time is over is looked up again by the next connection that wants it, which waits for it; so no
//! connection uses addresses that are older than the options say.

mod answer;
mod cache;
mod error;
mod look_up;
mod options;
mod resolver;
mod system;
mod threads;

use std::cell::RefCell;
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use cache::Cache;
use look_up::LookUps;

pub use error::NameError;
pub use options::{NameOptions, NamePolicy, NameSelect};
pub use resolver::{LookUpFailure, Resolver};

use crate::shard::Shard;
use crate::time::{Clock, Nanos};

/// What a run says about names and addresses: k6's options `hosts`, `blockHostnames` and `blacklistIPs`. Whoever knows
/// how these are written implements it; a [`Names`] asks it for every new connection.
pub trait NameRules: Debug {
    /// The pattern of `blockHostnames` that `host` matches, as it is written. Never asked about addresses.
    fn blocked(&self, host: &str) -> Option<String>;

    /// Where `hosts` sends connections to `host` and `port`, which are as in the URL; an IPv6 address has no brackets.
    fn overridden(&self, host: &str, port: u16) -> Option<SocketAddr>;

    /// The range of `blacklistIPs`, as it is written, that contains `address`.
    fn blacklisted(&self, address: IpAddr) -> Option<String>;

    /// Who lets connections go only to targets of a list that this one isn't in, with the list. `host` is the name that
    /// the address was looked up for; there is none if the URL has the address, or `hosts` leads to it.
    fn not_allowed(&self, host: Option<&str>, address: IpAddr) -> Option<String> {
        let _ = (host, address);
        None
    }
}

/// Everything is allowed and nothing overridden.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRules;

impl NameRules for NoRules {
    fn blocked(&self, _: &str) -> Option<String> {
        None
    }

    fn overridden(&self, _: &str, _: u16) -> Option<SocketAddr> {
        None
    }

    fn blacklisted(&self, _: IpAddr) -> Option<String> {
        None
    }
}

/// The names that a shard's connections go to; clones are the same. A shard has one, by [`Shard::set_names`].
#[derive(Clone, Debug)]
pub struct Names(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Rc<dyn NameRules>,
    resolver: Arc<dyn Resolver>,
    cache: RefCell<Cache>,
    look_ups: LookUps,
}

impl Default for Names {
    fn default() -> Self {
        Self::new(NameOptions::default(), Rc::new(NoRules))
    }
}

impl Names {
    /// Looks names up by the system's resolver.
    #[must_use]
    pub fn new(options: NameOptions, rules: Rc<dyn NameRules>) -> Self {
        Self::with_resolver(options, rules, Arc::new(system::SystemResolver))
    }

    /// Looks names up by `resolver`, which is called on threads of its own.
    #[must_use]
    pub fn with_resolver(options: NameOptions, rules: Rc<dyn NameRules>, resolver: Arc<dyn Resolver>) -> Self {
        let (cache, look_ups) = (RefCell::new(Cache::new(options)), LookUps::default());
        Self(Rc::new(Inner { rules, resolver, cache, look_ups }))
    }

    /// The addresses to try for a new connection, in this order; at least one. `looking_up_ns` becomes the time that a
    /// look-up took, and stays as it is where none was needed. Waits for one no longer than until `deadline`.
    ///
    /// # Errors
    /// When the rules forbid the name or all of its addresses, and when it can't be looked up.
    pub(crate) async fn addresses(
        &self,
        shard: &Shard,
        host: &str,
        port: u16,
        deadline: Nanos,
        looking_up_ns: &mut u64,
    ) -> Result<Vec<SocketAddr>, NameError> {
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Some(address) = self.without_look_up(host, port)? {
            return Ok(vec![address]);
        }
        let now = shard.turn_time();
        let known = self.0.cache.borrow_mut().fresh(host, now);
        let answer = match known {
            Some(answer) => answer,
            None => {
                let started = Clock::now();
                let answer = self.look_up(shard, host, deadline).await;
                *looking_up_ns = Clock::now().since(started);
                answer
            }
        };
        Ok(self.0.cache.borrow_mut().order(host, port, &answer?, shard.turn_time()))
    }

    /// The one address of a host that is an address itself, or that `hosts` overrides.
    fn without_look_up(&self, host: &str, port: u16) -> Result<Option<SocketAddr>, NameError> {
        let rules = &self.0.rules;
        let literal = host.parse::<IpAddr>().ok();
        if literal.is_none()
            && let Some(pattern) = rules.blocked(host)
        {
            return Err(NameError::Blocked { host: host.to_owned(), pattern });
        }
        let overridden = rules.overridden(host, port);
        let Some(address) = overridden.or_else(|| literal.map(|address| SocketAddr::new(address, port))) else {
            return Ok(None);
        };
        answer::permit(None, address.ip(), &**rules)?;
        Ok(Some(address))
    }

    /// Remembers for a while that a connection to `address` of `host` failed: the next connections try it last.
    pub(crate) fn failed(&self, host: &str, address: SocketAddr, now: Nanos) {
        self.0.cache.borrow_mut().failed(host, address, now);
    }
}
