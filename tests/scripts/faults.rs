//! Whatever a script can do wrong, a function each, and one that does well.

use std::hint::black_box;
use throng::prelude::*;

#[options]
fn options() -> Value {
    serde_json::from_str(&env_or("OPTIONS", "{}")).expect("OPTIONS is JSON")
}

/// Waits, allocates and checks: what a fault elsewhere could disturb.
#[scenario]
fn well() {
    let mine = vec![execution::vu().id_in_test; 1000];
    sleep(0.001);
    check!("memory is still mine" => mine.iter().all(|id| *id == execution::vu().id_in_test));
}

#[scenario]
fn panics() {
    panic!("the basket is empty");
}

#[scenario]
fn indexes() {
    let items = black_box(vec![1, 2, 3]);
    black_box(items[black_box(7)]);
}

#[scenario]
fn divides() {
    black_box(black_box(10) / black_box(0));
}

#[scenario]
fn traps() {
    core::arch::wasm32::unreachable();
}

/// Reads where no memory is.
#[scenario]
fn strays() {
    let nowhere = black_box(0xffff_0000_usize) as *const u8;
    // As wrong as it looks: the sandbox has to hold against it.
    black_box(unsafe { nowhere.read_volatile() });
}

#[scenario]
fn hoards() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

#[scenario]
fn spins() {
    while black_box(true) {}
}

#[scenario]
fn recurses() {
    black_box(deeper(black_box(1)));
}

#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    deeper(depth + 1) + frame[black_box(3)]
}

#[scenario]
fn errs() -> Result<(), String> {
    Err("the shop is closed".to_owned())
}

/// 1 GiB of messages.
#[scenario]
fn chatters() {
    let message = "x".repeat(16 << 10);
    for _ in 0..65_536 {
        log::write(log::Level::Info, format_args!("{message}"));
    }
}

/// One message of 1 MiB.
#[scenario]
fn shouts() {
    log::info!("shout {}", "é".repeat(1 << 19));
}

/// More checks than the SDK gathers, in a group and after it, and then a panic.
#[scenario]
fn checks_and_panics() {
    group("inner", || {
        for _ in 0..40 {
            check!("within the group" => true);
        }
    });
    for number in 0..40 {
        check!("after the group" => number % 4 != 0);
    }
    panic!("after the checks");
}

/// A check, and then a wait that only the run's end cuts.
#[scenario]
fn checks_and_waits() {
    check!("counted before the wait" => true);
    sleep(600);
}
