//! What an HTTP user agent does above the wire.
//!
//! Nothing here sends anything. A caller has a [`Url`] from [`url::HttpUrl`], asks a [`cookies::Jar`] for the `Cookie`
//! header, [`auth`] for the `Authorization` one, sends the request, stores the cookies of the response, and asks
//! [`redirect::follow`] whether another request comes next. [`coding`] undoes the content codings of a body:
//!
//! ```text
//! text -> HttpUrl -> cookies, auth -> (the wire) -> cookies -> redirect -> coding
//!            ^                                                    |
//!            \----------------------------------------------------/
//! ```
//!
//! All of it is what browsers, Go and therefore k6 do, by the RFCs that each module names. No input makes it panic, and
//! what it keeps has limits. This crate has no clock, no randomness, no files and no sockets: time is an argument in
//! milliseconds since 1970, a nonce is bytes that the caller made.

pub mod auth;
pub mod coding;
pub mod cookies;
pub mod redirect;
pub mod url;

pub use ::url::Url;
