//! One ring with its file table and its receive buffers.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use io_uring::{IoUring, Probe, opcode, squeue};
use nix::sys::resource::{Resource, getrlimit};

use super::buffers::{BufferPool, Group, PoolSize};

/// Submission queue entries of a ring: what one turn can queue without an extra system call. They are written to in
/// turn, so a short queue stays in the cache.
const SUBMISSIONS: u32 = 256;
/// Completion queue entries of a shard's first ring: many times as many, since a receive completes many times.
const COMPLETIONS: u32 = 16384;
/// The same of a further ring. One turn takes what has come before more can come; but the kernel's hash table of what
/// waits, in which a cancel looks its operation up, has as many buckets as the 32nd part of this, and at most 256.
const FURTHER_COMPLETIONS: u32 = 8192;

/// Receive buffers of the first ring. A recent kernel fills some twenty between two turns, however many sockets there
/// are.
const BUFFERS: PoolSize = PoolSize { bytes: 4096, most: 4096, first: 64, huge_pages: true };
/// Receive buffers of a further ring. Many idle sockets need few, and the kernel takes them in turn, so that one busy
/// moment touches all for good: 512 of them were 134 bytes a connection where a table has 16,384. A socket that finds
/// none waits for the next turn.
const FURTHER_BUFFERS: PoolSize = PoolSize { bytes: 4096, most: 64, first: 16, huge_pages: false };
/// Receive buffers for datagrams, each as long as one may be. They are copied and given back at once, so that few will do.
const DATAGRAM_BUFFERS: PoolSize = PoolSize { bytes: 65_536, most: 64, first: 4, huge_pages: false };

/// Most slots of one table, 2 to the power of this.
const TABLE_SHIFT_MAX: u32 = 16;

/// Why a ring can't be had. The text names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The kernel has no io_uring, or forbids it.
    #[error(
        "io_uring isn't available: throng needs Linux 6.1 or newer with io_uring allowed \
         (sysctl kernel.io_uring_disabled=0, and a seccomp profile that permits io_uring_setup)"
    )]
    Unavailable(#[source] io::Error),
    /// Too little lockable memory.
    #[error(
        "the limit of locked memory is too small for a ring, a shard needs about 900 KiB: raise it with `ulimit -l 8192` \
         (LimitMEMLOCK=8M in a systemd unit), or run fewer shards"
    )]
    LockedMemory(#[source] io::Error),
    /// The kernel's io_uring lacks what throng uses.
    #[error("this kernel's io_uring lacks {what}: throng needs Linux 6.1 or newer")]
    Unsupported {
        /// The missing part.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// How often a shard's first ring is tried, and the pause before the next time.
const FIRST_TRIES_MAX: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// A ring, and the sockets in its file table. Fields drop in order: the ring before the memory that it was given.
pub(crate) struct Table {
    pub(crate) ring: IoUring,
    pub(crate) buffers: BufferPool,
    /// For datagrams, once there is a socket for them.
    pub(crate) datagram_buffers: Option<BufferPool>,
    /// Sockets whose receive ended for want of buffers.
    pub(crate) starved: Vec<u32>,
}

impl Table {
    /// A shard's first ring.
    ///
    /// A kernel whose free pages are few at the moment says what it says of too little locked memory: so that is tried
    /// again some times.
    pub(crate) fn first(slots: u32) -> Result<Self, RingError> {
        let mut tries = 1;
        loop {
            match build_ring().and_then(|ring| Self::new(ring, slots, BUFFERS)) {
                Err(RingError::LockedMemory(_)) if tries < FIRST_TRIES_MAX => std::thread::sleep(FIRST_PAUSE),
                result => return result,
            }
            tries += 1;
        }
    }

    /// A further one, whose completions are told by writes to `kick_fd`.
    pub(crate) fn further(slots: u32, kick_fd: &OwnedFd) -> Result<Self, RingError> {
        let ring = build(IoUring::builder().setup_taskrun_flag(), FURTHER_COMPLETIONS)?;
        let unsupported = |source| RingError::Unsupported { what: "completions by eventfd", source };
        ring.submitter().register_eventfd(kick_fd.as_raw_fd()).map_err(unsupported)?;
        Self::new(ring, slots, FURTHER_BUFFERS)
    }

    fn new(ring: IoUring, slots: u32, buffers: PoolSize) -> Result<Self, RingError> {
        let unsupported = |what| {
            move |source: io::Error| match source.raw_os_error() {
                Some(libc::ENOMEM) => RingError::LockedMemory(source),
                _ => RingError::Unsupported { what, source },
            }
        };
        ring.submitter().register_files_sparse(slots).map_err(unsupported("a file table (register_files_sparse)"))?;
        let buffers = BufferPool::register(&ring, Group::Streams, buffers);
        let buffers = buffers.map_err(unsupported("provided buffer rings"))?;
        Ok(Self { ring, buffers, datagram_buffers: None, starved: Vec::new() })
    }

    /// Has buffers for datagrams from here on.
    pub(crate) fn prepare_for_datagrams(&mut self) -> io::Result<()> {
        if self.datagram_buffers.is_none() {
            self.datagram_buffers = Some(BufferPool::register(&self.ring, Group::Datagrams, DATAGRAM_BUFFERS)?);
        }
        Ok(())
    }

    /// Shows the kernel the buffers that were given back.
    pub(crate) fn publish(&self) {
        self.buffers.publish();
        if let Some(buffers) = &self.datagram_buffers {
            buffers.publish();
        }
    }

    /// Puts `fd` into the table's slot.
    pub(crate) fn install(&self, index: u32, fd: RawFd) -> io::Result<()> {
        self.ring.submitter().register_files_update(index, &[fd]).map(drop)
    }

    /// Whether the kernel has something for us, or we for it. Of a further ring.
    pub(crate) fn is_pending(&mut self) -> bool {
        let submission = self.ring.submission();
        let pending = submission.taskrun() || submission.cq_overflow() || !submission.is_empty();
        drop(submission);
        pending || !self.ring.completion().is_empty()
    }
}

/// RLIMIT_NOFILE, which a file table mustn't be larger than.
pub(crate) fn open_files() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft)
}

