//! Whether the definitions' files have changed, told by their names, sizes and times alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fs_err as fs;

use crate::config::home::Home;

/// The files of `config/`, `pipelines/` and `report_templates/` as they were when looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Files(BTreeMap<PathBuf, (u64, Option<SystemTime>)>);

impl Files {
    pub(super) fn look(home: &Home) -> Result<Files, std::io::Error> {
        let mut files = Files::default();
        for folder in [home.config(), home.pipelines(), home.report_templates()] {
            files.walk(&folder)?;
        }
        Ok(files)
    }

    fn walk(&mut self, folder: &Path) -> Result<(), std::io::Error> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            // A folder that is not there has no files; one that just went is seen at the next look.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                self.walk(&entry.path())?;
            } else {
                self.0.insert(entry.path(), (metadata.len(), metadata.modified().ok()));
            }
        }
        Ok(())
    }
}
