//! Files that survive a crash whole or not at all, and their hashes. A leaf.
//!
//! ## Design notes
//! - A disk takes milliseconds to sync a file, and thirty files at once hardly longer than one: the
//!   file system writes its journal once for all that wait. So what belongs together is synced
//!   together ([`write_all`]), each file by a thread of its own.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

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
    let temporary = write_temporary(path, bytes, access)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_dir(folder_of(path))
}

/// As [`write_whole`] for several files, which are synced together. Each of them survives a crash
/// whole or not at all; a crash may leave some of them and not the others.
pub fn write_all(files: &[(PathBuf, &[u8])], access: Access) -> std::io::Result<()> {
    let mut temporaries = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        temporaries.push(write_temporary(path, bytes, access)?);
    }
    let open: Vec<&std::fs::File> =
        temporaries.iter().map(tempfile::NamedTempFile::as_file).collect();
    sync_together(&open)?;
    for (temporary, (path, _)) in temporaries.into_iter().zip(files) {
        temporary.persist(path).map_err(|error| error.error)?;
    }
    let folders: BTreeSet<&Path> = files.iter().map(|(path, _)| folder_of(path)).collect();
    let folders =
        folders.into_iter().map(fs::File::open).collect::<std::io::Result<Vec<fs::File>>>()?;
    sync_together(&folders.iter().map(fs::File::file).collect::<Vec<_>>())
}

/// Puts a file there by renaming, so that nobody reads half of it, without waiting for the disk: a
/// power cut may leave it empty. Only for what is made again from other files.
pub fn write_derived(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = write_temporary(path, bytes, Access::Shared)?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn write_temporary(
    path: &Path,
    bytes: &[u8],
    access: Access,
) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder_of(path);
    make_dir(dir, access)?;
    let mut temporary = tempfile::Builder::new().prefix(".tmp-").tempfile_in(dir)?;
    temporary.write_all(bytes)?;
    let mode = match access {
        Access::OwnerReadOnly => 0o400,
        Access::Shared => 0o644,
    };
    fs::set_permissions(temporary.path(), std::fs::Permissions::from_mode(mode))?;
    Ok(temporary)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Syncs files at once; the first error, if any. The threads only wait.
fn sync_together(files: &[&std::fs::File]) -> std::io::Result<()> {
    const THREADS: usize = 32;
    let share = files.len().div_ceil(THREADS).max(1);
    std::thread::scope(|scope| {
        let syncing: Vec<_> = files
            .chunks(share)
            .map(|files| scope.spawn(|| files.iter().try_for_each(|file| file.sync_all())))
            .collect();
        syncing.into_iter().try_for_each(|thread| match thread.join() {
            Ok(synced) => synced,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
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
