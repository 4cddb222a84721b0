//! Where the sockets of a user's runs are.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use throng_remote::RunDirectory;

/// The directory in which this user's runs are found.
pub(crate) fn of_user() -> RunDirectory {
    let user = nix::unistd::geteuid().as_raw();
    RunDirectory::new(path(std::env::var_os("XDG_RUNTIME_DIR"), user, |path| owner(path) == Some(user)))
}

/// `$XDG_RUNTIME_DIR/throng`; what that is by default where it isn't set; else a directory of the user's in /tmp. One
/// that belongs to somebody else, as after `sudo`, doesn't count.
fn path(configured: Option<OsString>, user: u32, is_own: impl Fn(&Path) -> bool) -> PathBuf {
    let configured = configured.filter(|path| !path.is_empty()).map(PathBuf::from);
    let standard = || PathBuf::from(format!("/run/user/{user}"));
    let base = configured.filter(|path| is_own(path)).or_else(|| Some(standard()).filter(|path| is_own(path)));
    base.map_or_else(|| PathBuf::from(format!("/tmp/throng-{user}")), |base| base.join("throng"))
}

fn owner(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().filter(fs::Metadata::is_dir).map(|metadata| metadata.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_in_the_first_place_that_is_the_users_own() {
        let found = |configured: &str, own: &[&str]| {
            let own: Vec<PathBuf> = own.iter().map(PathBuf::from).collect();
            path(Some(configured.into()), 7, |path| own.iter().any(|own| own == path)).display().to_string()
        };
        assert_eq!(found("/x", &["/x", "/run/user/7"]), "/x/throng");
        assert_eq!(found("", &["/run/user/7"]), "/run/user/7/throng");
        // As after sudo.
        assert_eq!(found("/run/user/1000", &[]), "/tmp/throng-7");
    }
}
