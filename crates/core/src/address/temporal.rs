//! The temporal segment: which version of a resource an address means.
//!
//! Versions are numbers given by the resource's home node, ascending, possibly with gaps (retention and erasure take
//! versions away). Steps (`~~N`, `^^N`) count versions that exist, so that one step back always lands on something that
//! can be read.

use std::fmt;

/// A temporal segment. Syntax: `*^`, `*~`, `*~N`, `~~N`, `^^N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Temporal {
    /// `*^`: the latest version.
    Latest,
    /// `*~`: any version; a read takes the latest, a pattern takes all.
    Any,
    /// `*~N`: version N.
    Version(u64),
    /// `~~N`: N versions back from the base.
    Back(u64),
    /// `^^N`: N versions forward from the base.
    Forward(u64),
}

/// Why no version could be picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemporalError {
    /// The resource has no versions.
    #[error("`{wanted}` picks no version: the resource has none yet; write it first")]
    Empty {
        /// What was asked for.
        wanted: Temporal,
    },
    /// That version does not exist (never did, or was erased).
    #[error("there is no version {version}: versions {oldest} to {latest} exist, not necessarily all of them")]
    NoSuchVersion {
        /// The version looked for.
        version: u64,
        /// The oldest that exists.
        oldest: u64,
        /// The latest that exists.
        latest: u64,
    },
    /// Fewer versions lie in that direction than steps were asked for.
    #[error("`{wanted}` leaves the history: only {available} version(s) lie that way from version {base}")]
    OutOfHistory {
        /// What was asked for.
        wanted: Temporal,
        /// Where counting began.
        base: u64,
        /// How many versions lie that way.
        available: u64,
    },
}

impl Temporal {
    /// Picks a version. `versions` are those that exist, strictly ascending; `base` is where `~~N` and `^^N` count from.
    /// Where none is given, `~~N` counts back from the latest version and `^^N` forward from the oldest. A base that no
    /// longer exists still is a place to count from, but zero steps from it finds nothing.
    pub fn resolve(self, base: Option<u64>, versions: &[u64]) -> Result<u64, TemporalError> {
        debug_assert!(versions.is_sorted_by(|a, b| a < b), "versions must ascend");
        let (Some(&oldest), Some(&latest)) = (versions.first(), versions.last()) else {
            return Err(TemporalError::Empty { wanted: self });
        };
        let exact = |version: u64| match versions.binary_search(&version) {
            Ok(_) => Ok(version),
            Err(_) => Err(TemporalError::NoSuchVersion {
                version,
                oldest,
                latest,
            }),
        };
        let base = base.unwrap_or(match self {
            Temporal::Forward(_) => oldest,
            _ => latest,
        });
        match self {
            Temporal::Latest | Temporal::Any => Ok(latest),
            Temporal::Version(version) => exact(version),
            Temporal::Back(0) | Temporal::Forward(0) => exact(base),
            Temporal::Back(steps) => {
                let older = &versions[..versions.partition_point(|&version| version < base)];
                nth(older.iter().rev(), steps).ok_or(self.out_of_history(base, older))
            }
            Temporal::Forward(steps) => {
                let newer = &versions[versions.partition_point(|&version| version <= base)..];
                nth(newer.iter(), steps).ok_or(self.out_of_history(base, newer))
            }
        }
    }

    fn out_of_history(self, base: u64, that_way: &[u64]) -> TemporalError {
        TemporalError::OutOfHistory {
            wanted: self,
            base,
            available: that_way.len() as u64,
        }
    }
}

/// The `steps`-th item, from 1.
fn nth<'a>(mut versions: impl Iterator<Item = &'a u64>, steps: u64) -> Option<u64> {
    let index = usize::try_from(steps.checked_sub(1)?).ok()?;
    versions.nth(index).copied()
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Temporal::Latest => f.write_str("*^"),
            Temporal::Any => f.write_str("*~"),
            Temporal::Version(version) => write!(f, "*~{version}"),
            Temporal::Back(steps) => write!(f, "~~{steps}"),
            Temporal::Forward(steps) => write!(f, "^^{steps}"),
        }
    }
}
