//! libtorch for the CPU, kept in the target folder.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages::{self, is_program};
use crate::run::wait;

/// Pinned with their hashes.
const REQUIREMENTS: &str = "crates/xtask/src/libtorch.txt";
/// Named after the version, so that another version is another folder.
const FOLDER: &str = "libtorch-2.9.0";
/// What the CPU part loads, and where the wheels hold it. `libtorch_cuda.so` would ask for all of CUDA.
const LIBRARIES: [&str; 7] = [
    "torch/lib/libc10.so",
    "torch/lib/libgomp.so.1",
    "torch/lib/libshm.so",
    "torch/lib/libtorch.so",
    "torch/lib/libtorch_cpu.so",
    "nvidia/cuda_runtime/lib/libcudart.so.12",
    "nvidia/cuda_cupti/lib/libcupti.so.12",
];

/// A folder with `include` and `lib`, for `LIBTORCH`: the one that is set, or one that is fetched once.
///
/// # Errors
/// Says what is missing on this machine.
pub(crate) fn folder(target: &Path) -> Result<PathBuf, String> {
    packages::ensure("a C++ compiler", || is_program("c++", &["--version"]), &["g++"])?;
    if let Some(folder) = std::env::var_os("LIBTORCH") {
        return Ok(folder.into());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("libtorch is fetched on x86-64 Linux only; elsewhere set LIBTORCH".into());
    }
    let folder = target.join(FOLDER);
    if is_complete(&folder) {
        return Ok(folder);
    }
    let has_pip = || is_program("python3", &["-m", "pip", "--version"]);
    packages::ensure("Python with pip", has_pip, &["python3", "python3-pip"])?;
    let unpacked = target.join(format!("{FOLDER}.part"));
    // Of a run that was stopped.
    remove(&unpacked)?;
    let result = fetch(&unpacked).and_then(|()| keep(&unpacked, &folder));
    remove(&unpacked)?;
    result.map(|()| folder)
}

fn library(folder: &Path, path: &str) -> PathBuf {
    folder.join("lib").join(path.rsplit('/').next().unwrap_or(path))
}

fn is_complete(folder: &Path) -> bool {
    folder.join("include/torch").is_dir() && LIBRARIES.iter().all(|path| library(folder, path).is_file())
}

/// Lets pip download the wheels, compare their hashes and unpack them.
fn fetch(unpacked: &Path) -> Result<(), String> {
    // Its downloads go beside the result: the system's temporary folder may be small.
    let temporary = unpacked.join("pip");
    fs::create_dir_all(&temporary).map_err(|error| format!("{}: {error}", temporary.display()))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-cache-dir", "--no-compile"]);
    pip.arg("--root-user-action=ignore");
    pip.args(["--no-deps", "--require-hashes", "--requirement", REQUIREMENTS]);
    pip.args(["--only-binary=:all:", "--implementation=cp", "--python-version=3.11"]);
    pip.args(["--platform=manylinux_2_28_x86_64", "--platform=manylinux2014_x86_64"]);
    pip.arg("--target").arg(unpacked).env("TMPDIR", &temporary);
    wait(&mut pip).map_err(|_| "pip could not fetch libtorch; it says above why".into())
}

/// Moves what is needed into `folder`, which appears complete or not at all.
fn keep(unpacked: &Path, folder: &Path) -> Result<(), String> {
    let kept = unpacked.join("kept");
    let rename = |from: &Path, to: &Path| {
        fs::rename(from, to).map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
    };
    fs::create_dir_all(kept.join("lib")).map_err(|error| format!("{}: {error}", kept.display()))?;
    rename(&unpacked.join("torch/include"), &kept.join("include"))?;
    for path in LIBRARIES {
        rename(&unpacked.join(path), &library(&kept, path))?;
    }
    // One that has lost a file.
    remove(folder)?;
    rename(&kept, folder)
}

fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(format!("{}: {error}", folder.display())),
        _ => Ok(()),
    }
}
