//! What goes wrong around a group: disks, clocks, archives.

use std::fs::{self, File};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use throng_tests::{Group, SmallDisk, Throng, until, with_clock_ahead};

const PATIENCE: Duration = Duration::from_secs(30);
/// Some of the disk is the log's, which is reserved in larger pieces.
const SMALL_KIB: u32 = 16 << 10;
/// Archives after which a full disk must have been noticed.
const UPLOADS_MAX: u32 = 2_000;

/// A node of the group whose clock is ahead, or behind.
fn boot_with_clock(group: &mut Group, id: u64, seconds: i64) -> Result<()> {
    let command = group.command(id, &group.address(id), &group.peers(), &group.data(id))?;
    let mut shifted = Ok(());
    let command = command.with(|command| shifted = with_clock_ahead(command, seconds));
    shifted?;
    group.boot_by(id, command)
}

fn boot_on(group: &mut Group, id: u64, disk: &SmallDisk) -> Result<()> {
    let command = group.command(id, &group.address(id), &group.peers(), &disk.path().join("data"))?;
    group.boot_by(id, command.with(|command| disk.enter(command)))
}

#[test]
fn a_coordinator_with_a_full_disk_ends_and_nothing_that_was_acknowledged_is_lost() -> Result<()> {
    let disk = SmallDisk::new(SMALL_KIB)?;
    let mut group = Group::prepare(3)?;
    group.boot(1)?;
    group.boot(2)?;
    boot_on(&mut group, 3, &disk)?;
    group.leader()?;
    let mut digests = vec![group.upload("before")?];
    group.cluster(&["handover", "3"])?.expect_code(0)?;
    ensure!(group.leader()? == 3, "node 3 doesn't lead");
    disk.fill()?;
    // What the leader can't write it doesn't acknowledge: it ends, and another one leads.
    let mut number = 0;
    while !group.process(3)?.has_ended()? {
        number += 1;
        ensure!(number < UPLOADS_MAX, "node 3 still writes");
        let path = disk.path().with_extension("archive");
        fs::write(&path, format!("archive {number}"))?;
        let uploaded = group.cluster(&["upload", path.to_str().context("no UTF-8")?])?;
        fs::remove_file(&path)?;
        if uploaded.code == Some(0) {
            digests.push(uploaded.stdout.trim().to_owned());
        }
    }
    let ended = group.take(3)?.wait(PATIENCE)?.expect_code(112)?;
    for text in ["can't be written to", "No space left on device", "make room there"] {
        ensure!(ended.stderr.contains(text), "{text:?} isn't in: {}", ended.stderr);
    }
    println!("the disk was full after {number} archives, {} of them acknowledged", digests.len() - 1);
    let leader = group.leader()?;
    ensure!(leader != 3, "node 3 leads");
    digests.push(group.upload("after")?);
    // With room it is there again, with all that the others have.
    disk.make_room()?;
    boot_on(&mut group, 3, &disk)?;
    group.caught_up()?;
    for digest in &digests {
        group.has_archive(1, digest)?;
        let path = disk.from_outside().join("data/archives").join(digest);
        until(&format!("node 3 has {digest}"), PATIENCE, || Ok(path.exists().then_some(())))?;
    }
    Ok(())
}

#[test]
fn coordinators_whose_clocks_are_ten_minutes_apart_are_one_group() -> Result<()> {
    let mut group = Group::prepare(3)?;
    for (id, seconds) in [(1, -600), (2, 0), (3, 600)] {
        boot_with_clock(&mut group, id, seconds)?;
    }
    group.leader()?;
    let mut digests = Vec::new();
    // Forward, and back by twenty minutes.
    for id in [1, 3, 1, 2, 3] {
        if group.leader()? != id {
            group.cluster(&["handover", &id.to_string()])?.expect_code(0)?;
        }
        digests.push(group.upload(&format!("archive {}, by node {id}", digests.len()))?);
    }
    group.kill(3)?;
    digests.push(group.upload("without the one that is ahead")?);
    group.caught_up()?;
    for digest in &digests {
        group.has_archive(1, digest)?;
        group.has_archive(2, digest)?;
    }
    Ok(())
}

#[test]
fn an_archive_that_is_too_large_is_refused_before_it_is_sent() -> Result<()> {
    let group = Group::start(1)?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("large.tar");
    // No block of it is on the disk.
    File::create(&path)?.set_len((1_152 << 20) + 1)?;
    let path = path.to_str().context("no UTF-8")?;
    let refused = group.cluster(&["upload", path])?.expect_code(115)?;
    ensure!(refused.stderr.contains("an archive has at most 1207959552"), "{}", refused.stderr);
    let nothing = group.cluster(&["upload", "/nowhere.tar"])?.expect_code(104)?;
    ensure!(nothing.stderr.contains("/nowhere.tar can't be read"), "{}", nothing.stderr);
    group.upload("a small one")?;
    Ok(())
}

#[test]
fn two_groups_of_one_address_are_told_apart() -> Result<()> {
    // A node with another group's data, at the address of one of this group's.
    let mut group = Group::start(3)?;
    let other = tempfile::tempdir()?;
    let alone = ["coordinator", "--id", "3", "--listen", "127.0.0.1:0", "--data-dir"];
    let mut process = Throng::command(alone)?.arg(other.path()).start()?;
    process.stderr_line("the group", PATIENCE)?;
    process.signal(nix::sys::signal::Signal::SIGTERM)?;
    process.wait(PATIENCE)?.expect_code(0)?;
    group.kill(3)?;
    let mut stranger = group.command(3, &group.address(3), &group.peers(), other.path())?.start()?;
    let said = stranger.stderr_line("refuses", PATIENCE)?;
    ensure!(said.contains("they don't belong together"), "{said}");
    group.upload("of the two that are left")?;
    Ok(())
}
