//! A change to review: where it comes from, and what makes a text one.

use crate::cli::exit::Exit;
use crate::cli::failure::{Result, fail, fail_because};
use crate::client::wire::WholeFile;

/// Largest diff, bytes. A hundred thousand changed lines stay below it; more is no change that anybody reviews at once.
pub const MAX_DIFF_BYTES: u64 = 16 << 20;

/// A change, checked to be a unified diff in UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Name for people: a file name or a revision range.
    pub title: String,
    /// Unified diff.
    pub diff: String,
    /// Changed files as a whole, where they are known.
    pub files: Vec<WholeFile>,
    /// What the reader should know, for example files that were too large.
    pub warnings: Vec<String>,
}

/// The error for a diff that is too large; `bytes` is known when it lies in a file.
pub fn too_large(title: &str, bytes: Option<u64>) -> anyhow::Error {
    let size = bytes.map_or_else(
        || format!("it has more than {} MB", MAX_DIFF_BYTES >> 20),
        |bytes| {
            format!(
                "it has {} MB, and {} MB is the most",
                bytes.div_ceil(1 << 20),
                MAX_DIFF_BYTES >> 20
            )
        },
    );
    fail_because(
        Exit::Usage,
        format!("could not review {title}"),
        size,
        Some("review it in parts, or leave generated and vendored files out of the diff"),
    )
}

/// Checks that `bytes` are a unified diff with at least one textual change.
pub fn check(title: &str, bytes: Vec<u8>) -> Result<String> {
    let attempt = format!("could not review {title}");
    let refuse = |because: String, hint: &str| Err(fail_because(Exit::Usage, attempt.clone(), because, Some(hint)));
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return refuse(
            "the diff is empty".to_owned(),
            "check that the revisions differ, or that the command before the pipe printed something",
        );
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return refuse(
            format!("it is a binary file (a zero byte at offset {at})"),
            "give a unified diff, as `git diff` prints it",
        );
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
            return refuse(
                format!("it is not UTF-8 text (line {line}, offset {at})"),
                "convert it, for example with `iconv -f LATIN1 -t UTF-8`",
            );
        }
    };
    match Shape::of(&text) {
        Ok(Shape {
            hunks: 0,
            binary: 0,
            renames: 0,
        }) => refuse(
            "it has no hunks, so it is no unified diff".to_owned(),
            "give what `git diff` or `diff -u` prints; to review a repository, use --repo PATH --base REV",
        ),
        Ok(Shape {
            hunks: 0, binary: 1.., ..
        }) => refuse(
            "it changes binary files only, and there is nothing to read in them".to_owned(),
            "review the text that the binary files are made from",
        ),
        Ok(_) => Ok(text),
        Err((line, what)) => refuse(
            format!("line {line}: {what}"),
            "the diff was cut or edited; make it again with `git diff` or `diff -u`",
        ),
    }
}

/// What a diff consists of.
struct Shape {
    hunks: u64,
    binary: u64,
    renames: u64,
}

impl Shape {
    /// Counts the parts; an error names the line (1-based) where a hunk does not hold what its header says.
    fn of(text: &str) -> std::result::Result<Self, (usize, String)> {
        let mut shape = Self {
            hunks: 0,
            binary: 0,
            renames: 0,
        };
        let (mut old, mut new) = (0_u64, 0_u64);
        let mut last = 0;
        for (number, line) in text.lines().enumerate() {
            last = number + 1;
            if old > 0 || new > 0 {
                let (less_old, less_new) = match line.as_bytes().first() {
                    Some(b'+') => (0, 1),
                    Some(b'-') => (1, 0),
                    // Some mailers strip the space of an empty context line.
                    Some(b' ' | b'\t') | None => (1, 1),
                    Some(b'\\') => (0, 0),
                    Some(_) => return Err((last, "a hunk ends before its header says".to_owned())),
                };
                if less_old > old || less_new > new {
                    return Err((last, "a hunk is longer than its header says".to_owned()));
                }
                old -= less_old;
                new -= less_new;
            } else if let Some(header) = line.strip_prefix("@@ ") {
                (old, new) = ranges(header).ok_or_else(|| (last, "this hunk header is malformed".to_owned()))?;
                shape.hunks += 1;
            } else if line.starts_with("Binary files ") || line.starts_with("GIT binary patch") {
                shape.binary += 1;
            } else if line.starts_with("rename to ")
                || line.starts_with("new mode ")
                || line.starts_with("copy to ")
                || line.starts_with("deleted file mode ")
                || line.starts_with("new file mode ")
            {
                shape.renames += 1;
            }
        }
        if old > 0 || new > 0 {
            return Err((last, "the diff ends in the middle of a hunk".to_owned()));
        }
        Ok(shape)
    }
}

