//! What is refused, told in the log at a bounded rate: a flood must not fill the disk with lines about it.

use bzzz_core::crypto::PublicKey;

/// One line in this time at most, milliseconds.
const EVERY_MS: u64 = 10_000;

/// Counts refusals between two lines.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    count: u64,
    next_ms: u64,
}

impl Refusals {
    /// Notes one. Returns how many there were since the last line, if it is time for another one.
    pub(crate) fn note(&mut self, now_ms: u64) -> Option<u64> {
        self.count += 1;
        if now_ms < self.next_ms {
            return None;
        }
        self.next_ms = now_ms + EVERY_MS;
        Some(std::mem::take(&mut self.count))
    }

    /// Notes one and tells of it, if it is time.
    pub(crate) fn tell(&mut self, now_ms: u64, from: &PublicKey, why: &str) {
        tracing::debug!(%from, why, "refused");
        if let Some(count) = self.note(now_ms) {
            tracing::warn!(count, last_from = %from, last_reason = why, "refused what peers sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_once_in_ten_seconds() {
        let mut refusals = Refusals::default();
        let lines: Vec<u64> = (0..10_000).filter_map(|n| refusals.note(1_000_000 + n * 3)).collect();
        // One in 3 ms: lines at 0, 10,002 and 20,004 ms, each with all since the one before.
        assert_eq!(lines, [1, 3334, 3334]);
    }
}
