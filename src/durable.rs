//! Files that survive a crash whole or not at all, and their hashes. A leaf.

use std::io::Write;
use std::path::Path;

use fs_err as fs;
use sha2::{Digest, Sha256};

/// SHA-256 in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The owner alone, and nobody may write: submissions.
    OwnerReadOnly,
    /// As the process's umask says.
    Shared,
}

/// Writes a file under a temporary name beside it, syncs, and renames it to `path`, making the
/// folders above. A file that stands there already is replaced.
pub fn write_whole(path: &Path, bytes: &[u8], access: Access) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let dir = path.parent().unwrap_or(Path::new("."));
    make_dir(dir, access)?;
    let mut temporary = tempfile::Builder::new().prefix(".tmp-").tempfile_in(dir)?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    let mode = match access {
        Access::OwnerReadOnly => 0o400,
        Access::Shared => 0o644,
    };
    fs::set_permissions(temporary.path(), std::fs::Permissions::from_mode(mode))?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_dir(dir)
}

fn make_dir(dir: &Path, access: Access) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mode = match access {
        Access::OwnerReadOnly => 0o700,
        Access::Shared => 0o755,
    };
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(dir)
}

/// Makes a rename in `dir` survive a power cut.
pub fn sync_dir(dir: &Path) -> std::io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// Removes what crashed writers left under `dir`: files whose names begin with `.tmp-`. Returns how many.
pub fn sweep_temporaries(dir: &Path) -> std::io::Result<usize> {
    if !dir.is_dir() {
        return Ok(0);
    }
    let mut n = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            n += sweep_temporaries(&entry.path())?;
        } else if entry.file_name().to_string_lossy().starts_with(".tmp-") {
            fs::remove_file(entry.path())?;
            n += 1;
        }
    }
    Ok(n)
}