/// Lengths of `-a,b +c,d @@`.
fn ranges(header: &str) -> Option<(u64, u64)> {
    let mut parts = header.split(' ');
    let length = |part: &str, sign: char| {
        let range = part.strip_prefix(sign)?;
        let (start, length) = range.split_once(',').unwrap_or((range, "1"));
        start.parse::<u64>().ok()?;
        length.parse::<u64>().ok()
    };
    let old = length(parts.next()?, '-')?;
    let new = length(parts.next()?, '+')?;
    (parts.next()? == "@@").then_some((old, new))
}

/// The one error for a file that cannot be opened.
pub fn unreadable(title: &str, error: &std::io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        std::io::ErrorKind::NotFound => "check the path; `-` reads standard input",
        std::io::ErrorKind::PermissionDenied => "check the rights of the file",
        _ => "check the path",
    };
    fail_because(
        Exit::Usage,
        format!("could not read {title}"),
        error.to_string(),
        Some(hint),
    )
}

/// The error for a folder where a diff is wanted.
pub fn folder(title: &str) -> anyhow::Error {
    fail(
        Exit::Usage,
        format!("could not read {title}: it is a folder"),
        Some("give a diff file, or review a repository with --repo PATH"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Shown;

    const GOOD: &str = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ fn\n a\n-b\n+c\n\\ No newline at end of file\n";

    fn because(bytes: &[u8]) -> String {
        let error = check("x", bytes.to_vec()).expect_err("a refusal");
        Shown::new(&error).0.because.join("; ")
    }

    #[test]
    fn diffs_are_taken() {
        for text in [
            GOOD,
            "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n",
            "@@ -0,0 +1 @@\n+a\n",
            "@@ -1 +1,2 @@\n a\n+\n\n",
        ] {
            assert!(check("x", text.as_bytes().to_vec()).is_ok(), "{text}");
        }
    }

    #[test]
    fn each_refusal_says_its_own_reason() {
        assert!(because(b" \n\n").contains("empty"));
        assert!(because(b"--- a\0b").contains("binary file"));
        assert!(
            because(
                "@@ -1 +1 @@\n-a\n+\u{e9}"
                    .replace('\u{e9}', "x")
                    .into_bytes()
                    .into_iter()
                    .chain([0xe9])
                    .collect::<Vec<_>>()
                    .as_slice()
            )
            .contains("line 3")
        );
        assert!(because(b"hello\nworld\n").contains("no hunks"));
        assert!(because(b"diff --git a/x b/x\nBinary files a/x and b/x differ\n").contains("binary files only"));
        assert!(because(b"@@ -1,3 +1 @@\n-a\n").contains("ends in the middle"));
        assert!(because(b"@@ -1,3 +1 @@\n-a\ndiff --git\n").contains("ends before"));
        assert!(because(b"@@ -1,1 +1,1 @@\n-a\n-b\n").contains("longer"));
        assert!(because(b"@@ -x +y @@\n").contains("malformed"));
        assert!(because(b"@@ -1 +18446744073709551616 @@\n").contains("malformed"));
    }
}
