use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
};

use crate::{
    arena::SharedStack,
    connections::{EventBatch, Handle},
    exports::Signature,
    fault::{Fault, FaultKind},
    host::Host,
    script::Script,
    vu::{Function, Vu},
};

/// An instance of an event-driven script, which serves many connections.
///
/// It has what a [`Vu`] has but a stack, which all of an [`EventInstances`] share, and
/// stays on the thread that made it. Between two calls it holds nothing for a
/// connection but what the guest keeps in its memory. After a fault it can't be called
/// any more: every connection that it served is lost.
pub struct EventInstance<H: Host> {
    vu: Vu<H>,
    stack: SharedStack,
    handle: Function<Handle>,
    /// Set where the guest gave way since its slice was over, and not to wait.
    gave_way: Rc<Cell<bool>>,
}

/// Makes the instances of an event-driven script that are called one at a time.
pub struct EventInstances<H: Host> {
    script: Script<H>,
    stack: SharedStack,
}

impl<H: Host> std::fmt::Debug for EventInstances<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventInstances").field("stack", &self.stack).finish_non_exhaustive()
    }
}

impl<H: Host> EventInstances<H> {
    /// None exists yet but the stack that they share.
    ///
    /// # Errors
    ///
    /// When there is no memory.
    pub fn new(script: &Script<H>) -> Result<EventInstances<H>, Fault> {
        let stack = script.engine.shared_stack();
        let stack = stack.map_err(|e| Fault::new(FaultKind::Host, format!("no memory for a stack: {e}")))?;
        Ok(EventInstances { script: script.clone(), stack })
    }

    /// Makes one.
    ///
    /// # Errors
    ///
    /// As for [`Vu::new`]; when the script is of the other kind; and while another
    /// one's call is pending.
    pub async fn make(&self, host: H) -> Result<EventInstance<H>, Fault> {
        EventInstance::new(self, host).await
    }
}

impl<H: Host> std::fmt::Debug for EventInstance<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventInstance").field("is_usable", &self.is_usable()).finish_non_exhaustive()
    }
}

impl<H: Host> EventInstance<H> {
    async fn new(instances: &EventInstances<H>, host: H) -> Result<EventInstance<H>, Fault> {
        let EventInstances { script, stack } = instances;
        let Some(index) = script.exports.handle else {
            return Err(Fault::new(FaultKind::Host, "the script isn't event-driven: it has no export `handle`"));
        };
        let _occupied = stack.occupy().ok_or_else(in_turn)?;
        let mut vu = stack.lend(Vu::new(script, host)).await?;
        let handle = vu.find::<Handle>(index)?;
        let gave_way = vu.watch_slices();
        Ok(EventInstance { vu, stack: stack.clone(), handle, gave_way })
    }

    /// Hands events to the handlers at this index of
    /// [`Description::functions`](crate::Description::functions), and clears the batch.
    ///
    /// Where the guest computes for long the future is pending now and then, so that
    /// others get a turn; it never waits for anything else. It may be dropped, which
    /// ends the guest where it stands; the instance is of no use then.
    ///
    /// # Errors
    ///
    /// Why the handlers never returned; [`FaultKind::Host`] also where one called
    /// something that waits, and while another instance's call is pending.
    pub async fn handle(&mut self, function: u32, batch: &mut EventBatch) -> Result<(), Fault> {
        // Dropped behind the call, which may unwind on this stack.
        let Some(_occupied) = self.stack.occupy() else {
            batch.clear();
            return Err(in_turn());
        };
        let params: <Handle as Signature>::Params = (function, batch.events.clone(), batch.data.clone());
        self.gave_way.set(false);
        let result = {
            let mut call = pin!(self.vu.call(self.handle, params));
            poll_fn(|context| match call.as_mut().poll(context) {
                Poll::Pending if !self.gave_way.take() => Poll::Ready(None),
                other => other.map(Some),
            })
            .await
        };
        batch.clear();
        // Dropped where it stood, the call has left the instance unusable.
        result.unwrap_or_else(|| {
            let text = "a handler called something that waits, such as `sleep` or `http::get`: handlers may not; \
                        set a timer, and send requests in setup";
            Err(Fault::new(FaultKind::Host, text))
        })
    }

    /// Whether it can be called: no call faulted or was dropped.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.vu.is_usable()
    }

    /// The host that it was given.
    #[must_use]
    pub fn host(&self) -> &H {
        self.vu.host()
    }

    /// The host that it was given, between calls.
    pub fn host_mut(&mut self) -> &mut H {
        self.vu.host_mut()
    }
}

fn in_turn() -> Fault {
    Fault::new(FaultKind::Host, "instances that share a stack are called one at a time")
}
