//! Standard output and standard error, which may be closed or full.

use std::fmt;
use std::io::{self, Write};

/// Prints a line.
///
/// Ends the program if it cannot: quietly if the reader has read enough, as `head` does.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let mut stdout = io::stdout().lock();
    if let Err(error) = writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        if error.kind() == io::ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        note(format_args!("error: cannot write to standard output: {error}"));
        std::process::exit(1);
    }
}

/// Tells the person at the terminal what goes on.
///
/// Goes on if it cannot: a full log disk must not end a training.
pub(crate) fn note(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
