//! Which path is which route.

use crate::refusal::Refusal;

/// What is here, as it is counted, listed and refused.
macro_rules! routes {
    ($($route:ident $pattern:literal $methods:literal $about:literal)+) => {
        /// The routes, by their first path segments; `Other` is every path that isn't there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Route {
            $($route,)+
            Other,
        }

        impl Route {
            pub(crate) const ALL: &[Self] = &[$(Self::$route,)+ Self::Other];
        }

        /// What the server answers, for people: a pattern of paths, the methods it takes (none for all), and what
        /// comes back.
        pub const ROUTES: &[(&str, &str, &str)] = &[$(($pattern, $methods, $about),)+];
    };
}

routes! {
    Root "/" "GET, HEAD" "`ok`"
    Echo "/echo" "" "POST, PUT and PATCH: the body, with its Content-Type and Content-Encoding; other methods: a JSON \
        description of the request"
    Delay "/delay/{ms}" "" "`ok` after that many milliseconds; `0.25` is allowed"
    Status "/status/{code}" "" "that status, 200 to 599"
    Bytes "/bytes/{n}" "GET, HEAD" "n bytes, up to 1 GiB"
    Stall "/stall/{ms}" "POST" "`ok`, then nobody gets anything for so long"
    Stats "/stats" "GET, HEAD" "exact counts of connections, requests by route and status, bytes"
    Reset "/stats/reset" "POST" "begins to count from 0"
    Anything "/anything" "" "the request as JSON, as httpbin does: method, URL, args, headers, body; also with more path"
    Headers "/headers" "GET, HEAD" "the header fields as JSON"
    Ip "/ip" "GET, HEAD" "the client's address as JSON"
    Json "/json" "GET, HEAD" "a JSON document that is always the same"
    Cookies "/cookies" "GET, HEAD" "the cookies that were sent, as JSON"
    SetCookies "/cookies/set?name=value" "GET, HEAD" "sets each, then 302 to /cookies; `path`, `domain`, `max-age`, \
        `secure` and `httponly` are attributes"
    DeleteCookies "/cookies/delete?name" "GET, HEAD" "deletes each, then 302 to /cookies; takes `path` and `domain`"
    Redirect "/redirect/{n}" "" "n redirects (302) to relative places, the last to /"
    AbsoluteRedirect "/absolute-redirect/{n}" "" "the same with whole URLs"
    RedirectTo "/redirect-to?url=" "" "a redirect there; `status_code` is 302 or what it says, 300 to 399"
    RedirectLoop "/redirect-loop" "" "a redirect to itself"
    Gzip "/gzip" "GET, HEAD" "a JSON document, as gzip"
    Deflate "/deflate" "GET, HEAD" "the same as deflate, in its zlib wrapping"
    Brotli "/br" "GET, HEAD" "the same as Brotli"
    Zstd "/zstd" "GET, HEAD" "the same as Zstandard"
    Compressed "/compressed" "GET, HEAD" "the same in the coding that Accept-Encoding likes best, with Vary"
    Decompress "/decompress" "POST, PUT, PATCH" "decodes the body by its Content-Encoding and tells the sizes, up to \
        64 MiB"
    BasicAuth "/basic-auth/{user}/{password}" "" "200 with that user and password, 401 without"
    Bearer "/bearer" "" "200 with any bearer token, 401 without"
    DigestAuth "/digest-auth/{qop}/{user}/{password}/{algorithm}" "" "the same by digest: qop `auth`, `auth-int` or \
        `any`; algorithm `MD5` or `SHA-256`; a further segment says after how many uses a nonce is stale"
    Upload "/upload" "POST, PUT" "takes a body of any size and tells its length, SHA-256 and type, and those of each part \
        of multipart/form-data"
    Expect "/expect/{code}" "" "that status at once, without reading the body; the connection ends if there is one"
    Forms "/forms" "GET, HEAD" "a page with a login form, a hidden CSRF token and links"
    Login "/login" "POST" "takes that form: fields `username`, `password` and `csrf`; sets a session cookie, 302 to \
        /account"
    Account "/account" "GET, HEAD" "a page with a session; without, 302 to /forms if Accept has text/html, else 401"
    Logout "/logout" "GET, HEAD, POST" "deletes the session cookie, 302 to /forms"
    Page "/page/{n}" "GET, HEAD" "a page with n assets, 10 without a number"
    Asset "/asset/{i}" "GET, HEAD" "a style sheet, a script or an image, 300 bytes to 60 kB"
    Links "/links/{n}" "GET, HEAD" "a page with links to n others; `/links/{n}/{i}` are these"
    Drip "/drip" "GET, HEAD" "`numbytes` bytes (10) over `duration` seconds (2), after `delay` seconds (0); `code` is the \
        status"
    Chunked "/chunked/{n}" "GET, HEAD" "n chunks, a line each"
    Trailers "/trailers" "GET, HEAD" "a chunked body with a trailer, X-Checksum: the body's SHA-256"
    Stream "/stream/{n}" "GET, HEAD" "n lines of JSON, in chunks"
    Close "/close" "" "`ok`, and closes"
    ResetConnection "/reset" "GET, HEAD" "100 of 1000 bytes, then resets the connection"
    WsEcho "/ws/echo" "GET" "a WebSocket that sends every message back; `life` closes it at random, on average after that \
        many milliseconds"
    WsBroadcast "/ws/broadcast?every={ms}" "GET" "a WebSocket that sends all clients the same message at the same \
        instants: a number; `bytes` is its length"
    WsSilent "/ws/silent" "GET" "a WebSocket that says nothing"
    WsReset "/ws/reset" "POST" "`ok`, and resets every WebSocket that is open"
    WsClose "/ws/close?after={ms}" "GET" "a WebSocket that closes after so long, with `code` (1000)"
}

