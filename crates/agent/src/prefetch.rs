//! Fetching what a woken VU will touch into the cache, while those before it are polled.
//!
//! With thousands of VUs, what a VU touches when it is polled is in no near cache when its answer arrives: some hundred
//! lines of its instance, its host and its task, most of which would be waited for one after the other. VUs are polled
//! in the order in which they were woken. So whenever one is, the memory of the one after the next is fetched, and
//! arrives while others are at work.
//!
//! Nothing depends on it: an address that is out of date costs a fetch in vain.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A VU's memory is fetched so many polls before its own: one takes longer than the way to memory, and what is fetched
/// much earlier may be driven out again.
const AHEAD: usize = 2;
/// From so many VUs of a shard on. A poll touches about 9 KiB: those of some hundred VUs stay in a second-level cache of
/// 2 MiB, where fetching them costs more than it saves.
const VUS_MIN: usize = 512;
const LINE_BYTES: usize = 64;
/// A VU's allocations that lie further apart were not made in a row.
const HEAP_BYTES_MAX: usize = 32 << 10;
/// More than what allocators keep ready from earlier uses.
const MARK_BYTES: usize = 1200;
/// What is touched of a VU's task, before and behind the place that [`Prefetched`] has in it: roughly, as it was traced.
const TASK_BYTES: (usize, usize) = (384, 1152);

thread_local! {
    static WOKEN: RefCell<Woken> = RefCell::default();
}

/// Nothing, where the thread is about to end.
fn with_woken<T>(what: impl FnOnce(&mut Woken) -> T) -> Option<T> {
    WOKEN.try_with(|woken| what(&mut woken.borrow_mut())).ok()
}

/// Lines of memory in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footprint {
    start: usize,
    lines: usize,
}

impl Footprint {
    fn between(start: usize, end: usize) -> Self {
        Self { start, lines: end.saturating_sub(start).div_ceil(LINE_BYTES) }
    }

    /// What `make` allocates and keeps, if the allocator puts it in a row, as it does while VUs are made one after the
    /// other; else nothing.
    pub(crate) async fn of<T>(make: impl Future<Output = T>) -> (T, Self) {
        let before = mark();
        let made = make.await;
        (made, Self::in_a_row(before, mark()))
    }

    /// What lies between two places at which an allocation would have begun; nothing if the allocator went elsewhere in
    /// the meantime.
    fn in_a_row(before: usize, after: usize) -> Self {
        let bytes = after.wrapping_sub(before);
        if bytes < HEAP_BYTES_MAX { Self::between(before, after) } else { Self::default() }
    }

    #[cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "the intrinsic takes any address as a pointer"))]
    fn fetch(self) {
        #[cfg(target_arch = "x86_64")]
        for line in 0..self.lines {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let address = self.start.wrapping_add(line * LINE_BYTES);
            // SAFETY: a prefetch reads nothing into the program, and ignores an address that can't be read.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(address as *const i8) };
        }
    }
}

/// Where the next allocation of some size would begin.
fn mark() -> usize {
    let mark = std::hint::black_box(Vec::<u8>::with_capacity(MARK_BYTES));
    mark.as_ptr() as usize
}

/// The VUs of this thread's shard that were woken and have not been polled yet, in this order, each once.
#[derive(Default)]
struct Woken {
    queue: VecDeque<Entry>,
    /// The number of the first in the queue. They are numbered in the order in which they are noted.
    first: u64,
    /// VUs there are; none on a thread that is no shard's.
    vus: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// Where the VU's [`Prefetched`] lies.
    place: usize,
    heap: Footprint,
}

impl Woken {
    /// Notes a VU, and returns its number.
    fn push(&mut self, entry: Entry) -> Option<u64> {
        if self.vus < VUS_MIN {
            return None;
        }
        self.queue.push_back(entry);
        Some(self.first + self.queue.len() as u64 - 1)
    }

    /// The VU of this number is polled: it goes, and those before it, which have ended or had other wakers.
    fn take(&mut self, number: u64) {
        while self.first <= number && self.queue.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// The one to fetch for.
    fn coming(&self) -> Option<Entry> {
        self.queue.get(AHEAD - 1).copied()
    }

    fn leave(&mut self) {
        self.vus = self.vus.saturating_sub(1);
        if self.vus == 0 {
            self.first += self.queue.len() as u64;
            self.queue.clear();
        }
    }
}

/// Wakes the task behind `task`, and has the VU noted as woken.
struct VuWaker {
    task: Waker,
    entry: Entry,
    /// The number that it is noted by, if it is. Tasks too are queued once, however often they are woken.
    noted: AtomicU64,
}

/// No number.
const NOT_NOTED: u64 = u64::MAX;

impl Wake for VuWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Only the shard's thread notes it, so nothing comes in between.
        if self.noted.load(Ordering::Relaxed) == NOT_NOTED
            && let Some(number) = with_woken(|woken| woken.push(self.entry)).flatten()
        {
            self.noted.store(number, Ordering::Relaxed);
        }
        self.task.wake_by_ref();
    }
}

/// A VU's work, for each poll of which its memory is fetched before.
pub(crate) struct Prefetched<F> {
    heap: Footprint,
    /// Made at the first poll, when this has its place; the second wakes the first.
    waker: Option<(Arc<VuWaker>, Waker)>,
    work: F,
}

impl<F: Future> Prefetched<F> {
    /// `work` of a VU that lies there.
    pub(crate) fn of(heap: Footprint, work: F) -> Self {
        Self { heap, waker: None, work }
    }
}

