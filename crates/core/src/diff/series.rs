//! Several patches in one input: refused.
//!
//! A patch series (`git format-patch --stdout A..B`, `git log -p`) holds a section for each commit that touches a file. Read as one
//! change it would show lines that a later commit takes away, with the numbers that they had in between: a finding would stand on a
//! line that does not exist. What tells a series is a path that two sections change. A series that touches no path twice is the same
//! as one change, and is read as such; so is one path that is deleted and added at once, as `git diff` writes a change of the kind of
//! a file.

use std::collections::BTreeMap;

use super::{FileDiff, FileStatus};

/// Seen of a path before a section.
#[derive(Clone, Copy)]
struct Seen {
    /// Place of the section.
    at: usize,
    status: FileStatus,
}

/// The first section whose path a section before it changes, too, by its place, with the path.
pub(super) fn second_of_a_path(files: &[FileDiff]) -> Option<(usize, &str)> {
    let mut written: BTreeMap<&str, Seen> = BTreeMap::new();
    let mut taken: BTreeMap<&str, Seen> = BTreeMap::new();
    for (at, file) in files.iter().enumerate() {
        let seen = Seen {
            at,
            status: file.status,
        };
        let old = file.old_path.as_deref().filter(|_| file.status != FileStatus::Copied);
        if let Some(path) = old {
            // Files that swap their names are one change.
            let moves_on = |before: &Seen| [before.status, file.status] == [FileStatus::Renamed; 2];
            let was_written = written.get(path).is_some_and(|before| !moves_on(before));
            if was_written || taken.insert(path, seen).is_some() {
                return Some((at, path));
            }
        }
        if let Some(path) = file.new_path.as_deref() {
            let deleted = taken.get(path).filter(|before| before.status == FileStatus::Deleted);
            let apart = deleted.is_some_and(|before| before.at + 1 != at || file.status != FileStatus::Added);
            if apart || written.insert(path, seen).is_some() {
                return Some((at, path));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{Change, DiffError};

    fn section(old: &str, new: &str, header: &str) -> String {
        format!("diff --git a/{old} b/{new}\n{header}")
    }

    fn modified(path: &str) -> String {
        section(
            path,
            path,
            &format!("--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a\n+b\n"),
        )
    }

    fn added(path: &str, mode: &str) -> String {
        let header = format!("new file mode {mode}\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+b\n");
        section(path, path, &header)
    }

    fn deleted(path: &str) -> String {
        let header = format!("deleted file mode 100644\n--- a/{path}\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
        section(path, path, &header)
    }

    fn moved(word: &str, old: &str, new: &str) -> String {
        section(
            old,
            new,
            &format!("similarity index 100%\n{word} from {old}\n{word} to {new}\n"),
        )
    }

    #[test]
    fn a_path_that_two_patches_change_is_refused_with_its_line() {
        let cases = [
            [modified("x"), modified("x")],
            [added("x", "100644"), modified("x")],
            [added("x", "100644"), deleted("x")],
            [modified("x"), moved("rename", "x", "y")],
            [moved("rename", "y", "x"), modified("x")],
            [modified("x"), deleted("x")],
        ];
        for [first, second] in cases {
            let mail = "\nFrom 1 Mon Sep 17 00:00:00 2001\nSubject: [PATCH 2/2] more\n\n";
            let text = format!("{first}{mail}{second}");
            let line = format!("{first}{mail}").lines().count() + 1;
            let expected = DiffError::Series { line, path: "x".into() };
            assert_eq!(Change::parse(text.as_bytes()), Err(expected), "{text}");
        }
        // Taken away and made anew by a later commit.
        let text = [deleted("x"), modified("y"), added("x", "100644")].concat();
        assert!(matches!(Change::parse(text.as_bytes()), Err(DiffError::Series { .. })));
    }

    #[test]
    fn what_one_diff_may_say_of_a_path_is_read() {
        let one = [
            // A file becomes a link.
            [deleted("x"), added("x", "120000")],
            // A copy of a file that changes, too, and two copies of one.
            [moved("copy", "x", "y"), modified("x")],
            [moved("copy", "x", "y"), moved("copy", "x", "z")],
            // Names that are swapped.
            [moved("rename", "x", "y"), moved("rename", "y", "x")],
            // Two commits that touch different files.
            [modified("x"), modified("y")],
        ];
        for sections in one {
            let text = sections.concat();
            assert_eq!(Change::parse(text.as_bytes()).map(|c| c.files.len()), Ok(2), "{text}");
        }
    }
}
