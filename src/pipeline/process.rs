//! Which process holds a run, told apart from another with the same number.

use crate::ledger::Holder;

/// This process.
pub fn this() -> Holder {
    let pid = std::process::id();
    Holder { pid, host: host(), started: started(pid).unwrap_or_default() }
}

/// Whether the holder of a run still lives. One of another host is taken as alive: nobody here knows.
pub fn is_alive(holder: &Holder) -> bool {
    if holder.host != host() {
        return true;
    }
    match started(holder.pid) {
        Some(started) => holder.started.is_empty() || holder.started == started,
        None => false,
    }
}

fn host() -> String {
    fs_err::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

/// Boot and start time of a process: `/proc/<pid>/stat`, field 22, after the name in parentheses.
fn started(pid: u32) -> Option<String> {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let boot = fs_err::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // A zombie has ended, though its number is still taken.
    if fields.first() == Some(&"Z") {
        return None;
    }
    Some(format!("{} {}", boot.trim(), fields.get(19)?))
}
