//! Keepalive: probing silent peers whether they are still there.
//!
//! TCP probes by itself (RFC 1122, section 4.2.3.6), but by the kernel's timers, which go by coarse steps: of 2 s after a
//! quarter of a minute, at 250 Hz. Of a hundred thousand silent connections thousands would be probed at one instant.
//! Loopback, or a container's veth, loses what its queue has no room for (`net.core.netdev_max_backlog`, 1000 packets),
//! and who isn't heard again and again is dead. So the driver has one socket after the other probe, at even distances,
//! which takes Linux 6.7. Before, the kernel's timers do, each socket's after a time of its own.
#![expect(unsafe_code, reason = "operations hand pointers to the kernel")]

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::LazyLock;
use std::time::Duration;

use io_uring::{IoUring, opcode, types};
use socket2::{Domain, Socket, TcpKeepalive, Type};

use super::driver::Driver;
use super::operations::Operation;
use super::sockets::{Flags, Phase};
use crate::time::Nanos;

/// The longest silence before a probe that the kernel takes (TCP_KEEPIDLE).
const IDLE_MAX: Duration = Duration::from_secs(32_767);
const SECOND: Duration = Duration::from_secs(1);
/// How often an idle shard looks for silent sockets at most.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Sockets that are looked at in one turn at most: what a few shards probe at once has room in a machine's queue.
const LOOKS_MAX: u64 = 256;

/// Which socket is looked at next, and when.
#[derive(Debug, Default)]
pub(super) struct Keepalive {
    /// Each socket is looked at once in this time; zero is never.
    every: Duration,
    next: u32,
    /// Until when all is done.
    at: Nanos,
}

/// Has the kernel break the connection when the peer's machine has left everything unanswered for so long: bytes that it
/// hasn't acknowledged (TCP_USER_TIMEOUT), and where there are none, probes.
pub(super) fn notice_dead_peer(socket: &Socket, time: Duration, source: SocketAddr) -> io::Result<()> {
    if time.is_zero() {
        return Ok(());
    }
    let (idle, interval) = if can_probe() { (IDLE_MAX, IDLE_MAX) } else { times_of_its_own(time, source) };
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle).with_interval(interval))?;
    socket.set_tcp_user_timeout(Some(time.min(IDLE_MAX * 2)))
}

/// After which silence the kernel probes by itself, and how long it waits for an answer before it does again: of the time,
/// the half to two thirds, and a thirtieth to a twelfth; in whole seconds.
fn times_of_its_own(time: Duration, source: SocketAddr) -> (Duration, Duration) {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(source);
    let within = |from: Duration, to: Duration, hash: u64| {
        let (from, to) = (from.as_secs(), to.as_secs());
        Duration::from_secs(from + hash % (to - from + 1)).clamp(SECOND, IDLE_MAX)
    };
    (within(time / 2, time * 2 / 3, hash), within(time / 30, time / 12, hash >> 32))
}

/// Whether this kernel sets options of sockets by the ring.
pub(crate) fn can_probe() -> bool {
    static CAN_PROBE: LazyLock<bool> = LazyLock::new(|| try_to_probe().unwrap_or(false));
    *CAN_PROBE
}

fn try_to_probe() -> io::Result<bool> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.cloexec(), None)?;
    let mut ring = IoUring::new(2)?;
    let (fd, value) = (types::Fd(socket.as_raw_fd()), (&raw const PROBING).cast());
    let entry = opcode::SetSockOpt::new(fd, LEVEL, OPTION, value, size_of_val(&PROBING) as u32).build();
    // SAFETY: the option's value is static, and the socket lives until the operation has completed.
    let queued = unsafe { ring.submission().push(&entry) };
    queued.map_err(io::Error::other)?;
    ring.submit_and_wait(1)?;
    Ok(ring.completion().next().is_some_and(|completion| completion.result() >= 0))
}

/// TCP_KEEPIDLE as it has a socket probe: after a second without a word, which has passed, and the next time after
/// [`IDLE_MAX`]. A probe from before that has no answer breaks the connection now, once its time is over.
static PROBING: libc::c_int = 1;
const LEVEL: u32 = libc::IPPROTO_TCP as u32;
const OPTION: u32 = libc::TCP_KEEPIDLE as u32;

impl Driver {
    /// Has every peer probed that is silent while a third of this time passes, from here on; zero ends that.
    pub(crate) fn probe_silent_within(&mut self, time: Duration) {
        let is_wanted = !time.is_zero() && can_probe();
        let every = if is_wanted { (time / 3).max(SECOND) } else { Duration::ZERO };
        self.keepalive = Keepalive { every, next: 0, at: self.now };
    }

    /// When the next look is due.
    pub(super) fn next_look(&self) -> Option<Nanos> {
        let distance = self.distance_of_looks()?;
        Some(self.keepalive.at.after(distance.max(LOOK_EVERY)))
    }

    fn distance_of_looks(&self) -> Option<Duration> {
        let slots = self.sockets.slots();
        let is_wanted = !self.keepalive.every.is_zero() && self.sockets.open() > 0;
        is_wanted.then(|| (self.keepalive.every / slots.max(1)).max(Duration::from_nanos(1)))
    }

