//! The replicated state, and what openraft does with it.

use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use throng_control::State;
use tokio::sync::watch;
use tokio_stream::{Stream, StreamExt};

#[cfg(any(test, feature = "simulation"))]
use super::Proposal;
use super::encoding::{decode, encode};
use super::snapshot_file;
use super::store::StoreError;
use super::{LogId, Snapshot, SnapshotMeta, StoredMembership, Types};
use crate::environment::Environment;

/// The state of a node. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Machine {
    shared: Arc<Shared>,
}

struct Shared {
    environment: Environment,
    data: RwLock<Data>,
    /// Entries that are applied, in number.
    applied: watch::Sender<u64>,
}

#[derive(Clone, Default)]
struct Data {
    last: Option<LogId>,
    membership: StoredMembership,
    state: State,
}

/// The state at one moment, to make a snapshot of.
pub(crate) struct View {
    machine: Machine,
    data: Data,
}

impl Machine {
    /// The state as the newest snapshot has it.
    pub(crate) fn open(environment: &Environment) -> Result<Self, StoreError> {
        let mut data = Data::default();
        if let Some(Snapshot { meta, snapshot }) = snapshot_file::read(&*environment.disk)? {
            let state = decode(&snapshot);
            let place = environment.disk.place();
            data.state = state.map_err(|error| StoreError::undecodable(&place, "the state in the snapshot", error))?;
            data.last = meta.last_log_id;
            data.membership = meta.last_membership;
        }
        let (applied, _) = watch::channel(count(data.last));
        let shared = Shared { environment: environment.clone(), data: RwLock::new(data), applied };
        let machine = Self { shared: Arc::new(shared) };
        #[cfg(any(test, feature = "simulation"))]
        machine.show(&machine.data(), None);
        Ok(machine)
    }

    /// Looks at the state. Nothing is applied meanwhile, so it has to be short.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.data().state)
    }

    /// How many entries are applied, whenever it changes.
    pub(crate) fn applied(&self) -> watch::Receiver<u64> {
        self.shared.applied.subscribe()
    }

    fn data(&self) -> RwLockReadGuard<'_, Data> {
        self.shared.data.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn data_mut(&self) -> RwLockWriteGuard<'_, Data> {
        self.shared.data.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a simulation the state, and the entry that made it; none if it is a snapshot's.
    #[cfg(any(test, feature = "simulation"))]
    fn show(&self, data: &Data, entry: Option<&EntryPayload<Proposal, u64, openraft::BasicNode>>) {
        let (Some(witness), Some(last)) = (&self.shared.environment.simulation.witness, data.last) else { return };
        let by = (last.committed_leader_id().term, last.committed_leader_id().node_id);
        match entry {
            Some(EntryPayload::Normal(proposal)) => witness.applied(last.index, by, Some(&proposal.0), &data.state),
            Some(_) => witness.applied(last.index, by, None, &data.state),
            None => witness.restored(last.index, by, &data.state),
        }
    }

    fn tell(&self) {
        self.shared.applied.send_replace(count(self.data().last));
    }
}

fn count(last: Option<LogId>) -> u64 {
    last.map_or(0, |last| last.index + 1)
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = View;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let data = self.data();
        Ok((data.last, data.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let reply = {
                let mut data = self.data_mut();
                data.last = Some(entry.log_id);
                #[cfg(any(test, feature = "simulation"))]
                let seen = entry.payload.clone();
                let reply = match entry.payload {
                    EntryPayload::Blank => None,
                    EntryPayload::Normal(proposal) => Some(data.state.apply(proposal.0)),
                    EntryPayload::Membership(membership) => {
                        data.membership = StoredMembership::new(Some(entry.log_id), membership);
                        None
                    }
                };
                #[cfg(any(test, feature = "simulation"))]
                self.show(&data, Some(&seen));
                reply
            };
            if let Some(responder) = responder {
                responder.send(reply);
            }
        }
        self.tell();
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> View {
        let data = self.data().clone();
        View { machine: self.clone(), data }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Bytes) -> io::Result<()> {
        let meta = meta.clone();
        let (last, membership) = (meta.last_log_id, meta.last_membership.clone());
        let installed = self.shared.environment.on_disk(move |disk| {
            let state = decode(&snapshot).map_err(io::Error::other)?;
            snapshot_file::write(disk, &Snapshot { meta, snapshot })?;
            Ok(state)
        });
        let state = installed.await?;
        *self.data_mut() = Data { last, membership, state };
        #[cfg(any(test, feature = "simulation"))]
        self.show(&self.data(), None);
        self.tell();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        self.shared.environment.on_disk(|disk| snapshot_file::read(disk).map_err(io::Error::other)).await
    }
}

impl RaftSnapshotBuilder<Types> for View {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let Data { last, membership, state } = std::mem::take(&mut self.data);
        let built = self.machine.shared.environment.on_disk(move |disk| {
            let snapshot = Bytes::from(encode(&state));
            if snapshot.len() as u64 > snapshot_file::SNAPSHOT_BYTES_MAX {
                return Err(io::Error::other("the state is larger than a snapshot may be"));
            }
            let meta = SnapshotMeta { last_log_id: last, last_membership: membership };
            let snapshot = Snapshot { meta, snapshot };
            // The log is cut after this: by then it has to be durable.
            snapshot_file::write(disk, &snapshot)?;
            Ok(snapshot)
        });
        built.await
    }
}
