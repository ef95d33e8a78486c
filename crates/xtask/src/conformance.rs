//! The conformance tests, on every backend in one program.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::libtorch;
use crate::packages::{self, has_file, is_library};
use crate::run::wait;

/// Tests flex and ndarray, which need nothing, and wgpu and libtorch, for which it installs what they need.
///
/// # Errors
/// If a test fails. A backend that this machine cannot have is left out with its reason, and with `all`
/// that is an error before anything is built.
pub(crate) fn conformance(all: bool) -> Result<(), String> {
    let mut left_out = Vec::new();
    let mut features = vec!["ndarray"];
    match vulkan() {
        Ok(()) => features.push("wgpu"),
        Err(reason) => left_out.push(format!("wgpu is left out: {reason}")),
    }
    let libtorch = target_folder().and_then(|target| libtorch::folder(&target));
    match &libtorch {
        Ok(_) => features.push("tch"),
        Err(reason) => left_out.push(format!("tch is left out: {reason}")),
    }
    if all && !left_out.is_empty() {
        return Err(left_out.join("\n"));
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--profile", "conformance", "--package", "burn-recsys-tests"]);
    cargo.args(["--features", &features.join(",")]);
    if let Ok(folder) = &libtorch {
        cargo.env("LIBTORCH", folder).env("LD_LIBRARY_PATH", with_libraries(folder)?);
    }
    let result = wait(&mut cargo);
    // After the tests' own output, where they are seen.
    left_out.iter().for_each(|line| eprintln!("{line}"));
    result
}

/// A device for wgpu. Without a GPU that is Mesa's llvmpipe, which computes on the CPU.
fn vulkan() -> Result<(), String> {
    // Metal and Direct3D come with their systems.
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let has_driver = || {
        let folders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
        is_library("libvulkan.so.1") && folders.iter().any(|folder| has_file(folder, "json"))
    };
    packages::ensure("a Vulkan driver", has_driver, &["libvulkan1", "mesa-vulkan-drivers"])
}

/// Where this very program was built.
fn target_folder() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let folder = program.ancestors().nth(2).map(Path::to_path_buf);
    folder.ok_or_else(|| format!("{} is not in a target folder", program.display()))
}

/// The loader's search path with libtorch in front.
fn with_libraries(libtorch: &Path) -> Result<std::ffi::OsString, String> {
    let others = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let others = std::env::split_paths(&others).filter(|folder| !folder.as_os_str().is_empty());
    let folders = std::iter::once(libtorch.join("lib")).chain(others);
    std::env::join_paths(folders).map_err(|error| format!("LD_LIBRARY_PATH: {error}"))
}
