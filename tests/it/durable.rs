//! Files written whole, one by one and together.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use duban::archive::Archive;
use duban::durable::{Access, sha256_hex, sweep_temporaries, write_all};

fn files_under(dir: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_under(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn files_written_together_are_whole_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    // More files than threads, over several folders.
    let bytes: Vec<Vec<u8>> = (0..100_u8).map(|i| vec![i; usize::from(i) * 100]).collect();
    let path = |i: usize| folder.path().join(format!("{}/{i}", i % 7));
    let files: Vec<(PathBuf, &[u8])> =
        bytes.iter().enumerate().map(|(i, bytes)| (path(i), bytes.as_slice())).collect();
    write_all(&files, Access::Shared).unwrap();
    assert_eq!(files_under(folder.path()).len(), 100, "no temporary is left");
    for (path, bytes) in files {
        assert_eq!(fs_err::read(&path).unwrap(), bytes);
    }
}

#[test]
fn one_file_that_cannot_be_written_is_an_error_and_its_neighbours_are_whole_or_absent() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs_err::write(&taken, b"a file where a folder should be").unwrap();
    let files: Vec<(PathBuf, &[u8])> =
        vec![(folder.path().join("a"), b"first"), (taken.join("b"), b"second")];
    assert!(write_all(&files, Access::Shared).is_err());
    assert!(!folder.path().join("a").exists(), "nothing is renamed before all are on disk");
    assert_eq!(sweep_temporaries(folder.path()).unwrap(), 0, "what was begun is taken away");
}

#[test]
fn nothing_to_write_is_no_error() {
    write_all(&[], Access::Shared).unwrap();
}

#[test]
fn submissions_archived_together_are_stored_once_and_for_the_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::new(folder.path());
    let (a, b) = (b"one workbook".as_slice(), b"another".as_slice());
    let (a_hash, b_hash) = (sha256_hex(a), sha256_hex(b));
    let pairs = [(a_hash.as_str(), a), (b_hash.as_str(), b), (a_hash.as_str(), a)];
    archive.store_all(&pairs).unwrap();
    assert_eq!(archive.read(&a_hash).unwrap(), a);
    assert_eq!(archive.read(&b_hash).unwrap(), b);
    let files = files_under(folder.path());
    assert_eq!(files.len(), 2);
    for file in &files {
        let mode = fs_err::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400, "{}", file.display());
    }
    // Again, and one by one: nothing changes.
    let before = fs_err::metadata(&files[0]).unwrap().modified().unwrap();
    archive.store_all(&pairs).unwrap();
    archive.store(a).unwrap();
    assert_eq!(files_under(folder.path()), files);
    assert_eq!(fs_err::metadata(&files[0]).unwrap().modified().unwrap(), before);
}
