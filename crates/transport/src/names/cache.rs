//! The answers that are known, and in which order their addresses are tried. No IO, and time is an argument.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::answer::Answer;
use super::options::{NameOptions, NamePolicy, NameSelect};
use crate::time::Nanos;

/// Names that a shard knows; the one wanted longest ago goes first.
const NAMES_MAX: usize = 1024;
/// How long a failure is an answer, unless the options say less.
const FAILURE_TTL: Duration = Duration::from_secs(1);
/// How long an address that could not be connected to is tried after all others.
pub(super) const FAILED_FOR: Duration = Duration::from_secs(5);
/// Such addresses that are remembered of a name; the oldest goes first.
const FAILED_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Cache {
    options: NameOptions,
    names: HashMap<String, Known>,
    random: u64,
}

#[derive(Debug)]
struct Known {
    answer: Answer,
    /// The answer isn't used from then on. What else is known of the name stays.
    expires: Nanos,
    wanted: Nanos,
    /// Connections so far, for taking the addresses in turn.
    connections: usize,
    /// Addresses that could not be connected to, and when.
    failed: Vec<(SocketAddr, Nanos)>,
}

impl Cache {
    pub(super) fn new(options: NameOptions) -> Self {
        let random = options.seed;
        Self { options, names: HashMap::new(), random }
    }

    pub(super) fn policy(&self) -> NamePolicy {
        self.options.policy
    }

    /// The answer for `host` that may still be used.
    pub(super) fn fresh(&mut self, host: &str, now: Nanos) -> Option<Answer> {
        let known = self.names.get_mut(host)?;
        known.wanted = now;
        (now < known.expires).then(|| known.answer.clone())
    }

