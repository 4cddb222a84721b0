//! Nodes give the archive in parts, and break off.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use throng_protocol::cluster::{FetchArchiveRequest, FetchArchiveResponse, SERVICE_NAME};
use tonic::body::Body;
use tonic::codegen::http;
use tower_service::Service;

use super::*;

const PART_BYTES: usize = 512;

/// Both services of a node.
#[derive(Clone)]
pub(super) struct Services {
    pub(super) agents: AgentsServer<Node>,
    pub(super) cluster: ClusterServer<Node>,
}

impl Service<http::Request<Body>> for Services {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match request.uri().path().contains(SERVICE_NAME) {
            true => Box::pin(self.cluster.call(request)),
            false => Box::pin(self.agents.call(request)),
        }
    }
}

fn no<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("this group knows nothing else"))
}

#[tonic::async_trait]
impl Cluster for Node {
    type FetchArchiveStream = ReceiverStream<Result<FetchArchiveResponse, Status>>;

    async fn status(&self, _: Request<cluster::StatusRequest>) -> Result<Response<cluster::StatusResponse>, Status> {
        no()
    }

    async fn add(&self, _: Request<cluster::AddRequest>) -> Result<Response<cluster::AddResponse>, Status> {
        no()
    }

    async fn remove(&self, _: Request<cluster::RemoveRequest>) -> Result<Response<cluster::RemoveResponse>, Status> {
        no()
    }

    async fn handover(
        &self,
        _: Request<cluster::HandoverRequest>,
    ) -> Result<Response<cluster::HandoverResponse>, Status> {
        no()
    }

    async fn put_archive(
        &self,
        _: Request<Streaming<cluster::PutArchiveRequest>>,
    ) -> Result<Response<cluster::PutArchiveResponse>, Status> {
        no()
    }

    async fn fetch_archive(
        &self,
        request: Request<FetchArchiveRequest>,
    ) -> Result<Response<Self::FetchArchiveStream>, Status> {
        let (archive, time) = {
            let mut state = self.state.lock().unwrap();
            state.fetched += 1;
            (state.archive.clone(), state.fetched)
        };
        let offset = request.into_inner().offset as usize;
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            for (at, part) in archive[offset..].chunks(PART_BYTES).enumerate() {
                let bytes = if at == 0 { archive.len() as u64 } else { 0 };
                let part = FetchArchiveResponse { bytes, data: Bytes::copy_from_slice(part) };
                if sender.send(Ok(part)).await.is_err() {
                    return;
                }
                // The first times it breaks off, sometimes with a word.
                if time <= 3 && at == 2 {
                    if time.is_multiple_of(2) {
                        let _ = sender.send(Err(Status::unavailable("broken by the script"))).await;
                    }
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
