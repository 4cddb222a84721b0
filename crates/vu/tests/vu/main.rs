//! What the crate promises, against components of hand-written modules and a
//! host without a network.

#![expect(clippy::unwrap_used, reason = "a helper that fails is to fail its test")]

mod bare;
mod calls;
mod events;
mod fake_host;
mod faults;
mod guest;
mod lifecycle;
mod loading;
