use std::fmt::Write as _;

use thiserror::Error;
use wasmtime::{Trap, WasmBacktrace};

use crate::{arena::WASM_STACK_BYTES, engine::Limits, memory_limit::Refusal};

/// Longest message that is taken from a guest, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 << 10;
/// How often a function stands in the innermost frames if its recursion is what used up the stack. Large frames fill it
/// in few calls.
const RECURSION_FRAMES_MIN: usize = 4;
/// How many frames of a trap's backtrace a message shows.
const FRAMES_SHOWN: usize = 4;

/// Why a call into a script failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Fault {
    /// What sort of fault it is.
    pub kind: FaultKind,
    /// What happened, for a person.
    pub message: String,
}

/// The sorts of [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Setup, teardown, the VU's init or the summary's function returned an error.
    /// The VU can be called again, which it can't after any other.
    Script,
    /// The script panicked; the message is the panic's.
    Panic,
    /// The script did what WebAssembly doesn't allow, or gave the host what the
    /// contract doesn't.
    Trap,
    /// The memory limit was reached.
    OutOfMemory,
    /// The script's stack was used up, mostly by endless recursion.
    StackOverflow,
    /// The script computed too long without waiting.
    TimeLimit,
    /// The script asked to end the run.
    Aborted,
    /// The host refused a call, or the VU can't be called any more.
    Host,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, message: impl Into<String>) -> Fault {
        Fault { kind, message: message.into() }
    }

    /// The `Err` that an export returned.
    pub(crate) fn script(message: String) -> Fault {
        Fault::new(FaultKind::Script, cut(message))
    }

    /// What an error that ended a call means, in the light of what was noted
    /// during it.
    pub(crate) fn from_error(
        error: &wasmtime::Error,
        panic_message: Option<String>,
        refusal: Option<Refusal>,
        limits: Limits,
    ) -> Fault {
        if let Some(stop) = error.downcast_ref::<Stop>() {
            return stop.fault(limits);
        }
        let trap = error.downcast_ref::<Trap>().copied();
        if trap == Some(Trap::StackOverflow) {
            let text = format!("stack overflow: more than {} KiB of stack, endless recursion?", WASM_STACK_BYTES >> 10);
            return Fault::new(FaultKind::StackOverflow, text + &frames(error));
        }
        if trap == Some(Trap::MemoryOutOfBounds) && is_in_recursion(error) {
            // What compilers keep of a stack in memory lies below all data, and overflows to where no memory is.
            let text = "stack overflow: out of bounds memory access in a recursion; does it end?".to_owned();
            return Fault::new(FaultKind::StackOverflow, text + &frames(error));
        }
        if let Some(message) = panic_message {
            return Fault::new(FaultKind::Panic, message);
        }
        match refusal {
            Some(Refusal::Limit) => {
                return Fault::new(FaultKind::OutOfMemory, out_of_memory(limits));
            }
            Some(Refusal::Other(reason)) => {
                let text = format!("memory could not grow: {reason}");
                return Fault::new(FaultKind::OutOfMemory, text);
            }
            None => {}
        }
        let text = match trap {
            Some(trap) => trap.to_string(),
            None => error.root_cause().to_string(),
        };
        Fault::new(FaultKind::Trap, cut(text + &frames(error)))
    }
}

fn out_of_memory(limits: Limits) -> String {
    format!("out of memory: the memory limit is {} MiB a VU (option throng.memoryLimit)", limits.memory_bytes >> 20)
}

fn is_in_recursion(error: &wasmtime::Error) -> bool {
    let functions = |trace: &WasmBacktrace| trace.frames().iter().map(|frame| frame.func_index()).collect::<Vec<_>>();
    error.downcast_ref::<WasmBacktrace>().is_some_and(|trace| repeats(&functions(trace)))
}

/// Whether one function stands for a good part of the innermost frames.
fn repeats(functions: &[u32]) -> bool {
    functions.iter().any(|one| functions.iter().filter(|other| *other == one).count() >= RECURSION_FRAMES_MIN)
}

/// The innermost functions of a backtrace, as text to append.
fn frames(error: &wasmtime::Error) -> String {
    let mut text = String::new();
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return text;
    };
    // A backtrace has no demangled names to offer but in its own text: lines like
    // `  0:   0x1c9 - module!function`.
    let listing = backtrace.to_string();
    let names = listing.lines().filter_map(|line| line.split_once('!').map(|(_, name)| name));
    for (i, name) in names.take(FRAMES_SHOWN).enumerate() {
        let lead = if i == 0 { "\n  in " } else { "\n  by " };
        // Writing to a string can't fail.
        let _written = write!(text, "{lead}{name}");
    }
    text
}

/// Cuts a message to what is taken from a guest, at a character's end.
pub(crate) fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        message.push('…');
    }
    message
}

/// The host's reasons to end a call, as they travel through the guest's frames.
#[derive(Debug, Error)]
pub(crate) enum Stop {
    /// `execution.abort` was called.
    #[error("{0}")]
    Aborted(String),
    /// The guest's time is used up.
    #[error("time limit")]
    TimeLimit,
    /// A host function can't do what it was asked.
    #[error("{0}")]
    Host(String),
}

impl Stop {
    fn fault(&self, limits: Limits) -> Fault {
        match self {
            Stop::Aborted(message) => Fault::new(FaultKind::Aborted, message.clone()),
            Stop::Host(message) => Fault::new(FaultKind::Host, cut(message.clone())),
            Stop::TimeLimit => Fault::new(
                FaultKind::TimeLimit,
                format!(
                    "computed for {:?} without waiting, which is the limit \
                     (option throng.guestTimeLimit)",
                    limits.guest_time
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recursion_is_told_by_a_function_that_comes_again_and_again() {
        assert!(repeats(&[7; 16]));
        assert!(repeats(&[1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1]), "of several functions");
        assert!(repeats(&[9, 5, 5, 5, 5, 0]), "with large frames");
        assert!(!repeats(&(0..16).collect::<Vec<_>>()));
        assert!(!repeats(&[4, 4, 4, 0]));
        assert!(!repeats(&[]));
    }

    #[test]
    fn long_messages_are_cut_at_a_characters_end() {
        let long = "é".repeat(MESSAGE_BYTES_MAX);
        let short = cut(format!("a{long}"));
        assert!(short.len() <= MESSAGE_BYTES_MAX + '…'.len_utf8());
        assert!(short.ends_with("é…"));
        assert_eq!(cut("short".to_owned()), "short");
    }
}
