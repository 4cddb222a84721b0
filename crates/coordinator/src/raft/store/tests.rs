//! The store under openraft's own suite, and under crashes, damage and a full disk.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use openraft::alias::{LeaderIdOf, OneshotOf};
use openraft::async_runtime::Oneshot;
use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::vote::RaftLeaderId;
use openraft::{BasicNode, EntryPayload, Membership, StorageError};
use throng_control::{Action, Command, Timestamp};

use super::super::{Entry, LogId, Machine, Proposal, Types, Vote, scope};
use super::{LogStore, StoreError};
use crate::environment::{DATABASE, DiskImage, Environment, Simulation, SystemClock, SystemDisk, SystemNetwork};

fn environment(disk: impl crate::environment::Disk) -> Environment {
    Environment {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(disk),
        clock: Arc::new(SystemClock),
        seed: 1,
        simulation: Simulation::default(),
    }
}

fn start(image: &DiskImage) -> Environment {
    environment(image.start(Duration::ZERO))
}

fn open(image: &DiskImage) -> Result<LogStore, StoreError> {
    LogStore::open(&start(image), 1, 7).map(|(log, ..)| log)
}

fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(<LeaderIdOf<Types> as RaftLeaderId>::new(term, 1), index)
}

fn entry(term: u64, index: u64, bytes: usize) -> Entry {
    let setup = throng_control::AgentName::new(&"x".repeat(60)).unwrap();
    let action = match bytes {
        0 => Action::ExpireLeases,
        _ => Action::RenewLeases(vec![(setup, throng_control::Incarnation(index)); bytes / 60]),
    };
    let command = Command::new(Timestamp(index), action);
    Entry { log_id: log_id(term, index), payload: EntryPayload::Normal(Proposal(command)) }
}

/// Appends, and waits until it is durable.
async fn append(log: &mut LogStore, entries: Vec<Entry>) -> io::Result<()> {
    let (sender, receiver) = <OneshotOf<Types> as Oneshot>::channel();
    log.append(entries, IOFlushed::signal(sender)).await?;
    receiver.await.unwrap()
}

async fn indexes(log: &mut LogStore) -> Vec<u64> {
    log.try_get_log_entries(..).await.unwrap().iter().map(|entry| entry.log_id.index).collect()
}

/// New stores on real disks, for the suite.
struct OnDisk;

impl StoreBuilder<Types, LogStore, Machine, tempfile::TempDir> for OnDisk {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, Machine), StorageError<Types>> {
        let directory = tempfile::tempdir().unwrap();
        let environment = environment(SystemDisk::open(directory.path()).unwrap());
        let (log, ..) = LogStore::open(&environment, 1, 7).unwrap();
        Ok((directory, log, Machine::open(&environment).unwrap()))
    }
}

#[tokio::test]
async fn the_store_passes_the_suite_of_openraft() {
    scope(1, Suite::<Types, _, _, _, _>::test_all(OnDisk)).await.unwrap();
}

#[tokio::test]
async fn what_was_durable_is_there_after_a_crash_and_nothing_else() {
    let image = DiskImage::default();
    let mut log = open(&image).unwrap();
    let vote = Vote::new_committed(3, 1);
    log.save_vote(&vote).await.unwrap();
    append(&mut log, (0..10).map(|index| entry(1, index, 0)).collect()).await.unwrap();
    log.truncate_after(Some(log_id(1, 7))).await.unwrap();
    append(&mut log, vec![entry(2, 8, 100)]).await.unwrap();
    // Nobody waits for these.
    log.purge(log_id(1, 3)).await.unwrap();
    log.save_committed(Some(log_id(2, 8))).await.unwrap();
    append(&mut log, vec![entry(2, 9, 0)]).await.unwrap();
    log.append(vec![entry(2, 10, 0)], IOFlushed::noop()).await.unwrap();
    assert_eq!(indexes(&mut log).await, (4..=10).collect::<Vec<_>>());
    let bytes = log.bytes();
    let mut log = open(&image).unwrap();
    assert_eq!(log.read_vote().await.unwrap(), Some(vote));
    assert_eq!(indexes(&mut log).await, (4..=9).collect::<Vec<_>>());
    assert_eq!(log.read_committed().await.unwrap(), Some(log_id(2, 8)));
    let state = log.get_log_state().await.unwrap();
    assert_eq!((state.last_purged_log_id, state.last_log_id), (Some(log_id(1, 3)), Some(log_id(2, 9))));
    assert!(log.bytes() < bytes);
    assert_eq!(log.try_get_log_entries(8..9).await.unwrap(), vec![entry(2, 8, 100)]);
}

