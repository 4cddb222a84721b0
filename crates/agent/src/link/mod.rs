//! The agent's side of its link to the group: what it keeps, what it is to do next, and when, without any IO.
//!
//! [`Parts`] takes [orders](throng_control::Orders) and what workers say, and gives [`Deed`]s: what to tell a worker, and
//! what to say to the leader. A [`Keeper`] holds a part's windows until a checkpoint has them. A [`ClockOffset`] tells when
//! an instant of the group's time is here. Whoever has the sockets and the workers does the deeds.

mod deed;
mod keeper;
mod offset;
mod part;
mod parts;

pub use deed::{Deed, Fact, PartEvent, PartId};
pub use keeper::{KEPT_BYTES_MAX, Keeper, KeeperError, KeptWindow, WINDOWS_SAID_MAX, WINDOWS_WAITING_MAX};
pub use offset::ClockOffset;
pub use parts::{PARTS_MAX, Parts};
