//! archive: every submission as it came, by SHA-256, never changed.
//!
//! `data/archive/<first two hex digits>/<sha-256>`, readable by the owner alone. A file with
//! children's identities never gets here: the pipeline refuses it before.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fs_err as fs;

use crate::durable::{Access, sha256_hex, write_all, write_whole};

/// Why the archive could not store or return a file.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("archive {path}")]
    Io {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "archive {path}: the bytes are not those that were stored (their SHA-256 is {found}): the disk or a hand changed them; restore this file from a backup"
    )]
    Changed { path: String, found: String },
}

/// The archive of a home.
#[derive(Debug, Clone)]
pub struct Archive {
    root: PathBuf,
}

impl Archive {
    pub fn new(root: impl Into<PathBuf>) -> Archive {
        Archive { root: root.into() }
    }

    pub fn path(&self, sha256: &str) -> PathBuf {
        self.root.join(sha256.get(..2).unwrap_or("xx")).join(sha256)
    }

    pub fn holds(&self, sha256: &str) -> bool {
        self.path(sha256).is_file()
    }

    /// Stores `bytes` and returns their SHA-256. Storing the same bytes again changes nothing; a
    /// crash leaves the whole file or none.
    pub fn store(&self, bytes: &[u8]) -> Result<String, ArchiveError> {
        let sha256 = sha256_hex(bytes);
        let path = self.path(&sha256);
        if !path.is_file() {
            write_whole(&path, bytes, Access::OwnerReadOnly)
                .map_err(|source| ArchiveError::Io { path: path.display().to_string(), source })?;
        }
        Ok(sha256)
    }

    /// As [`Archive::store`] for several submissions, given with their SHA-256, which the disk then
    /// takes together.
    pub fn store_all(&self, submissions: &[(&str, &[u8])]) -> Result<(), ArchiveError> {
        // The same bytes may come from several offices.
        let files: BTreeMap<PathBuf, &[u8]> = submissions
            .iter()
            .map(|(sha256, bytes)| (self.path(sha256), *bytes))
            .filter(|(path, _)| !path.is_file())
            .collect();
        let files: Vec<(PathBuf, &[u8])> = files.into_iter().collect();
        write_all(&files, Access::OwnerReadOnly)
            .map_err(|source| ArchiveError::Io { path: self.root.display().to_string(), source })
    }

    /// Removes a file: only for one that turned out to hold children's identities.
    pub fn remove(&self, sha256: &str) -> Result<(), ArchiveError> {
        let path = self.path(sha256);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(ArchiveError::Io { path: path.display().to_string(), source })
            }
            _ => Ok(()),
        }
    }

    /// The bytes of a submission, proven to be those that were stored.
    pub fn read(&self, sha256: &str) -> Result<Vec<u8>, ArchiveError> {
        let path = self.path(sha256);
        let bytes = fs::read(&path)
            .map_err(|source| ArchiveError::Io { path: path.display().to_string(), source })?;
        let found = sha256_hex(&bytes);
        if found == sha256 {
            Ok(bytes)
        } else {
            Err(ArchiveError::Changed { path: path.display().to_string(), found })
        }
    }
}
