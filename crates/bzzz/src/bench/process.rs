//! A node as a process of its own: how soon it serves, and what it needs when it has nothing to do.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::machine::{folder, mb, ms, resident};
use super::review::ROLES;
use super::{Extent, Figure};
use crate::cli::exit::Exit;
use crate::cli::failure::{Explain as _, Result, fail, fail_because};
use crate::client::wire::Status;

const NAME: &str = "idle";
const GOAL_BYTES: u64 = 40_000_000;
/// An orderly end takes no longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is quoted of a failed start.
const MAX_WORDS: u64 = 4 * 1024;

/// A `bzzz up`; stopped when this is dropped.
pub struct Up {
    child: Child,
    /// From the call to the line with its addresses.
    pub took: Duration,
}

impl Up {
    /// Starts a node with the five built-in agents on a data folder, on free loopback ports.
    pub fn start(data: &Path) -> Result<Up> {
        let attempt = "could not start `bzzz up`";
        let me = std::env::current_exe().explain(Exit::Local, attempt, None)?;
        let started = Instant::now();
        let mut child = Command::new(me)
            .args(["up", "--json", "--p2p", "/ip4/127.0.0.1/tcp/0", "--http", "127.0.0.1:0"])
            .args(["--agents", &ROLES.join(","), "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .explain(Exit::Local, attempt, None)?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out)
                .read_line(&mut line)
                .explain(Exit::Local, attempt, None)?;
        }
        let took = started.elapsed();
        let serves = serde_json::from_str::<Status>(&line).is_ok_and(|status| !status.peer_id.is_empty());
        let up = Up { child, took };
        if serves { Ok(up) } else { Err(up.failure(attempt)) }
    }

    fn failure(mut self, attempt: &str) -> anyhow::Error {
        // It may be alive without having said what it should.
        let _ = self.child.kill();
        let mut words = String::new();
        if let Some(err) = self.child.stderr.take() {
            let _ = err.take(MAX_WORDS).read_to_string(&mut words);
        }
        fail_because(Exit::Node, attempt, words.trim().to_owned(), None)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory, bytes.
    pub fn resident(&self) -> Option<u64> {
        resident(self.pid())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let asked = pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok());
        let started = Instant::now();
        while asked && started.elapsed() < PATIENCE {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the measurement.
pub fn idle(extent: Extent) -> Result<Vec<Figure>> {
    let place = folder()?;
    let data = place.path().join("node");
    let first = Up::start(&data)?;
    std::thread::sleep(Duration::from_secs(extent.seconds));
    let bytes = first.resident().ok_or_else(|| {
        fail(
            Exit::Local,
            "could not read the memory of a process on this system",
            None,
        )
    })?;
    let new = first.took;
    drop(first);
    let again = Up::start(&data)?;
    let how = format!(
        "resident memory of `bzzz up` with five agents, {} s after its start",
        extent.seconds
    );
    Ok(vec![
        Figure::new(NAME, "memory", mb(bytes), how).aims("≤ 40 MB", bytes <= GOAL_BYTES),
        Figure::new(
            NAME,
            "first start",
            ms(new),
            "`bzzz up` on a new folder until it prints its addresses",
        ),
        Figure::new(NAME, "next start", ms(again.took), "the same folder again"),
    ])
}
