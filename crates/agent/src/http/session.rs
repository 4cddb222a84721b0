//! What the requests of one VU have in common: connections, cookies, counts.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::task::Poll;

use slab::Slab;
use throng_transport::http1::{Exchange, Origin, Pool};
use throng_transport::{Meter, Traffic};
use throng_web::cookies::Jar;
use throng_web::url::HttpUrl;

use crate::host::unix_ms;

/// Jars that a script may make for a VU.
const JARS_MAX: usize = 1024;

/// One VU's side of HTTP.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) pool: RefCell<Pool>,
    jars: RefCell<Jars>,
    /// Where the bytes of this VU's connections are counted while they are sent and received.
    meter: RefCell<Rc<Meter>>,
    /// Bytes of exchanges that have ended, which outputs are told of by iteration.
    ended: Meter,
    under_way: UnderWay,
}

#[derive(Default)]
struct Jars {
    own: Jar,
    made: Slab<Jar>,
}

impl Session {
    /// Counts the bytes of exchanges that begin from now on elsewhere.
    pub(crate) fn count_by(&self, meter: &Rc<Meter>) {
        self.meter.replace(Rc::clone(meter));
    }

    /// Counts the bytes of an exchange that has ended.
    pub(super) fn count(&self, numbers: &Exchange) {
        self.ended.add(Traffic { sent: numbers.bytes_sent, received: numbers.bytes_received });
    }

    /// Counts bytes that a WebSocket has carried.
    pub(crate) fn count_traffic(&self, traffic: Traffic) {
        self.meter.borrow().add(traffic);
        self.ended.add(traffic);
    }

    /// Takes the bytes of exchanges that have ended since the last call: sent, received.
    pub(crate) fn take_bytes(&self) -> (u64, u64) {
        let Traffic { sent, received } = self.ended.take();
        (sent, received)
    }

    /// Where bytes are counted.
    pub(crate) fn meter(&self) -> Rc<Meter> {
        Rc::clone(&self.meter.borrow())
    }

    /// Empties the VU's own jar. Jars that the script made are its own affair.
    pub(crate) fn forget_cookies(&self) {
        let own = &mut self.jars.borrow_mut().own;
        if !own.is_empty() {
            own.clear_all();
        }
    }

    pub(crate) fn new_jar(&self) -> Result<u32, String> {
        let mut jars = self.jars.borrow_mut();
        if jars.made.len() >= JARS_MAX {
            return Err(format!("the script holds {JARS_MAX} cookie jars, which is the limit: drop those done with"));
        }
        Ok(jars.made.insert(Jar::default()) as u32 + 1)
    }

    pub(crate) fn drop_jar(&self, number: u32) -> Result<(), String> {
        if number == 0 {
            self.forget_cookies();
            return Ok(());
        }
        let dropped = self.jars.borrow_mut().made.try_remove(number as usize - 1);
        dropped.map(drop).ok_or_else(|| no_jar(number))
    }

    /// Lets `change` work on a jar.
    pub(crate) fn with_jar<T>(&self, number: u32, change: impl FnOnce(&mut Jar) -> T) -> Result<T, String> {
        let jars = &mut *self.jars.borrow_mut();
        let jar = match number {
            0 => Some(&mut jars.own),
            number => jars.made.get_mut(number as usize - 1),
        };
        jar.map(change).ok_or_else(|| no_jar(number))
    }

    /// The jar's cookies for a request, but for those of these names.
    pub(crate) fn cookies(&self, jar: u32, url: &HttpUrl, but: &[(String, String)]) -> Vec<String> {
        let cookies = self.with_jar(jar, |jar| {
            if jar.is_empty() {
                return Vec::new();
            }
            let matching = jar.matching(url.url(), unix_ms());
            let wanted = matching.into_iter().filter(|(name, _)| but.iter().all(|(other, _)| other != name));
            wanted.map(|(name, value)| format!("{name}={value}")).collect()
        });
        // A jar that was dropped since the request was prepared has no cookies.
        cookies.unwrap_or_default()
    }

    /// Waits until the VU may have one exchange more, in all and to this origin, which ends with the value returned.
    pub(super) async fn enter<'a>(&'a self, origin: &Rc<Origin>, limits: ExchangeLimits) -> Entered<'a> {
        let key = Rc::as_ptr(origin) as usize;
        // No waker: all exchanges of a VU are polled together, again after one has ended.
        poll_fn(|_| if self.under_way.admits(key, limits) { Poll::Ready(()) } else { Poll::Pending }).await;
        self.under_way.all.set(self.under_way.all.get() + 1);
        *self.under_way.by_origin.borrow_mut().entry(key).or_default() += 1;
        Entered { session: self, key }
    }
}

fn no_jar(number: u32) -> String {
    format!("there is no cookie jar {number}: it was dropped, or belongs to another VU")
}

/// k6's `batch` and `batchPerHost`; none is without limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExchangeLimits {
    pub(super) all: Option<NonZeroU32>,
    pub(super) per_origin: Option<NonZeroU32>,
}

/// Exchanges that scripts have started and that have a connection, or are getting one.
#[derive(Default)]
struct UnderWay {
    all: Cell<u32>,
    by_origin: RefCell<HashMap<usize, u32>>,
}

impl UnderWay {
    fn admits(&self, key: usize, limits: ExchangeLimits) -> bool {
        let here = self.by_origin.borrow().get(&key).copied().unwrap_or_default();
        limits.all.is_none_or(|most| self.all.get() < most.get())
            && limits.per_origin.is_none_or(|most| here < most.get())
    }
}

/// An exchange among those under way.
pub(super) struct Entered<'a> {
    session: &'a Session,
    key: usize,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let under_way = &self.session.under_way;
        under_way.all.set(under_way.all.get() - 1);
        let mut by_origin = under_way.by_origin.borrow_mut();
        if let Some(here) = by_origin.get_mut(&self.key) {
            *here -= 1;
            if *here == 0 {
                by_origin.remove(&self.key);
            }
        }
    }
}
