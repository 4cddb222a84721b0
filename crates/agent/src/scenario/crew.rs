//! Tasks of a shard that belong together, those of a scenario for example: counted, so that somebody can wait until all have ended.

use std::cell::Cell;
use std::rc::Rc;

use crate::stop::Stop;

/// Everybody who is still at work. Who begins something joins first, so that the crew isn't gone in between.
#[derive(Clone, Default)]
pub(crate) struct Crew(Rc<State>);

#[derive(Default)]
struct State {
    members: Cell<usize>,
    gone: Rc<Stop>,
}

impl Crew {
    pub(crate) fn join(&self) -> Member {
        self.0.members.set(self.0.members.get() + 1);
        Member(self.clone())
    }

    /// Raised when the last member has left.
    pub(crate) fn gone(&self) -> &Rc<Stop> {
        &self.0.gone
    }
}

/// A member leaves when it is dropped, by whatever way: a task that panics too.
pub(crate) struct Member(Crew);

impl Drop for Member {
    fn drop(&mut self) {
        let state = &self.0.0;
        state.members.set(state.members.get() - 1);
        if state.members.get() == 0 {
            state.gone.raise();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crew_is_gone_when_its_last_member_is() {
        let crew = Crew::default();
        let (first, second) = (crew.join(), crew.join());
        drop(first);
        assert!(!crew.gone().is_raised());
        drop(second);
        assert!(crew.gone().is_raised());
    }
}
