//! One stack that several stores have in turn.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    io,
    pin::pin,
    rc::Rc,
    sync::Arc,
};

use super::stack::{Stack, StackArena};

thread_local! {
    /// What a store that asks for a stack gets now.
    static LENT: RefCell<Option<Arc<Stack>>> = const { RefCell::new(None) };
}

/// A stack for stores of one thread that are called one at a time, such as those of event-driven instances. It stays in
/// the cache, where a stack of its own would have each call begin with a page that isn't there.
///
/// A store keeps the stack that it was lent. So whoever calls it [occupies](SharedStack::occupy) the stack until the call
/// has ended or was dropped.
#[derive(Debug, Clone)]
pub(crate) struct SharedStack {
    stack: Arc<Stack>,
    is_occupied: Rc<Cell<bool>>,
}

/// The stack is one call's, until this is dropped.
pub(crate) struct Occupied(Rc<Cell<bool>>);

impl SharedStack {
    pub(crate) fn new(arena: &StackArena) -> io::Result<Self> {
        Ok(Self { stack: Arc::new(arena.take()?), is_occupied: Rc::default() })
    }

    /// None while another call has it.
    pub(crate) fn occupy(&self) -> Option<Occupied> {
        (!self.is_occupied.replace(true)).then(|| Occupied(Rc::clone(&self.is_occupied)))
    }

    /// Runs `making`, a store's first call, which has occupied the stack: the store gets it and keeps it.
    pub(crate) async fn lend<T>(&self, making: impl Future<Output = T>) -> T {
        let mut making = pin!(making);
        poll_fn(|context| {
            LENT.set(Some(Arc::clone(&self.stack)));
            let polled = making.as_mut().poll(context);
            LENT.set(None);
            polled
        })
        .await
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// The stack that is lent to whoever asks now.
pub(super) fn lent() -> Option<Arc<Stack>> {
    LENT.with_borrow(Clone::clone)
}

#[cfg(test)]
mod tests {
    use wasmtime::StackCreator;

    use super::super::stack::HOST_STACK_BYTES;
    use super::*;

    #[test]
    fn whoever_asks_while_it_is_lent_gets_the_same_one_and_nobody_else_does() {
        let arena = StackArena::new();
        let shared = SharedStack::new(&arena).unwrap();
        let ask = || arena.new_stack(HOST_STACK_BYTES, false).unwrap();
        let lent: Vec<_> = (0..3).map(|_| futures_lite::future::block_on(shared.lend(async { ask() }))).collect();
        assert!(lent.iter().all(|stack| stack.top() == lent[0].top()));
        let own = ask();
        assert_ne!(own.top(), lent[0].top());
        assert_eq!(arena.usage().slots_used, 2);
        drop(shared);
        assert_eq!(arena.usage().slots_used, 2, "those that have it keep it");
        drop(lent);
        assert_eq!((arena.usage().slots_used, arena.usage().slots_free), (1, 1));
    }

    #[test]
    fn one_call_has_it_at_a_time() {
        let shared = SharedStack::new(&StackArena::new()).unwrap();
        let first = shared.occupy();
        assert!(first.is_some() && shared.occupy().is_none() && shared.clone().occupy().is_none());
        drop(first);
        assert!(shared.occupy().is_some());
    }
}
