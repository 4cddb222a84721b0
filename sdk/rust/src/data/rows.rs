//! Which row is whose.

use super::Declaration;
use crate::bindings::throng::script::{execution, files as host};
use crate::random;

/// The rows of a declared file.
#[derive(Debug)]
pub(super) struct Rows(pub(super) &'static Declaration);

impl Rows {
    pub(super) fn len(&self) -> u64 {
        host::rows(self.0.number())
    }

    /// The bytes of a row.
    #[track_caller]
    pub(super) fn bytes(&self, index: u64) -> Vec<u8> {
        let rows = self.len();
        assert!(index < rows, "{} has {rows} rows, and none of number {index}, from 0", self.0.path());
        host::row(self.0.number(), index)
    }

    #[track_caller]
    pub(super) fn random(&self) -> u64 {
        random::range(0..self.some())
    }

    #[track_caller]
    pub(super) fn for_vu(&self) -> u64 {
        match of_vu(execution::vu().id_in_test, self.some()) {
            Some(index) => index,
            None => panic!("{}: setup and teardown run as no VU, which a row could be for", self.0.path()),
        }
    }

    #[track_caller]
    pub(super) fn for_iteration(&self) -> u64 {
        self.iteration() % self.some()
    }

    #[track_caller]
    pub(super) fn unique_for_iteration(&self) -> Option<u64> {
        Some(self.iteration()).filter(|iteration| *iteration < self.len())
    }

    #[track_caller]
    fn iteration(&self) -> u64 {
        match execution::scenario() {
            Some(scenario) => scenario.iteration_in_test,
            None => panic!("{}: setup and teardown are no iterations, which a row could be for", self.0.path()),
        }
    }

    /// How many rows there are, which has to be some.
    #[track_caller]
    fn some(&self) -> u64 {
        let rows = self.len();
        assert!(rows > 0, "{} has no rows to choose from", self.0.path());
        rows
    }

    /// Ends the iteration: a row doesn't fit the type that the script reads it as.
    #[track_caller]
    pub(super) fn wrong(&self, index: u64, reason: impl std::fmt::Display) -> ! {
        panic!("{}, row {index} (from 0): {reason}", self.0.path())
    }
}

/// VUs are numbered from 1, and 0 is none.
fn of_vu(id: u64, rows: u64) -> Option<u64> {
    Some(id.checked_sub(1)? % rows)
}

/// The methods that files with rows have, above `read(&self, index: u64) -> T` and the field `rows`.
macro_rules! methods {
    ($type:ident) => {
        impl<T: serde::de::DeserializeOwned> $type<T> {
            /// How many rows there are.
            pub fn len(&self) -> u64 {
                self.rows.len()
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// A row by its number, from 0.
            ///
            /// # Panics
            ///
            /// When there is no such row, or it isn't a `T`. The message names the file and the row.
            #[track_caller]
            pub fn get(&self, index: u64) -> T {
                self.read(index)
            }

            /// Any row, each equally likely.
            ///
            /// # Panics
            ///
            /// When there are none, or the row isn't a `T`.
            #[track_caller]
            pub fn random(&self) -> T {
                self.read(self.rows.random())
            }

            /// This VU's row: each VU of the whole test has another, as long as there are enough; then they begin anew.
            ///
            /// # Panics
            ///
            /// In setup and teardown; when there are no rows, or the row isn't a `T`.
            #[track_caller]
            pub fn for_vu(&self) -> T {
                self.read(self.rows.for_vu())
            }

            /// This iteration's row: each iteration of the scenario in the whole test has another, as long as there are
            /// enough; then they begin anew.
            ///
            /// # Panics
            ///
            /// In setup and teardown; when there are no rows, or the row isn't a `T`.
            #[track_caller]
            pub fn for_iteration(&self) -> T {
                self.read(self.rows.for_iteration())
            }

            /// This iteration's row, which no other iteration of the scenario in the whole test gets. None when all are
            /// used up.
            ///
            /// # Panics
            ///
            /// In setup and teardown, or when the row isn't a `T`.
            #[track_caller]
            pub fn unique_for_iteration(&self) -> Option<T> {
                // Not by `map`: its closure would be the place that a panic names.
                match self.rows.unique_for_iteration() {
                    Some(index) => Some(self.read(index)),
                    None => None,
                }
            }
        }
    };
}
pub(super) use methods;

#[cfg(test)]
mod tests {
    use super::of_vu;

    #[test]
    fn vus_have_rows_of_their_own_as_long_as_there_are_enough() {
        let rows: Vec<_> = (0..6).map(|id| of_vu(id, 3)).collect();
        assert_eq!(rows, [None, Some(0), Some(1), Some(2), Some(0), Some(1)]);
    }
}
