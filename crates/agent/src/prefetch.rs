//! Fetching what a woken VU will touch into the cache, while those before it are polled.
//!
//! With thousands of VUs, what a VU touches when it is polled is in no near cache when its answer arrives: some hundred lines of its
//! instance, its host and its task, most of which would be waited for one after the other. VUs are polled in the order
//! in which they were woken. So whenever one is, the memory of the one after the next is fetched, and arrives while
//! others are at work.
//!
//! Nothing depends on it: an address that is out of date costs a fetch in vain.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// A VU's memory is fetched so many polls before its own: one takes longer than the way to memory, and what is fetched
/// much earlier may be driven out again.
const AHEAD: usize = 2;
/// From so many VUs of a shard on. A poll touches about 9 KiB, so fewer fit the second-level cache, and fetching what is
/// there costs more than it saves.
const VUS_MIN: usize = 512;
/// Entries that may lie before a VU's own when it is polled: of such as were woken twice, or have ended.
const STALE_MAX: usize = 4;
const LINE_BYTES: usize = 64;
/// A VU's allocations that lie further apart were not made in a row.
const HEAP_BYTES_MAX: usize = 32 << 10;
/// More than what allocators keep ready from earlier uses.
const MARK_BYTES: usize = 1200;
/// What a VU's task has before and behind the place that [`Prefetched`] has in it.
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

/// The VUs of this thread's shard that were woken and have not been polled yet, in this order.
#[derive(Default)]
struct Woken {
    queue: VecDeque<Entry>,
    /// VUs there are; none on a thread that is no shard's.
    vus: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// Where the VU's [`Prefetched`] lies, which tells it from others.
    place: usize,
    heap: Footprint,
}

impl Woken {
    fn push(&mut self, entry: Entry) {
        // Each VU is there once or twice: more are of VUs that are polled no more.
        if self.vus >= VUS_MIN && self.queue.len() < 2 * self.vus {
            self.queue.push_back(entry);
        }
    }

    /// A VU is polled: the one to fetch for.
    fn polled(&mut self, place: usize) -> Option<Entry> {
        let own = self.queue.iter().take(STALE_MAX).position(|entry| entry.place == place);
        match own {
            Some(at) => drop(self.queue.drain(..=at)),
            // Whoever heads so long a queue has ended: nothing else would take it off.
            None if self.queue.len() >= self.vus => drop(self.queue.pop_front()),
            None => {}
        }
        self.queue.get(AHEAD - 1).copied()
    }
}

/// Wakes the task behind `task`, and has the VU known as woken.
struct VuWaker {
    task: Waker,
    entry: Entry,
}

impl Wake for VuWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        with_woken(|woken| woken.push(self.entry));
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
        let (_, waker) = match waker {
            Some(known) if known.0.task.will_wake(context.waker()) => known,
            other => {
                let entry = Entry { place, heap };
                let known = Arc::new(VuWaker { task: context.waker().clone(), entry });
                other.insert((Arc::clone(&known), known.into()))
            }
        };
        if let Some(next) = with_woken(|woken| woken.polled(place)).flatten() {
            next.heap.fetch();
            Footprint::between(next.place.wrapping_sub(TASK_BYTES.0), next.place + TASK_BYTES.1).fetch();
        }
        work.poll(&mut Context::from_waker(waker))
    }
}

impl<F> Drop for Prefetched<F> {
    fn drop(&mut self) {
        if self.waker.is_some() {
            with_woken(|woken| woken.vus = woken.vus.saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_lite::future::poll_fn;

    use super::*;

    fn entry(place: usize) -> Entry {
        Entry { place, heap: Footprint { start: place << 16, lines: 1 } }
    }

    fn woken(places: &[usize]) -> Woken {
        let mut woken = Woken { vus: VUS_MIN, ..Woken::default() };
        places.iter().for_each(|place| woken.push(entry(*place)));
        woken
    }

    #[test]
    fn the_one_after_the_next_is_fetched_for() {
        let mut woken = woken(&[1, 2, 3, 4]);
        assert_eq!([1, 2, 3, 4].map(|place| woken.polled(place)), [Some(entry(3)), Some(entry(4)), None, None]);
    }

    #[test]
    fn those_that_are_never_polled_are_passed_over() {
        let mut woken = woken(&[1, 1, 9, 2, 3, 4]);
        assert_eq!(woken.polled(1), Some(entry(9)));
        assert_eq!(woken.polled(2), Some(entry(4)));
        // Nor does one that nobody has woken change the order.
        assert_eq!(woken.polled(77), Some(entry(4)));
        assert_eq!(woken.polled(3), None);
    }

    #[test]
    fn what_is_never_taken_is_bounded_and_goes() {
        let mut woken = woken(&(0..10 * VUS_MIN).collect::<Vec<_>>());
        assert_eq!(woken.queue.len(), 2 * VUS_MIN);
        for _ in 0..10 * VUS_MIN {
            woken.polled(usize::MAX);
        }
        assert_eq!(woken.queue.len(), VUS_MIN - 1);
    }

    #[test]
    fn few_vus_are_not_noted() {
        let mut woken = Woken { vus: VUS_MIN - 1, ..Woken::default() };
        woken.push(entry(1));
        assert!(woken.queue.is_empty());
    }

    #[test]
    fn what_was_not_allocated_in_a_row_has_no_footprint() {
        assert_eq!(Footprint::in_a_row(0x1000, 0x1000 + 12_000), Footprint { start: 0x1000, lines: 188 });
        for after in [0x1000, 0xfff, 0x1000 + HEAP_BYTES_MAX, usize::MAX] {
            assert_eq!(Footprint::in_a_row(0x1000, after).lines, 0, "{after:x}");
        }
    }

    #[test]
    fn work_has_a_waker_that_wakes_its_task_from_any_thread() {
        struct Count(AtomicU32);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let count = Arc::new(Count(AtomicU32::new(0)));
        let task = Waker::from(Arc::clone(&count));
        let kept = RefCell::new(None);
        let work = poll_fn(|context| {
            let is_first = kept.replace(Some(context.waker().clone())).is_none();
            if is_first { Poll::Pending } else { Poll::Ready(()) }
        });
        let mut work = Box::pin(Prefetched::of(Footprint::default(), work));
        assert!(work.as_mut().poll(&mut Context::from_waker(&task)).is_pending());
        assert_eq!(WOKEN.with_borrow(|woken| woken.vus), 1);
        let waker = kept.borrow().clone().unwrap();
        std::thread::spawn(move || waker.wake()).join().unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(work.as_mut().poll(&mut Context::from_waker(&task)).is_ready());
        drop(work);
        assert_eq!(WOKEN.with_borrow(|woken| woken.vus), 0);
    }
}