    /// Has those of the next sockets probe that were silent since the last look, as many as the time since then is for.
    pub(super) fn probe_silent(&mut self) {
        let Some(distance) = self.distance_of_looks() else {
            self.keepalive.at = self.now;
            return;
        };
        let distance = distance.as_nanos() as u64;
        let due = self.now.since(self.keepalive.at) / distance;
        let looks = due.min(LOOKS_MAX).min(self.sockets.slots().into());
        // A shard that is that late has more to do than to catch up.
        let done = Nanos(self.keepalive.at.0 + looks * distance);
        self.keepalive.at = if looks < due { self.now } else { done };
        for _ in 0..looks {
            let slot = self.keepalive.next % self.sockets.slots();
            self.keepalive.next = slot + 1;
            let socket = self.sockets.get(slot);
            let was_heard = socket.flags.take(Flags::HEARD);
            let is_probed = socket.phase == Phase::Open && socket.flags.has(Flags::PROBED) && socket.error == 0;
            if is_probed && !was_heard {
                let (socket, value) = (self.fixed(slot), (&raw const PROBING).cast());
                let entry = opcode::SetSockOpt::new(socket, LEVEL, OPTION, value, size_of_val(&PROBING) as u32);
                self.push_for(slot, Operation::Probe, entry.build());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::eventfd::EventFd;

    /// Sockets that weren't looked at since they were heard.
    fn not_looked_at(driver: &mut Driver) -> usize {
        (0..driver.sockets.slots()).filter(|slot| driver.sockets.get(*slot).flags.has(Flags::HEARD)).count()
    }

    #[test]
    fn each_socket_is_looked_at_once_in_a_third_of_the_time_and_one_after_the_other() {
        if !can_probe() {
            return;
        }
        const SOCKETS: u32 = 1000;
        let mut driver = Driver::new(SOCKETS, EventFd::new().unwrap().into()).unwrap();
        driver.probe_silent_within(Duration::from_secs(120));
        assert_eq!(driver.next_look(), None, "there are none");
        for _ in 0..SOCKETS {
            let slot = driver.take_slot().unwrap();
            driver.sockets.get(slot).flags.set(Flags::HEARD, true);
        }
        let began = driver.now;
        assert_eq!(driver.next_look(), Some(began.after(Duration::from_millis(40))));
        for tenth in 1..=10 {
            for step in 0..40 {
                driver.now = began.after(Duration::from_millis(4000 * (tenth - 1) + 100 * (step + 1)));
                driver.probe_silent();
            }
            assert_eq!(not_looked_at(&mut driver) as u64, 1000 - 100 * tenth);
        }
        // After a long time without a turn, there is one look at each at most.
        driver.now = driver.now.after(Duration::from_secs(3600));
        driver.probe_silent();
        assert_eq!(driver.next_look(), Some(driver.now.after(Duration::from_millis(40))));
        driver.probe_silent_within(Duration::ZERO);
        assert_eq!(driver.next_look(), None);
    }

    fn all(seconds: u64) -> Vec<(u64, u64)> {
        let sources = (0..20_000).map(|n| SocketAddr::from(([127, 0, 1, (n % 250) as u8], 1024 + (n / 250) as u16)));
        let times = sources.map(|source| times_of_its_own(Duration::from_secs(seconds), source));
        times.map(|(idle, interval)| (idle.as_secs(), interval.as_secs())).collect()
    }

    #[test]
    fn who_was_heard_since_the_last_look_is_not_probed_and_who_can_not_be_is_not_either() {
        if !can_probe() {
            return;
        }
        let mut driver = Driver::new(4, EventFd::new().unwrap().into()).unwrap();
        driver.probe_silent_within(Duration::from_secs(120));
        let slots = [0; 4].map(|_| driver.take_slot().unwrap());
        let open = [Phase::Open, Phase::Open, Phase::Opening, Phase::Open];
        let flags = [Flags::PROBED, Flags::PROBED | Flags::HEARD, Flags::PROBED, 0];
        for ((slot, phase), flags) in slots.into_iter().zip(open).zip(flags) {
            let socket = driver.sockets.get(slot);
            socket.phase = phase;
            socket.flags.set(flags, true);
        }
        let mut probes_after = |time: u64| {
            driver.now = driver.now.after(Duration::from_secs(time));
            driver.probe_silent();
            slots.map(|slot| driver.sockets.get(slot).pending)
        };
        assert_eq!(probes_after(40), [1, 0, 0, 0]);
        assert_eq!(probes_after(40), [2, 1, 0, 0], "what was heard before the last look counts no more");
    }

    #[test]
    fn sockets_that_are_opened_together_probe_at_different_times() {
        let times = all(120);
        let mut counts = std::collections::BTreeMap::<_, u64>::new();
        times.iter().for_each(|each| *counts.entry(*each).or_default() += 1);
        assert!(times.iter().all(|(idle, interval)| (60..=80).contains(idle) && (4..=10).contains(interval)));
        // 21 times 7 ways, of 20,000 each some 136.
        assert!(counts.len() == 147 && counts.values().all(|count| (70..230).contains(count)), "{counts:?}");
    }

    #[test]
    fn there_is_time_for_an_answer_however_short_the_time_is() {
        assert!(all(2).iter().all(|each| *each == (1, 1)));
        assert!(all(1).iter().all(|each| *each == (1, 1)));
        let longest = times_of_its_own(Duration::from_secs(1 << 20), SocketAddr::from(([10, 0, 0, 1], 1024)));
        assert_eq!(longest.0, IDLE_MAX);
        for seconds in 4..300 {
            // At least twice.
            assert!(all(seconds).iter().all(|(idle, interval)| idle + interval < seconds), "{seconds}");
        }
    }
}