#[tokio::test]
async fn batches_for_followers_are_bounded_by_bytes_and_entries_leave_memory() {
    let image = DiskImage::default();
    let mut log = open(&image).unwrap();
    for index in 0..30 {
        append(&mut log, vec![entry(1, index, 700_000)]).await.unwrap();
    }
    // About 21 MB: most of it is on disk alone, and all of it is readable.
    assert_eq!(indexes(&mut log).await, (0..30).collect::<Vec<_>>());
    for from in [0, 15, 29] {
        let batch = log.limited_get_log_entries(from, 30).await.unwrap();
        assert_eq!(batch.iter().map(|entry| entry.log_id.index).collect::<Vec<_>>(), [from]);
    }
    log.truncate_after(Some(log_id(1, 4))).await.unwrap();
    append(&mut log, (5..8).map(|index| entry(2, index, 0)).collect()).await.unwrap();
    assert_eq!(indexes(&mut log).await, (0..8).collect::<Vec<_>>());
    assert_eq!(log.limited_get_log_entries(5, 99).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_full_disk_is_an_error_for_all_that_comes_after() {
    let image = DiskImage::default();
    let mut log = open(&image).unwrap();
    append(&mut log, vec![entry(1, 0, 0)]).await.unwrap();
    image.limit(Some(image.bytes() + 1_000_000));
    let mut failed = None;
    for index in 1..50 {
        failed = append(&mut log, vec![entry(1, index, 500_000)]).await.err();
        if failed.is_some() {
            break;
        }
    }
    let told = log.failed().borrow().clone().unwrap();
    assert!(failed.unwrap().to_string().contains(&told) && !told.is_empty(), "{told}");
    // Room that is there again makes no difference: nobody knows what is on the disk.
    image.limit(None);
    assert!(log.save_vote(&Vote::new(9, 1)).await.is_err());
    let mut log = open(&image).unwrap();
    assert_eq!(log.read_vote().await.unwrap(), None);
    assert_eq!(indexes(&mut log).await.first(), Some(&0));
}

#[tokio::test]
async fn damage_is_told_and_never_taken_for_a_shorter_log() {
    let image = DiskImage::default();
    let mut log = open(&image).unwrap();
    for index in 0..20 {
        append(&mut log, vec![entry(1, index, 2_000)]).await.unwrap();
    }
    drop(log);
    // As a crash leaves it: the file isn't closed.
    let mut whole = Vec::new();
    image.damage(DATABASE, |bytes| whole.clone_from(bytes));
    let length = whole.len();
    let mut told = 0;
    // An odd step, so that places within pages differ.
    for place in (0..length).step_by((length / 400) | 1) {
        image.damage(DATABASE, |bytes| {
            bytes.clone_from(&whole);
            bytes[place] ^= 0xff;
        });
        match open(&image) {
            // A byte that nothing depends on.
            Ok(mut log) => assert_eq!(indexes(&mut log).await, (0..20).collect::<Vec<_>>(), "byte {place}"),
            Err(error @ StoreError::Damaged { .. }) => {
                assert!(error.to_string().contains("throng cluster add"), "{error}");
                told += 1;
            }
            Err(error) => assert!(error.to_string().contains("data directory"), "byte {place}: {error}"),
        }
    }
    assert!(told > 0, "no byte of {length} mattered");
    println!("{told} of 400 damaged bytes were told");
}

#[tokio::test]
async fn another_nodes_directory_and_another_kind_of_file_are_refused() {
    let image = DiskImage::default();
    drop(open(&image).unwrap());
    let error = LogStore::open(&start(&image), 2, 7).err().unwrap();
    assert!(matches!(error, StoreError::OtherNode { found: 1, id: 2, .. }), "{error}");
    assert!(error.to_string().contains("--id 1"), "{error}");
    image.damage(DATABASE, |bytes| *bytes = b"#!/bin/sh\n".repeat(1_000));
    assert!(matches!(open(&image), Err(StoreError::Damaged { .. })));
    image.damage(DATABASE, |bytes| bytes.truncate(5_000));
    assert!(matches!(open(&image), Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn the_machine_comes_back_from_its_snapshot_and_tells_damage() {
    use openraft::storage::{RaftSnapshotBuilder, RaftStateMachine};

    let image = DiskImage::default();
    let mut machine = Machine::open(&start(&image)).unwrap();
    let members = Membership::new(vec![[1].into()], BTreeMap::from([(1, BasicNode::new("a:1"))])).unwrap();
    let meta = {
        let action = Action::TakeOver { leader: 4 };
        let command = Command::new(Timestamp(5), action);
        let entries = vec![
            Entry { log_id: log_id(1, 0), payload: EntryPayload::Membership(members) },
            Entry { log_id: log_id(1, 1), payload: EntryPayload::Normal(Proposal(command)) },
        ];
        machine.apply(tokio_stream::iter(entries.into_iter().map(|entry| Ok((entry, None))))).await.unwrap();
        let mut view = machine.get_snapshot_builder().await;
        view.build_snapshot().await.unwrap().meta
    };
    let mut again = Machine::open(&start(&image)).unwrap();
    assert_eq!(again.read(|state| state.leader()), Some(4));
    assert_eq!(again.applied_state().await.unwrap(), (meta.last_log_id, meta.last_membership.clone()));
    assert_eq!(again.get_current_snapshot().await.unwrap().unwrap().meta, meta);
    image.damage("snapshot", |bytes| *bytes.last_mut().unwrap() ^= 1);
    let error = Machine::open(&start(&image)).err().unwrap();
    assert!(error.to_string().contains("snapshot") && error.to_string().contains("checksum"), "{error}");
}
