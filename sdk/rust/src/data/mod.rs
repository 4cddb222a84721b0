//! Data files: read before the run begins, held once for all VUs, and given row by row.
//!
//! ```no_run
//! use serde::Deserialize;
//! use throng::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct User {
//!     name: String,
//!     password: String,
//! }
//!
//! static USERS: data::Csv<User> = data::csv!("users.csv");
//! static CARTS: data::Json<Vec<String>> = data::json!("carts.json");
//! static PHOTO: data::File = data::file!("photo.jpg");
//!
//! #[scenario]
//! fn default() {
//!     let user = USERS.for_vu();
//!     let login = format!("{}/echo?{}:{}", env("TARGET"), user.name, user.password);
//!     http::post(login, &PHOTO);
//!     for article in CARTS.random() {
//!         http::post(format!("{}/echo", env("TARGET")), article);
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! Paths are relative to the script's `.rs` file, to the directory of its crate's `Cargo.toml`, or to that of its
//! `.wasm` file. An archive has the files with it. A file that is missing, or isn't what it is declared to be, ends the
//! run before it begins. Options can't depend on files.

mod csv;
mod declaration;
mod file;
mod json;
mod record;
mod rows;

pub use csv::Csv;
pub(crate) use declaration::declarations;
pub use declaration::{Declaration, Format, Registration};
pub use file::{File, FileRange};
pub use json::Json;

/// Declares a CSV file whose first line names the columns: see [`Csv`].
#[doc(inline)]
pub use crate::__data_csv as csv;
/// Declares a file of any kind: see [`File`].
#[doc(inline)]
pub use crate::__data_file as file;
/// Declares a file with a JSON array: see [`Json`].
#[doc(inline)]
pub use crate::__data_json as json;

#[doc(hidden)]
#[macro_export]
macro_rules! __data_csv {
    ($path:expr) => {
        $crate::__data!(Csv, $path)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __data_json {
    ($path:expr) => {
        $crate::__data!(Json, $path)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __data_file {
    ($path:expr) => {
        $crate::__data!(File, $path)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __data {
    ($type:ident, $path:expr) => {{
        static DECLARATION: $crate::data::Declaration =
            $crate::data::Declaration::new($path, $crate::data::Format::$type);
        $crate::registry::inventory::submit! {
            $crate::data::Registration(&DECLARATION)
        }
        $crate::data::$type::new(&DECLARATION)
    }};
}
