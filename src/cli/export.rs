//! `duban items export`: the ledger as a workbook.

use std::path::Path;

use super::args::Cli;
use super::output::say;
use super::{CliError, full_path};
use crate::config::letter::ITEMS_LEDGER;
use crate::durable::{Access, write_whole};
use crate::pipeline::Pipeline;

/// Writes the workbook of all items, as they are or as they were at `--as-of`. A file that is there is replaced.
pub(super) fn items(cli: &Cli, pipeline: &Pipeline, file: &Path) -> Result<(), CliError> {
    let is_workbook = file.extension().is_some_and(|end| end.eq_ignore_ascii_case("xlsx"));
    if !is_workbook {
        return Err(CliError::Usage {
            message: format!("{} is no name of a workbook", file.display()),
            hint: Some("the ledger is written as NAME.xlsx".into()),
        });
    }
    let book = pipeline.ledger_book(ITEMS_LEDGER, cli.as_of)?;
    write_whole(file, &book.bytes, Access::Shared)?;
    say(format!("the ledger is in {}", full_path(file)));
    Ok(())
}
