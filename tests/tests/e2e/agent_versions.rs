//! Agents of other versions than their coordinators', by what goes over the wire.

use anyhow::{Context, Result, ensure};
use throng_protocol::agent::join_request::Message as Say;
use throng_protocol::agent::join_response::Message as Said;
use throng_protocol::agent::{AgentsClient, JoinRequest, RefusalReason, Register};
use throng_tests::Group;
use tonic::transport::Endpoint;

/// What the group answers to an agent of this version.
fn join(group: &Group, name: &str, version: &str) -> Result<Said> {
    let register = Register {
        name: name.to_owned(),
        incarnation: 1,
        version: version.to_owned(),
        capacity: 1,
        ..Register::default()
    };
    let requests = tokio_stream::once(JoinRequest { message: Some(Say::Register(register)) });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let node = Endpoint::from_shared(format!("http://{}", group.address(1)))?;
        let mut client = AgentsClient::new(node.connect().await?);
        let answer = client.join(requests).await?.into_inner().message().await?;
        answer.and_then(|answer| answer.message).context("no answer")
    })
}

#[test]
fn an_agent_of_another_minor_version_is_refused_and_one_of_another_patch_is_not() -> Result<()> {
    let group = Group::start(1)?;
    let own = env!("CARGO_PKG_VERSION");
    let [major, minor] = [0, 1].map(|place| own.split('.').nth(place).and_then(|part| part.parse::<u32>().ok()));
    let (major, minor) = (major.context("a version")?, minor.context("a version")?);
    for other in [format!("{major}.{}.0", minor + 1), format!("{}.{minor}.0", major + 1), "soon".to_owned()] {
        match join(&group, "other", &other)? {
            Said::Refused(refused) => {
                ensure!(refused.reason() == RefusalReason::Version, "{refused:?}");
                ensure!(refused.message.contains(&other) && refused.message.contains(own), "{}", refused.message);
            }
            answer => anyhow::bail!("{other}: {answer:?}"),
        }
    }
    let patched = format!("{major}.{minor}.4321");
    let answer = join(&group, "patched", &patched)?;
    ensure!(matches!(&answer, Said::Registered(registered) if registered.version == own), "{answer:?}");
    Ok(())
}
