//! Waiting for time to pass.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Shard;
use crate::time::{Clock, Nanos, TimerKey};

impl Shard {
    /// Waits for `duration` from now.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(Clock::now().after(duration))
    }

    /// Waits until `deadline`.
    pub fn sleep_until(&self, deadline: Nanos) -> Sleep {
        Sleep { shard: self.clone(), deadline, armed: None }
    }
}

/// A wait that may be dropped.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sleep {
    shard: Shard,
    deadline: Nanos,
    armed: Option<TimerKey>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.deadline <= Clock::now() {
            return Poll::Ready(());
        }
        // The waker of a task stays the same: one alarm is enough, however often this is polled.
        if self.armed.is_none() {
            let key = self.shard.timers().arm(self.deadline, context.waker().clone());
            self.armed = Some(key);
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.armed.take() {
            let disarmed = self.shard.timers().disarm(key);
            drop(disarmed);
        }
    }
}