/// How many slots a table has, as a power of two: it may be as large as so many open files, and need not be larger than
/// `wanted`.
pub(crate) fn table_shift(wanted: u32, open_files: u64) -> u32 {
    let files = open_files.clamp(1, 1 << TABLE_SHIFT_MAX).ilog2();
    wanted.clamp(1, 1 << TABLE_SHIFT_MAX).next_power_of_two().ilog2().min(files)
}

/// Fails with the reason if this process can't have a ring such as a shard's first.
pub(crate) fn probe_ring() -> Result<(), RingError> {
    build_ring().map(drop)
}

/// Names of the operations that the driver uses and this kernel's io_uring doesn't have.
pub(crate) fn missing_operations() -> Result<Vec<&'static str>, RingError> {
    let ring = build_ring()?;
    let mut probe = Probe::new();
    let unsupported = |source| RingError::Unsupported { what: "a list of its operations", source };
    ring.submitter().register_probe(&mut probe).map_err(unsupported)?;
    let used = [
        ("accept", opcode::Accept::CODE),
        ("cancel", opcode::AsyncCancel::CODE),
        ("close", opcode::Close::CODE),
        ("connect", opcode::Connect::CODE),
        ("read", opcode::Read::CODE),
        ("receive", opcode::RecvMulti::CODE),
        ("send", opcode::Send::CODE),
        ("shutdown", opcode::Shutdown::CODE),
    ];
    Ok(used.into_iter().filter(|(_, code)| !probe.is_supported(*code)).map(|(name, _)| name).collect())
}

fn build_ring() -> Result<IoUring, RingError> {
    build(&mut IoUring::builder(), COMPLETIONS)
}

fn build(
    builder: &mut io_uring::Builder<squeue::Entry, io_uring::cqueue::Entry>,
    completions: u32,
) -> Result<IoUring, RingError> {
    builder.setup_cqsize(completions).setup_clamp();
    builder.setup_single_issuer().setup_defer_taskrun().setup_submit_all();
    builder.build(SUBMISSIONS).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOMEM) => RingError::LockedMemory(error),
        Some(libc::EINVAL) => {
            RingError::Unsupported { what: "deferred task work (IORING_SETUP_DEFER_TASKRUN)", source: error }
        }
        _ => RingError::Unavailable(error),
    })
}
