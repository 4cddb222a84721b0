//! Calls that a node passes on to the leader.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::node::{GroupError, Node};

/// Of a call that a node has passed on: it isn't passed on again.
const PASSED_ON: &str = "throng-passed-on";

/// Where a client's token is.
const AUTHORIZATION: &str = "authorization";

/// A way to the leader, if it is another node and the call may be passed on to it.
pub(super) fn other_leader<T>(node: &Node, request: &Request<T>) -> Result<Option<Channel>, Status> {
    let state = node.state();
    let leader = state.leader.ok_or(GroupError::NoLeader)?;
    if leader == state.id {
        // It may be that the others don't answer it any more.
        let leads = node.leadership().borrow().leader == Some(leader);
        return if leads { Ok(None) } else { Err(GroupError::NoLeader.into()) };
    }
    let address = state.address(leader).filter(|_| request.metadata().get(PASSED_ON).is_none());
    let address = address.ok_or(GroupError::NoLeader)?;
    node.shared().links.channel(leader, address).map(Some)
}

/// Has the leader answer, if that is another node.
pub(super) async fn pass_on<Q, A, F>(
    node: &Node,
    request: &Request<Q>,
    time: Duration,
    call: impl FnOnce(Channel, Request<Q>) -> F,
) -> Result<Option<A>, Status>
where
    Q: Clone,
    F: Future<Output = Result<A, Status>>,
{
    let Some(channel) = other_leader(node, request)? else { return Ok(None) };
    let mut passed = Request::new(request.get_ref().clone());
    passed.metadata_mut().insert(PASSED_ON, MetadataValue::from_static("1"));
    // Without certificates the leader knows a client by its token alone.
    if let Some(token) = request.metadata().get(AUTHORIZATION) {
        passed.metadata_mut().insert(AUTHORIZATION, token.clone());
    }
    let answer = timeout(time, call(channel, passed)).await;
    let answer = answer.unwrap_or_else(|_| Err(GroupError::UnknownOutcome.into()));
    answer.map(Some).map_err(|status| {
        let Some(leader) = node.state().leader else { return status };
        if std::error::Error::source(&status).is_none() {
            return status;
        }
        node.shared().links.forget_channel(leader);
        GroupError::UnknownOutcome.into()
    })
}
