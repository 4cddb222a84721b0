//! Names of packages.

/// Names that cargo refuses for libraries or that the script's dependencies have, and Rust's keywords.
const TAKEN: &str = "abstract alloc as async await become box break build const continue core crate deps do dyn else \
    enum examples extern false final fn for gen if impl in incremental let loop macro match mod move mut override priv \
    proc_macro pub ref return self serde serde_json static std struct super test throng trait true try type typeof \
    unsafe unsized use virtual where while yield";

/// A package name for a directory's name: itself where cargo takes it, else one like it.
pub(super) fn package_name(directory: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let name: String = directory.chars().map(|letter| if fits(letter) { letter } else { '-' }).collect();
    let starts_well = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let taken = TAKEN.split_ascii_whitespace().any(|taken| taken == name.to_ascii_lowercase());
    if starts_well && !taken { name } else { format!("script-{name}") }
}

#[cfg(test)]
mod tests {
    use super::package_name;

    #[test]
    fn a_name_that_cargo_takes_is_kept_and_others_are_changed() {
        for name in ["shop", "shop_2", "Shop-load"] {
            assert_eq!(package_name(name), name);
        }
        for (directory, name) in [
            ("2nd", "script-2nd"),
            ("my shop.v2", "my-shop-v2"),
            ("serde", "script-serde"),
            ("Test", "script-Test"),
            ("ä", "script--"),
            ("", "script-"),
        ] {
            assert_eq!(package_name(directory), name);
        }
    }
}
