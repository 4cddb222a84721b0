//! The instants of parts by this machine's clock.

use std::collections::BTreeMap;
use std::time::Duration;

use throng_agent::link::{ClockOffset, PartId};
use throng_control::{Orders, Timestamp};
use throng_transport::Nanos;

/// When a run began: by the group's clock, and by this machine's once that was of use.
#[derive(Clone, Copy, Debug, Default)]
struct Began {
    group: Option<Timestamp>,
    own: Option<Nanos>,
}

/// When the runs of parts began. What was once told to a worker stays, and the rest is counted from it: so instants that lie
/// a second apart for the group do so here, however well the clocks are known by then.
#[derive(Debug, Default)]
pub(crate) struct Times(BTreeMap<PartId, Began>);

impl Times {
    /// Notes what orders say, and forgets parts that aren't in them.
    pub(crate) fn note(&mut self, orders: &Orders) {
        let before = std::mem::take(&mut self.0);
        for order in &orders.parts {
            let id = PartId::from(order);
            let known = before.get(&id).copied().unwrap_or_default();
            self.0.insert(id, Began { group: known.group.or(order.began), ..known });
        }
    }

    /// When a part's run began; `now` if nobody knows.
    pub(crate) fn began(&mut self, part: &PartId, offset: &ClockOffset, now: Nanos) -> Nanos {
        let began = self.0.entry(part.clone()).or_default();
        *began.own.get_or_insert_with(|| began.group.and_then(|group| instant(offset, group)).unwrap_or(now))
    }

    /// When a part's run began and when its load starts.
    pub(crate) fn start(
        &mut self,
        part: &PartId,
        start: Timestamp,
        offset: &ClockOffset,
        now: Nanos,
    ) -> (Nanos, Nanos) {
        let known = self.0.entry(part.clone()).or_default();
        known.group.get_or_insert(start);
        let group = known.group.unwrap_or(start);
        let began = self.began(part, offset, now);
        (began, began.after(Duration::from_millis(start.since(group))))
    }
}

fn instant(offset: &ClockOffset, at: Timestamp) -> Option<Nanos> {
    offset.instant(i64::try_from(at.0.checked_mul(1_000)?).ok()?)
}

#[cfg(test)]
mod tests {
    use throng_control::{AgentName, AssignmentId, Epoch, RunId};

    use super::*;

    fn part() -> PartId {
        let assignment = AssignmentId { epoch: Epoch(1), agent: AgentName::new("a").unwrap() };
        PartId { run: RunId::new("r").unwrap(), assignment }
    }

    /// This machine's clock is 1,000 s behind the group's.
    fn offset(error_ms: i64) -> ClockOffset {
        let mut offset = ClockOffset::default();
        let now = Nanos(5_000_000_000);
        let group_us = 1_005_000_000 + error_ms * 1_000;
        offset.note(now, now, group_us, group_us);
        offset
    }

    #[test]
    fn what_a_worker_was_told_first_holds() {
        let (mut times, part) = (Times::default(), part());
        times.0.insert(part.clone(), Began { group: Some(Timestamp(1_006_000)), own: None });
        let now = Nanos(1);
        assert_eq!(times.began(&part, &offset(0), now), Nanos(6_000_000_000));
        // The offset is known otherwise by now; the distance is what the group says.
        let (began, at) = times.start(&part, Timestamp(1_008_500), &offset(70), now);
        assert_eq!((began, at), (Nanos(6_000_000_000), Nanos(8_500_000_000)));
    }

    #[test]
    fn a_run_without_setup_begins_with_its_load() {
        let (mut times, part) = (Times::default(), part());
        let both = times.start(&part, Timestamp(1_007_000), &offset(0), Nanos(1));
        assert_eq!(both, (Nanos(7_000_000_000), Nanos(7_000_000_000)));
        times.note(&Orders::default());
        assert!(times.0.is_empty());
        // Without any answer of the group's clock it is now.
        assert_eq!(times.start(&part, Timestamp(9), &ClockOffset::default(), Nanos(3)).1, Nanos(3));
    }
}
