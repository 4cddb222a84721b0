//! A machine without io_uring, for one process.
#![expect(unsafe_code, reason = "a filter of system calls is installed between fork and exec")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
    SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SYS_io_uring_setup, c_ulong, sock_filter, sock_fprog,
};

/// Makes io_uring_setup fail with `errno` in the process, as under a container's default profile (EPERM) or a kernel
/// without it (ENOSYS). The number of the call is looked at and the architecture isn't: the binary is of this one.
pub fn without_io_uring(command: &mut Command, errno: u16) {
    let statement = |code: u32, k: u32| sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let filter = [
        // The number is the first word of `seccomp_data`.
        statement(BPF_LD | BPF_W | BPF_ABS, 0),
        sock_filter { jf: 1, ..statement(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup as u32) },
        statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | u32::from(errno)),
        statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    ];
    // SAFETY: the closure allocates nothing and takes no lock, it makes two system calls.
    unsafe {
        command.pre_exec(move || install(&filter));
    }
}

fn install(filter: &[sock_filter; 4]) -> io::Result<()> {
    let program = sock_fprog { len: 4, filter: filter.as_ptr().cast_mut() };
    let (yes, none): (c_ulong, c_ulong) = (1, 0);
    // SAFETY: the program points to four instructions that live as long as the call, and the kernel only reads them.
    let results = unsafe {
        [
            libc::prctl(PR_SET_NO_NEW_PRIVS, yes, none, none, none),
            libc::prctl(PR_SET_SECCOMP, c_ulong::from(SECCOMP_MODE_FILTER), &raw const program, none, none),
        ]
    };
    if results == [0, 0] { Ok(()) } else { Err(io::Error::last_os_error()) }
}
