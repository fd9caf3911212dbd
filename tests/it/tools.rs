//! Programs of another make that the tests compare with: Python and its packages.

use std::path::PathBuf;
use std::process::Command;

/// The repository: where `config/` and `tests/tools/` are.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A Python that has `module`, or nothing, said loudly: `DUBAN_PYTHON`, or `python3`.
///
/// With `CI=true` a missing module fails the test: CI installs `tests/tools/requirements.txt`.
pub fn python_with(module: &str, test: &str) -> Option<Command> {
    let python = std::env::var_os("DUBAN_PYTHON").unwrap_or_else(|| "python3".into());
    let found = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .output()
        .is_ok_and(|output| output.status.success());
    if found {
        let mut command = Command::new(python);
        command.env("PYTHONUTF8", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        return Some(command);
    }
    let message = format!("{test}: Python has no `{module}` (see tests/tools/requirements.txt)");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
    eprintln!("LEFT OUT: {message}");
    None
}
