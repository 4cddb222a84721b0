//! The queues of sets: which of their connections something has happened to.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use super::sockets::{Flags, NO_SET, Socket};

/// The connections of one set that have something to tell. Each stands here at most once.
#[derive(Debug, Default)]
struct Queue {
    ready: VecDeque<u32>,
    waker: Option<Waker>,
    is_waiting: bool,
    members: u32,
    /// Its owner has gone: it stays until its last connection has closed.
    is_orphan: bool,
}

/// The sets of a shard, by number.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    queues: Vec<Option<Queue>>,
}

impl Sets {
    /// Makes a set; none if there are as many as numbers.
    pub(super) fn add(&mut self) -> Option<u16> {
        let free = self.queues.iter().position(Option::is_none);
        let number = free.unwrap_or(self.queues.len());
        let set = u16::try_from(number).ok().filter(|set| *set != NO_SET)?;
        if free.is_none() {
            self.queues.push(None);
        }
        self.queues[number] = Some(Queue::default());
        Some(set)
    }

    fn queue(&mut self, set: u16) -> Option<&mut Queue> {
        self.queues.get_mut(usize::from(set))?.as_mut()
    }

    pub(super) fn joined(&mut self, set: u16) {
        if let Some(queue) = self.queue(set) {
            queue.members += 1;
        }
    }

    /// A connection of the set has closed, or is another owner's now.
    pub(super) fn left(&mut self, set: u16) {
        let Some(queue) = self.queue(set) else { return };
        queue.members -= 1;
        if queue.is_orphan && queue.members == 0 {
            self.queues[usize::from(set)] = None;
        }
    }

    /// The set's owner has gone.
    pub(super) fn orphan(&mut self, set: u16) {
        let Some(queue) = self.queue(set) else { return };
        queue.ready = VecDeque::new();
        queue.waker = None;
        queue.is_orphan = true;
        if queue.members == 0 {
            self.queues[usize::from(set)] = None;
        }
    }

    pub(super) fn members(&mut self, set: u16) -> u32 {
        self.queue(set).map_or(0, |queue| queue.members)
    }

    /// Something has happened to a connection of a set.
    pub(super) fn ready(&mut self, socket: &mut Socket, slot: u32) {
        let Some(queue) = self.queue(socket.set).filter(|queue| !queue.is_orphan) else { return };
        if !socket.flags.has(Flags::READY) {
            socket.flags.set(Flags::READY, true);
            queue.ready.push_back(slot);
        }
        queue.wake();
    }

    /// The connection that something happened to first.
    pub(super) fn first(&mut self, set: u16) -> Option<u32> {
        self.queue(set)?.ready.front().copied()
    }

    /// That connection has nothing more to tell.
    pub(super) fn pop(&mut self, set: u16) {
        if let Some(queue) = self.queue(set) {
            queue.ready.pop_front();
        }
    }

    pub(super) fn wait(&mut self, set: u16, context: &Context<'_>) {
        let Some(queue) = self.queue(set) else { return };
        queue.is_waiting = true;
        match &queue.waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            _ => queue.waker = Some(context.waker().clone()),
        }
    }

    /// Wakes the owners of all sets.
    pub(super) fn wake_all(&mut self) {
        self.queues.iter_mut().flatten().for_each(Queue::wake);
    }
}

impl Queue {
    fn wake(&mut self) {
        if std::mem::take(&mut self.is_waiting)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }
}
