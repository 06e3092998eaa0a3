//! Is the clock plausible? Leases and deadlines rest on it, within the skew bound of the protocol.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Check;

/// 2026-01-01: before this program was written, Unix seconds.
const EARLIEST_S: u64 = 1_767_225_600;
/// A file system's clock (a network disk has its own) may be this far away.
const FILE_SKEW: Duration = Duration::from_secs(5);
/// Entries of the data folder that are looked at.
const MAX_ENTRIES: usize = 1_000;

/// Checks the clock against what is known without a network.
pub fn check(data: &Path) -> Check {
    let now = SystemTime::now();
    judge(now, written(data), newest(data))
}

/// `written`: the file system's time of a file made just now; `newest`: the latest file of an earlier run.
fn judge(now: SystemTime, written: Option<SystemTime>, newest: Option<SystemTime>) -> Check {
    let name = "clock";
    let set = "set the clock, or let NTP do so (`timedatectl set-ntp true`)";
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if seconds < EARLIEST_S {
        return Check::fail(
            name,
            format!("it shows a time before this program was written (Unix time {seconds})"),
            set,
        );
    }
    if let Some(ahead) = newest
        .and_then(|newest| newest.duration_since(now).ok())
        .filter(|ahead| *ahead > FILE_SKEW)
    {
        return Check::fail(
            name,
            format!(
                "the data folder holds a file from {} s in the future: the clock went back",
                ahead.as_secs()
            ),
            set,
        );
    }
    if let Some(written) = written {
        let skew = written.duration_since(now).unwrap_or_else(|error| error.duration());
        if skew > FILE_SKEW {
            return Check::warn(
                name,
                format!("the disk's clock is {} s away from this machine's", skew.as_secs()),
                "set both clocks with NTP",
            );
        }
    }
    Check::ok(name, "plausible; it is compared with the peers' when a node runs")
}

fn written(data: &Path) -> Option<SystemTime> {
    let file = tempfile::Builder::new().prefix(".doctor-").tempfile_in(data).ok()?;
    file.as_file().metadata().ok()?.modified().ok()
}

fn newest(data: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(data).ok()?;
    entries
        .take(MAX_ENTRIES)
        .filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok())
        .max()
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    #[test]
    fn clocks() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let now = at(EARLIEST_S + 1_000);
        assert_eq!(judge(now, Some(now), None).health, Health::Ok);
        assert_eq!(judge(at(1_000), None, None).health, Health::Fail);
        assert_eq!(judge(now, None, Some(at(EARLIEST_S + 2_000))).health, Health::Fail);
        assert_eq!(judge(now, Some(at(EARLIEST_S + 900)), None).health, Health::Warn);
    }
}
