use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Whether a mail was put into its folder now or before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    Written,
    /// The same mail was there: it had been delivered before a crash.
    Already,
}

/// Why a mail could not be put into its folder. Operator text.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{message_id:?} cannot be the name of a file")]
    Name { message_id: String },
    #[error("{} is there with other contents", path.display())]
    Differs { path: PathBuf },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Puts a mail into a folder as `<message_id>.eml`, exactly once, and gives its path.
///
/// It is written under a temporary name, brought to disk, and then given its name, which never
/// replaces a file: so a mail is there as a whole or not at all, whenever the program ends.
pub fn deliver_to_folder(
    folder: &Path,
    message_id: &str,
    bytes: &[u8],
) -> Result<(PathBuf, Placed), FolderError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._-+".contains(c);
    if message_id.is_empty() || message_id.starts_with('.') || !message_id.chars().all(plain) {
        return Err(FolderError::Name { message_id: message_id.to_owned() });
    }
    let path = folder.join(format!("{message_id}.eml"));
    match place(folder, &path, message_id, bytes) {
        Ok(true) => Ok((path, Placed::Written)),
        Ok(false) => match fs_err::read(&path) {
            Ok(there) if there == bytes => Ok((path, Placed::Already)),
            Ok(_) => Err(FolderError::Differs { path }),
            Err(source) => Err(FolderError::Write { path, source }),
        },
        Err(source) => Err(FolderError::Write { path, source }),
    }
}

/// False if a file of that name is there.
fn place(folder: &Path, path: &Path, message_id: &str, bytes: &[u8]) -> io::Result<bool> {
    fs_err::create_dir_all(folder)?;
    if path.try_exists()? {
        return Ok(false);
    }
    let prefix = format!(".{message_id}");
    // What an attempt that was killed left behind.
    match fs_err::remove_file(folder.join(format!("{prefix}.tmp"))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".tmp")
        .rand_bytes(0)
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error.error),
    }
    // The name itself is on disk only when its folder is.
    fs_err::File::open(folder)?.sync_all()?;
    Ok(true)
}
