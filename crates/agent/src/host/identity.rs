//! Which virtual user it is.

use crate::samples::Who;

/// A VU's numbers and counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) id_in_instance: u64,
    pub(crate) id_in_test: u64,
    /// Iterations begun, the present one among them; in all, and in the present scenario.
    pub(crate) iterations_begun: u64,
    pub(crate) iterations_in_scenario: u64,
    /// Numbers of the present iteration in the scenario.
    pub(crate) iteration_in_instance: u64,
    pub(crate) iteration_in_test: u64,
}

impl Identity {
    /// Counts the next iteration, whose numbers in the scenario are these.
    pub(crate) fn begin_iteration(&mut self, in_instance: u64, in_test: u64) {
        self.iterations_begun += 1;
        self.iterations_in_scenario += 1;
        self.iteration_in_instance = in_instance;
        self.iteration_in_test = in_test;
    }
}

impl Identity {
    pub(crate) fn who(&self) -> Who {
        Who { vu: self.id_in_test, iteration: self.iterations_begun.saturating_sub(1) }
    }
}
