//! All parts that an agent has, and what comes next.

use std::collections::BTreeMap;
use std::sync::Arc;

use throng_control::{FailureKind, Orders};

use super::deed::{Deed, Fact, PartEvent, PartId};
use super::part::PartState;
use crate::setup_data::SetupData;

#[cfg(test)]
mod tests;

/// Parts that an agent has at once; further ones fail. Each has shards and VUs of its own.
pub const PARTS_MAX: usize = 8;

/// The parts that an agent has, and how far they are.
///
/// Whatever is ordered again, said again or lost: each deed is given once, and each fact until the orders show it. While
/// there is no stream work goes on, and what there is to say is kept.
#[derive(Debug, Default)]
pub struct Parts {
    parts: BTreeMap<PartId, PartState>,
    is_joined: bool,
}

impl Parts {
    /// No part yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is to be done by these orders.
    pub fn obey(&mut self, orders: &Orders) -> Vec<Deed> {
        self.is_joined = true;
        let ordered: BTreeMap<PartId, _> = orders.parts.iter().map(|order| (PartId::from(order), order)).collect();
        let mut deeds = Vec::new();
        self.parts.retain(|id, _| {
            let stays = ordered.contains_key(id);
            if !stays {
                deeds.push(Deed::Release(id.clone()));
            }
            stays
        });
        for (id, order) in ordered {
            let is_full = self.parts.len() >= PARTS_MAX;
            let part = self.parts.entry(id).or_insert_with(|| {
                let mut part = PartState::new(order);
                if is_full {
                    part.fail(FailureKind::Machine, format!("this agent has {PARTS_MAX} parts of runs already"));
                }
                part
            });
            part.obey(order);
            deeds.extend(deeds_of(part, true));
            deeds.extend(facts_of(part));
        }
        if orders.leave && self.parts.is_empty() {
            deeds.push(Deed::Leave);
        }
        deeds
    }

    /// What is to be done after that. What happens to a part that the agent has let go of is passed over.
    pub fn note(&mut self, id: &PartId, event: PartEvent) -> Vec<Deed> {
        self.change(id, |part| part.note(event))
    }

    /// What setups returned has come.
    pub fn note_setup_data(&mut self, id: &PartId, data: SetupData) -> Vec<Deed> {
        self.change(id, |part| {
            part.note_setup_data(data);
            None
        })
    }

    /// What the script's own summary is to be made of has come.
    pub fn note_summary_data(&mut self, id: &PartId, json: Arc<str>) -> Vec<Deed> {
        self.change(id, |part| {
            part.note_summary_data(json);
            None
        })
    }

    /// Windows of a part through that one are in a checkpoint.
    pub fn note_committed(&mut self, id: &PartId, through: u64) -> Vec<Deed> {
        self.change(id, |part| {
            part.note_committed(through);
            None
        })
    }

    /// The stream is gone. What was said on it may not have arrived: it is said again with the next one's first orders.
    pub fn end_stream(&mut self) {
        self.is_joined = false;
        self.parts.values_mut().for_each(PartState::begin_stream);
    }

    /// What the orders don't show yet, to be said once more: from time to time.
    #[must_use]
    pub fn say_again(&self) -> Vec<Deed> {
        if self.is_joined { self.parts.values().flat_map(facts_of).collect() } else { Vec::new() }
    }

    /// The parts that there are.
    pub fn ids(&self) -> impl Iterator<Item = &PartId> {
        self.parts.keys()
    }

    /// What is to be done after a change, and what is to be said because of it. A fact that is the result is said at once
    /// and not again.
    fn change(&mut self, id: &PartId, change: impl FnOnce(&mut PartState) -> Option<Fact>) -> Vec<Deed> {
        let is_joined = self.is_joined;
        let Some(part) = self.parts.get_mut(id) else { return Vec::new() };
        let known = part.facts();
        let at_once = change(part).filter(|_| is_joined);
        let mut deeds: Vec<Deed> = at_once.map(|fact| Deed::Say(id.clone(), fact)).into_iter().collect();
        deeds.extend(deeds_of(part, is_joined));
        if is_joined {
            let new = part.facts().into_iter().filter(|fact| !known.contains(fact));
            deeds.extend(new.map(|fact| Deed::Say(id.clone(), fact)));
        }
        deeds
    }
}

fn deeds_of(part: &mut PartState, is_joined: bool) -> Vec<Deed> {
    let mut deeds: Vec<Deed> = std::iter::from_fn(|| part.next()).collect();
    if is_joined {
        deeds.extend(std::iter::from_fn(|| part.next_window()));
    }
    deeds
}

fn facts_of(part: &PartState) -> Vec<Deed> {
    part.facts().into_iter().map(|fact| Deed::Say(part.id.clone(), fact)).collect()
}
