//! `externally-controlled`: VUs come and go by command.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures_lite::future::or;
use throng_plan::ControlledVus;

use super::ScenarioShare;
use super::crew::Crew;
use crate::shard::ShardContext;

/// What commands have said last.
pub(super) struct Controls {
    vus: Cell<ControlledVus>,
    waker: RefCell<Option<Waker>>,
}

impl Controls {
    pub(super) fn new(vus: ControlledVus) -> Self {
        Self { vus: Cell::new(vus), waker: RefCell::default() }
    }

    pub(super) fn get(&self) -> ControlledVus {
        self.vus.get()
    }

    pub(super) fn set(&self, vus: ControlledVus) {
        self.vus.set(vus);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    pub(super) async fn differs_from(&self, known: ControlledVus) {
        poll_fn(|context| {
            if self.vus.get() != known {
                return Poll::Ready(());
            }
            *self.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Follows commands until the duration is over.
pub(super) async fn drive(share: &Rc<ScenarioShare>, shard: &Rc<ShardContext>, crew: &Crew) {
    let Some(controls) = &share.controls else { return };
    let follow = async {
        let mut running = 0;
        loop {
            let known = controls.get();
            let wanted = known.wanted(share.portion.share());
            for vu in running..wanted {
                let seat = share.seat(vu);
                if seat.start() {
                    share.activate_seat(shard, crew, seat);
                }
            }
            // This model has no graceful stop.
            for vu in (wanted..running).rev() {
                let seat = share.seat(vu);
                seat.stop(share.elapsed());
                seat.cut();
            }
            running = wanted;
            controls.differs_from(known).await;
        }
    };
    or(follow, shard.shard.sleep_until(share.instant(share.model.regular_duration()))).await;
}
