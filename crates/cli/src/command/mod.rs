//! One module a command.

pub(crate) mod agent;
pub(crate) mod archive;
pub(crate) mod build;
pub(crate) mod certs;
pub(crate) mod cluster;
pub(crate) mod control;
pub(crate) mod coordinator;
pub(crate) mod doctor;
pub(crate) mod inspect;
pub(crate) mod new;
pub(crate) mod options;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod target;