impl Route {
    /// How the statistics name it: its pattern without parameters.
    pub(crate) fn name(self) -> &'static str {
        let Some((pattern, ..)) = ROUTES.get(self as usize) else { return "other" };
        let fixed = pattern.split(['{', '?']).next().unwrap_or(pattern);
        if fixed.len() > 1 { fixed.trim_end_matches('/') } else { fixed }
    }

    /// The methods it takes; empty for all.
    fn methods(self) -> &'static str {
        ROUTES.get(self as usize).map_or("", |(_, methods, _)| methods)
    }

    /// Fails if the route doesn't take the method.
    pub(crate) fn check_method(self, method: &str) -> Result<(), Refusal> {
        let methods = self.methods();
        if methods.is_empty() || methods.split(", ").any(|allowed| allowed == method) {
            return Ok(());
        }
        Err(Refusal::MethodNotAllowed(methods))
    }

    /// The route of a path, and the parameters in it: what follows the segments that name the route.
    pub(crate) fn of(path: &str) -> (Self, &str) {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        let route = match (segment, rest) {
            ("", None) => Self::Root,
            ("echo", None) => Self::Echo,
            ("delay", Some(_)) => Self::Delay,
            ("status", Some(_)) => Self::Status,
            ("bytes", Some(_)) => Self::Bytes,
            ("stall", Some(_)) => Self::Stall,
            ("stats", None) => Self::Stats,
            ("stats", Some("reset")) => return (Self::Reset, ""),
            ("ws", Some("echo")) => return (Self::WsEcho, ""),
            ("ws", Some("broadcast")) => return (Self::WsBroadcast, ""),
            ("ws", Some("silent")) => return (Self::WsSilent, ""),
            ("ws", Some("reset")) => return (Self::WsReset, ""),
            ("ws", Some("close")) => return (Self::WsClose, ""),
            ("cookies", Some("set")) => return (Self::SetCookies, ""),
            ("cookies", Some("delete")) => return (Self::DeleteCookies, ""),
            (_, None) => Self::alone(segment),
            (_, Some(_)) => Self::with_parameters(segment),
        };
        (route, rest.unwrap_or(""))
    }

    fn alone(segment: &str) -> Self {
        match segment {
            "anything" => Self::Anything,
            "headers" => Self::Headers,
            "ip" => Self::Ip,
            "json" => Self::Json,
            "cookies" => Self::Cookies,
            "redirect-to" => Self::RedirectTo,
            "redirect-loop" => Self::RedirectLoop,
            "gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            "br" => Self::Brotli,
            "zstd" => Self::Zstd,
            "compressed" => Self::Compressed,
            "decompress" => Self::Decompress,
            "bearer" => Self::Bearer,
            "upload" => Self::Upload,
            "forms" => Self::Forms,
            "login" => Self::Login,
            "account" => Self::Account,
            "logout" => Self::Logout,
            "page" => Self::Page,
            "drip" => Self::Drip,
            "trailers" => Self::Trailers,
            "close" => Self::Close,
            "reset" => Self::ResetConnection,
            _ => Self::Other,
        }
    }

    fn with_parameters(segment: &str) -> Self {
        match segment {
            "anything" => Self::Anything,
            "redirect" => Self::Redirect,
            "absolute-redirect" => Self::AbsoluteRedirect,
            "basic-auth" => Self::BasicAuth,
            "digest-auth" => Self::DigestAuth,
            "expect" => Self::Expect,
            "page" => Self::Page,
            "asset" => Self::Asset,
            "links" => Self::Links,
            "chunked" => Self::Chunked,
            "stream" => Self::Stream,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_leads_to_its_route_and_no_two_have_one_name() {
        let mut names = std::collections::HashSet::new();
        for (route, (pattern, ..)) in Route::ALL.iter().zip(ROUTES) {
            let path = pattern.split('?').next().unwrap();
            assert_eq!(Route::of(path).0, *route, "{path}");
            assert!(names.insert(route.name()) && path.starts_with(route.name()), "{path}: {}", route.name());
        }
        assert_eq!((Route::ALL.len(), Route::Other.name()), (ROUTES.len() + 1, "other"));
    }

    #[test]
    fn paths_that_are_nearly_there_are_other() {
        for path in [
            "/nowhere",
            "/delay",
            "/delayed/1",
            "/stats/",
            "/stats/x",
            "/ws",
            "/ws/",
            "/ws/echo/x",
            "/cookies/",
            "/gzip/",
            "//",
            "/page2",
        ] {
            assert_eq!(Route::of(path).0, Route::Other, "{path}");
        }
        assert_eq!(Route::of("/anything/a/b"), (Route::Anything, "a/b"));
        assert_eq!(Route::of("/page"), (Route::Page, ""));
    }
}
