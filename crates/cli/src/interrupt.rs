//! Ctrl-C and termination: training stops at the next step, its checkpoints stay.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C asks training to stop; the second one ends the process at once.
pub(crate) fn listen() {
    // Without a handler Ctrl-C kills the process, and the run folder can still be resumed.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
}

/// From now on Ctrl-C ends the process at once: for commands that leave nothing behind.
pub(crate) fn end_at_once() {
    let _ = ctrlc::set_handler(|| std::process::exit(130));
}

/// Whether a stop was asked for.
pub(crate) fn is_requested() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
