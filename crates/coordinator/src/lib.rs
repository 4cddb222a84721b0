//! A group of coordinators: replicated log, services, the leader's work.
