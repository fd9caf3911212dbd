//! `duban serve`: the daemon in the foreground.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;

use super::args::{Cli, ServeArgs};
use super::output::say;
use super::{CliError, Verdict, full_path, load};
use crate::clock::Clock;
use crate::config::daemon::listen_address;
use crate::config::home::Home;
use crate::daemon::Daemon;
use crate::daemon::metrics::Process;
use crate::daemon::serve::{Begin, Ended, Serving, serve};
use crate::pipeline::prove;

pub(super) fn run(
    cli: &Cli,
    environment: &BTreeMap<String, String>,
    args: &ServeArgs,
) -> Result<Verdict, CliError> {
    if cli.as_of.is_some() {
        return Err(CliError::Usage {
            message: "the daemon goes by the clock".into(),
            hint: Some(
                "leave --as-of away; `duban run --as-of …` runs a period as at another time".into(),
            ),
        });
    }
    let home = Home::new(&cli.home);
    let config = load(&home, environment)?;
    let settings = &config.settings.daemon;
    let text = args.listen.as_deref().unwrap_or(&settings.listen);
    let (text, begin) = match environment.get(RESTED) {
        Some(address) => (address.as_str(), Begin::Rested),
        None => (text, Begin::Fresh),
    };
    let listen = listen_address(text, settings.listen_anywhere).map_err(|problem| {
        CliError::Usage { message: problem.message, hint: Some(problem.hint.to_owned()) }
    })?;
    if begin == Begin::Fresh {
        // What only a compiler can tell is wrong too: better now than on the morning that it is needed.
        let proof = prove(&config)?;
        if !proof.problems.is_empty() {
            return Err(CliError::Definitions(proof.problems));
        }
    }
    let zone = config.settings.time_zone();
    let district = config.settings.district.name.clone();
    drop(config);
    let daemon = Daemon::open(home, environment.clone(), Clock::system(zone.clone()))?;
    let root = full_path(daemon.home().root());
    let ended = serve(daemon, listen, begin, |serving: &Serving| {
        if begin == Begin::Rested {
            let resident_mb = Process::read().resident_bytes / 1_000_000;
            tracing::info!(resident_mb, "rested");
            return;
        }
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            pid = std::process::id(),
            home = root,
            district,
            health = format!("http://{}/healthz", serving.address),
            metrics = format!("http://{}/metrics", serving.address),
            "serving"
        );
        for schedule in &serving.schedules {
            let next =
                schedule.next_at.map(|at| zone.to_datetime(at).strftime("%F %T").to_string());
            tracing::info!(
                schedule = schedule.name,
                when = schedule.when,
                next = next.as_deref().unwrap_or("never"),
                "schedule"
            );
        }
    })?;
    match ended {
        Ended::Stopped => Ok(Verdict::Done),
        Ended::CutShort => {
            say("error: ended while something was running; the next start puts it right");
            Ok(Verdict::CutShort)
        }
        Ended::Resting(address) => Err(begin_anew(address).into()),
    }
}

/// Names the address that a daemon which begins anew answers at.
const RESTED: &str = "DUBAN_RESTED_AT";

/// Puts a new image of this program into this process. It returns only if that fails.
fn begin_anew(address: SocketAddr) -> std::io::Error {
    // The very program that runs, also if its file was replaced meanwhile.
    let program = match std::env::current_exe() {
        Ok(path) if path.is_file() => path,
        _ => "/proc/self/exe".into(),
    };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    std::process::Command::new(program)
        .arg0(name)
        .args(arguments)
        .env(RESTED, address.to_string())
        .exec()
}
