//! Standard output, which may be closed or full.

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
        eprintln!("error: cannot write to standard output: {error}");
        std::process::exit(1);
    }
}
