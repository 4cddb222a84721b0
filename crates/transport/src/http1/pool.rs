//! A VU's idle connections.

use std::rc::Rc;

use super::origin::Origin;
use crate::stream::{Stream, Traffic};

/// Idle connections that a pool keeps, over all origins; the oldest go first.
const IDLE_MAX: usize = 16;

/// Idle connections of one owner.
#[derive(Debug, Default)]
pub struct Pool {
    idle: Vec<(Rc<Origin>, Stream)>,
    vu: u64,
}

impl Pool {
    /// Sets whose connections they are, of VUs counted from 0: see [`Shard::connect_as`](crate::Shard::connect_as).
    pub fn set_vu(&mut self, vu: u64) {
        self.vu = vu;
    }

    /// Whose connections they are.
    #[must_use]
    pub fn vu(&self) -> u64 {
        self.vu
    }

    /// Takes an idle connection to `origin` that nothing speaks against. Origins are compared by address: http and
    /// https of one host are two.
    pub(super) fn take(&mut self, origin: &Rc<Origin>, traffic: &mut Traffic) -> Option<Stream> {
        while let Some(index) = self.idle.iter().rposition(|(known, _)| Rc::ptr_eq(known, origin)) {
            let (_, mut stream) = self.idle.remove(index);
            // A peer that has closed meanwhile, or has sent what nobody asked for, can't be used.
            if stream.is_quiet(traffic) {
                return Some(stream);
            }
        }
        None
    }

    pub(super) fn put(&mut self, origin: &Rc<Origin>, stream: Stream) {
        if self.idle.len() >= IDLE_MAX {
            self.idle.remove(0);
        }
        self.idle.push((Rc::clone(origin), stream));
    }

    /// Closes all idle connections.
    pub fn clear(&mut self) {
        self.idle.clear();
    }
}