impl<F: Future> Future for Prefetched<F> {
    type Output = F::Output;

    #[expect(unsafe_code, reason = "a pin projection to the only field that is pinned")]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let place = std::ptr::from_ref(&*self) as usize;
        // SAFETY: `work` is never moved out of `self`, and the other fields aren't pinned.
        let (heap, waker, work) = unsafe {
            let this = self.get_unchecked_mut();
            (this.heap, &mut this.waker, Pin::new_unchecked(&mut this.work))
        };
        if waker.is_none() {
            with_woken(|woken| woken.vus += 1);
        }
        let (known, waker) = match waker {
            Some(known) if known.0.task.will_wake(context.waker()) => known,
            other => {
                let (task, entry) = (context.waker().clone(), Entry { place, heap });
                let known = Arc::new(VuWaker { task, entry, noted: AtomicU64::new(NOT_NOTED) });
                other.insert((Arc::clone(&known), known.into()))
            }
        };
        let number = known.noted.swap(NOT_NOTED, Ordering::Relaxed);
        let coming = with_woken(|woken| {
            if number != NOT_NOTED {
                woken.take(number);
            }
            woken.coming()
        });
        if let Some(coming) = coming.flatten() {
            coming.heap.fetch();
            Footprint::between(coming.place.wrapping_sub(TASK_BYTES.0), coming.place + TASK_BYTES.1).fetch();
        }
        work.poll(&mut Context::from_waker(waker))
    }
}

impl<F> Drop for Prefetched<F> {
    fn drop(&mut self) {
        if self.waker.is_some() {
            with_woken(Woken::leave);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use futures_lite::future::poll_fn;

    use super::*;

    fn entry(place: usize) -> Entry {
        Entry { place, heap: Footprint { start: place << 16, lines: 1 } }
    }

    fn woken(places: &[usize]) -> Woken {
        let mut woken = Woken { vus: VUS_MIN, ..Woken::default() };
        for (number, place) in places.iter().enumerate() {
            assert_eq!(woken.push(entry(*place)), Some(number as u64));
        }
        woken
    }

    fn coming_after(woken: &mut Woken, number: u64) -> Option<usize> {
        woken.take(number);
        woken.coming().map(|entry| entry.place)
    }

    #[test]
    fn the_one_after_the_next_is_fetched_for() {
        let mut woken = woken(&[1, 2, 3, 4]);
        assert_eq!([0, 1, 2, 3].map(|number| coming_after(&mut woken, number)), [Some(3), Some(4), None, None]);
        assert_eq!(woken.push(entry(5)), Some(4));
    }

    #[test]
    fn those_that_have_ended_are_passed_over_and_who_was_passed_over_changes_nothing() {
        let mut woken = woken(&[1, 7, 8, 9, 2, 3, 4]);
        assert_eq!(coming_after(&mut woken, 0), Some(8));
        assert_eq!(coming_after(&mut woken, 4), Some(4));
        assert_eq!(coming_after(&mut woken, 2), Some(4));
    }

    #[test]
    fn few_vus_are_not_noted_and_none_leave_nothing() {
        let mut few = Woken { vus: VUS_MIN - 1, ..Woken::default() };
        assert_eq!((few.push(entry(1)), few.queue.len()), (None, 0));
        let mut all = woken(&[1, 2]);
        (0..VUS_MIN).for_each(|_| all.leave());
        assert_eq!((all.queue.len(), all.first), (0, 2));
    }

    #[test]
    fn what_was_not_allocated_in_a_row_has_no_footprint() {
        assert_eq!(Footprint::in_a_row(0x1000, 0x1000 + 12_000), Footprint { start: 0x1000, lines: 188 });
        for after in [0x1000, 0xfff, 0x1000 + HEAP_BYTES_MAX, usize::MAX] {
            assert_eq!(Footprint::in_a_row(0x1000, after).lines, 0, "{after:x}");
        }
    }

    /// Counts how often a task is woken.
    #[derive(Default)]
    struct Task(AtomicU32);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_vu_is_noted_once_until_it_is_polled_and_its_task_is_woken_from_any_thread() {
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let context = &mut Context::from_waker(&waker);
        let wakers = RefCell::new(Vec::new());
        let waits = || {
            let work = poll_fn(|context| {
                wakers.borrow_mut().push(context.waker().clone());
                Poll::<()>::Pending
            });
            Box::pin(Prefetched::of(Footprint::default(), work))
        };
        let mut vus: Vec<_> = (0..VUS_MIN).map(|_| waits()).collect();
        vus.iter_mut().for_each(|vu| assert!(vu.as_mut().poll(context).is_pending()));
        let noted = || WOKEN.with_borrow(|woken| woken.queue.len());
        let first: Vec<_> = wakers.borrow()[..3].to_vec();
        first.iter().chain(&first).for_each(Waker::wake_by_ref);
        assert_eq!((noted(), task.0.load(Ordering::Relaxed)), (3, 6));
        let _ = vus[1].as_mut().poll(context);
        assert_eq!(noted(), 1, "the first and itself are off");
        let other = first[0].clone();
        std::thread::spawn(move || other.wake()).join().unwrap();
        assert_eq!((noted(), task.0.load(Ordering::Relaxed)), (1, 7), "it was noted, and is no shard's thread");
        vus.clear();
        assert_eq!(noted(), 0);
    }
}
