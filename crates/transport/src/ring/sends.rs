//! Bytes on their way to the kernel, of all sockets: few sockets send at any time, so none has room for it of its own.

use super::connection::SendBytes;

/// No entry.
pub(crate) const NONE: u32 = u32::MAX;

/// A send that is under way or waits for its turn.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) bytes: SendBytes,
    pub(crate) done: usize,
}

#[derive(Debug)]
struct Entry {
    sending: Option<Sending>,
    /// The send of the same socket behind it; of a free entry, the next free one.
    next: u32,
}

/// The sends of one socket in order: the first is in the kernel's hands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendQueue {
    first: u32,
    last: u32,
}

impl Default for SendQueue {
    fn default() -> Self {
        Self { first: NONE, last: NONE }
    }
}

impl SendQueue {
    pub(crate) fn is_empty(self) -> bool {
        self.first == NONE
    }
}

/// The sends of all sockets. An entry is used again soon after it was freed, while it is in the cache.
#[derive(Debug)]
pub(crate) struct Sends {
    entries: Vec<Entry>,
    free: u32,
}

impl Default for Sends {
    fn default() -> Self {
        Self { entries: Vec::new(), free: NONE }
    }
}

impl Sends {
    /// Puts a send behind the others of `queue`.
    pub(crate) fn push(&mut self, queue: &mut SendQueue, sending: Sending) {
        let index = if self.free == NONE {
            self.entries.push(Entry { sending: Some(sending), next: NONE });
            self.entries.len() as u32 - 1
        } else {
            let index = self.free;
            let entry = &mut self.entries[index as usize];
            self.free = std::mem::replace(entry, Entry { sending: Some(sending), next: NONE }).next;
            index
        };
        if queue.is_empty() {
            queue.first = index;
        } else {
            self.entries[queue.last as usize].next = index;
        }
        queue.last = index;
    }

    /// The send in the kernel's hands.
    pub(crate) fn first(&mut self, queue: SendQueue) -> Option<&mut Sending> {
        self.entries.get_mut(queue.first as usize)?.sending.as_mut()
    }

    /// Drops the first send.
    pub(crate) fn pop(&mut self, queue: &mut SendQueue) {
        let Some(entry) = self.entries.get_mut(queue.first as usize) else { return };
        entry.sending = None;
        let next = std::mem::replace(&mut entry.next, self.free);
        self.free = queue.first;
        *queue = if next == NONE { SendQueue::default() } else { SendQueue { first: next, ..*queue } };
    }

    /// Drops all of them.
    pub(crate) fn clear(&mut self, queue: &mut SendQueue) {
        while !queue.is_empty() {
            self.pop(queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sending(byte: u8) -> Sending {
        Sending { bytes: SendBytes::Owned(vec![byte]), done: 0 }
    }

    #[test]
    fn queues_share_entries_and_keep_their_order() {
        let mut sends = Sends::default();
        let (mut one, mut two) = (SendQueue::default(), SendQueue::default());
        for byte in 0..3 {
            sends.push(&mut one, sending(byte));
            sends.push(&mut two, sending(10 + byte));
        }
        for byte in 0..3 {
            assert_eq!(sends.first(one).unwrap().bytes.as_slice(), [byte]);
            sends.pop(&mut one);
        }
        assert!(one.is_empty() && sends.first(one).is_none());
        sends.push(&mut one, sending(9));
        assert_eq!(sends.first(two).unwrap().bytes.as_slice(), [10]);
        sends.clear(&mut two);
        sends.pop(&mut one);
        assert!(one.is_empty() && two.is_empty());
        for byte in 0..6 {
            sends.push(&mut two, sending(byte));
        }
        assert_eq!(sends.entries.len(), 6, "freed entries are used again");
    }
}
