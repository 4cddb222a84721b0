//! The routes that look at a request's fields and query. Each theme has a file; all make a [`Reply`] of a [`Request`].

mod auth;
mod compression;
mod cookies;
mod decompress;
mod digest;
mod flow;
mod forms;
mod inspect;
mod page;
mod redirects;
mod reply;
mod request;
mod upload;

pub(crate) use digest::Nonces;
pub(crate) use flow::Flow;
pub(crate) use reply::{Content, Reply};
pub(crate) use request::{Peer, Request};
pub(crate) use upload::Upload;

use crate::refusal::Refusal;
use crate::route::Route;
use crate::session::Desk;

/// A request's body, as far as its route wants it.
#[derive(Debug, Default)]
pub(crate) enum Body {
    /// Nobody looks at it.
    #[default]
    Dropped,
    Kept(Vec<u8>),
    /// Only what it adds up to.
    Summed(Box<Upload>),
}

impl Body {
    /// What is to become of the body of a request for `route`.
    pub(crate) fn for_route(route: Route, request: &Request) -> Self {
        match route {
            Route::Anything | Route::Decompress | Route::Login | Route::DigestAuth => Self::Kept(Vec::new()),
            Route::Upload => Self::Summed(Box::new(Upload::new(request.field("content-type")))),
            _ => Self::Dropped,
        }
    }

    /// Takes a piece.
    pub(crate) fn push(&mut self, data: &[u8]) {
        match self {
            Self::Dropped => {}
            Self::Kept(bytes) => bytes.extend_from_slice(data),
            Self::Summed(upload) => upload.push(data),
        }
    }

    /// What was kept.
    pub(crate) fn kept(&self) -> &[u8] {
        if let Self::Kept(bytes) = self { bytes } else { &[] }
    }
}

/// What a route answers to a request whose body is complete.
pub(crate) fn serve(route: Route, request: &Request, body: Body, desk: &Desk) -> Reply {
    let kept = body.kept();
    let reply = match route {
        Route::Cookies => Ok(cookies::list(request)),
        Route::SetCookies => cookies::set(request),
        Route::DeleteCookies => cookies::delete(request),
        Route::Redirect => redirects::relative(request),
        Route::AbsoluteRedirect => redirects::absolute(request),
        Route::RedirectTo => redirects::to(request),
        Route::RedirectLoop => Ok(redirects::endless()),
        Route::Gzip | Route::Deflate | Route::Brotli | Route::Zstd | Route::Compressed => {
            Ok(compression::compressed(route, request))
        }
        Route::Decompress => decompress::decompress(request, kept),
        Route::BasicAuth => auth::basic(request),
        Route::Bearer => Ok(auth::bearer(request)),
        Route::DigestAuth => digest::digest(request, kept, desk),
        Route::Upload => upload::answer(body),
        Route::Expect => crate::task::status(request.parameter()).map(Reply::status),
        Route::Forms => Ok(forms::page(request, desk)),
        Route::Login => forms::login(request, kept, desk),
        Route::Account => Ok(forms::account(request, desk)),
        Route::Logout => Ok(forms::logout()),
        Route::Page => page::page(request),
        Route::Asset => page::asset(request),
        Route::Links => page::links(request),
        Route::Anything => Ok(inspect::anything(request, kept)),
        Route::Headers => Ok(inspect::headers(request)),
        Route::Ip => Ok(inspect::ip(request)),
        Route::Json => Ok(inspect::json()),
        Route::Drip => flow::drip(request),
        Route::Chunked => flow::chunked(request),
        Route::Trailers => Ok(flow::trailers(request)),
        Route::Stream => flow::stream(request),
        Route::Close => Ok(Reply { ends: true, ..Reply::text(200, "ok\n") }),
        Route::ResetConnection => Ok(flow::cut()),
        Route::Root
        | Route::Echo
        | Route::Delay
        | Route::Status
        | Route::Bytes
        | Route::Stall
        | Route::Stats
        | Route::Reset
        | Route::WsEcho
        | Route::WsBroadcast
        | Route::WsSilent
        | Route::WsReset
        | Route::WsClose
        | Route::Other => Err(Refusal::NotFound),
    };
    reply.unwrap_or_else(|refusal| Reply::text(refusal.status(), &format!("{refusal}\n")))
}
