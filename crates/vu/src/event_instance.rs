use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
};

use crate::{
    connections::{EventBatch, Handle},
    exports::Signature,
    fault::{Fault, FaultKind},
    host::Host,
    script::Script,
    vu::{Function, Vu},
};

/// An instance of an event-driven script, which serves many connections.
///
/// It has what a [`Vu`] has, and stays on the thread that made it; between two calls
/// its stack is free, so that it holds nothing for a connection but what the guest
/// keeps in its memory. After a fault it can't be called any more: every connection
/// that it served is lost.
pub struct EventInstance<H: Host> {
    vu: Vu<H>,
    handle: Function<Handle>,
    /// Set where the guest gave way since its slice was over, and not to wait.
    gave_way: Rc<Cell<bool>>,
}

impl<H: Host> std::fmt::Debug for EventInstance<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventInstance").field("is_usable", &self.is_usable()).finish_non_exhaustive()
    }
}

impl<H: Host> EventInstance<H> {
    /// Makes an instance of an event-driven script.
    ///
    /// # Errors
    ///
    /// As for [`Vu::new`]; and when the script is of the other kind.
    pub async fn new(script: &Script<H>, host: H) -> Result<EventInstance<H>, Fault> {
        let Some(index) = script.exports.handle else {
            return Err(Fault::new(FaultKind::Host, "the script isn't event-driven: it has no export `handle`"));
        };
        let mut vu = Vu::new(script, host).await?;
        let handle = vu.find::<Handle>(index)?;
        let gave_way = vu.watch_slices();
        Ok(EventInstance { vu, handle, gave_way })
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
    /// something that waits.
    pub async fn handle(&mut self, function: u32, batch: &mut EventBatch) -> Result<(), Fault> {
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
