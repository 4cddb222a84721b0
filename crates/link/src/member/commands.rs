//! Deeds, done.

use std::time::Duration;

use throng_agent::link::{Deed, PartId};
use throng_agent::{Late, Step};
use throng_control::Order;

use super::Member;
use crate::surroundings::now;
use crate::to_group;
use crate::workers::Workers;

impl<W: Workers> Member<'_, W> {
    /// Does what is to be done, in that order.
    pub(super) fn perform(&mut self, deeds: Vec<Deed>) {
        deeds.into_iter().for_each(|deed| self.perform_one(deed));
    }

    fn perform_one(&mut self, deed: Deed) {
        match deed {
            Deed::Begin(order) => self.begin(*order),
            Deed::SetUp(part) => {
                let began = self.times.began(&part, &self.offset, now());
                self.workers.tell(&part, Step::Setup { began });
            }
            Deed::InitVus(part, setup_data) => {
                let began = self.times.began(&part, &self.offset, now());
                self.workers.tell(&part, Step::InitVus { began, setup_data });
            }
            Deed::Start { part, start, from_ms, begun_before, setup_data } => {
                let (began, at) = self.times.start(&part, start, &self.offset, now());
                self.tell_user(&part, "starts");
                let late = Late { from: Duration::from_millis(from_ms), begun_before };
                self.workers.tell(&part, Step::Start { began, at, late, setup_data });
            }
            Deed::Control(part, steering) => self.workers.tell(&part, Step::Control(steering)),
            Deed::Stop(part) => self.workers.tell(&part, Step::Stop),
            Deed::TearDown(part) => self.workers.tell(&part, Step::Teardown),
            Deed::Summarize(part, json) => self.workers.tell(&part, Step::Summarize(json)),
            Deed::Release(part) => {
                self.tell_user(&part, "is over");
                self.workers.release(&part);
            }
            Deed::Say(part, fact) => match to_group::fact(&part, fact) {
                Ok(message) => self.outbox.push(message),
                Err(record) => self.outbox.log(&part, record),
            },
            Deed::SayWindow(part, window) => self.outbox.push(to_group::window(&part, window)),
            Deed::Leave => self.is_dismissed = true,
        }
    }

    fn begin(&mut self, order: Order) {
        let part = PartId::from(&order);
        self.tell_user(&part, &format!("is being prepared: segment {}", order.segment));
        self.workers.begin(order, self.nodes.all().to_vec());
    }

    fn tell_user(&mut self, part: &PartId, what: &str) {
        self.notes.note(&format!("{part} {what}"));
    }
}
