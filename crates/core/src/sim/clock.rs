//! A node's own clock: off by a bounded amount, and drifting.

use crate::hlc::MAX_SKEW_MS;

/// A clock that is off by at most half of the skew bound, so that no two clocks differ by more than the bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    offset_ms: i64,
    drift_ppm: i64,
}

impl Clock {
    /// Off by `offset_ms` at time 0 and by so many more millionths as time goes on.
    pub fn new(offset_ms: i64, drift_ppm: i64) -> Self {
        Clock { offset_ms, drift_ppm }
    }

    /// What it shows at a true time, both in milliseconds since the start of the run plus `base`. It never runs backwards.
    pub fn read(&self, base: u64, at: u64) -> u64 {
        let bound = (MAX_SKEW_MS / 2) as i64;
        let off = (self.offset_ms + (at as i64) * self.drift_ppm / 1_000_000).clamp(-bound, bound);
        (base + at).saturating_add_signed(off)
    }

    /// The first true time, from `now` on, at which it shows at least `local`.
    pub fn when(&self, base: u64, now: u64, local: u64) -> u64 {
        let shown = self.read(base, now);
        if shown >= local {
            return now;
        }
        let mut at = now + (local - shown) * 99 / 100;
        let mut step = local - shown;
        while self.read(base, at) < local {
            at += 1 + step / 200;
            step /= 2;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_never_runs_backwards() {
        for (offset, ppm) in [(15_000, 90), (-15_000, -90), (0, 200), (40_000, 0)] {
            let clock = Clock::new(offset, ppm);
            let base = 1_800_000_000_000;
            let mut last = 0;
            for at in (0..100_000_000).step_by(999_983) {
                let shown = clock.read(base, at);
                assert!(shown >= last && shown.abs_diff(base + at) <= MAX_SKEW_MS / 2);
                last = shown;
                for local in [shown, shown + 1, shown + 5_000] {
                    let when = clock.when(base, at, local);
                    assert!(when >= at && clock.read(base, when) >= local);
                    assert!(clock.read(base, when) <= local.max(shown) + 60);
                }
            }
        }
    }
}
