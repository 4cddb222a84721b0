//! Cookies.

use crate::bindings::throng::script::http as host;

/// A jar of cookies. Requests use the VU's own, [`Jar::of_vu`], which is emptied after each iteration unless the option
/// `noCookiesReset` says otherwise; a jar that the script makes lives until it is dropped.
///
/// ```no_run
/// use throng::prelude::*;
///
/// # let target = "http://localhost";
/// let jar = http::Jar::of_vu();
/// jar.set(target, "theme=dark; Path=/shop").expect("a valid cookie");
/// http::get(format!("{target}/shop"));
/// let session = jar.get(target, "session");
/// ```
#[derive(Debug)]
pub struct Jar(u32);

impl Jar {
    /// The VU's own jar.
    pub const fn of_vu() -> Self {
        Self(0)
    }

    /// An empty jar, for [`Request::jar`](super::Request::jar).
    #[expect(clippy::new_without_default, reason = "it is a resource of the host's")]
    pub fn new() -> Self {
        Self(host::new_jar())
    }

    pub(crate) fn number(&self) -> u32 {
        self.0
    }

    /// The cookies that a request to this URL would carry, by name and value.
    ///
    /// Fails when the URL is invalid.
    pub fn cookies(&self, url: impl AsRef<str>) -> Result<Vec<(String, String)>, String> {
        host::cookies(self.0, url.as_ref())
    }

    /// The value of the cookie of this name that a request to this URL would carry.
    pub fn get(&self, url: impl AsRef<str>, name: &str) -> Option<String> {
        let cookies = self.cookies(url).ok()?;
        cookies.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Puts a cookie into the jar as if it came from this URL: `name=value`, with attributes as in `Set-Cookie`.
    ///
    /// Fails when the URL or the cookie is invalid.
    pub fn set(&self, url: impl AsRef<str>, cookie: impl AsRef<str>) -> Result<(), String> {
        host::set_cookie(self.0, url.as_ref(), cookie.as_ref())
    }

    /// Removes the cookie of this name that a request to this URL would carry.
    ///
    /// Fails when the URL is invalid.
    pub fn delete(&self, url: impl AsRef<str>, name: &str) -> Result<(), String> {
        host::delete_cookies(self.0, url.as_ref(), Some(name))
    }

    /// Removes all cookies that a request to this URL would carry.
    ///
    /// Fails when the URL is invalid.
    pub fn clear(&self, url: impl AsRef<str>) -> Result<(), String> {
        host::delete_cookies(self.0, url.as_ref(), None)
    }
}

impl Drop for Jar {
    fn drop(&mut self) {
        if self.0 != 0 {
            host::drop_jar(self.0);
        }
    }
}
