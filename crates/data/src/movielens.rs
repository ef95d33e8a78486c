//! The layouts in which GroupLens publishes MovieLens.

use std::path::Path;

use crate::{Dataset, Result};

/// Reads a folder of MovieLens files, whichever of the published layouts it has.
///
/// # Errors
/// If no layout is recognised, a file is missing, or a line is not what the layout says.
pub fn read_folder(name: &str, folder: &Path) -> Result<Dataset> {
    let _ = (name, folder);
    unimplemented!()
}
