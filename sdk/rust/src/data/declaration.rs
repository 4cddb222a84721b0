//! The files that a script declares, and the numbers that the host knows them by.

use crate::bindings::FileDeclaration;
use crate::bindings::throng::script::files as host;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a file is declared as.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Json,
    File,
}

/// A declared file.
#[doc(hidden)]
#[derive(Debug)]
pub struct Declaration {
    path: &'static str,
    format: Format,
    /// One more than the position in the description, so that zero stands for "not looked up yet".
    number_plus_one: AtomicU32,
}

/// A file's entry in the registry.
#[doc(hidden)]
pub struct Registration(pub &'static Declaration);

inventory::collect!(Registration);

impl Declaration {
    /// Used by the macros of [`data`](crate::data).
    #[must_use]
    pub const fn new(path: &'static str, format: Format) -> Self {
        assert!(!path.is_empty(), "the path of a data file is empty");
        Self { path, format, number_plus_one: AtomicU32::new(0) }
    }

    pub(super) fn path(&self) -> &'static str {
        self.path
    }

    /// The file's number in the description.
    pub(super) fn number(&self) -> u32 {
        match self.number_plus_one.load(Ordering::Relaxed) {
            0 => {
                let number = self.position();
                self.number_plus_one.store(number + 1, Ordering::Relaxed);
                number
            }
            number => number - 1,
        }
    }

    fn position(&self) -> u32 {
        let position = distinct(registered()).iter().position(|other| other.is_same(self));
        match position.and_then(|position| u32::try_from(position).ok()) {
            Some(position) => position,
            None => panic!("the data file {} isn't declared by a macro of `data`", self.path),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.path == other.path && self.format == other.format
    }
}

/// The script's files as the host wants them. The order, the linker's, is the same in every instance, and so a
/// position found later means the same file.
pub(crate) fn declarations() -> Vec<FileDeclaration> {
    let declared = |file: &Declaration| FileDeclaration {
        path: file.path.to_owned(),
        format: match file.format {
            Format::Csv => host::FileFormat::Csv,
            Format::Json => host::FileFormat::Json,
            Format::File => host::FileFormat::Raw,
        },
    };
    distinct(registered()).into_iter().map(declared).collect()
}

fn registered() -> impl Iterator<Item = &'static Declaration> {
    inventory::iter::<Registration>.into_iter().map(|registration| registration.0)
}

/// The first of each path and format: two statics of one file are one file.
fn distinct<'a>(files: impl Iterator<Item = &'a Declaration>) -> Vec<&'a Declaration> {
    let mut distinct: Vec<&Declaration> = Vec::new();
    for file in files {
        if !distinct.iter().any(|other| other.is_same(file)) {
            distinct.push(file);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_declared_twice_is_one_file_unless_the_formats_differ() {
        let file = |path, format| Declaration::new(path, format);
        let (first, again) = (file("users.csv", Format::Csv), file("users.csv", Format::Csv));
        let (raw, other) = (file("users.csv", Format::File), file("carts.csv", Format::Csv));
        let distinct = distinct([&first, &raw, &again, &other].into_iter());
        let found: Vec<_> = distinct.iter().map(|file| (file.path, file.format)).collect();
        assert_eq!(found, [("users.csv", Format::Csv), ("users.csv", Format::File), ("carts.csv", Format::Csv)]);
    }
}
