//! Programs and libraries of the system.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::run::wait;

/// Whether a program is there and runs.
pub(crate) fn is_program(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Installs `packages` if `what` is missing and this is root on Debian or a kin of it.
///
/// # Errors
/// Says what to install where it cannot, or that installing did not help.
pub(crate) fn ensure(what: &str, is_there: impl Fn() -> bool, packages: &[&str]) -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    let names = packages.join(" ");
    if !is_root() || !is_program("apt-get", &["--version"]) {
        return Err(format!("{what} is missing (Debian: apt-get install {names})"));
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        wait(command.arg("--quiet=2").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], packages].concat())?;
    if is_there() { Ok(()) } else { Err(format!("{what} is missing although {names} are installed")) }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Whether the loader knows a shared library of this name.
pub(crate) fn is_library(name: &str) -> bool {
    // Its folder is not on every user's path.
    let programs = ["ldconfig", "/sbin/ldconfig"];
    let cached = programs.iter().find_map(|program| Command::new(program).arg("-p").output().ok());
    cached.is_some_and(|output| String::from_utf8_lossy(&output.stdout).contains(name))
}

/// Whether a folder holds a file with this extension.
pub(crate) fn has_file(folder: &str, extension: &str) -> bool {
    let files = Path::new(folder).read_dir();
    files.is_ok_and(|mut files| {
        files.any(|file| file.is_ok_and(|file| file.path().extension().is_some_and(|is| is == extension)))
    })
}
