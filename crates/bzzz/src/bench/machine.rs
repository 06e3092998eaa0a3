//! What the system says about processes and files, and small arithmetic over measured times.

use std::path::Path;
use std::time::Duration;

/// Resident memory of a process in bytes; none where the system does not tell.
pub fn resident(pid: u32) -> Option<u64> {
    status_line(pid, "VmRSS:")
}

/// The most that this process had resident since [`forget_peak`].
pub fn peak() -> Option<u64> {
    status_line(std::process::id(), "VmHWM:")
}

/// Begins to look for the peak anew, where the system can.
pub fn forget_peak() {
    // Without it the peak is that of the whole life of the process, which is only worse.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn status_line(pid: u32, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Processor time that a process has used, all threads; none where the system does not tell.
pub fn processor_time(pid: u32) -> Option<Duration> {
    // proc_pid_stat(5): after the name in parentheses, fields 14 and 15 are user and system time in ticks of 10 ms.
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

/// Bytes of all files in a folder, folders below it left out.
pub fn folder_bytes(folder: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let about = entry?.metadata()?;
        sum += if about.is_file() { about.len() } else { 0 };
    }
    Ok(sum)
}

/// Measured times in order.
#[derive(Debug, Default, Clone)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Sorts them.
    pub fn new(mut times: Vec<Duration>) -> Times {
        times.sort_unstable();
        Times(times)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time that so many percent do not exceed; zero when nothing was measured.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }

    /// The middle one.
    pub fn median(&self) -> Duration {
        self.percentile(50)
    }
}

/// A time in milliseconds.
pub fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// Bytes in units of a million.
pub fn mb(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// One time over another.
pub fn ratio(ours: Duration, bare: Duration) -> f64 {
    ours.as_secs_f64() / bare.as_secs_f64().max(1e-9)
}

/// Folder for a measurement's files, beside the temporary files of the system (`TMPDIR`).
pub fn folder() -> crate::cli::failure::Result<tempfile::TempDir> {
    use crate::cli::failure::Explain as _;
    tempfile::tempdir().explain(
        crate::cli::exit::Exit::Local,
        "could not make a folder for the measurement",
        Some("set TMPDIR to a folder on the disk to be measured"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let times = Times::new([5, 1, 4, 2, 3].map(Duration::from_millis).to_vec());
        assert_eq!(times.median(), Duration::from_millis(3));
        assert_eq!(times.percentile(99), Duration::from_millis(5));
        assert_eq!(Times::new(vec![]).median(), Duration::ZERO);
    }
}
