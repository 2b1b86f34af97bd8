//! The end of enforcement, which only an operator asks for.

use std::fs;
use std::io;
use std::path::Path;

use super::{KernelError, links, loader};

/// Ends enforcement: removes the links and the maps of every version. Returns the number of links.
///
/// # Errors
///
/// A pin cannot be removed; what is still pinned is still enforced.
pub fn detach(pin_dir: &Path) -> Result<usize, KernelError> {
    let error = |source| KernelError::Unpin { source };
    let versions = match fs::read_dir(pin_dir) {
        Ok(versions) => versions,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(error(source)),
    };
    let mut removed = 0;
    for version in versions {
        let version = version.map_err(error)?;
        // The directory may be shared, if somebody configured it so.
        if !loader::is_version(&version.file_name()) {
            continue;
        }
        let version = version.path();
        removed += links::remove(&version.join("links")).map_err(error)?;
        loader::remove_pins(&version.join("links")).map_err(error)?;
        loader::remove_pins(&version.join("maps")).map_err(error)?;
        fs::remove_dir(&version).map_err(error)?;
    }
    match fs::remove_dir(pin_dir) {
        Err(source)
            if !matches!(
                source.kind(),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::ResourceBusy
            ) =>
        {
            Err(error(source))
        }
        _ => Ok(removed),
    }
}
