//! llguidance behind a C interface: a vocabulary, grammars compiled for it, and matchers that follow one output each.
//! `native/engine/constraint/constraint_abi.h` says the same in C; nothing here unwinds into it.

mod failure;
mod grammar;
mod matcher;
mod numbers;
mod step_deadline;
mod vocabulary;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

use failure::Failure;

/// What the functions return besides counts.
pub const OK: i32 = 0;
pub const INVALID: i32 = -1;
pub const TOO_COMPLEX: i32 = -2;
pub const PANICKED: i32 = -3;

/// Runs code that may panic, without output to stderr: the failure is returned as a status.
pub(crate) fn guarded<T>(body: impl FnOnce() -> T) -> Result<T, Failure> {
    static QUIET: Once = Once::new();
    // llguidance's own hook calls the one before it, which would write to stderr.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
        Failure::panicked(
            &text
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_default(),
        )
    })
}

/// Buffer for a function's error message.
#[repr(C)]
pub struct Message {
    pub text: *mut u8,
    pub capacity: usize,
    pub length: usize,
}

impl Message {
    /// Writes the message on one line, without lines that only point at a position in the line above, cut to the
    /// buffer's capacity.
    pub fn set(&mut self, text: &str) {
        let points = |line: &str| line.chars().all(|letter| matches!(letter, '^' | '~' | '|' | ' '));
        let line = text
            .lines()
            .map(str::trim)
            .filter(|line| !points(line))
            .collect::<Vec<_>>()
            .join(" ");
        let mut length = line.len().min(self.capacity);
        while !line.is_char_boundary(length) {
            length -= 1;
        }
        if length > 0 {
            unsafe { std::ptr::copy_nonoverlapping(line.as_ptr(), self.text, length) };
        }
        self.length = length;
    }
}
