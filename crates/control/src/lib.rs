//! The replicated state of a group of coordinators and its runs.

pub mod judge;