    /// Keeps an answer.
    pub(super) fn put(&mut self, host: &str, answer: &Answer, now: Nanos) {
        let ttl = self.options.ttl;
        let expires = now.after(if answer.is_ok() { ttl } else { ttl.min(FAILURE_TTL) });
        let answer = answer.clone();
        if let Some(known) = self.names.get_mut(host) {
            *known = Known { answer, expires, failed: std::mem::take(&mut known.failed), ..*known };
            return;
        }
        if self.names.len() >= NAMES_MAX {
            let oldest = self.names.iter().min_by_key(|(_, known)| known.wanted);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                self.names.remove(&name);
            }
        }
        let known = Known { answer, expires, wanted: now, connections: 0, failed: Vec::new() };
        self.names.insert(host.to_owned(), known);
    }

    /// `addresses` in the order in which a new connection tries them: the selected one and those after it, but those
    /// that have just failed come last.
    pub(super) fn order(&mut self, host: &str, port: u16, addresses: &[IpAddr], now: Nanos) -> Vec<SocketAddr> {
        let random = self.next_random();
        let Some(known) = self.names.get_mut(host) else {
            // Others have displaced it since.
            return addresses.iter().map(|address| SocketAddr::new(*address, port)).collect();
        };
        let first = match self.options.select {
            NameSelect::First => 0,
            NameSelect::RoundRobin => known.connections % addresses.len(),
            // The multiplication maps the number's upper half evenly to those below the count.
            NameSelect::Random => (((random >> 32) * addresses.len() as u64) >> 32) as usize,
        };
        known.connections = known.connections.wrapping_add(1);
        let (before, after) = addresses.split_at(first);
        let mut ordered: Vec<_> = after.iter().chain(before).map(|address| SocketAddr::new(*address, port)).collect();
        known.failed.retain(|(_, at)| now < at.after(FAILED_FOR));
        if !known.failed.is_empty() {
            ordered.sort_by_key(|address| known.failed.iter().any(|(failed, _)| failed == address));
        }
        ordered
    }

    pub(super) fn failed(&mut self, host: &str, address: SocketAddr, now: Nanos) {
        let Some(known) = self.names.get_mut(host) else { return };
        known.failed.retain(|(failed, _)| *failed != address);
        if known.failed.len() >= FAILED_MAX {
            known.failed.remove(0);
        }
        known.failed.push((address, now));
    }

    /// SplitMix64 (Steele, Lea and Flood 2014): even a seed of zero gives numbers that look random.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::NameError;

    const HOST: &str = "a.test";

    fn at(seconds: f64) -> Nanos {
        Nanos((seconds * 1e9) as u64)
    }

    fn ips(count: u8) -> Vec<IpAddr> {
        (1..=count).map(|last| IpAddr::from([127, 0, 0, last])).collect()
    }

    fn cache(ttl: Duration, select: NameSelect) -> Cache {
        Cache::new(NameOptions { ttl, select, ..NameOptions::default() })
    }

    /// The last numbers of the addresses, in order.
    fn order(cache: &mut Cache, count: u8, now: Nanos) -> Vec<u8> {
        let ordered = cache.order(HOST, 80, &ips(count), now);
        ordered.iter().map(|address| address.ip().to_string().rsplit('.').next().unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn an_answer_lasts_as_long_as_the_options_say_and_a_failure_a_second() {
        let missing = Err(NameError::NotFound { host: HOST.into() });
        let found: Answer = Ok(ips(1).into());
        let lasts = |ttl, answer: &Answer, seconds: f64| {
            let mut cache = cache(ttl, NameSelect::First);
            assert_eq!(cache.fresh(HOST, at(100.0)), None);
            cache.put(HOST, answer, at(100.0));
            cache.fresh(HOST, at(100.0 + seconds)).is_some()
        };
        let five_minutes = NameOptions::default().ttl;
        assert!(lasts(five_minutes, &found, 299.9) && !lasts(five_minutes, &found, 300.0));
        assert!(lasts(Duration::MAX, &found, 1e9) && !lasts(Duration::ZERO, &found, 0.0));
        assert!(lasts(Duration::MAX, &missing, 0.9) && !lasts(Duration::MAX, &missing, 1.0));
        assert!(!lasts(Duration::ZERO, &missing, 0.0));
    }

    #[test]
    fn the_first_is_always_the_first_and_the_others_follow() {
        let mut cache = cache(Duration::ZERO, NameSelect::First);
        cache.put(HOST, &Ok(ips(3).into()), at(0.0));
        assert_eq!(order(&mut cache, 3, at(0.0)), [1, 2, 3]);
        assert_eq!(order(&mut cache, 3, at(0.0)), [1, 2, 3]);
    }

    #[test]
    fn turns_go_on_after_a_new_answer() {
        let mut cache = cache(Duration::ZERO, NameSelect::RoundRobin);
        let firsts = (0..6).map(|_| {
            cache.put(HOST, &Ok(ips(3).into()), at(0.0));
            order(&mut cache, 3, at(0.0))
        });
        assert_eq!(firsts.map(|order| order[0]).collect::<Vec<_>>(), [1, 2, 3, 1, 2, 3]);
        assert_eq!(order(&mut cache, 3, at(0.0)), [1, 2, 3]);
        assert_eq!(order(&mut cache, 3, at(0.0)), [2, 3, 1]);
    }

    #[test]
    fn random_selection_takes_all_about_equally_often() {
        let mut cache = cache(Duration::MAX, NameSelect::Random);
        cache.put(HOST, &Ok(ips(4).into()), at(0.0));
        let mut counts = [0; 4];
        for _ in 0..4000 {
            counts[usize::from(order(&mut cache, 4, at(0.0))[0]) - 1] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn an_address_that_failed_comes_last_for_a_while() {
        let mut cache = cache(Duration::MAX, NameSelect::First);
        cache.put(HOST, &Ok(ips(3).into()), at(0.0));
        cache.failed(HOST, SocketAddr::new(ips(1)[0], 80), at(1.0));
        assert_eq!(order(&mut cache, 3, at(1.0)), [2, 3, 1]);
        cache.failed(HOST, SocketAddr::new(ips(2)[1], 80), at(2.0));
        assert_eq!(order(&mut cache, 3, at(2.0)), [3, 1, 2]);
        // Another port of it is another server.
        assert_eq!(cache.order(HOST, 81, &ips(3), at(2.0))[0].ip(), ips(1)[0]);
        assert_eq!(order(&mut cache, 3, at(5.9)), [3, 1, 2]);
        assert_eq!(order(&mut cache, 3, at(6.0)), [1, 3, 2]);
        assert_eq!(order(&mut cache, 3, at(7.0)), [1, 2, 3]);
    }

    #[test]
    fn names_and_failed_addresses_are_bounded_and_the_oldest_go() {
        let mut cache = cache(Duration::MAX, NameSelect::First);
        let name = |number: usize| format!("{number}.test");
        for number in 0..NAMES_MAX {
            cache.put(&name(number), &Ok(ips(1).into()), Nanos(number as u64));
        }
        assert!(cache.fresh(&name(0), at(1.0)).is_some());
        cache.put("new.test", &Ok(ips(1).into()), at(2.0));
        assert_eq!(cache.names.len(), NAMES_MAX);
        assert!(cache.fresh(&name(0), at(3.0)).is_some(), "it has been wanted since");
        assert!(cache.fresh(&name(1), at(3.0)).is_none());
        assert_eq!(cache.order(&name(1), 80, &ips(2), at(3.0)).len(), 2);
        for port in 0..2 * FAILED_MAX as u16 {
            cache.failed("new.test", SocketAddr::new(ips(1)[0], port), at(3.0));
        }
        assert_eq!(cache.names["new.test"].failed.len(), FAILED_MAX);
    }
}
