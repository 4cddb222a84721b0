//! Which version of the service a call means.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use throng_protocol::control::{ANY_VERSION, SERVICE_NAME};
use throng_protocol::{ControlError, ErrorKind};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower_service::Service;

/// Passes calls of our version on, and tells others which one that is.
#[derive(Clone, Debug)]
pub(crate) struct Versions<S>(pub(crate) S);

impl<S> Service<Request<Body>> for Versions<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match refuse(request.uri().path()) {
            None => Box::pin(self.0.call(request)),
            Some(error) => Box::pin(std::future::ready(Ok(Status::from(error).into_http()))),
        }
    }
}

/// Why a path isn't one of ours.
fn refuse(path: &str) -> Option<ControlError> {
    let service = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    if service == SERVICE_NAME {
        return None;
    }
    // What somebody sends comes back to them alone, and not much of it.
    let shown: String = service.chars().take(80).collect();
    let message = if service.starts_with(ANY_VERSION) {
        format!("this throng speaks {SERVICE_NAME}, not {shown}: use a throng of the version that runs the test")
    } else {
        format!("there is no service {shown} here, only {SERVICE_NAME}")
    };
    Some(ControlError::new(ErrorKind::Unsupported, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_told_which_one_is_spoken() {
        assert_eq!(refuse("/throng.control.v1.Control/Status"), None);
        let error = refuse("/throng.control.v2.Control/Status").unwrap();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.message.contains("speaks throng.control.v1.Control, not throng.control.v2.Control"), "{error}");
        for other in ["/", "", "/grpc.health.v1.Health/Check", "/throng.control.v1.Controls/Status"] {
            assert_eq!(refuse(other).unwrap().kind, ErrorKind::Unsupported, "{other}");
        }
    }
}
