//! Unified diffs as data.
//!
//! [`Change::parse`] reads what `git diff`, `git format-patch`, `diff -u` and the forges produce. It is strict where a
//! wrong guess would put a finding on a wrong line (a hunk whose counts lie is refused, with its line number) and
//! lenient where nothing depends on it (mail headers, prose and tool chatter between files are passed over).
//!
//! What always holds: parsing is pure, takes time linear in the input, never panics, and a parsed [`Change`] keeps
//! within [`MAX_DIFF_BYTES`], [`MAX_DIFF_FILES`] and [`MAX_DIFF_LINES`]. Within one [`FileDiff`] the hunks stand in
//! ascending order and do not overlap, and every [`DiffLine`] carries the line numbers that its hunk header implies.

mod error;
mod header;
mod parse;
mod series;
#[cfg(test)]
mod tests;

pub use error::DiffError;

use serde::{Deserialize, Serialize};

/// Largest diff that is read, bytes. A review of more than this reads nothing well; it also bounds memory.
pub const MAX_DIFF_BYTES: usize = 16 * 1024 * 1024;
/// Most files in one diff: more is a vendored tree or a mass rename, not something that is reviewed line by line.
pub const MAX_DIFF_FILES: usize = 10_000;
/// Most lines in all hunks of one diff: bounds memory at some 100 bytes of bookkeeping a line.
pub const MAX_DIFF_LINES: usize = 500_000;
/// Longest path, bytes; `PATH_MAX` of the common systems.
pub const MAX_PATH_BYTES: usize = 4096;

/// A parsed diff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// One entry for each file section, in the order of the diff. No two of them change one path, but for one that is deleted and
    /// added at once, as a change of its kind is written: a series of patches is refused.
    pub files: Vec<FileDiff>,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// Its content changed.
    Modified,
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
    /// It moved, with or without changed content.
    Renamed,
    /// It is a copy of another file, with or without changed content.
    Copied,
    /// Only its mode changed.
    ModeChanged,
}

/// One file section of a diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDiff {
    /// Path before the change, without `a/`; none for a new file.
    pub old_path: Option<String>,
    /// Path after the change, without `b/`; none for a deleted file.
    pub new_path: Option<String>,
    /// What happened to it.
    pub status: FileStatus,
    /// Whether the diff says that the content is binary; then there are no hunks.
    pub binary: bool,
    /// Whether some text or a path was not UTF-8 and is kept with replacement characters.
    pub lossy: bool,
    /// The changed regions, ascending.
    pub hunks: Vec<Hunk>,
}

/// One changed region of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hunk {
    /// First line before the change, 1-based; with `old_len` 0, the line after which the region stands.
    pub old_start: u32,
    /// Number of lines before the change.
    pub old_len: u32,
    /// First line after the change, likewise.
    pub new_start: u32,
    /// Number of lines after the change.
    pub new_len: u32,
    /// What stands behind the second `@@`: most tools write the enclosing function's first line there.
    pub section: String,
    /// The lines of the region.
    pub lines: Vec<DiffLine>,
}

/// How a line takes part in a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Unchanged.
    Context,
    /// New.
    Added,
    /// Gone.
    Removed,
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffLine {
    /// Context, added or removed.
    pub kind: LineKind,
    /// Line number before the change, 1-based; none for an added line.
    pub old_no: Option<u32>,
    /// Line number after the change, 1-based; none for a removed line.
    pub new_no: Option<u32>,
    /// The text without the marker and without the line feed. A carriage return before the line feed is kept.
    pub text: String,
    /// Whether `\ No newline at end of file` followed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_newline: bool,
}

/// Counts for a summary line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffStats {
    /// File sections.
    pub files: u32,
    /// Added lines.
    pub added: u32,
    /// Removed lines.
    pub removed: u32,
}

impl Change {
    /// Parses a unified diff.
    ///
    /// # Errors
    /// Every way in which the input is no reviewable diff has its own [`DiffError`], which says what to do about it.
    pub fn parse(input: &[u8]) -> Result<Change, DiffError> {
        parse::parse(input)
    }

    /// Files, added and removed lines.
    pub fn stats(&self) -> DiffStats {
        let mut stats = DiffStats::default();
        for file in &self.files {
            let one = file.stats();
            stats.files = stats.files.saturating_add(1);
            stats.added = stats.added.saturating_add(one.added);
            stats.removed = stats.removed.saturating_add(one.removed);
        }
        stats
    }

    /// All file sections that name `path`, before or after the change.
    pub fn files_at<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a FileDiff> {
        self.files
            .iter()
            .filter(move |f| f.new_path.as_deref() == Some(path) || f.old_path.as_deref() == Some(path))
    }
}

impl FileDiff {
    /// The path to show: after the change, or before it for a deleted file.
    pub fn path(&self) -> &str {
        self.new_path
            .as_deref()
            .or(self.old_path.as_deref())
            .unwrap_or_default()
    }

    /// Added lines in order.
    pub fn added_lines(&self) -> impl Iterator<Item = &DiffLine> {
        self.hunks
            .iter()
            .flat_map(|h| &h.lines)
            .filter(|l| l.kind == LineKind::Added)
    }

    /// Removed lines in order.
    pub fn removed_lines(&self) -> impl Iterator<Item = &DiffLine> {
        self.hunks
            .iter()
            .flat_map(|h| &h.lines)
            .filter(|l| l.kind == LineKind::Removed)
    }

    /// Added and removed lines of this file; `files` is 1.
    pub fn stats(&self) -> DiffStats {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        DiffStats {
            files: 1,
            added: count(self.added_lines().count()),
            removed: count(self.removed_lines().count()),
        }
    }
}
